"""Circuits of two processes, each with its own keeper, brought in step exchange by exchange."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import pytest

from reliai import clock
from reliai.decisions.circuit import CircuitSettings
from reliai.decisions.registry import CircuitGroup
from reliai.errors import BreakerVerdict
from reliai.policies._circuit_sharing import CircuitSharing
from reliai.state import open_state
from reliai.state.keeper import Keeper
from reliai.testing import virtual_clock
from tests.servers import redis_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from reliai.decisions.circuit import Circuit
    from reliai.testing import VirtualClock

FAILURE, SUCCESS = BreakerVerdict.FAILURE, BreakerVerdict.SUCCESS
SETTINGS = CircuitSettings(window=10.0, min_calls=10, open_for=5.0)


class Process:
    """What one process knows of the circuits of a name."""

    def __init__(self, url: str, settings: CircuitSettings = SETTINGS) -> None:
        self.group = CircuitGroup("provider", settings)
        state = open_state(url)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Keeper, "start", lambda _: None)  # the test exchanges by hand
            self.sharing = CircuitSharing(self.group, state, clock.active())
        self.keeper = self.sharing._keeper
        self.keeper.start = lambda: None  # type: ignore[method-assign]

    @property
    def circuit(self) -> Circuit:
        return self.group.default

    def exchange(self) -> bool:
        return self.keeper.step()

    def records(self, verdict: BreakerVerdict, times: int) -> None:
        for _ in range(times):
            self.circuit.record(self.circuit.permit, now(), verdict)

    def probes(self, verdict: BreakerVerdict) -> None:
        admission = self.circuit.admit(now())
        assert admission.permit
        self.circuit.record(admission.permit, now(), verdict)


def now() -> float:
    return clock.active().monotonic()


def in_step(*processes: Process) -> None:
    for _ in range(2):
        for process in processes:
            process.exchange()


@pytest.fixture
def time() -> Iterator[VirtualClock]:
    with virtual_clock() as clock:
        yield clock


@pytest.fixture
def url(tmp_path: Path, time: VirtualClock) -> str:
    return f"sqlite:///{tmp_path / 'state.db'}"


@pytest.fixture
def pair(url: str) -> tuple[Process, Process]:
    return Process(url), Process(url)


def test_failures_of_both_open_both(pair: tuple[Process, Process]) -> None:
    one, other = pair
    in_step(one, other)
    one.records(FAILURE, 6)
    other.records(FAILURE, 5)
    in_step(one, other)
    assert [one.circuit.state, other.circuit.state] == ["open", "open"]


def test_alone_neither_would_have_opened(pair: tuple[Process, Process]) -> None:
    one, other = pair
    one.records(FAILURE, 6)
    other.records(FAILURE, 5)
    assert [one.circuit.state, other.circuit.state] == ["closed", "closed"]


def test_successes_elsewhere_count_too(pair: tuple[Process, Process]) -> None:
    one, other = pair
    in_step(one, other)
    other.records(SUCCESS, 20)
    in_step(one, other)
    one.records(FAILURE, 10)
    assert one.circuit.state == "closed"
    assert one.circuit.snapshot(now()).calls == 30


def test_what_happened_a_window_ago_is_forgotten_everywhere(
    pair: tuple[Process, Process], time: VirtualClock
) -> None:
    one, other = pair
    in_step(one, other)
    one.records(FAILURE, 6)
    in_step(one, other)
    time.advance(11)
    other.records(FAILURE, 5)
    in_step(one, other)
    assert [one.circuit.state, other.circuit.state] == ["closed", "closed"]


def test_a_process_that_joins_an_open_fleet_is_open(url: str) -> None:
    one = Process(url)
    one.records(FAILURE, 10)
    in_step(one)
    late = Process(url)
    late.exchange()
    assert late.circuit.state == "open"
    assert late.circuit.retry_after(now()) == pytest.approx(5, abs=0.1)


def test_a_probe_that_passes_closes_all_with_nothing_counted(
    pair: tuple[Process, Process], time: VirtualClock
) -> None:
    one, other = pair
    one.records(FAILURE, 10)
    in_step(one, other)
    time.advance(5)
    one.probes(SUCCESS)
    in_step(one, other)
    assert [one.circuit.state, other.circuit.state] == ["closed", "closed"]
    assert one.circuit.snapshot(now()).calls == other.circuit.snapshot(now()).calls == 0


def test_a_probe_that_fails_prolongs_the_break_of_all(
    pair: tuple[Process, Process], time: VirtualClock
) -> None:
    one, other = pair
    one.records(FAILURE, 10)
    in_step(one, other)
    time.advance(5)
    one.probes(FAILURE)
    in_step(one, other)
    assert other.circuit.retry_after(now()) == pytest.approx(10, abs=0.1)


def test_a_rate_limit_pauses_all_and_forgets_nothing(
    pair: tuple[Process, Process], time: VirtualClock
) -> None:
    one, other = pair
    in_step(one, other)
    other.records(SUCCESS, 7)
    in_step(one, other)
    one.circuit.open_for_at_least(one.circuit.permit, now(), 3.0)
    in_step(one, other)
    assert other.circuit.state == "open"
    time.advance(3)
    assert other.circuit.admit(now()).permit
    in_step(one, other)
    assert [one.circuit.state, other.circuit.state] == ["closed", "closed"]
    assert one.circuit.snapshot(now()).calls == 7


def test_a_pause_that_is_prolonged_is_prolonged_for_all(pair: tuple[Process, Process]) -> None:
    one, other = pair
    in_step(one, other)
    permit = one.circuit.permit
    one.circuit.open_for_at_least(permit, now(), 3.0)
    in_step(one, other)
    one.circuit.open_for_at_least(permit, now(), 60.0)  # a call that was under way is told more
    in_step(one, other)
    assert other.circuit.retry_after(now()) == pytest.approx(60, abs=0.1)


def test_the_longest_of_two_pauses_holds_for_both(pair: tuple[Process, Process]) -> None:
    one, other = pair
    in_step(one, other)
    one.circuit.open_for_at_least(one.circuit.permit, now(), 3.0)
    other.circuit.open_for_at_least(other.circuit.permit, now(), 60.0)
    in_step(one, other, one, other)
    waits = [each.circuit.retry_after(now()) for each in pair]
    assert waits == [pytest.approx(60, abs=0.1)] * 2


def test_an_open_circuit_is_told_of_once(pair: tuple[Process, Process]) -> None:
    one, other = pair
    in_step(one, other)
    one.circuit.open_for_at_least(one.circuit.permit, now(), 30.0)
    in_step(one, other)
    version = one.sharing._member(one.circuit).version
    for _ in range(5):
        in_step(one, other)
    versions = [each.sharing._member(each.circuit).version for each in pair]
    assert versions == [version, version]


def test_one_process_at_a_time_holds_the_lease_of_the_probe(
    pair: tuple[Process, Process], time: VirtualClock
) -> None:
    one, other = pair
    one.records(FAILURE, 10)
    in_step(one, other)
    time.advance(5)
    members = [each.sharing._member(each.circuit) for each in pair]
    assert one.sharing._leased(members[0])
    assert not other.sharing._leased(members[1])


def test_who_has_not_heard_of_a_probe_yet_does_not_send_another(
    pair: tuple[Process, Process], time: VirtualClock
) -> None:
    one, other = pair
    one.records(FAILURE, 10)
    in_step(one, other)
    time.advance(5)
    assert one.sharing._leased(one.sharing._member(one.circuit))
    one.probes(FAILURE)
    one.exchange()  # the other has not exchanged since
    assert not other.sharing._leased(other.sharing._member(other.circuit))


def test_an_operators_word_reaches_all_circuits_of_the_name(
    pair: tuple[Process, Process],
) -> None:
    one, other = pair
    keyed = other.group.circuit(now(), key="ana")
    one.group.isolate()
    one.sharing.isolate()
    in_step(one, other)
    assert [other.circuit.state, keyed.state] == ["isolated", "isolated"]
    other.group.close()
    other.sharing.close()
    in_step(one, other)
    assert one.circuit.state == "closed"


def test_a_circuit_with_a_key_is_shared_without_telling_the_key(
    pair: tuple[Process, Process],
) -> None:
    one, other = pair
    first, second = (each.group.circuit(now(), key="ana@example.org") for each in pair)
    for _ in range(10):
        first.record(first.permit, now(), FAILURE)
    in_step(one, other)
    assert second.state == "open"
    assert other.circuit.state == "closed"
    keys = one.sharing.offer(0.0)[1]
    assert not any("ana" in key for key in keys)


def test_a_window_of_calls_stays_the_processs_own_and_what_it_decides_is_shared(url: str) -> None:
    settings = CircuitSettings(calls=10, min_calls=10, open_for=5.0)
    one, other = Process(url, settings), Process(url, settings)
    in_step(one, other)
    one.records(FAILURE, 6)
    other.records(FAILURE, 6)
    in_step(one, other)
    assert one.circuit.state == "closed"
    one.records(FAILURE, 4)
    in_step(one, other)
    assert other.circuit.state == "open"


def test_other_settings_keep_what_was_heard(pair: tuple[Process, Process]) -> None:
    one, other = pair
    other.records(FAILURE, 6)
    in_step(one, other)
    one.group.adopt(CircuitSettings(window=20.0, min_calls=8, open_for=5.0), now())
    one.records(FAILURE, 8)
    in_step(one, other)
    assert [one.circuit.state, other.circuit.state] == ["open", "open"]


def test_a_store_that_lost_everything_is_told_again(tmp_path: Path) -> None:
    with redis_server(tmp_path) as server, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        one, other = Process(server.url), Process(server.url)
        one.records(FAILURE, 10)
        in_step(one, other)
        server.kill()
        assert not one.exchange()
        assert not other.exchange()
        other.group.isolate()
        other.sharing.isolate()
        server.start()
        late = Process(server.url)
        in_step(one, other, late)
        assert late.circuit.state == "isolated"
        other.group.close()
        other.sharing.close()
        in_step(one, other, late)
        assert [one.circuit.state, other.circuit.state, late.circuit.state] == ["closed"] * 3


def test_an_open_circuit_survives_the_loss_of_the_store(tmp_path: Path) -> None:
    with redis_server(tmp_path) as server, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        one = Process(server.url)
        one.records(FAILURE, 10)
        in_step(one)
        server.kill()
        one.exchange()
        server.start()
        in_step(one)
        late = Process(server.url)
        late.exchange()
        assert late.circuit.state == "open"

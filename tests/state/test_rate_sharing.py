"""Rate limits of several processes, each with its own keeper, brought in step by hand."""

from __future__ import annotations

import asyncio
import warnings
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai import clock
from reliai._core.settings import settings
from reliai.decisions.bucket import Buckets
from reliai.policies._rate_sharing import RateSharing
from reliai.state import StateUnavailable, open_state
from reliai.state.keeper import INTERVAL, Keeper
from reliai.testing import virtual_clock
from tests.servers import redis_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from reliai.testing import VirtualClock

RATE, BURST = 50.0, 10.0
ONE = (None, None)


class Process:
    """One process's buckets of a limit."""

    def __init__(self, url: str, rate: float = RATE, burst: float = BURST) -> None:
        self.buckets = Buckets(rate, burst)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Keeper, "start", lambda _: None)  # the test exchanges by hand
            self.sharing = RateSharing(self.buckets, "ask", open_state(url), clock.active())
        self.keeper = self.sharing._keeper
        self.keeper.start = lambda: None  # type: ignore[method-assign]
        self.passed = 0

    def takes(self, calls: int, key: object = ONE) -> int:
        bucket = self.buckets.bucket(key, now())
        passed = sum(bucket.take(now(), 1.0) <= 0 for _ in range(calls))
        self.passed += passed
        return passed

    def level(self, key: object = ONE) -> float:
        """What it takes the fleet's bucket to hold."""
        return self.sharing._members[key].level


def now() -> float:
    return clock.active().monotonic()


def in_step(*processes: Process) -> None:
    for _ in range(2):
        for process in processes:
            process.keeper.step()


@pytest.fixture
def time() -> Iterator[VirtualClock]:
    with virtual_clock() as clock:
        yield clock


@pytest.fixture
def url(tmp_path: Path, time: VirtualClock) -> str:
    return f"sqlite:///{tmp_path / 'state.db'}"


@pytest.fixture
def pair(url: str) -> tuple[Process, Process]:
    one, other = Process(url), Process(url)
    for each in (one, other):
        each.takes(0)
    return one, other


def test_what_one_takes_flows_out_of_the_others(pair: tuple[Process, Process]) -> None:
    one, other = pair
    in_step(one, other)
    one.takes(6)
    other.takes(1)
    in_step(one, other)
    assert one.level() == pytest.approx(3)
    assert other.level() == pytest.approx(3)


def test_what_is_given_back_comes_back_to_the_others(pair: tuple[Process, Process]) -> None:
    one, other = pair
    one.takes(6)
    other.takes(2)
    in_step(one, other)
    one.buckets.bucket(ONE, now()).correct(now(), -4)
    in_step(one, other)
    assert other.level() == pytest.approx(6)


def test_a_late_process_begins_where_the_fleet_is(url: str) -> None:
    one = Process(url)
    one.takes(8)
    in_step(one)
    late = Process(url)
    late.takes(0)
    late.buckets.bucket(ONE, now()).take(now(), 1)
    in_step(late)
    assert late.level() == pytest.approx(1)


def test_a_bucket_with_a_key_is_shared_without_telling_the_key(
    pair: tuple[Process, Process],
) -> None:
    one, other = pair
    key = (None, "ana@example.org")
    one.takes(5, key)
    other.takes(1, key)
    in_step(one, other)
    assert other.level(key) == pytest.approx(4)
    one.takes(1, key)
    counts, _ = one.sharing.offer(clock.active().time())
    assert not any("ana" in count.key for count in counts)


@pytest.mark.parametrize("size", [2, 16])
def test_a_fleet_keeps_to_the_rate_and_uses_it(url: str, time: VirtualClock, size: int) -> None:
    processes = [Process(url) for _ in range(size)]
    seconds = 20
    for step in range(int(seconds / 0.02)):
        for place, process in enumerate(processes):
            process.takes(3)
            if (step + place) % 10 == 0:
                process.keeper.step()
        time.advance(0.02)
    passed = sum(process.passed for process in processes)
    lag = (size - 1) * (BURST + INTERVAL * RATE)
    assert passed <= RATE * seconds + BURST + lag
    assert passed >= 0.9 * RATE * seconds
    shares = [process.passed for process in processes]
    assert min(shares) > 0.4 * passed / size


def test_a_fleet_in_swing_lets_no_bursts_through(url: str, time: VirtualClock) -> None:
    processes = [Process(url) for _ in range(16)]
    each_second: list[int] = []
    for step in range(int(30 / 0.02)):
        before = sum(process.passed for process in processes)
        for place, process in enumerate(processes):
            process.takes(3)
            if (step + place) % 10 == 0:
                process.keeper.step()
        if step % 50 == 0:
            each_second.append(0)
        each_second[-1] += sum(process.passed for process in processes) - before
        time.advance(0.02)
    assert max(each_second[15:]) <= 1.5 * RATE


def test_while_the_store_is_away_each_goes_on_with_its_share(
    tmp_path: Path, time: VirtualClock
) -> None:
    def run(seconds: float) -> int:
        before = sum(process.passed for process in processes)
        for step in range(int(seconds / 0.02)):
            for place, process in enumerate(processes):
                process.takes(3)
                if (step + place) % 10 == 0:
                    process.keeper.step()
            time.advance(0.02)
        return sum(process.passed for process in processes) - before

    url = f"sqlite:///{tmp_path / 'gone' / 'state.db'}"
    processes = [Process(url) for _ in range(4)]
    run(20)
    with warnings.catch_warnings(), pytest.MonkeyPatch.context() as patch:
        warnings.simplefilter("ignore")
        for process in processes:
            patch.setattr(process.sharing.state, "exchange", lost)
        away = run(20)
    back = run(20)
    assert 0.7 * RATE * 20 <= away <= 1.3 * RATE * 20
    assert 0.8 * RATE * 20 <= back <= 1.1 * RATE * 20 + BURST


def lost(*_: object, **__: object) -> None:
    raise StateUnavailable("away")


def test_a_store_that_lost_everything_is_no_reason_for_a_burst(tmp_path: Path) -> None:
    with redis_server(tmp_path) as server, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        one, other = Process(server.url, 0.01, 100.0), Process(server.url, 0.01, 100.0)
        one.takes(90)
        other.takes(5)
        in_step(one, other)
        server.kill()
        one.keeper.step()
        other.keeper.step()
        server.start()
        in_step(one, other)
        passed = one.takes(100)
        in_step(one, other)
        assert passed <= 5
        assert one.level() == pytest.approx(5 - passed, abs=0.5)
        assert other.level() == pytest.approx(5 - passed, abs=0.5)


def test_a_bucket_out_of_use_is_whole_again(
    pair: tuple[Process, Process], time: VirtualClock
) -> None:
    one, other = pair
    one.takes(10)
    other.takes(10)
    in_step(one, other)
    time.advance(60)
    in_step(one, other)
    assert one.takes(100) == BURST


def test_a_forked_child_does_not_tell_what_its_parent_took(url: str) -> None:
    one, other = Process(url), Process(url)
    one.takes(1)
    other.takes(1)
    in_step(one, other)
    one.takes(5)
    one.sharing._renew()  # as in a child
    in_step(one, other)
    assert other.level() == pytest.approx(8)


# --- the policy ---------------------------------------------------------------------------
def made(url: str, kind: str, **options: Any) -> tuple[Any, reliai.RateLimit]:
    """A limited function, in a process of its own as far as a store can tell."""
    limit = reliai.RateLimit(0.01, burst=4, state=open_state(url), **options)
    if kind == "sync":
        return reliai.reliable(limit, name="ask")(lambda: "answer"), limit

    async def ask() -> str:
        return "answer"

    guarded = reliai.reliable(limit, name="ask")(ask)
    return (lambda: asyncio.run(guarded())), limit


def calls(ask: Any) -> int:
    passed = 0
    with suppress(reliai.RateLimited):
        for _ in range(20):
            ask()
            passed += 1
    return passed


def step(limit: reliai.RateLimit) -> bool:
    sharing = limit._buckets_by(clock.active()).sharing
    return bool(sharing._keeper.step())


@pytest.fixture
def by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Keeper, "start", lambda _: None)


@pytest.mark.parametrize("kind", ["sync", "async"])
@pytest.mark.usefixtures("by_hand")
def test_limits_on_functions_of_one_name_are_one(shared_url: str, kind: str) -> None:
    one, limit = made(shared_url, kind)
    other, _ = made(shared_url, kind)
    assert calls(one) == 4
    step(limit)
    assert calls(other) == 0


@pytest.mark.usefixtures("by_hand")
def test_limits_of_other_names_are_apart(shared_url: str) -> None:
    one, limit = made(shared_url, "sync", name="one")
    other, _ = made(shared_url, "sync", name="other")
    assert calls(one) == 4
    step(limit)
    assert calls(other) == 4


@pytest.mark.usefixtures("by_hand")
def test_a_second_limit_on_a_function_is_another_one(shared_url: str) -> None:
    first = reliai.RateLimit(0.01, burst=4, state=shared_url)
    second = reliai.RateLimit(0.01, burst=4, state=shared_url)
    reliai.reliable(first, second, name="ask")(lambda: None)
    assert (first._place, second._place) == ("ask", "ask#2")


@pytest.mark.usefixtures("by_hand")
def test_a_store_that_is_away_at_the_first_call_is_passed_by(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    ask, _ = made(f"sqlite:///{tmp_path / 'file' / 'state.db'}", "sync")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert calls(ask) == 4


@pytest.mark.usefixtures("by_hand")
def test_a_state_that_is_configured_later_is_shared_from_then_on(
    shared_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = reliai.RateLimit(0.01, burst=4)
    ask = reliai.reliable(limit, name="ask")(lambda: None)
    ask()
    other, theirs = made(shared_url, "sync")
    assert calls(other) == 4
    step(theirs)
    monkeypatch.setattr(settings, "state", open_state(shared_url))
    assert calls(ask) == 0
    monkeypatch.setattr(settings, "state", None)
    calls(ask)
    assert limit._buckets_by(clock.active()).sharing is None


@pytest.mark.parametrize("name", ["", 3], ids=repr)
def test_a_name_is_text(name: Any) -> None:
    with pytest.raises(reliai.ConfigurationError, match="name"):
        reliai.RateLimit(1, name=name)


@pytest.mark.usefixtures("by_hand")
def test_its_state_is_described_without_its_url(shared_url: str) -> None:
    described = reliai.RateLimit(1, name="team", state=shared_url).describe()
    assert described["name"] == "team"
    assert described["state"] in {"SqliteState", "RedisState", "PostgresState"}

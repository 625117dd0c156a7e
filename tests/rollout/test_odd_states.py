"""States that answer oddly: half of what they are asked, or with what was true before."""

from __future__ import annotations

import gc
import logging
import time
from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai.errors import ReliaiWarning
from reliai.policies.route import Route
from reliai.rollout import Bandit, Rollout, failure_rate
from reliai.rollout._minder import minder
from reliai.rollout.operating import Operated
from reliai.state import open_state, shared_state
from reliai.state.base import StateBusy
from reliai.testing import virtual_clock
from tests.programs import printed
from tests.rollout.test_sharing import Away, rollout, serve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from reliai.state import State
    from reliai.testing import VirtualClock

KEY = "rollout:shared#1"


@pytest.fixture
def clock() -> Iterator[VirtualClock]:
    with virtual_clock() as virtual:
        yield virtual


@pytest.fixture
def state(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Iterator[State]:
    caplog.set_level(logging.ERROR, logger="reliai")
    made = open_state(f"sqlite:///{tmp_path}/state.db")
    yield made
    made.close()


def test_what_was_told_is_not_told_again_while_the_document_cannot_be_read(
    state: State, clock: VirtualClock
) -> None:
    """The counts are in the state by then: told again they would be evidence out of nothing."""
    ro, key = rollout(state, version="unreadable"), "rollout:shared#unreadable"
    ro.sync()
    document = state.get(key)
    assert document is not None
    state.put(key, b'{"standing": {"of": "a version to come"}}')
    serve(ro, 60, name="u")
    with pytest.warns(ReliaiWarning, match="what it holds cannot be read"):
        assert not ro.sync()
    assert not ro.sync()
    state.put(key, document.value)
    assert ro.sync()
    assert sum(ro.status().calls) == 60


@pytest.mark.parametrize("end", ["kill", "rollback"])
def test_what_has_ended_stays_so_when_a_state_lost_it_and_another_tells_what_was_before(
    state: State, clock: VirtualClock, end: str
) -> None:
    ro, other = rollout(state), rollout(state)
    other.sync()
    getattr(ro, end)(by="ana")
    state.delete(KEY)
    other.sync()
    assert other.choose("u").reason == "SPLIT"  # it never heard of the end
    ro.sync()
    other.sync()
    reason = {"kill": "KILLED", "rollback": "ROLLED_BACK"}[end]
    assert (ro.choose("u").reason, other.choose("u").reason) == (reason, reason)
    assert [each.action for each in other.audit()] == ["start", end]


def bandit(state: object, name: str) -> Bandit:
    return Bandit(name, {"a": "x", "b": "y"}, failure_rate(), state=state, background=False)


@pytest.mark.parametrize("turned", [True, False])
def test_a_bandit_killed_while_its_state_is_away_stays_so_and_tells_the_others(
    state: State, clock: VirtualClock, *, turned: bool
) -> None:
    door = Away(state, away=False)
    ours, other = bandit(door, f"b{turned}"), bandit(state, f"b{turned}")
    ours.sync()
    other.sync()
    door.away = True
    with pytest.warns(ReliaiWarning, match="does not answer"):
        assert not ours.kill(by="ana")
    assert ours.choose("u").reason == "KILLED"
    if turned:
        clock.advance(601)
        other.sync()  # the document is another one by now
    door.away = False
    ours.sync()
    other.sync()
    assert (ours.choose("u").reason, other.choose("u").reason) == ("KILLED", "KILLED")


def test_what_a_bandit_told_is_not_told_again_while_its_document_cannot_be_read(
    state: State, clock: VirtualClock
) -> None:
    chooser, key = bandit(state, "unreadable"), "bandit:unreadable#1"
    chooser.sync()
    document = state.get(key)
    assert document is not None
    state.put(key, b"[]")
    ask = Route(chooser, into="text")(lambda text: text)
    for number in range(30):
        with reliai.context(subject=f"u{number}"):
            ask("")
    with pytest.warns(ReliaiWarning, match="what it holds cannot be read"):
        assert not chooser.sync()
    assert not chooser.sync()
    state.put(key, document.value)
    assert sum(each.calls for each in chooser.estimates()) == 30


class Busy(Away):
    """A state that others keep busy while it is told to be."""

    def _ask(self, name: str) -> Any:
        if self.away:
            message = "busy"
            raise StateBusy(message)
        return super()._ask(name)


def test_what_a_busy_state_did_not_take_is_told_later(state: State, clock: VirtualClock) -> None:
    door = Busy(state, away=False)
    ro, chooser = rollout(door, version="busy"), bandit(door, "busy")
    ro.sync()
    chooser.sync()
    serve(ro, 20, name="u")
    ask = Route(chooser, into="text")(lambda text: text)
    for number in range(30):
        with reliai.context(subject=f"u{number}"):
            ask("")
    door.away = True
    with pytest.warns(ReliaiWarning, match="does not answer"):
        assert not ro.sync()
    with pytest.warns(ReliaiWarning, match="does not answer"):
        assert not chooser.sync()
    door.away = False
    assert sum(ro.status().calls) == 20
    assert sum(each.calls for each in chooser.estimates()) == 30


def test_a_program_that_ends_tells_what_it_counted_last(state: State, tmp_path: Path) -> None:
    code = """
        import sys, reliai
        from reliai.rollout import Rollout
        ro = Rollout("ends", "a", "b", steps=[0.5, 1.0], state=sys.argv[1])
        ask = reliai.Route(ro, into="text")(lambda text="": text)
        for number in range(20):
            with reliai.context(subject=f"u{number}"):
                ask()
    """
    url = f"sqlite:///{tmp_path}/state.db"
    assert printed(code, url) == []
    assert sum(Operated(state, "ends").status().calls) == 20


def test_a_state_that_hangs_does_not_hold_up_the_end_of_a_program() -> None:
    """Four rollouts, each of which would wait for two seconds and more."""
    code = """
        import socket, threading, time, warnings
        from reliai.rollout import Rollout
        warnings.simplefilter("ignore")
        server, open_ones = socket.create_server(("127.0.0.1", 0)), []

        def accept():
            while True:
                open_ones.append(server.accept())

        threading.Thread(target=accept, daemon=True).start()
        url = f"redis://127.0.0.1:{server.getsockname()[1]}/0"
        rollouts = [Rollout(f"r{number}", "a", "b", state=url) for number in range(4)]
        assert {each.choose("u").reason for each in rollouts} == {"ERROR"}
        print(time.time(), flush=True)
    """
    (ended,) = printed(code)
    assert time.time() - float(ended) < 8.0


def test_a_state_that_hangs_delays_no_kill_in_another(state: State, tmp_path: Path) -> None:
    """Several that hang would take two seconds each, one after the other."""
    code = """
        import socket, sys, threading, time, warnings
        from reliai.rollout import Rollout
        from reliai.rollout.operating import Operated
        warnings.simplefilter("ignore")
        server, open_ones = socket.create_server(("127.0.0.1", 0)), []

        def accept():
            while True:
                open_ones.append(server.accept())

        threading.Thread(target=accept, daemon=True).start()
        url = f"redis://127.0.0.1:{server.getsockname()[1]}/0"
        hanging = [Rollout(f"r{number}", "a", "b", state=url) for number in range(4)]
        healthy = Rollout("healthy", "a", "b", state=sys.argv[1])
        assert {each.choose("u").reason for each in hanging} == {"ERROR"}
        assert healthy.choose("u").reason == "SPLIT"
        time.sleep(0.5)
        Operated(sys.argv[1], "healthy").kill(by="ana")
        killed = time.time()
        while healthy.choose("u").reason != "KILLED":
            time.sleep(0.01)
        print(time.time() - killed)
    """
    (seconds,) = printed(code, f"sqlite:///{tmp_path}/state.db")
    assert float(seconds) < 2.0


def test_the_thread_of_a_state_ends_with_its_last_rollout(tmp_path: Path) -> None:
    own = shared_state(f"sqlite:///{tmp_path}/own.db")
    ro = Rollout("ends", "a", "b", state=own)
    ro.choose("u")
    assert id(own) in minder._rounds
    del ro
    until = time.time() + 20.0
    while id(own) in minder._rounds and time.time() < until:
        gc.collect()
        time.sleep(0.05)
    assert id(own) not in minder._rounds

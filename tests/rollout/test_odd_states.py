"""States that answer oddly: half of what they are asked, or with what was true before."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai.errors import ReliaiWarning
from reliai.policies.route import Route
from reliai.rollout import Bandit, failure_rate
from reliai.state import open_state
from reliai.state.base import StateBusy
from reliai.testing import virtual_clock
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

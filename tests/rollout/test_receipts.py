"""Counts whose question or answer was lost on the way to a state: each is there once."""

from __future__ import annotations

import logging
import warnings
from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai.errors import ReliaiWarning
from reliai.rollout import Bandit, failure_rate
from reliai.state import open_state
from reliai.state.base import StateUnavailable
from reliai.testing import virtual_clock
from tests.rollout.test_sharing import Away, rollout, serve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from reliai.state import State
    from reliai.testing import VirtualClock


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


class Deaf(Away):
    """A state that does what it is asked, and whose answer is lost while it is away."""

    def _ask(self, name: str) -> Any:
        def asked(*args: Any, **kwargs: Any) -> Any:
            answer = getattr(self._state, name)(*args, **kwargs)
            if self.away:
                message = "no answer"
                raise StateUnavailable(message)
            return answer

        return asked


@pytest.mark.parametrize("kind", [Away, Deaf])
def test_what_was_told_counts_once_whether_the_question_or_the_answer_was_lost(
    state: State, clock: VirtualClock, kind: type[Away]
) -> None:
    door = kind(state, away=False)
    ro = rollout(door, version=kind.__name__)
    ro.sync()
    for number in range(3):
        door.away = True
        serve(ro, 10, name=f"lost-{number}")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ReliaiWarning)
            assert not ro.sync()
            assert not ro.sync()
        door.away = False
        serve(ro, 10, name=f"told-{number}")
        assert ro.sync()
        clock.advance(1.0)
    assert sum(ro.status().calls) == 60


@pytest.mark.parametrize("kind", [Away, Deaf])
def test_what_a_bandit_told_counts_once_too(
    state: State, clock: VirtualClock, kind: type[Away]
) -> None:
    door = kind(state, away=False)
    chooser = Bandit(
        kind.__name__, {"a": "x", "b": "y"}, failure_rate(), state=door, background=False
    )
    ask = reliai.Route(chooser, into="text")(lambda text: text)
    chooser.sync()
    for number in range(20):
        door.away = number % 2 == 0
        with reliai.context(subject=f"u{number}"), warnings.catch_warnings():
            warnings.simplefilter("ignore", ReliaiWarning)
            ask("")
            chooser.sync()
    assert sum(each.calls for each in chooser.estimates()) == 20


def test_what_was_told_before_a_day_ended_counts_once(state: State, clock: VirtualClock) -> None:
    door = Deaf(state, away=False)
    ro = rollout(door, version="days")
    ro.sync()
    for _ in range(4):
        serve(ro, 10, name=f"at-{clock.time()}")
        door.away = True
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ReliaiWarning)
            ro.sync()
        door.away = False
        clock.advance(50_000.0)
        ro.sync()
    assert sum(ro.status().calls) == 40

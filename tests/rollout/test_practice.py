"""How rollouts are practised: what their audits show, and how quickly one is taken back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai.evals.ml_test_score.earning import shown_by
from reliai.rollout import Rollout, failure_rate
from reliai.rollout.operating import rollouts
from reliai.rollout.practice import drill, practised

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def state(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/state.db"


def begun(state: str, name: str, **settings: Any) -> Rollout:
    made = Rollout(name, "a", "b", state=state, background=False, **settings)
    made.choose("u1")
    made.sync()
    return made


def shown(seen: list[dict[str, Any]]) -> dict[str, tuple[bool, str]]:
    found = shown_by("rollouts", {"rollouts": seen})
    return {test: (one.passed, one.why) for test, one in found.items()}


def test_a_rollout_in_steps_shows_that_a_few_come_first(state: str) -> None:
    begun(state, "tone", steps=[0.01, 0.1, 1.0])
    (seen,) = practised(state)
    assert (seen["name"], seen["steps"], seen["taken_back"]) == ("tone", [0.01, 0.1, 1.0], None)
    assert shown([seen]) == {"IN6": (True, "1 of 1 rollouts went in steps, from 1.00% or less")}


@pytest.mark.parametrize(
    "settings",
    [{"steps": [0.9, 1.0]}, {"mode": "observe"}, {"guardrails": []}],
    ids=["most at first", "observed only", "unguarded"],
)
def test_one_that_is_none_in_truth_shows_that_it_is_not(
    state: str, settings: dict[str, Any]
) -> None:
    begun(state, "tone", **settings)
    begun(state, "fine")
    passed, why = shown(practised(state))["IN6"]
    assert not passed
    assert "1 of 2" in why
    assert "not tone" in why


def test_a_step_that_somebody_passed_over_is_no_canary(state: str) -> None:
    ro = begun(state, "tone", steps=[0.01, 0.1, 1.0])
    ro.advance(step=1, by="ana", why="in a hurry")
    (seen,) = practised(state)
    assert seen["by_hand"] == 1
    assert not shown([seen])["IN6"][0]


def test_what_was_taken_back_shows_that_it_can_be(state: str) -> None:
    begun(state, "tone").rollback(by="ana", why="odd")
    begun(state, "fine")
    seen = practised(state)
    assert [one["taken_back"] for one in seen] == [None, "person"]
    assert "ana" not in str(seen)
    assert shown(seen)["IN7"] == (True, "1 of 2 rollouts were taken back, 0 by a guardrail")


def test_a_guardrail_that_takes_one_back_is_told_apart(state: str) -> None:
    @reliai.reliable(name="bad")
    def bad(number: int) -> str:
        raise ConnectionError

    def good(number: int) -> str:
        return "x"

    ro = Rollout(
        "tone",
        good,
        bad,
        steps=[0.5, 1.0],
        state=state,
        background=False,
        guardrails=[failure_rate(max_ratio=1.5)],
    )
    routed = ro.route()
    for number in range(120):
        with reliai.context(subject=f"u{number}"):
            reliai.execute(routed, number)
    ro.sync()
    (seen,) = practised(state)
    assert (seen["status"], seen["taken_back"]) == ("rolled_back", "guardrail")


def test_earlier_ones_and_drills_are_left_out(state: str) -> None:
    begun(state, "tone")
    drill(state)
    assert [one["name"] for one in practised(state)] == ["tone"]
    assert [one.name for one in rollouts(state)] == ["tone"]
    assert practised(state, since=4e9) == []
    assert shown([]) == {}


def test_a_drill_says_how_long_others_served_the_candidate(state: str) -> None:
    done = drill(state)
    assert done.passed
    assert 0 <= done.kill < 1.0
    assert 0 <= done.rollback < 1.0
    (passed,) = [one.passed for one in shown_by("drill", done.to_dict()).values()]
    assert passed


@pytest.mark.parametrize("within", [0, -1, None, True, float("inf")])
def test_a_time_that_is_none_is_an_error(within: Any) -> None:
    with pytest.raises(reliai.ConfigurationError, match="drill\\(within="):
        drill(within=within)


@pytest.mark.parametrize(
    "numbers",
    [
        {"kill": 2.0, "rollback": 0.1, "within": 1.0},
        {"kill": 0.1, "rollback": 2.0, "within": 1.0},
        {"kill": 900.0, "rollback": 900.0, "within": 1000.0},
        {"kill": float("nan"), "rollback": 0.1, "within": 1.0},
    ],
)
def test_a_drill_that_took_too_long_shows_that_it_did(numbers: dict[str, float]) -> None:
    assert not shown_by("drill", numbers)["IN7"].passed

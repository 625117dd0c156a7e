"""Loops of steps: seen, allowed up to the limit, and refused then."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliai._core.repeats import Repeats


def told(steps: str, limit: int = 3) -> list[str]:
    repeats = Repeats(limit)
    return [repeats.step(step) for step in steps]


def test_the_same_step_is_taken_three_times_and_refused_then() -> None:
    assert told("aaaaa") == ["new", "new", "last", "refused", "refused"]


@pytest.mark.parametrize("cycle", ["ab", "abc", "abcd"])
def test_a_circle_of_up_to_four_is_gone_through_three_times(cycle: str) -> None:
    found = told(cycle * 4)
    assert found[: len(cycle) * 3] == ["new"] * (len(cycle) * 3 - 1) + ["last"]
    assert found[len(cycle) * 3] == "refused"


def test_five_steps_in_a_circle_are_no_loop() -> None:
    assert set(told("abcde" * 5)) == {"new"}


def test_another_step_ends_the_loop() -> None:
    assert told("aaabaaa") == ["new", "new", "last", "new", "new", "new", "last"]


def test_after_a_refusal_another_step_is_taken() -> None:
    assert told("aaaab") == ["new", "new", "last", "refused", "new"]


def test_a_loop_is_seen_after_a_beginning_of_its_own() -> None:
    assert told("xyzababab")[-1] == "last"


def test_a_limit_of_one_refuses_the_first_repetition() -> None:
    assert told("aab", limit=1) == ["new", "refused", "new"]


@given(st.text("abc", max_size=60), st.integers(1, 4))
def test_no_step_is_ever_taken_more_often_than_the_limit_in_a_row(text: str, limit: int) -> None:
    taken = [
        step for step, found in zip(text, told(text, limit), strict=True) if found != "refused"
    ]
    for at in range(len(taken) - limit):
        assert len(set(taken[at : at + limit + 1])) > 1


@given(st.text("abcdefghij", max_size=200))
def test_what_is_kept_is_bounded(text: str) -> None:
    repeats = Repeats(3)
    for step in text:
        repeats.step(step)
    assert len(repeats._steps) <= 16

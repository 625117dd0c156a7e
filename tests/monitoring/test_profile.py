"""The profile of data: what it knows of values, arguments and answers, and what it finds odd."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import reliai
from reliai.errors import ConfigurationError
from reliai.monitoring import FieldProfile, Profile
from tests.monitoring._traffic import record


def seen(values: list[Any]) -> Profile:
    """A profile of calls that measured one value each."""
    profile = Profile()
    for value in values:
        profile.on_end(record(values={"age": value}))
    return profile


def test_it_counts_missing_values_types_ranges_and_differences() -> None:
    field = seen([1, 2, None, 2.5, math.nan]).of("ask")["value:age"]
    assert (field.n, field.missing, field.distinct) == (5, 2, 3)
    assert field.types.counts == {"int": 2, "float": 1}
    assert field.numbers.ends == (1.0, 2.5)


def test_a_value_that_is_not_told_any_more_is_missing() -> None:
    profile = seen([1])
    profile.on_end(record())
    assert profile.of("ask")["value:age"].missing == 1


@given(st.sets(st.integers(), max_size=255))
def test_few_different_values_are_counted_exactly(values: set[int]) -> None:
    field = FieldProfile()
    for value in [*values, *values]:
        field.add(value)
    assert field.distinct == len(values)


def test_many_different_values_are_counted_to_a_tenth_or_two() -> None:
    field = FieldProfile()
    for value in range(20_000):
        field.add(value)
    assert field.distinct == pytest.approx(20_000, rel=0.2)


def test_the_sum_of_two_is_the_profile_of_all() -> None:
    first, second = seen([1, 2, 3, None]), seen(["x", 2, 9])
    first.merge(json.loads(json.dumps(second.snapshot())))
    found, wanted = first.of("ask"), seen([1, 2, 3, None, "x", 2, 9]).of("ask")
    for each in (found, wanted):
        field = each["value:age"]
        assert (field.n, field.missing, field.distinct) == (7, 1, 5)
        assert field.types.counts == {"int": 5, "str": 1}
        assert field.numbers.ends == (1.0, 9.0)
        assert field.numbers.mean == pytest.approx(3.4)


@pytest.mark.parametrize("settings", [{"content": "x"}, {"inline": 1}])
def test_a_setting_that_is_neither_true_nor_false_is_refused(settings: dict[str, Any]) -> None:
    ((name, given),) = settings.items()
    with pytest.raises(ConfigurationError, match=rf"Profile\({name}={given!r}\): must be True"):
        Profile(**settings)


def test_it_cannot_be_added_to_itself() -> None:
    profile = Profile()
    with pytest.raises(ConfigurationError, match="same profile"):
        profile.merge(profile)


def test_arguments_and_answers_are_looked_at_only_when_asked_for() -> None:
    fields: Any = {}
    for content in (False, True):
        profile = Profile(content=content, inline=True)

        @reliai.reliable(observers=[profile], name="ask")
        def ask(question: str, age: int) -> dict[str, Any]:
            return {"text": question * age, "ok": True}

        ask("why?", 3)
        fields = profile.of("ask")
        names = {"input:question", "input:age", "output.text", "output.ok"}
        assert set(fields) == (names if content else set())
    assert fields["output.text"].lengths.ends == (12.0, 12.0)


def test_no_text_is_kept() -> None:
    profile = Profile(content=True, inline=True)

    @reliai.reliable(observers=[profile], name="ask")
    def ask(question: str) -> str:
        return question

    ask("canary@example.com")
    assert "canary" not in json.dumps(profile.snapshot())


def test_what_never_changes_and_what_has_several_types_is_odd() -> None:
    assert seen([1] * 19).problems() == []
    assert seen([1] * 20).problems() == ["ask: value:age never changes"]
    assert seen([1, "1"]).problems() == ["ask: value:age is of several types: int, str"]
    assert seen([1, 1.5]).problems() == []


@pytest.mark.parametrize(
    ("before", "now", "problem"),
    [
        ([1, 2] * 200, [1, None, 2, None] * 100, "is missing in 50.0% of calls, before in 0.0%"),
        ([1, 2], [1, "2"], "is now of type str, before int"),
        ([1, 2] * 20, [1, 1] * 20, "never changes any more"),
        ([1, 9], [1, 99], "goes from 1 to 99, before 1 to 9"),
        (["a", "bb"], ["a", "b" * 50], "its length goes from 1 to 50, before 1 to 2"),
    ],
    ids=["missing", "type", "constant", "range", "length"],
)
def test_against_a_reference_it_says_what_became_of_the_data(
    before: list[Any], now: list[Any], problem: str
) -> None:
    assert seen(now).problems(seen(before)) == [f"ask: value:age {problem}"]


def test_fields_that_came_and_went_are_told() -> None:
    profile = Profile()
    profile.on_end(record(values={"new": 1}))
    assert profile.problems(seen([1]).snapshot()) == [
        "ask: value:new was not there before",
        "ask: value:age is not there any more",
    ]


def test_the_number_of_fields_is_bounded() -> None:
    profile = Profile()
    for number in range(300):
        profile.on_end(record(values={str(number): 1}))
    assert len(profile.of("ask")) == 200

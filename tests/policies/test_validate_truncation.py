"""Validate: JSON as models write it is repaired; what was cut off is not."""

from __future__ import annotations

from typing import Any

import pytest

import reliai
from reliai import (
    NotEmpty,
    OutputInvalid,
    OutputTruncated,
    Pattern,
    Validate,
)
from tests.policies._guarded import (
    STREAMS,
    Guarded,
    as_delivered,
    every_kind,
    every_one_value,
)
from tests.policies._orders import (
    BAD,
    GOOD,
    ORDER,
    Order,
    chat,
    crash,
    made_of,
    validated,
)


@every_kind
@pytest.mark.parametrize(
    "answer",
    [
        f"```json\n{GOOD}\n```",
        f"Sure! Here it is:\n{GOOD}\nEnjoy.",
        GOOD[:-1] + ",}",
        "\ufeff" + GOOD,
    ],
)
def test_json_as_models_write_it_is_repaired_and_marked(kind: str, answer: str) -> None:
    """28"""
    model = validated(kind, answer, output=Order, buffer=kind in STREAMS)
    assert model() == as_delivered(kind, ORDER)
    assert model.events == ["output_repaired"]


@every_one_value
def test_repairing_can_be_switched_off(kind: str) -> None:
    """28"""
    model = validated(kind, f"```json\n{GOOD}\n```", output=Order, repair=False)
    with pytest.raises(OutputInvalid, match="Invalid JSON"):
        model()


def test_repaired_json_of_the_wrong_shape_is_told_by_its_shape() -> None:
    with pytest.raises(OutputInvalid) as caught:
        validated("sync", "```json\n{}\n```", output=Order)()
    assert caught.value.errors == ("$.items: Field required",)


@every_kind
@pytest.mark.parametrize(
    "answer", [GOOD[:-1], GOOD[:-9], '{"items": ["ls","pwd"', "```json\n" + GOOD[:-2]]
)
def test_json_that_stops_early_is_neither_repaired_nor_asked_for_again(
    kind: str, answer: str
) -> None:
    """27, 28"""
    model = Guarded(
        kind, Validate(output=Order, reask=2, buffer=kind in STREAMS), answer=made_of(answer)
    )
    with pytest.raises(OutputTruncated, match="its JSON stops before the end") as caught:
        model()
    assert caught.value.raw == answer
    assert len(model.prompts) == 1
    assert model.event("output_invalid")["problem"] == "truncated"


@every_one_value
@pytest.mark.parametrize("text", [GOOD[:-1], BAD, "{}", "I am sorry, but", "12"])
def test_an_answer_at_its_length_limit_is_truncated(kind: str, text: str) -> None:
    """27"""
    output: Any = int if text == "12" else Order
    model = Guarded(kind, Validate(output=output, reask=2), answer=made_of(chat(text, "length")))
    with pytest.raises(OutputTruncated, match="length limit"):
        model()
    assert len(model.prompts) == 1


@every_one_value
def test_an_answer_that_is_whole_at_its_length_limit_is_accepted(kind: str) -> None:
    """27"""
    for text in (GOOD, GOOD + "\n"):
        assert validated(kind, chat(text, "length"), output=Order)() == ORDER


@every_one_value
def test_a_check_that_fails_at_the_length_limit_is_a_truncation(kind: str) -> None:
    """27"""
    model = Guarded(kind, Validate(Pattern("END"), reask=2), answer=made_of(chat("so", "length")))
    with pytest.raises(OutputTruncated, match="Pattern"):
        model()
    assert len(model.prompts) == 1


def test_prose_at_its_length_limit_passes_where_no_type_is_asked_for() -> None:
    answer = chat("so", "length")
    assert Guarded("sync", Validate(NotEmpty()), answer=made_of(answer))() is answer


@every_one_value
@pytest.mark.parametrize(("output", "text"), [(Order, GOOD[:-2] + "}"), (int, "12")])
def test_what_the_record_knows_of_the_end_holds_for_text_too(
    kind: str, output: Any, text: str
) -> None:
    """27"""

    def cut_off(prompt: str) -> str:
        call = reliai.current_call()
        assert call is not None
        call._record.finish_reason = "length"
        return text

    with pytest.raises(OutputTruncated, match="length limit"):
        Guarded(kind, Validate(output=output), answer=cut_off)()


@every_one_value
@pytest.mark.parametrize("finish", ["length", "content_filter"])
def test_a_check_that_crashes_is_told_as_that_however_the_answer_ended(
    kind: str, finish: str
) -> None:
    """21"""
    model = Guarded(kind, Validate(crash), answer=made_of(chat("so", finish)))
    with pytest.raises(OutputInvalid, match="crash"):
        model()
    assert model.event("output_invalid")["problem"] == "broken"


@every_one_value
def test_a_models_own_error_comes_out_as_itself(kind: str) -> None:
    model = validated(kind, ConnectionError("down"), output=Order, reask=2)
    with pytest.raises(ConnectionError, match="down"):
        model()
    assert model.events == []

"""Validate(reask=): the model is asked again, and told the latest problem alone."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from pydantic import create_model

import reliai
from reliai import (
    ConfigurationError,
    MaxLength,
    OutputInvalid,
    Validate,
)
from reliai.clock import active
from reliai.testing import virtual_clock
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
    made_of,
    validated,
)


@every_kind
def test_the_model_is_asked_again_until_its_answer_is_valid(kind: str) -> None:
    """25"""
    policy = Validate(output=Order, reask=2, buffer=kind in STREAMS)
    model = Guarded(kind, policy, answer=made_of("sorry", BAD, GOOD))
    assert model("list it") == as_delivered(kind, ORDER)
    assert model.record.status == "success"
    assert [attempt.number for attempt in model.record.attempts] == [1, 2, 3]
    assert [attempt.status for attempt in model.record.attempts] == ["error", "error", "success"]
    assert model.events == ["output_invalid", "reask"] * 2


@every_one_value
def test_the_model_is_told_the_latest_problem_alone(kind: str) -> None:
    """25"""
    model = Guarded(kind, Validate(output=Order, reask=2), answer=made_of("sorry", BAD, GOOD))
    model("list it")
    first, second, third = model.prompts
    assert first == "list it"
    assert second == (
        "list it\n\nYour previous answer was not accepted:\n"
        "- $: Invalid JSON: expected value at line 1 column 1\n"
        "Answer the request again, in full, with this put right. Give the answer alone."
    )
    assert third == (
        "list it\n\nYour previous answer was not accepted:\n"
        "- $.items[0].name: String should have at most 5 characters\n"
        "- $.items[0].price: Input should be greater than or equal to 0\n"
        "Answer the request again, in full, with this put right. Give the answer alone."
    )


def test_usage_is_the_sum_over_all_answers() -> None:
    """25"""
    model = validated("sync", chat("sorry"), chat(BAD), chat(GOOD), output=Order, reask=2)
    assert model() == ORDER
    assert (model.record.input_tokens, model.record.output_tokens) == (30, 15)


@every_one_value
def test_when_no_answer_is_valid_the_last_one_is_told(kind: str) -> None:
    """25"""
    model = validated(kind, "sorry", "sorry", BAD, output=Order, reask=2)
    with pytest.raises(OutputInvalid, match=r"\$\.items\[0\]\.name") as caught:
        model()
    assert caught.value.raw == BAD
    assert caught.value.__notes__ == ["reliai: ask: Validate asked the model again 2 times"]
    assert len(model.prompts) == 3


def test_two_messages_are_added_to_a_conversation() -> None:
    """25"""
    seen: list[Any] = []
    answers = iter(["sorry", BAD, GOOD])

    @Validate(output=Order, reask=2)
    def ask(messages: list[dict[str, str]], model: str = "gpt-x") -> str:
        seen.append(list(messages))
        return next(answers)

    question = [{"role": "user", "content": "list it"}]
    assert ask(question) == ORDER  # type: ignore[comparison-overlap]
    assert question == [{"role": "user", "content": "list it"}]
    assert [len(messages) for messages in seen] == [1, 3, 3]
    assert seen[1][1] == {"role": "assistant", "content": "sorry"}
    assert seen[2][1] == {"role": "assistant", "content": BAD}
    assert seen[2][2]["role"] == "user"
    assert "$.items[0].price" in seen[2][2]["content"]
    assert "Invalid JSON" not in seen[2][2]["content"]


def test_what_the_model_is_shown_is_bounded() -> None:
    """25"""
    seen: list[Any] = []
    long = json.dumps({"items": [{"name": "n" * 5000, "price": -1}] * 50})
    answers = iter([long, "", {"items": 5}, GOOD])

    @Validate(output=Order, reask=3)
    def ask(messages: tuple[Any, ...]) -> Any:
        seen.append(messages)
        return next(answers)

    assert ask(()) == ORDER
    assert len(seen[1][0]["content"]) == 8_000
    assert seen[2][0]["content"] == "(an empty answer)"
    assert seen[3][0]["content"] == "{'items': 5}"


def test_what_the_model_is_told_is_bounded() -> None:
    """25"""
    names: dict[str, Any] = {f"{'n' * 150}{number}": (int, ...) for number in range(10)}
    wide: Any = create_model("Wide", **names)
    model = Guarded("sync", Validate(output=wide, reask=1), answer=made_of("{}", "{}"))
    with pytest.raises(OutputInvalid):
        model()
    assert 1_000 < len(model.prompts[1]) < 1_200


def test_the_models_own_words_may_be_told_to_the_model() -> None:
    three = json.dumps({"items": [{"name": "pen", "price": 1}] * 3})
    model = validated("sync", three, GOOD, output=Order, reask=1)
    model()
    assert "- $.items: Value error, too many: ['pen', 'pen', 'pen']" in model.prompts[1]


@every_one_value
def test_a_check_that_fails_is_asked_again_too(kind: str) -> None:
    """25"""
    model = Guarded(kind, Validate(MaxLength(3), reask=1), answer=made_of("hello", "hi"))
    assert model() == "hi"
    assert "- MaxLength: it has 5 characters, at most 3 are allowed\n" in model.prompts[1]


@every_one_value
def test_a_transport_error_while_asking_again_is_retried_and_never_told(kind: str) -> None:
    """26"""
    model = Guarded(
        kind,
        Validate(output=Order, reask=1),
        reliai.Retry(3),
        answer=made_of("sorry", ConnectionError("429 slow down"), GOOD),
    )
    with virtual_clock():
        assert model("list it") == ORDER
    assert len(model.prompts) == 3
    assert model.prompts[1] == model.prompts[2]
    assert "429" not in model.prompts[2]
    assert "Invalid JSON" in model.prompts[2]


@every_one_value
def test_a_transport_error_that_stays_comes_out_as_itself(kind: str) -> None:
    """26"""
    model = validated(kind, "sorry", ConnectionError("down"), output=Order, reask=3)
    with pytest.raises(ConnectionError, match="down"):
        model()
    assert len(model.prompts) == 2


@every_one_value
def test_a_function_may_make_the_call_that_asks_again(kind: str) -> None:
    def shorter(call: reliai.Call, error: OutputInvalid, raw: str) -> reliai.Call:
        return call.with_arguments(prompt=f"{call.arguments['prompt']}|{raw}|{len(error.errors)}")

    model = validated(kind, "sorry", BAD, GOOD, output=Order, reask=2, reask_with=shorter)
    assert model("list it") == ORDER
    assert model.prompts == ["list it", "list it|sorry|1", f"list it|{BAD}|2"]


def test_the_function_that_asks_again_may_be_asynchronous() -> None:
    async def again(call: reliai.Call, error: OutputInvalid, raw: str) -> reliai.Call:
        await asyncio.sleep(0)
        return call.with_arguments(prompt="again")

    model = validated("async", "sorry", GOOD, output=Order, reask=1, reask_with=again)
    assert model() == ORDER
    assert model.prompts == ["hello", "again"]


@every_one_value
@pytest.mark.parametrize(
    ("function", "expected"),
    [(lambda *_: "again", ConfigurationError), (lambda *_: 1 // 0, ZeroDivisionError)],
)
def test_a_function_that_makes_no_call_is_a_mistake(
    kind: str, function: Any, expected: type[Exception]
) -> None:
    model = validated(kind, "sorry", output=Order, reask=1, reask_with=function)
    with pytest.raises(expected):
        model()


def test_arguments_that_cannot_take_the_problem_are_not_asked_again() -> None:
    functions: list[Any] = [_with_prompt, _with_messages]
    for ask in functions:
        guarded = reliai.reliable(Validate(output=Order, reask=1))(ask)
        with reliai.collect() as calls, pytest.raises(OutputInvalid):
            guarded(5)
        assert [event.kind for event in calls[0].events] == ["output_invalid", "reask_impossible"]


def _with_prompt(prompt: str) -> str:
    return "sorry"


def _with_messages(messages: list[Any]) -> str:
    return "sorry"


def test_a_function_without_annotations_is_asked_by_its_only_parameter() -> None:
    answers = iter(["sorry", GOOD])
    seen: list[str] = []

    def ask(self: Any, question: Any) -> Any:
        seen.append(question)
        return next(answers)

    ask.__annotations__.clear()
    assert Validate(output=Order, reask=1)(ask)(None, "list it") == ORDER
    assert seen[1].startswith("list it\n\nYour previous answer")


def test_asking_again_stops_at_the_deadline() -> None:
    def slow(prompt: str) -> str:
        active().sleep(2)
        return "sorry"

    guarded = reliai.reliable(Validate(output=Order, reask=5), name="slow")(slow)
    with virtual_clock() as clock, reliai.deadline(3.0):
        with pytest.raises(OutputInvalid) as caught:
            guarded("hello")
        assert clock.now == pytest.approx(4.0)
    assert caught.value.__notes__ == ["reliai: slow: Validate asked the model again 1 times"]


def test_deactivated_leaves_no_reask() -> None:
    model = validated("sync", "sorry", "sorry", GOOD, output=Order, reask=5)
    with reliai.deactivated(), pytest.raises(OutputInvalid):
        model()
    assert len(model.prompts) == 1
    with reliai.deactivated(attempts=2):
        assert model() == ORDER

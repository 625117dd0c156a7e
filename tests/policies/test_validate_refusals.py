"""A model that refuses is not asked again; a fallback is, once; then its words come out."""

from __future__ import annotations

import asyncio
import json
import pickle
from typing import Any

import pytest

import reliai
from reliai import NoRefusal, OutputInvalid, OutputRefused, Validate
from reliai.errors import ErrorKind
from reliai.providers import classify
from reliai.testing import virtual_clock
from tests.policies._guarded import KINDS, STREAMS, Guarded, every_one_value
from tests.policies._orders import GOOD, ORDER, Order, chat, made_of

WORDS = "I'm sorry, but I can't help with that."
REFUSED = {
    "field": chat(None, refusal=WORDS),
    "filter": chat(WORDS, "content_filter"),
    "words": chat(WORDS),
    "text": WORDS,
}
every_refusal = pytest.mark.parametrize("answer", REFUSED.values(), ids=REFUSED)


def also(name: str, *answers: Any) -> tuple[Any, list[str]]:
    """Another model, and what it was asked."""
    asked: list[str] = []
    left = iter(answers)

    def stand_in(prompt: str) -> Any:
        asked.append(prompt)
        return next(left)

    async def stand_in_async(prompt: str) -> Any:
        return stand_in(prompt)

    chosen: Any = stand_in_async if name == "async" else stand_in
    return chosen, asked


@every_one_value
@every_refusal
def test_a_refusal_is_neither_retried_nor_asked_again(kind: str, answer: Any) -> None:
    """29"""
    policies = (reliai.Retry(3), Validate(NoRefusal(), reask=3), reliai.Retry(3))
    model = Guarded(kind, *policies, answer=made_of(answer))
    with pytest.raises(OutputRefused, match="the model refused to answer") as caught:
        model("how?")
    assert model.prompts == ["how?"]
    assert caught.value.raw == WORDS
    assert model.record.error is not None
    assert model.record.error.kind == "content_filter"


@every_one_value
def test_one_fallback_is_asked_and_then_the_refusal_comes_out(kind: str) -> None:
    """29"""
    second, asked_second = also(kind, chat(None, refusal="No."))
    third, asked_third = also(kind, chat("yes"))
    policies = (reliai.Fallback(second, third), reliai.Retry(3), Validate(NoRefusal()))
    model = Guarded(kind, *policies, answer=made_of(chat(WORDS)))
    with pytest.raises(OutputRefused) as caught:
        model()
    assert (len(model.prompts), len(asked_second), len(asked_third)) == (1, 1, 0)
    assert caught.value.raw == "No."


@every_one_value
def test_what_the_fallback_answers_is_delivered(kind: str) -> None:
    """29"""
    second, asked = also(kind, GOOD)
    model = Guarded(
        kind,
        reliai.Fallback(second),
        Validate(output=Order),
        answer=made_of(chat(None, refusal="No")),
    )
    assert model() == ORDER
    assert model.record.status == "degraded"
    assert len(asked) == 1


@every_one_value
def test_another_failure_of_the_fallback_goes_on_to_the_next(kind: str) -> None:
    """29"""
    second, _ = also(kind, "sorry")
    third, _ = also(kind, GOOD)
    policies = (reliai.Fallback(second, third), Validate(output=Order))
    model = Guarded(kind, *policies, answer=made_of(chat(None, refusal="No")))
    assert model() == ORDER


@every_one_value
@pytest.mark.parametrize("outside", [True, False])
def test_a_breaker_learns_nothing_bad_from_refusals(kind: str, outside: bool) -> None:
    """29"""
    breaker = reliai.CircuitBreaker(f"refusing-{kind}-{outside}", consecutive=2)
    validate = Validate(NoRefusal())
    order = (breaker, validate) if outside else (validate, breaker)
    with virtual_clock():
        model = Guarded(kind, *order, answer=lambda _: WORDS)
        for _ in range(5):
            with pytest.raises(OutputRefused):
                model()
    assert breaker.state == "closed"
    assert breaker.snapshot().failures == 0


@every_one_value
def test_a_refusal_passes_untouched_where_nobody_asks_for_it(kind: str) -> None:
    """29"""
    answer = REFUSED["field"]
    model = Guarded(kind, Validate(reliai.MaxLength(99)), answer=made_of(answer))
    assert model() is answer
    assert Guarded(kind, answer=made_of(answer))() is answer


@every_one_value
def test_the_attempt_says_that_it_was_refused(kind: str) -> None:
    model = Guarded(kind, Validate(NoRefusal()), answer=made_of(chat(WORDS)))
    with pytest.raises(OutputRefused):
        model()
    (attempt,) = model.record.attempts
    assert attempt.error is not None
    assert (attempt.status, attempt.error.kind) == ("error", "content_filter")
    assert model.event("output_invalid")["problem"] == "refused"


@pytest.mark.parametrize("kind", KINDS)
def test_observing_tells_the_refusal_and_delivers_it(kind: str) -> None:
    buffer = kind in STREAMS
    policy = Validate(NoRefusal(), mode="observe", buffer=buffer)
    model = Guarded(kind, policy, answer=lambda _: [WORDS] if buffer else WORDS)
    assert model() == ([WORDS] if buffer else WORDS)
    assert model.event("output_would_reject")["problem"] == "refused"


@every_one_value
def test_nothing_of_the_refusal_is_in_the_error_but_in_raw(kind: str) -> None:
    model = Guarded(
        kind, Validate(NoRefusal()), answer=made_of(chat("I can't help with that, SECRET"))
    )
    with pytest.raises(OutputRefused) as caught:
        model()
    assert "SECRET" not in str(caught.value) + json.dumps(model.record.to_dict())
    again = pickle.loads(pickle.dumps(caught.value))  # noqa: S301  our own bytes
    assert (type(again), again.raw) == (OutputRefused, caught.value.raw)


def test_a_block_without_words_gives_the_answer_itself() -> None:
    answer = {"candidates": [{"finish_reason": "SAFETY", "content": {"parts": []}}]}
    model = Guarded("sync", Validate(NoRefusal()), answer=made_of(answer))
    with pytest.raises(OutputRefused, match="a content filter stopped the answer") as caught:
        model()
    assert caught.value.raw == answer


def test_a_refusal_is_an_invalid_output_for_who_catches_that() -> None:
    assert issubclass(OutputRefused, OutputInvalid)
    assert classify(OutputRefused("no")).kind is ErrorKind.CONTENT_FILTER


def test_otherwise_may_answer_in_place_of_a_refusal() -> None:
    policy = Validate(NoRefusal(), otherwise=lambda _call, error: type(error).__name__)
    assert Guarded("sync", policy, answer=made_of(WORDS))() == "OutputRefused"


@pytest.mark.parametrize("asynchronous", [False, True])
def test_text_taken_from_a_response_that_was_read_is_judged_by_it(asynchronous: bool) -> None:
    """29"""

    def ask(prompt: str) -> str:
        reliai.read(chat("I will not", "content_filter"))
        return "I will not"

    async def ask_async(prompt: str) -> str:
        return ask(prompt)

    guarded: Any = Validate(NoRefusal())(ask_async if asynchronous else ask)
    with pytest.raises(OutputRefused):
        asyncio.run(guarded("how?")) if asynchronous else guarded("how?")


@pytest.mark.parametrize("finish", ["content_filter", "length"])
def test_the_response_of_an_earlier_attempt_says_nothing_of_the_answer(finish: str) -> None:
    tries = iter([True, False])

    def ask(prompt: str) -> str:
        if next(tries):
            reliai.read(chat("so far", finish))
            raise ConnectionError
        return "done"

    policies = (Validate(NoRefusal(), reliai.Pattern("done")), reliai.Retry(2))
    with virtual_clock():
        assert reliai.reliable(*policies)(ask)("how?") == "done"

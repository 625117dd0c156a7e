"""Scores, failures and variants as events of OpenTelemetry's logs."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

import reliai
from reliai.checks import Score as CheckScore
from reliai.telemetry import Score, score
from reliai.testing import ScriptedModel, sdk_answer
from tests.telemetry._collected import Collected, id_of


def test_a_score_is_one_event_at_the_calls_span_with_its_evaluator() -> None:
    seen = Collected()
    ask = reliai.reliable(name="ask", observers=[seen.observer])(
        ScriptedModel([sdk_answer("a", "chat")])
    )
    with reliai.collect() as calls:
        ask()
    score(calls[0], "helpfulness", 0.8, label="good", evaluator="judge", version="3")
    (event,) = seen.events("gen_ai.evaluation.result")
    attributes = dict(event.attributes)
    assert attributes["gen_ai.evaluation.name"] == "helpfulness"
    assert attributes["gen_ai.evaluation.score.value"] == 0.8
    assert attributes["gen_ai.evaluation.score.label"] == "good"
    assert attributes["reliai.eval.evaluator"] == "judge"
    assert attributes["reliai.eval.version"] == "3"
    assert attributes["gen_ai.response.id"] == calls[0].attempts[0].response_id
    (call,) = [span for span in seen.spans() if span.parent is None]
    assert event.span_id == id_of(call)
    (point,) = seen.metrics()["reliai.evaluation.score"]
    assert (point.count, point.sum) == (1, 0.8)


def test_a_score_finds_a_recent_call_by_its_id() -> None:
    seen = Collected()
    ask = reliai.reliable(name="ask", observers=[seen.observer])(ScriptedModel(["a"]))
    with reliai.collect() as calls:
        ask()
    score(calls[0].id, "quality", 1.0)
    (event,) = seen.events("gen_ai.evaluation.result")
    assert event.span_id == int(calls[0].span_id or "", 16)


def test_a_score_of_a_call_that_nobody_remembers_names_its_id() -> None:
    seen = Collected()
    seen.observer.on_score("f" * 32, None, Score("quality", 0.5))
    (event,) = seen.events("gen_ai.evaluation.result")
    assert dict(event.attributes)["reliai.call.id"] == "f" * 32
    assert not event.span_id


def test_why_a_score_was_given_is_told_only_where_content_is() -> None:
    silent, open_ = Collected(), Collected(content="redacted")
    given = Score("quality", 0.5, explanation="ann@example.com was rude")
    for seen in (silent, open_):
        seen.observer.on_score("f" * 32, None, given)
    (without,), (with_,) = (each.events("gen_ai.evaluation.result") for each in (silent, open_))
    assert "gen_ai.evaluation.explanation" not in dict(without.attributes)
    said = dict(with_.attributes)["gen_ai.evaluation.explanation"]
    assert "was rude" in said
    assert "ann@example.com" not in said


def test_the_number_of_a_scoring_check_is_such_an_event_too() -> None:
    seen = Collected()

    @reliai.check
    def friendliness(answer: str) -> object:
        return CheckScore(0.75)

    @reliai.reliable(reliai.Validate(friendliness), name="ask", observers=[seen.observer])
    def ask() -> str:
        return "a"

    ask()
    (event,) = seen.events("gen_ai.evaluation.result")
    attributes = dict(event.attributes)
    assert attributes["gen_ai.evaluation.name"] == "friendliness"
    assert attributes["gen_ai.evaluation.score.value"] == 0.75
    assert event.span_id == id_of(seen.only("reliai.call ask"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("",), "must be a text"),
        (("quality",), "tells nothing"),
        (("quality", float("nan")), "finite"),
        (("quality", "good"), "finite"),
    ],
)
def test_what_is_no_score_is_refused(arguments: Any, message: str) -> None:
    with pytest.raises(reliai.ConfigurationError, match=message):
        score("f" * 32, *arguments)


def test_a_failure_is_one_event_without_its_message() -> None:
    seen = Collected()
    model = ScriptedModel([ConnectionError("canary")])
    ask = reliai.reliable(name="ask", observers=[seen.observer])(model)
    with suppress(ConnectionError):
        ask()
    (event,) = seen.events()
    assert event.event_name == "reliai.call.exception"
    assert event.severity_text == "WARN"
    assert dict(event.attributes)["exception.type"] == "ConnectionError"
    assert "canary" not in str(event.attributes)
    assert event.span_id == id_of(seen.only("reliai.call ask"))


def test_a_success_is_no_event() -> None:
    seen = Collected()
    reliai.reliable(observers=[seen.observer])(ScriptedModel(["a"]))()
    assert seen.events() == []


def test_a_variant_is_an_evaluation_of_a_feature_flag() -> None:
    seen = Collected()

    async def chooses(call: reliai.Call, proceed: Any) -> Any:
        call._record.variant = "candidate"
        return await proceed(call)

    ask = reliai.reliable(chooses, name="ask", observers=[seen.observer])(ScriptedModel(["a"]))
    ask()
    (event,) = seen.events("feature_flag.evaluation")
    attributes = dict(event.attributes)
    assert attributes["feature_flag.key"] == "ask"
    assert attributes["feature_flag.result.variant"] == "candidate"
    (point,) = seen.metrics()["reliai.call.duration"]
    assert point.attributes["reliai.variant"] == "candidate"

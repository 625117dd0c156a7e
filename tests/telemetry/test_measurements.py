"""What calls, circuits and scores give metrics."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import reliai
from reliai.telemetry._measurements import (
    OTHER,
    Labels,
    Measurement,
    checked_labels,
    of_circuits,
    of_record,
)
from reliai.telemetry.names import PROFILES
from reliai.testing import ScriptedModel, records, virtual_clock


def measured(function: Any, *args: Any, **kwargs: Any) -> dict[str, list[Measurement]]:
    """What one call gives, by the key of the instrument."""
    with records() as seen:
        with suppress(Exception):
            function(*args, **kwargs)
        record = seen[-1]
    found: dict[str, list[Measurement]] = {}
    for each in of_record(record):
        found.setdefault(each.key, []).append(each)
    return found


def plain() -> str:
    return "a"


def answered(**numbers: Any) -> str:
    reliai.usage(**numbers)
    return "a"


def test_two_failures_and_a_success_are_one_call_three_attempts_two_retries() -> None:
    model = ScriptedModel([ConnectionError("down"), ConnectionError("down"), "a"])
    with virtual_clock():
        found = measured(reliai.reliable(reliai.Retry(3), name="ask")(model))
    assert [(m.value > 0, m.labels) for m in found["call.duration"]] == [
        (True, {"name": "ask", "outcome": "success"})
    ]
    errors = [m.labels.get("error") for m in found["attempt.duration"]]
    assert errors == ["connection", "connection", None]
    assert [m.value for m in found["call.retries"]] == [2]
    (event,) = found["events"]
    assert event == Measurement("events", 2, {"name": "ask", "event": "retry"})


def test_a_call_without_retries_is_not_in_their_histogram() -> None:
    assert "call.retries" not in measured(reliai.reliable()(plain))


def test_a_call_of_no_model_gives_no_measurement_of_models() -> None:
    found = measured(reliai.reliable()(plain))
    assert set(found) == {"call.duration", "attempt.duration"}


def test_a_call_of_a_model_gives_those_of_both_dialects() -> None:
    @reliai.reliable(name="ask")
    def ask(model: str) -> str:
        return answered(model="gpt-x-1", input_tokens=10, output_tokens=3, cost_usd=0.5)

    found = measured(ask, "gpt-x")
    labels = {"operation": "chat", "request_model": "gpt-x", "response_model": "gpt-x-1"}
    (duration,) = found["inference.duration"]
    assert duration.labels == labels
    assert [(m.value, m.labels["token_type"]) for m in found["token.usage"]] == [
        (10, "input"),
        (3, "output"),
    ]
    assert found["usage.input_tokens"] == [
        Measurement("usage.input_tokens", 10, {**labels, "modality": "unknown"})
    ]
    assert found["operation.output_tokens"] == [Measurement("operation.output_tokens", 3, labels)]
    own = {"name": "ask", "response_model": "gpt-x-1", "billed": "final"}
    assert found["cost"] == [Measurement("cost", 0.5, own)]
    assert found["tokens"] == [
        Measurement("tokens", 10, {**own, "direction": "input"}),
        Measurement("tokens", 3, {**own, "direction": "output"}),
    ]


def test_what_an_attempt_used_whose_answer_nobody_got_is_wasted_and_yet_counted() -> None:
    answers = iter([ConnectionError("cut"), None])

    @reliai.reliable(reliai.Retry(2), name="ask")
    def ask() -> str:
        reliai.usage(model="m", input_tokens=10, output_tokens=1, cost_usd=1.0)
        error = next(answers)
        if error is not None:
            raise error
        return "a"

    with virtual_clock():
        found = measured(ask)
    assert [m.value for m in found["usage.input_tokens"]] == [20]
    assert [(m.labels["billed"], m.value) for m in found["cost"]] == [("wasted", 1), ("final", 1)]


def test_an_unknown_price_is_counted_as_unknown_and_not_as_nothing() -> None:
    @reliai.reliable(name="ask")
    def ask() -> str:
        return answered(model="nobody-knows-it", input_tokens=1)

    found = measured(ask)
    assert "cost" not in found
    assert len(found["cost.unknown"]) == 1


def test_a_failed_request_counts_no_tokens_but_counts() -> None:
    @reliai.reliable(name="ask")
    def ask(model: str) -> str:
        raise ConnectionError(model)

    found = measured(ask, "gpt-x")
    assert [m.labels["error"] for m in found["inference.duration"]] == ["connection"]
    assert [m.value for m in found["usage.input_tokens"]] == [0]
    assert "token.usage" not in found


def test_a_call_around_a_guarded_call_is_no_second_request() -> None:
    @reliai.reliable(name="inner")
    def inner(model: str) -> str:
        answered(model=model, input_tokens=1)
        raise ConnectionError("cut")

    @reliai.reliable(name="outer")
    def outer(model: str) -> str:
        return inner(model)

    with records() as seen:
        with suppress(ConnectionError):
            outer("gpt-x")
        asked = [m for record in seen for m in of_record(record) if m.key == "inference.duration"]
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("policy", "error"),
    [
        (reliai.Guard(reliai.MaxLength(1)), "guard_rejected"),
        (reliai.RateLimit(1, per=100, burst=1), "rate_limit"),
    ],
)
def test_refusals_are_told_apart(policy: Any, error: str) -> None:
    @reliai.reliable(policy)
    def ask(prompt: str) -> str:
        return "a"

    with suppress(reliai.ReliaiError):
        ask("x" if error == "rate_limit" else "long")
    (call,) = measured(ask, "x" if error == "rate_limit" else "long")["call.duration"]
    assert (call.labels["outcome"], call.labels["error"]) == ("rejected", error)


def test_an_open_circuit_is_named_and_its_states_sum_to_one() -> None:
    breaker = reliai.CircuitBreaker("measured-circuit", consecutive=1)
    ask = reliai.reliable(breaker)(ScriptedModel([ConnectionError("down")]))
    measured(ask)
    (call,) = measured(ask)["call.duration"]
    assert (call.labels["outcome"], call.labels["error"]) == ("rejected", "circuit_open")
    states = [m for m in of_circuits(reliai.circuits()) if m.labels["breaker"] == breaker.name]
    assert {m.labels["breaker_state"]: m.value for m in states} == {
        "closed": 0,
        "open": 1,
        "half_open": 0,
        "isolated": 0,
    }


def test_circuits_that_differ_in_their_key_are_added_up_without_it() -> None:
    @reliai.reliable(reliai.CircuitBreaker("keyed-circuit", key="arg:who"))
    def ask(who: str) -> str:
        return "a"

    for who in ("ann", "bob"):
        ask(who)
    states = [m for m in of_circuits(reliai.circuits()) if m.labels["breaker"] == "keyed-circuit"]
    assert "ann" not in str(states)
    assert sum(m.value for m in states) >= 2


def test_checks_that_refuse_are_results_with_verdict_and_action() -> None:
    @reliai.reliable(reliai.Guard(reliai.MaxLength(1)), name="ask")
    def ask(prompt: str) -> str:
        return "a"

    (result,) = measured(ask, "long")["guard.results"]
    assert result.labels["verdict"] == "deny"
    assert result.labels["action"] == "block"


def test_checks_that_only_observe_let_go_on() -> None:
    @reliai.reliable(reliai.Guard(reliai.MaxLength(1), mode="observe"), name="ask")
    def ask(prompt: str) -> str:
        return "a"

    (result,) = measured(ask, "long")["guard.results"]
    assert (result.labels["verdict"], result.labels["action"]) == ("deny", "allow")


def test_the_number_of_a_scoring_check_is_a_score() -> None:
    @reliai.check
    def friendliness(answer: str) -> object:
        from reliai.checks import Score

        return Score(0.75)

    @reliai.reliable(reliai.Validate(friendliness), name="ask")
    def ask() -> str:
        return "a"

    (score,) = measured(ask)["evaluation.score"]
    assert score == Measurement("evaluation.score", 0.75, {"name": "ask", "score": "friendliness"})


def test_no_measurement_tells_who_called_or_what_was_said() -> None:
    @reliai.reliable(reliai.Guard(reliai.MaxLength(10)))
    def ask(prompt: str) -> str:
        raise ValueError(prompt)

    with records() as seen:
        with reliai.context(subject="canary-1", session="canary-2", tenant="canary-3"):
            for prompt in ("canary-4", "canary-5 that is too long"):
                with suppress(ValueError):
                    ask(prompt)
        found = str([of_record(record) for record in seen])
    assert "canary" not in found


def test_a_label_that_is_an_id_is_refused() -> None:
    with pytest.raises(reliai.ConfigurationError, match="'user_id' may be no label"):
        checked_labels("Prometheus", ["name", "user_id"])


def test_labels_that_are_not_wanted_are_left_away() -> None:
    labels = Labels(PROFILES["v1_41"], ["name"])
    given = {"name": "ask", "outcome": "success"}
    assert labels.values(Measurement("call.duration", 1.0, given)) == ("ask",)


def test_of_ten_thousand_models_a_capped_number_is_kept_and_the_counts_are_complete() -> None:
    labels = Labels(PROFILES["latest"], limit=100)
    counts: dict[tuple[str, ...], float] = {}
    for number in range(10_000):
        measurement = Measurement("cost", 1.0, {"name": "ask", "response_model": f"m{number}"})
        values = labels.values(measurement)
        counts[values] = counts.get(values, 0) + measurement.value
    assert len(counts) == 101
    assert sum(counts.values()) == 10_000
    assert max(counts, key=lambda values: counts[values]) == ("ask", "", OTHER, "")


@given(st.lists(st.text(max_size=300)), st.integers(1, 5))
def test_a_label_never_has_more_values_than_its_cap(names: list[str], limit: int) -> None:
    labels = Labels(PROFILES["v1_41"], ["name"], limit=limit)
    kept = {labels.values(Measurement("call.duration", 1, {"name": name})) for name in names}
    assert len(kept) <= limit + 1
    assert all(len(value) <= 200 for (value,) in kept)


@pytest.mark.parametrize("limit", [0, -1, True, 2.5])
def test_a_cap_that_is_no_number_from_one_is_refused(limit: Any) -> None:
    with pytest.raises(reliai.ConfigurationError, match="label_limit"):
        Labels(PROFILES["v1_41"], limit=limit)

"""What guardrails read from a call, and which settings they take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai.errors import ConfigurationError
from reliai.rollout import Guardrail, Rollout, cost, failure_rate, latency, score
from reliai.testing import virtual_clock

if TYPE_CHECKING:
    from collections.abc import Callable


def record_of(function: Callable[[], Any], *policies: Any) -> reliai.CallRecord:
    with reliai.collect() as calls:
        reliai.execute(reliai.reliable(*policies)(function))
    return calls[0]


def fails() -> str:
    raise ConnectionError


def answers() -> str:
    reliai.usage(model="m", input_tokens=1, output_tokens=1, cost_usd=0.5)
    reliai.measure(faithful=0.4)
    return "yes"


@pytest.mark.parametrize(
    ("function", "policies", "seen"),
    [
        (answers, (), False),
        (fails, (), True),
        (fails, (reliai.Fallback("other"),), True),
        (fails, (reliai.RateLimit(1, burst=1), reliai.Retry(1)), True),
    ],
)
def test_a_failure_is_a_call_that_failed_or_was_answered_by_a_stand_in(
    function: Any, policies: tuple[Any, ...], seen: bool
) -> None:
    assert failure_rate().read(record_of(function, *policies)) is seen


def test_what_a_limit_of_ours_refused_says_nothing_and_an_open_circuit_does() -> None:
    limit = reliai.RateLimit(1e-9, burst=1)
    breaker = reliai.CircuitBreaker()
    limited = reliai.reliable(limit)(answers)
    broken = reliai.reliable(breaker)(answers)
    with reliai.collect() as calls:
        reliai.execute(limited)
        reliai.execute(limited)
        reliai.execute(broken)
        breaker.isolate()
        reliai.execute(broken)
    assert [failure_rate().read(call) for call in calls] == [False, None, False, True]


def test_durations_are_read_of_calls_that_succeed() -> None:
    with virtual_clock() as clock:

        def slow() -> None:
            clock.advance(2.0)

        record = record_of(slow)
    assert latency().read(record) == 2.0
    assert latency(over=1.0).read(record) is True
    assert latency(over=3.0).read(record) is False
    assert latency().read(record_of(fails)) is None
    assert latency(over=1.0).read(record_of(fails)) is None


def test_costs_are_read_where_they_are_known() -> None:
    assert cost().read(record_of(answers)) == 0.5
    assert cost().read(record_of(lambda: "free")) is None


def test_a_score_is_low_or_not_or_not_there() -> None:
    record = record_of(answers)
    assert score("faithful", below=0.5).read(record) is True
    assert score("faithful", below=0.3).read(record) is False
    assert score("other", below=0.3).read(record) is None


def test_names_say_which_guardrail_it_is() -> None:
    made = [failure_rate(), latency(), latency(over=2.5), cost(), score("faithful", below=1)]
    names = [each.name for each in made]
    assert names == ["failure_rate", "latency", "latency_over_2.5s", "cost", "score:faithful"]


def test_a_mean_is_rolled_back_above_the_ratio_and_an_event_above_one() -> None:
    assert (latency(1.3).tolerated, failure_rate(1.3).tolerated) == (1.3, 1.0)
    assert (latency(1.3, over=1.0).tolerated, latency(1.3, tolerated=1.1).tolerated) == (1.0, 1.1)


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: failure_rate(1.0), r"max_ratio=1.0\): must be a number above 1"),
        (lambda: failure_rate(-2.0), "must be a number above 0"),
        (lambda: failure_rate(2.0, tolerated=3.0), "must be at most max_ratio, which is 2"),
        (lambda: failure_rate(action="stop"), "use one of 'rollback', 'hold', 'observe'"),
        (lambda: latency(over=0.0), r"latency\(over=0.0\)"),
        (lambda: cost(float("nan")), r"cost\(max_ratio=nan\)"),
        (lambda: score("", below=1), r"score\(''\)"),
        (lambda: score("a", below=True), r"below=True"),
    ],
)
def test_settings_out_of_range_name_the_value_and_the_range(
    make: Callable[[], Guardrail], match: str
) -> None:
    with pytest.raises(ConfigurationError, match=match):
        make()


def test_names_of_guardrails_stand_for_them() -> None:
    rollout = Rollout("r", "a", "b", guardrails=["failure_rate", "latency", "cost"])
    assert [each.name for each in rollout.guardrails] == ["failure_rate", "latency", "cost"]


@pytest.mark.parametrize("unknown", ["fail_rate", 5, failure_rate])
def test_an_unknown_name_is_an_error_that_names_those_there_are(unknown: Any) -> None:
    with pytest.raises(ConfigurationError, match="there are 'failure_rate', 'latency', 'cost'"):
        Rollout("r", "a", "b", guardrails=[unknown])


def test_one_given_twice_is_an_error() -> None:
    with pytest.raises(ConfigurationError, match="'failure_rate' is there twice"):
        Rollout("r", "a", "b", guardrails=[failure_rate(), failure_rate(2.0)])

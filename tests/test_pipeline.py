"""`reliable`, `Pipeline` and `standard`: how they are described, checked and run."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai.testing import ScriptedModel, records, virtual_clock

if TYPE_CHECKING:
    from collections.abc import Callable


def kinds(pipeline: Any) -> list[str]:
    """The policies of a pipeline or a decorated function, outermost first."""
    if not isinstance(pipeline, reliai.Pipeline):
        pipeline = reliai.pipeline_of(pipeline)
    return [policy["policy"] for policy in pipeline.describe()["policies"]]


# --- describe -------------------------------------------------------------------------------------
def test_standard_is_described_in_full() -> None:
    described = reliai.standard(fallback="sorry", output=int, name="ask").describe()
    assert json.loads(json.dumps(described)) == described, "plain data"
    policies = described.pop("policies")
    assert described == {"name": "ask", "effects": "none", "cooperative": False}
    total, fallback, validate, retry, breaker, attempt = policies
    assert total == {
        "policy": "Timeout",
        "seconds": 60,
        "first_chunk": None,
        "idle": None,
        "enforce": None,
        "layer": "total",
    }
    assert attempt == {**total, "seconds": 20, "idle": 15, "layer": "attempt"}
    assert fallback == {"policy": "Fallback", "targets": ["sorry"], "on": {}, "reserve": 0.3}
    assert (validate["policy"], validate["output"], validate["reask"]) == ("Validate", "int", 0)
    assert retry == {
        "policy": "Retry",
        "attempts": 3,
        "on": None,
        "wait": None,
        "budget": "pipeline",
        "on_result": None,
    }
    assert breaker["policy"] == "CircuitBreaker"
    defaults = {"failure_rate": 0.5, "window": 60.0, "min_calls": 10, "open_for": 30.0, "probes": 1}
    assert defaults.items() <= breaker.items()


def test_any_setting_is_described_as_plain_data() -> None:
    def small(prompt: str) -> str:
        return prompt

    async def middleware(call: reliai.Call, proceed: Any) -> Any:
        return await proceed(call)

    pipeline = reliai.Pipeline(
        middleware,
        reliai.Guard(prompt=[reliai.MaxLength(10), reliai.Pattern("a+")]),
        reliai.Fallback(small, reliai.Value(["x"]), on={"context_length": small}),
        reliai.Validate(reliai.NotEmpty(), otherwise=lambda _call, _error: "none"),
        reliai.Retry(on=(OSError, KeyError), wait=lambda n: n, budget=reliai.RetryBudget()),
        reliai.CircuitBreaker("x", key="tenant", detector=reliai.Cusum(0.01, 0.3)),
    )
    described = pipeline.describe()
    assert json.loads(json.dumps(described)) == described
    assert "middleware" in str(described["policies"][0])
    assert described == reliai.Pipeline(*pipeline.policies).describe(), "no addresses, no chance"


def test_description_of_a_function_shows_what_binding_decided() -> None:
    @reliai.reliable(reliai.Timeout(30), reliai.Retry(), reliai.Timeout(10), name="ask")
    def ask() -> str:
        return "a"

    @reliai.reliable(reliai.Timeout(30), cooperative=True, effects="once")
    def kept() -> str:
        return "a"

    described = reliai.pipeline_of(ask).describe()
    total, _, attempt = described["policies"]
    assert described["name"] == "ask"
    assert (total["layer"], total["enforce"]) == ("total", "thread")
    assert (attempt["layer"], attempt["enforce"]) == ("attempt", "thread")
    described = reliai.pipeline_of(kept).describe()
    assert described["policies"][0]["enforce"] == "deadline"
    assert (described["effects"], described["cooperative"]) == ("once", True)


# --- standard -------------------------------------------------------------------------------------
def test_standard_has_good_defaults_in_canonical_order() -> None:
    assert kinds(reliai.standard()) == ["Timeout", "Retry", "CircuitBreaker", "Timeout"]
    everything = reliai.standard(fallback=["a", "b"], output=str, first_chunk=3)
    order = ["Timeout", "Fallback", "Validate", "Retry", "CircuitBreaker", "Timeout"]
    assert kinds(everything) == order
    assert everything.describe()["policies"][1]["targets"] == ["a", "b"]
    assert everything.describe()["policies"][-1]["first_chunk"] == 3
    assert reliai.standard().check() == everything.check() == []


def test_parts_of_standard_can_be_left_out_or_given() -> None:
    bare = reliai.standard(timeout=None, attempt_timeout=None, idle=None, attempts=1, breaker=False)
    assert kinds(bare) == ["Retry"]
    breaker = reliai.CircuitBreaker("mine", consecutive=2)
    given = reliai.standard(breaker=breaker, attempts=5)
    assert breaker in given.policies
    assert given.describe()["policies"][1]["attempts"] == 5


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"timeout": 0}, "seconds=0"),
        ({"timeout": -1}, "seconds=-1"),
        ({"attempts": 0}, "attempts=0"),
        ({"attempt_timeout": 5, "first_chunk": 6}, "first_chunk"),
        ({"idle": "1"}, "idle='1'"),
    ],
)
def test_standard_refuses_what_is_out_of_range(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(reliai.ConfigurationError, match=message):
        reliai.standard(**wrong)


def test_standard_serves_a_call_through_trouble() -> None:
    trouble = [ConnectionError("down"), ConnectionError("down"), "7"]
    ask = reliai.standard(output=int, name="ask")(ScriptedModel(trouble))
    with virtual_clock(), records() as seen:
        assert ask() == 7
    assert (seen[0].name, len(seen[0].attempts)) == ("ask", 3)


def test_standard_falls_back_to_a_list_that_is_the_value() -> None:
    model = ScriptedModel([ValueError("x")])
    assert reliai.standard(fallback=reliai.Value(["a", "b"]))(model)() == ["a", "b"]


# --- output= --------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("policies", "order"),
    [
        ([], ["Validate"]),
        ([reliai.Retry()], ["Validate", "Retry"]),
        ([reliai.Timeout(9)], ["Timeout", "Validate"]),
        ([reliai.Fallback("1"), reliai.Retry()], ["Fallback", "Validate", "Retry"]),
        ([reliai.CircuitBreaker("c")], ["Validate", "CircuitBreaker"]),
        ([reliai.Retry(), reliai.Timeout(9)], ["Validate", "Retry", "Timeout"]),
        ([reliai.Guard(reliai.NotEmpty())], ["Guard", "Validate"]),
    ],
)
def test_output_is_validated_in_its_canonical_place(policies: list[Any], order: list[str]) -> None:
    pipeline = reliai.Pipeline(*policies, output=int)
    assert kinds(pipeline) == order
    assert pipeline.check() == []


def test_output_given_twice_is_refused() -> None:
    with pytest.raises(reliai.ConfigurationError, match="given twice"):
        reliai.reliable(reliai.Validate(output=int), output=int)


# --- run and arun ---------------------------------------------------------------------------------
def test_run_calls_any_function_guarded() -> None:
    pipeline = reliai.Pipeline(reliai.Retry(2, wait=1), name="ask")
    model = ScriptedModel([ConnectionError("down"), "a"])
    with virtual_clock(), records() as seen:
        assert pipeline.run(model, "x", top=1) == "a"
    assert (seen[0].name, len(seen[0].attempts)) == ("ask", 2)
    assert (model.calls[0].args, model.calls[0].kwargs) == (("x",), {"top": 1})


def test_arun_calls_an_asynchronous_function_guarded() -> None:
    pipeline = reliai.Pipeline(reliai.Retry(2, wait=1))
    model = ScriptedModel([ConnectionError("down"), "a"])
    with virtual_clock(), records() as seen:
        assert asyncio.run(pipeline.arun(model.asynchronous, "x")) == "a"
    assert len(seen[0].attempts) == 2


def test_run_raises_the_models_own_error() -> None:
    error = KeyError("k")

    def ask() -> str:
        raise error

    with pytest.raises(KeyError) as caught:
        reliai.Pipeline().run(ask)
    assert caught.value is error


def test_function_keeps_its_circuit_from_run_to_run() -> None:
    pipeline = reliai.Pipeline(reliai.CircuitBreaker(consecutive=2), name="kept-circuit")
    model = ScriptedModel([ConnectionError("down")] * 2)
    for _ in range(2):
        with pytest.raises(ConnectionError):
            pipeline.run(model)
    with pytest.raises(reliai.CircuitOpen):
        pipeline.run(model)


def test_run_of_a_method_takes_its_object() -> None:
    class Bot:
        def __init__(self, name: str) -> None:
            self.name = name

        def ask(self, prompt: str) -> str:
            return f"{self.name}: {prompt}"

        async def aask(self, prompt: str) -> str:
            return f"{self.name}: {prompt}"

    pipeline = reliai.Pipeline()
    assert [pipeline.run(Bot(name).ask, "x") for name in "ab"] == ["a: x", "b: x"]
    assert asyncio.run(pipeline.arun(Bot("c").aask, "y")) == "c: y"
    assert len(pipeline._bound) == 2, "one for each method, not one for each object"


def test_functions_made_on_the_fly_do_not_pile_up() -> None:
    pipeline = reliai.Pipeline()

    def giving(number: int) -> Callable[[], int]:
        return lambda: number

    made = [pipeline.run(giving(number)) for number in range(300)]
    assert made == list(range(300))
    assert len(pipeline._bound) <= 128


# --- one pipeline, many functions -----------------------------------------------------------------
def test_pipeline_guards_many_functions_each_with_its_own_budget_and_circuit() -> None:
    pipeline = reliai.Pipeline(reliai.Retry(2, wait=1), reliai.CircuitBreaker(consecutive=2))

    def broken() -> str:
        raise ConnectionError("down")

    def sound() -> str:
        return "a"

    guarded, other = pipeline(broken), pipeline(sound)
    with virtual_clock():
        for expected in (ConnectionError, reliai.CircuitOpen):
            with pytest.raises(expected):
                guarded()
        assert other() == "a"
    assert getattr(guarded, "__wrapped__", None) is broken
    assert kinds(guarded) == kinds(other) == kinds(pipeline)


def test_pipeline_of_one_function_guards_another() -> None:
    first = reliai.standard(timeout=9, name="first")(lambda: "a")
    pipeline = reliai.pipeline_of(first)

    def second() -> str:
        return "b"

    assert pipeline(second)() == "b"
    assert pipeline.run(second) == "b"
    assert kinds(pipeline(second)) == kinds(first)


# --- what cannot be -------------------------------------------------------------------------------
def test_execute_and_pipeline_of_want_a_guarded_function() -> None:
    def bare() -> str:
        return "a"

    calls: dict[str, Any] = {"execute": reliai.execute, "pipeline_of": reliai.pipeline_of}
    for name, function in calls.items():
        with pytest.raises(reliai.ConfigurationError, match=rf"{name}\(.*bare\).*not guarded"):
            function(bare)
    with pytest.raises(reliai.ConfigurationError, match=r"aexecute\(.*bare\).*not guarded"):
        asyncio.run(reliai.aexecute(bare))


def test_execute_gives_wrong_arguments_as_the_functions_own_error() -> None:
    @reliai.reliable()
    def ask(prompt: str) -> str:
        return prompt

    function: Any = reliai.execute
    with records() as seen:
        outcome = function(ask, promt="x")
    assert isinstance(outcome.error, TypeError)
    assert "promt" in str(outcome.error)
    assert [record.status for record in seen] == ["error"]


@pytest.mark.parametrize(
    ("policies", "facts", "message"),
    [
        ([5], {}, "is no policy"),
        ([reliai.Retry], {}, "Retry is a class; pass an object of it"),
        ([lambda call: call], {}, r"is no policy.*above a function write @reliai.reliable\(\)"),
        ([[reliai.Retry()]], {}, r"pass each by itself: reliable\(\*policies\)"),
        ([], {"retries": 3}, "reliable.. takes no retries; it takes: .*effects"),
    ],
)
def test_what_is_no_policy_or_fact_is_refused(
    policies: list[Any], facts: dict[str, Any], message: str
) -> None:
    with pytest.raises(reliai.ConfigurationError, match=message):
        reliai.Pipeline(*policies, **facts)


@pytest.mark.parametrize("policy", [reliai.Retry, reliai.Timeout, reliai.Cache])
def test_policy_without_parentheses_above_a_function_says_so(policy: Any) -> None:
    with pytest.raises(reliai.ConfigurationError, match=rf"write @reliai.{policy.__name__}\(…\)"):
        policy(lambda prompt: prompt)


def test_pipeline_shows_its_policies() -> None:
    shown = repr(reliai.Pipeline(reliai.Retry(3), reliai.Timeout(2)))
    assert shown == "reliai.Pipeline(reliai.Retry(), reliai.Timeout(seconds=2))"


def test_policy_shows_what_is_not_as_by_default() -> None:
    assert repr(reliai.Retry(5, wait=0)) == "reliai.Retry(attempts=5, wait=0)"
    assert repr(reliai.Fallback("a", reserve=0.5)) == "reliai.Fallback(targets=['a'], reserve=0.5)"
    shown = repr(reliai.CircuitBreaker("shown", mode="observe"))
    assert shown == "reliai.CircuitBreaker(name='shown', mode='observe')"

"""A middleware is a policy: it may proceed or not, answer or raise."""

from __future__ import annotations

import asyncio
import functools
from typing import Any

import pytest

import reliai
from reliai.testing import ScriptedModel, records
from tests.core._kinds import answer, every_kind, of_kind, outcome_of, read

Proceed = Any


@every_kind
def test_it_may_answer_without_proceeding(kind: str) -> None:
    model = ScriptedModel(["never"])

    async def cached(call: reliai.Call, proceed: Proceed) -> Any:
        return "from memory"

    function = reliai.reliable(cached)(of_kind(model, kind))
    with records() as seen:
        assert read(function, kind, "x") == answer(kind, "from memory")
    assert model.calls == []
    assert (seen[0].status, seen[0].attempts) == ("success", ())


@every_kind
def test_it_may_proceed_once_and_change_the_outcome(kind: str) -> None:
    async def translate(call: reliai.Call, proceed: Proceed) -> Any:
        outcome = await proceed(call)
        return outcome if outcome.ok else reliai.Outcome("sorry")

    function = reliai.reliable(translate)(of_kind(ScriptedModel(["a", KeyError("b")]), kind))
    assert read(function, kind, "x") == answer(kind, "a")
    assert read(function, kind, "x") == answer(kind, "sorry")


@every_kind
def test_it_may_proceed_several_times(kind: str) -> None:
    async def insist(call: reliai.Call, proceed: Proceed) -> Any:
        await proceed(call)
        await proceed(call)
        return await proceed(call)

    model = ScriptedModel(["a", KeyError("b"), "c"])
    function = reliai.reliable(insist)(of_kind(model, kind))
    with records() as seen:
        assert read(function, kind, "x") == answer(kind, "c")
    assert [attempt.number for attempt in seen[0].attempts] == [1, 2, 3]
    assert model.open_streams == 0, "the first stream, which nobody read, is closed"


@every_kind
def test_what_it_raises_comes_out_and_is_recorded(kind: str) -> None:
    error = LookupError("no such tenant")

    async def refuse(call: reliai.Call, proceed: Proceed) -> Any:
        raise error

    function = reliai.reliable(refuse)(of_kind(ScriptedModel(["a"]), kind))
    with records() as seen, pytest.raises(LookupError) as caught:
        read(function, kind, "x")
    assert caught.value is error
    assert (seen[0].status, seen[0].error and seen[0].error.type) == ("error", "LookupError")


def test_policies_around_it_see_an_outcome_of_what_it_raised() -> None:
    attempts: list[int] = []

    async def flaky(call: reliai.Call, proceed: Proceed) -> Any:
        attempts.append(len(attempts))
        if len(attempts) < 3:
            raise ConnectionError("down")
        return (await proceed(call)).unwrap()

    function = reliai.reliable(reliai.Retry(3, wait=0), flaky)(lambda: "a")
    assert function() == "a"
    assert len(attempts) == 3


def test_unwrap_raises_the_models_own_error() -> None:
    error = ValueError("mine")

    async def unwrapping(call: reliai.Call, proceed: Proceed) -> Any:
        return (await proceed(call)).unwrap()

    function = reliai.reliable(unwrapping)(ScriptedModel([error]))
    with pytest.raises(ValueError, match="mine"):
        function()


class Suspending:
    """A middleware that waits for an event loop."""

    async def __call__(self, call: reliai.Call, proceed: Proceed) -> Any:
        await asyncio.sleep(0)
        return await proceed(call)


@pytest.mark.parametrize("kind", ["sync", "generator"])
def test_one_that_suspends_in_a_synchronous_call_is_named(kind: str) -> None:
    model = ScriptedModel(["a"])
    function = reliai.reliable(Suspending())(of_kind(model, kind))
    with records() as seen, pytest.raises(reliai.ConfigurationError, match=r"Suspending.__call__"):
        read(function, kind, "x")
    assert model.calls == []
    assert seen[0].status == "error"
    outcome = outcome_of(function, kind, "x")
    assert isinstance(outcome.error, reliai.ConfigurationError), "execute never raises"


@pytest.mark.parametrize("kind", ["async", "async_generator"])
def test_one_that_suspends_serves_asynchronous_calls(kind: str) -> None:
    function = reliai.reliable(Suspending())(of_kind(ScriptedModel(["a"]), kind))
    assert read(function, kind, "x") == answer(kind, "a")


def test_one_that_gives_back_what_it_had_taken_is_cleaned_up_when_it_suspends() -> None:
    given_back: list[str] = []

    async def holding(call: reliai.Call, proceed: Proceed) -> Any:
        try:
            return await proceed(call)
        finally:
            given_back.append("permit")

    function = reliai.reliable(holding, Suspending())(lambda: "a")
    with pytest.raises(reliai.ConfigurationError):
        function()
    assert given_back == ["permit"]


def test_partial_and_callable_object_are_middlewares() -> None:
    async def prefix(text: str, call: reliai.Call, proceed: Proceed) -> Any:
        return text + (await proceed(call)).unwrap()

    function = reliai.reliable(functools.partial(prefix, "> "))(lambda: "a")
    assert function() == "> a"


class Doubling(reliai.Policy):
    """A policy class from outside, with a setting and a check of its own."""

    rank = 55

    def __init__(self, times: int = 2) -> None:
        self.times = times

    def bind(self, site: Any) -> reliai.Policy:
        if not site.parameters:
            raise reliai.ConfigurationError(f"{site.name} has no parameter")
        return self

    async def run(self, call: reliai.Call, proceed: Proceed) -> Any:
        if call.arguments["prompt"] == "boom":
            raise RuntimeError("a policy must not raise, and this one does")
        outcome = await proceed(call)
        return outcome.value * self.times


def test_policy_class_from_outside_is_bound_and_made_safe() -> None:
    function = reliai.reliable(reliai.Retry(2, wait=0), Doubling(3))(lambda prompt: prompt)
    assert function("a") == "aaa"
    assert isinstance(reliai.execute(function, "boom").error, RuntimeError)
    with pytest.raises(reliai.ConfigurationError, match="has no parameter"):
        Doubling()(lambda: None)


def test_policy_from_outside_is_described_by_its_own_name() -> None:
    described = reliai.Pipeline(Doubling(3)).describe()["policies"]
    assert described == [{"policy": "Doubling", "times": 3}]
    assert repr(Doubling(3)) == "reliai.Doubling(times=3)"


def test_middleware_is_described_by_its_name() -> None:
    async def audit(call: reliai.Call, proceed: Proceed) -> Any:
        return await proceed(call)

    (described,) = reliai.Pipeline(audit).describe()["policies"]
    assert described["middleware"].endswith("audit")


def _plain(call: reliai.Call, proceed: Proceed) -> Any:
    return None


async def _one(call: reliai.Call) -> Any:
    return None


@pytest.mark.parametrize(
    ("thing", "message"),
    [
        (_plain, "is no policy"),
        (3, "is no policy"),
        (_one, "must take two arguments"),
        (reliai.Retry, r"is a class; pass an object of it: Retry\(\)"),
        (Suspending, "is a class"),
    ],
)
def test_what_is_no_middleware_is_refused_with_the_fix(thing: Any, message: str) -> None:
    with pytest.raises(reliai.ConfigurationError, match=message):
        reliai.reliable(thing)


def test_policy_without_run_says_which_it_is() -> None:
    class Empty(reliai.Policy):
        pass

    with pytest.raises(NotImplementedError, match="Empty"):
        Empty()(lambda: "a")()


def test_a_middleware_may_run_the_rest_concurrently() -> None:
    """Each attempt is timed by itself, whichever ends first."""
    from reliai.testing import virtual_clock

    async def both(call: reliai.Call, proceed: Proceed) -> Any:
        first, second = await asyncio.gather(proceed(call), proceed(call))
        return [first.value, second.value]

    durations = iter([3.0, 1.0])

    @reliai.reliable(both)
    async def ask() -> Any:
        seconds = next(durations)
        await asyncio.sleep(seconds)
        return seconds

    with virtual_clock(), records() as seen:
        assert asyncio.run(ask()) == [3.0, 1.0]
    assert [attempt.duration for attempt in seen[0].attempts] == [
        pytest.approx(3.0),
        pytest.approx(1.0),
    ]


# --- settle ---------------------------------------------------------------------------------
class Settling:
    """Counts how often it is told the end, and what the end was."""

    def __init__(self) -> None:
        self.ends: list[str] = []

    async def __call__(self, call: reliai.Call, proceed: Proceed) -> Any:
        return await call.settle(proceed, self.done)

    def done(self, outcome: reliai.Outcome) -> None:
        self.ends.append("value" if outcome.error is None else type(outcome.error).__name__)


@every_kind
def test_settle_is_told_the_end_once(kind: str) -> None:
    settling = Settling()
    model = ScriptedModel(["a", KeyError("b")])
    function = reliai.reliable(settling)(of_kind(model, kind))
    read(function, kind, "x")
    with pytest.raises(KeyError):
        read(function, kind, "x")
    assert settling.ends == ["value", "KeyError"]


def test_settle_is_told_of_an_interrupt() -> None:
    settling = Settling()
    function = reliai.reliable(settling)(ScriptedModel([KeyboardInterrupt()]))
    with pytest.raises(KeyboardInterrupt):
        function()
    assert settling.ends == ["KeyboardInterrupt"]


@pytest.mark.parametrize("kind", ["generator", "async_generator"])
def test_settle_of_a_stream_is_told_when_it_ends_even_if_another_one_raises(kind: str) -> None:
    outer, inner = Settling(), Settling()

    def broken(outcome: reliai.Outcome) -> None:
        raise RuntimeError("a mistake of somebody's")

    async def breaking(call: reliai.Call, proceed: Proceed) -> Any:
        return await call.settle(proceed, broken)

    function = reliai.reliable(outer, breaking, inner)(of_kind(ScriptedModel([["a", "b"]]), kind))
    with records() as seen:
        assert read(function, kind, "x") == ["a", "b"]
    assert outer.ends == inner.ends == ["value"]
    assert seen[0].status == "success"

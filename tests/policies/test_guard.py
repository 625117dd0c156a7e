"""Guard: what goes in is checked, and what fails never reaches the model."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import sys
import threading
import weakref
from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai import (
    ConfigurationError,
    Guard,
    GuardRejected,
    MaxLength,
    NotEmpty,
    Pattern,
    Replace,
    Schema,
)
from reliai._core.binding import bound_of
from reliai._core.record import CheckResult
from reliai._core.target import MAX_STRAGGLERS
from reliai.clock import active
from reliai.testing import VirtualClock, virtual_clock
from tests.policies._guarded import Guarded, as_delivered, every_kind, every_one_value

if TYPE_CHECKING:
    from collections.abc import Callable


anyhow: Any = Guard  # for settings that no type checker lets through


def redact(value: str) -> Replace | None:
    return Replace(value.replace("secret", "[…]")) if "secret" in value else None


def crash(value: str) -> bool:
    raise LookupError(value)


def ask(prompt: str, system: str = "be kind", *, limit: int = 5) -> tuple[Any, ...]:
    return prompt, system, limit


def guarded(*checks: Any, **by_parameter: Any) -> Callable[..., Any]:
    return Guard(*checks, **by_parameter)(ask)


# --- refusing and letting pass ------------------------------------------------------------


@every_kind
def test_an_argument_that_passes_reaches_the_model(kind: str) -> None:
    model = Guarded(kind, Guard(prompt=[MaxLength(10), NotEmpty()]))
    assert model("hello") == ("hello" if kind in {"sync", "async"} else list("hello"))
    assert model.record.status == "success"
    assert model.record.checks == ()
    assert model.events == []


@every_kind
def test_an_argument_that_fails_does_not_reach_the_model(kind: str) -> None:
    """24"""
    model = Guarded(kind, Guard(prompt=[MaxLength(3)]))
    with pytest.raises(GuardRejected) as caught:
        model("hello")
    assert str(caught.value) == (
        "ask: argument 'prompt' was rejected by MaxLength: it has 5 characters, at most 3 are "
        "allowed. The model was not called"
    )
    assert (caught.value.check, caught.value.parameter) == ("MaxLength", "prompt")
    assert model.prompts == []
    assert model.record.status == "rejected"
    assert model.record.attempts == ()
    assert model.record.checks == (
        CheckResult("MaxLength", passed=False, reason="it has 5 characters, at most 3 are allowed"),
    )
    assert model.event("guard_rejected") == {
        "check": "MaxLength",
        "parameter": "prompt",
        "reason": "it has 5 characters, at most 3 are allowed",
    }


@every_kind
def test_a_rejection_is_neither_retried_nor_answered_by_a_fallback(kind: str) -> None:
    """24"""
    model = Guarded(
        kind,
        reliai.Fallback("plan B"),
        reliai.Retry(3),
        Guard(MaxLength(3)),
        reliai.CircuitBreaker(),
    )
    with pytest.raises(GuardRejected):
        model("hello")
    assert model.prompts == []
    assert model.events == ["guard_rejected"]


@pytest.mark.parametrize(
    ("verdict", "passes"),
    [(None, True), (True, True), (False, False), ("too rude", False), ("", False)],
)
def test_what_a_function_returns_decides(verdict: Any, *, passes: bool) -> None:
    checked = guarded(prompt=lambda _: verdict)
    if passes:
        assert checked("hello")[0] == "hello"
    else:
        with pytest.raises(GuardRejected, match="too rude" if verdict else r"<lambda>\. The model"):
            checked("hello")


@every_one_value
@pytest.mark.parametrize("verdict", [0, 1, 0.5, {}, object()])
def test_a_verdict_that_is_none_blocks(kind: str, verdict: Any) -> None:
    """21"""
    model = Guarded(kind, Guard(prompt=lambda _: verdict))
    with pytest.raises(GuardRejected, match=r"could not be made \(TypeError\)") as caught:
        model("hello")
    assert "a check returns None or True" in str(caught.value.__cause__)


@every_one_value
def test_a_coroutine_is_no_verdict(kind: str) -> None:
    """21"""

    async def later(value: str) -> bool:
        return bool(value)

    def undeclared(value: str) -> Any:
        return later(value)

    model = Guarded(kind, Guard(prompt=undeclared))
    with pytest.raises(GuardRejected) as caught:
        model("hello")
    assert "declare it as `async def`" in str(caught.value.__cause__)


def test_the_first_check_that_fails_decides() -> None:
    asked: list[str] = []

    def count(value: str) -> bool:
        asked.append(value)
        return True

    checked = guarded(prompt=[count, MaxLength(3), crash, count])
    with pytest.raises(GuardRejected, match="MaxLength"):
        checked("hello")
    assert asked == ["hello"]


# --- which arguments --------------------------------------------------------------------------


def test_checks_without_a_name_look_at_every_text() -> None:
    checked = guarded(MaxLength(10))
    assert checked("hello", limit=50) == ("hello", "be kind", 50)
    for arguments in [("a" * 11,), ("a", "b" * 11)]:
        with pytest.raises(GuardRejected):
            checked(*arguments)
    with pytest.raises(GuardRejected, match="'system'"):
        checked("a", system="b" * 11)
    with pytest.raises(GuardRejected, match="'prompt'"):
        checked(system="a", prompt="b" * 11)


def test_a_text_where_another_type_is_announced_is_looked_at_too() -> None:
    with pytest.raises(GuardRejected, match="'limit'"):
        guarded(MaxLength(10))("hello", limit="a" * 11)


def test_a_default_is_looked_at_as_the_function_will_see_it() -> None:
    with pytest.raises(GuardRejected, match="'system'"):
        guarded(system=Pattern("strict"))("hello")
    assert guarded(system=Pattern("kind"))("hello")[1] == "be kind"


def test_checks_by_name_look_at_any_value() -> None:
    checked = guarded(limit=[lambda value: value < 10])
    assert checked("hello", limit=9)[2] == 9
    with pytest.raises(GuardRejected, match="'limit'"):
        checked("hello", limit=10)


def test_named_parameters_take_the_place_of_every_text() -> None:
    checked = Guard(NotEmpty(), parameters=["system"])(ask)
    assert checked("")[0] == ""
    with pytest.raises(GuardRejected, match="'system'"):
        checked("hello", "")
    with pytest.raises(GuardRejected, match="'limit'"):
        anyhow(NotEmpty(), parameters="limit")(ask)("hello", limit=None)


def test_the_arguments_of_variadic_parameters_are_looked_at() -> None:
    def collect(first: str, *rest: Any, **options: Any) -> tuple[Any, ...]:
        return (first, *rest, options)

    checked = Guard(MaxLength(5))(collect)
    assert checked("a", "b", 7, c="d") == ("a", "b", 7, {"c": "d"})
    with pytest.raises(GuardRejected, match="'argument 2'"):
        checked("a", "b", "c" * 6)
    with pytest.raises(GuardRejected, match="'extra'"):
        checked("a", extra="c" * 6)
    with pytest.raises(GuardRejected, match="'extra'"):
        Guard(extra=MaxLength(5))(collect)("a", extra="c" * 6)
    assert Guard(extra=MaxLength(5))(collect)("a", "b" * 9)[1] == "b" * 9
    assert Guard(NotEmpty(), parameters=["extra"])(collect)("a", extra="x")[-1] == {"extra": "x"}


def test_the_arguments_of_variadic_parameters_are_replaced() -> None:
    def collect(*prompts: str, **options: str) -> tuple[Any, ...]:
        return (*prompts, options)

    checked = Guard(redact)(collect)
    assert checked("a", "my secret", "b", c="no secret") == ("a", "my […]", "b", {"c": "no […]"})


def test_a_method_is_guarded_without_looking_at_its_object() -> None:
    class Service:
        @Guard(MaxLength(5))
        def ask(self, prompt: str) -> str:
            return prompt

    assert Service().ask("hello") == "hello"
    with pytest.raises(GuardRejected, match="'prompt'"):
        Service().ask("hello!")


def test_a_call_that_does_not_fit_the_function_fails_as_it_would_without_guard() -> None:
    for check in (MaxLength(5), redact):
        with pytest.raises(TypeError, match="missing 1 required positional argument"):
            guarded(prompt=check)()
    outcome = reliai.execute(guarded(prompt=redact), "a secret", wrong=1)
    assert isinstance(outcome.error, TypeError)
    assert outcome.record is not None
    assert outcome.record.status == "error"


# --- replacing --------------------------------------------------------------------------------


@every_kind
def test_a_replacement_is_what_the_model_gets(kind: str) -> None:
    model = Guarded(kind, Guard(prompt=[redact, MaxLength(20)]))
    model("my secret")
    assert model.prompts == ["my […]"]
    assert model.record.checks == (CheckResult("redact", passed=True, reason="changed"),)
    assert model.event("guard_replaced") == {"check": "redact", "parameter": "prompt"}


def test_the_checks_that_follow_see_the_replacement() -> None:
    seen: list[str] = []
    checked = guarded(prompt=[redact, seen.append, redact])
    assert checked(prompt="secret")[0] == "[…]"
    assert seen == ["[…]"]


# --- checks that break ------------------------------------------------------------------------


@every_kind
def test_a_check_that_crashes_blocks_and_is_named(kind: str) -> None:
    """21"""
    model = Guarded(kind, Guard(prompt=crash))
    with pytest.raises(
        GuardRejected, match=r"crash: it could not be made \(LookupError\)"
    ) as caught:
        model("hello")
    assert isinstance(caught.value.__cause__, LookupError)
    assert model.prompts == []
    assert model.events == ["check_error", "guard_rejected"]
    assert model.event("check_error")["error"] == "LookupError"
    assert model.record.checks[0].passed is False


@every_kind
def test_a_check_that_crashes_lets_pass_where_it_is_told_to(kind: str) -> None:
    """21"""
    lenient = reliai.check(crash, on_error="allow")
    model = Guarded(kind, Guard(prompt=[lenient, MaxLength(3)]))
    model("hey")
    assert model.prompts == ["hey"]
    assert model.event("check_bypassed") == {
        "check": "crash",
        "parameter": "prompt",
        "error": "LookupError",
    }
    assert model.record.checks == (
        CheckResult("crash", passed=False, reason="bypassed: it could not be made (LookupError)"),
    )
    with pytest.raises(GuardRejected, match="MaxLength"):
        model("hello")


@every_kind
@pytest.mark.parametrize("on_error", ["block", "allow"])
def test_a_check_that_hangs_is_left_behind_when_its_time_is_up(kind: str, on_error: Any) -> None:
    """22, 46"""

    @reliai.check(timeout=0.2, on_error=on_error)
    def slow(value: str) -> bool:
        active().sleep(30)
        return bool(value)

    model = Guarded(kind, Guard(prompt=slow))
    with virtual_clock() as clock:
        if on_error == "allow":
            model("hello")
            assert model.event("check_bypassed")["error"] == "timeout"
            assert model.record.duration == pytest.approx(0.2)
        else:
            with pytest.raises(GuardRejected, match=r"slow: it did not finish in 0\.2 s"):
                model("hello")
            assert model.prompts == []
            assert clock.now == pytest.approx(0.2)


@pytest.mark.parametrize("kind", ["async", "async_generator"])
@pytest.mark.parametrize("on_error", ["block", "allow"])
def test_an_asynchronous_check_that_hangs_is_cancelled(kind: str, on_error: Any) -> None:
    """22"""
    ended: list[str] = []

    @reliai.check(timeout=0.2, on_error=on_error)
    async def slow(value: str) -> bool:
        try:
            await asyncio.sleep(30)
        finally:
            ended.append(value)
        return True

    model = Guarded(kind, Guard(prompt=slow))
    with virtual_clock():
        if on_error == "allow":
            model("hello")
        else:
            with pytest.raises(GuardRejected, match=r"0\.2 s"):
                model("hello")
        assert model.record.duration == pytest.approx(0.2)
    assert ended == ["hello"]


def test_an_asynchronous_check_that_hides_its_cancellation_is_still_late() -> None:
    """22"""

    @reliai.check(timeout=0.2)
    async def stubborn(value: str) -> bool:
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            raise ConnectionError(value) from None
        return True

    model = Guarded("async", Guard(prompt=stubborn))
    with virtual_clock(), pytest.raises(GuardRejected, match="did not finish"):
        model("hello")


@pytest.mark.parametrize("kind", ["async", "async_generator"])
def test_an_asynchronous_check_is_awaited(kind: str) -> None:
    @reliai.check
    async def moderated(value: str) -> str | None:
        await asyncio.sleep(0)
        if value == "crash":
            raise LookupError
        return "it is rude" if value == "rude" else None

    model = Guarded(kind, Guard(prompt=moderated))
    model("hello")
    assert model.prompts == ["hello"]
    with pytest.raises(GuardRejected, match="it is rude"):
        model("rude")
    with pytest.raises(GuardRejected, match="LookupError"):
        model("crash")


def test_an_asynchronous_check_without_a_limit_is_awaited_too() -> None:
    class Unlimited(reliai.Check):
        async def __call__(self, value: Any, /) -> bool:
            await asyncio.sleep(0)
            return bool(value)

    model = Guarded("async", Guard(prompt=Unlimited()))
    assert model("hello") == "hello"
    with pytest.raises(GuardRejected, match="Unlimited"):
        model("")


@every_one_value
def test_a_limited_check_runs_on_a_thread_with_the_callers_context(kind: str) -> None:
    """44, 46"""
    variable = contextvars.ContextVar("trace", default="")
    seen: list[tuple[str, threading.Thread]] = []

    @reliai.check(timeout=5)
    def where(value: str) -> bool:
        seen.append((variable.get(), threading.current_thread()))
        variable.set("changed")
        return value == "hello"

    model = Guarded(kind, Guard(prompt=where))
    variable.set("t1")
    assert model("hello") == "hello"
    with pytest.raises(GuardRejected, match="where"):
        model("rude")
    (trace, thread), again = seen
    assert trace == "t1"
    assert thread is not threading.main_thread()
    assert again == (trace, thread)  # which is used again
    assert variable.get() == "t1"


def test_a_limited_check_does_not_block_the_event_loop() -> None:
    """46"""
    released = threading.Event()

    @reliai.check(timeout=30)
    def blocking(value: str) -> bool:
        return released.wait(10)

    @Guard(prompt=blocking)
    async def ask(prompt: str) -> str:
        return prompt

    async def both() -> str:
        task = asyncio.ensure_future(ask("hello"))
        await asyncio.sleep(0)
        released.set()  # only a loop that goes on gets here
        return await task

    assert asyncio.run(both()) == "hello"


@every_one_value
def test_what_a_limited_check_raises_is_its_crash(kind: str) -> None:
    """21"""
    model = Guarded(kind, Guard(prompt=reliai.check(crash, timeout=5)))
    with pytest.raises(GuardRejected, match="LookupError") as caught:
        model("hello")
    assert isinstance(caught.value.__cause__, LookupError)


def test_an_interrupt_within_a_limited_check_goes_through() -> None:
    @reliai.check(timeout=5)
    def interrupted(value: str) -> bool:
        raise KeyboardInterrupt(value)

    with pytest.raises(KeyboardInterrupt):
        guarded(prompt=interrupted)("hello")


@every_one_value
def test_the_calls_own_deadline_ends_a_check_as_what_it_is(kind: str) -> None:
    """22"""

    @reliai.check(timeout=5, on_error="allow")
    def slow(value: str) -> bool:
        active().sleep(30)
        return bool(value)

    model = Guarded(kind, Guard(prompt=slow))
    with virtual_clock() as clock, reliai.deadline(0.5):
        with pytest.raises(reliai.CallTimeout) as caught:
            model("hello")
        assert clock.now == pytest.approx(0.5)
    assert caught.value.layer == "inherited"
    assert model.prompts == []


def test_a_guarded_call_that_times_out_within_a_check_is_a_crash_of_the_check() -> None:
    """21"""

    @reliai.check(on_error="allow")
    def moderated(value: str) -> bool:
        raise reliai.CallTimeout("total", 1.0)

    model = Guarded("sync", Guard(prompt=moderated))
    assert model("hello") == "hello"
    assert model.event("check_bypassed")["error"] == "CallTimeout"


@pytest.mark.parametrize("blocking", [True, False])
def test_a_cancellation_during_a_check_goes_through(*, blocking: bool) -> None:
    """8"""

    async def cancelled() -> None:
        loop, started = asyncio.get_running_loop(), asyncio.Event()

        def block(value: str) -> None:
            loop.call_soon_threadsafe(started.set)
            active().sleep(30)

        async def suspend(value: str) -> None:
            started.set()
            await asyncio.sleep(30)

        @reliai.reliable(Guard(prompt=reliai.check(block if blocking else suspend, timeout=60)))
        async def ask(prompt: str) -> str:
            return prompt

        task = asyncio.ensure_future(ask("hello"))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with virtual_clock(), reliai.collect() as calls:
        asyncio.run(cancelled())
    assert calls[0].status == "cancelled"
    assert calls[0].events == ()


def left_behind(function: Any) -> int:
    bound = bound_of(function)
    assert bound is not None
    return bound.site.target.stragglers.count


def test_a_thread_left_behind_is_counted() -> None:
    """22"""
    released = threading.Event()
    with virtual_clock() as clock:

        @reliai.check(timeout=5)
        def stuck(value: str) -> None:
            clock.advance(6)
            released.wait(10)

        checked = guarded(prompt=stuck)
        with pytest.raises(GuardRejected, match="did not finish"):
            checked("hello")
        assert left_behind(checked) == 1
        released.set()


def test_a_thread_left_behind_by_an_asynchronous_call_is_counted() -> None:
    """22"""
    released = threading.Event()

    async def counted(clock: VirtualClock) -> int:
        loop = asyncio.get_running_loop()

        @reliai.check(timeout=5)
        def stuck(value: str) -> None:
            loop.call_soon_threadsafe(clock.advance, 6)
            released.wait(10)

        @Guard(prompt=stuck)
        async def ask(prompt: str) -> str:
            return prompt

        with pytest.raises(GuardRejected, match="did not finish"):
            await ask("hello")
        return left_behind(ask)

    with virtual_clock() as clock:
        assert asyncio.run(counted(clock)) == 1
        released.set()


@every_one_value
def test_threads_left_behind_are_bounded(kind: str) -> None:
    """22"""
    asked: list[str] = []
    model = Guarded(kind, Guard(prompt=reliai.check(asked.append, timeout=5)))
    bound = bound_of(model.function)
    assert bound is not None
    bound.site.target.stragglers.count = MAX_STRAGGLERS
    with pytest.raises(GuardRejected, match="did not finish"):
        model("hello")
    assert asked == []


@pytest.mark.skipif(
    sys.version_info >= (3, 12), reason="from 3.12 on a traceback keeps the frames above it as well"
)
@every_one_value
@pytest.mark.parametrize("timeout", [None, 5.0])
def test_a_crash_leaves_no_cycle_behind(kind: str, timeout: float | None) -> None:
    crashes: list[weakref.ref[Exception]] = []

    class Crash(Exception):
        pass

    def crashing(value: str) -> bool:
        error = Crash(value)
        crashes.append(weakref.ref(error))
        try:
            raise error
        finally:
            del error

    @reliai.reliable(Guard(prompt=reliai.check(crashing, timeout=timeout)))
    def ask(prompt: str) -> str:
        return prompt

    @reliai.reliable(Guard(prompt=reliai.check(crashing, timeout=timeout)))
    async def ask_async(prompt: str) -> str:
        return prompt

    gc.collect()
    gc.disable()
    try:
        outcome = (
            reliai.execute(ask, "hello")
            if kind == "sync"
            else asyncio.run(reliai.aexecute(ask_async, "hello"))
        )
        assert isinstance(outcome.error, GuardRejected)
        del outcome
        assert crashes[0]() is None
    finally:
        gc.enable()


# --- otherwise --------------------------------------------------------------------------------


@every_kind
def test_otherwise_answers_in_place_of_the_error(kind: str) -> None:
    def instead(call: reliai.Call, error: GuardRejected) -> str:
        return f"{call.arguments['prompt']}: {error.check}"

    model = Guarded(kind, Guard(prompt=[redact, MaxLength(2)], otherwise=instead))
    assert model("secret") == as_delivered(kind, "secret: MaxLength")
    assert model.prompts == []
    assert model.record.status == "degraded"
    assert model.events == ["guard_replaced", "guard_rejected", "otherwise"]


@pytest.mark.parametrize("kind", ["async", "async_generator"])
def test_otherwise_may_be_asynchronous_in_asynchronous_calls(kind: str) -> None:
    async def instead(call: reliai.Call, error: GuardRejected) -> str:
        await asyncio.sleep(0)
        return "sorry"

    model = Guarded(kind, Guard(prompt=MaxLength(3), otherwise=instead))
    assert model("hello") == as_delivered(kind, "sorry")
    assert model.record.status == "degraded"


@every_one_value
def test_what_otherwise_raises_comes_out(kind: str) -> None:
    def instead(call: reliai.Call, error: GuardRejected) -> str:
        raise PermissionError

    model = Guarded(kind, Guard(prompt=MaxLength(3), otherwise=instead))
    with pytest.raises(PermissionError) as caught:
        model("hello")
    assert isinstance(caught.value.__context__, GuardRejected)


def test_otherwise_may_raise_the_error_itself() -> None:
    def instead(call: reliai.Call, error: GuardRejected) -> str:
        raise error

    with pytest.raises(GuardRejected) as caught:
        guarded(prompt=MaxLength(3), otherwise=instead)("hello")
    assert caught.value.__context__ is None


def test_otherwise_that_gives_an_awaitable_to_a_synchronous_call_is_a_mistake() -> None:
    async def later() -> str:
        return "sorry"

    class Later:
        def __await__(self) -> Any:
            yield

    for made in (later, Later):
        checked = guarded(prompt=MaxLength(3), otherwise=lambda *_, made=made: made())
        with pytest.raises(ConfigurationError, match="gave an awaitable"):
            checked("hello")


# --- observing --------------------------------------------------------------------------------


@every_kind
def test_observing_lets_everything_pass_and_says_what_would_have_happened(kind: str) -> None:
    checks = [redact, MaxLength(3), crash, reliai.check(crash, name="lenient", on_error="allow")]
    model = Guarded(kind, Guard(prompt=checks, mode="observe"))
    model("secret")
    assert model.prompts == ["secret"]
    assert model.record.status == "success"
    assert model.events == [
        "guard_would_replace",
        "guard_would_reject",
        "check_error",
        "guard_would_reject",
        "check_bypassed",
    ]
    assert [(check.name, check.passed) for check in model.record.checks] == [
        ("redact", True),
        ("MaxLength", False),
        ("crash", False),
        ("lenient", False),
    ]


def test_operators_can_have_every_guard_observe() -> None:
    checked = guarded(prompt=MaxLength(3))
    with reliai.mode("observe"):
        assert checked("hello")[0] == "hello"
    with reliai.mode("off"):
        assert checked("hello")[0] == "hello"
    with pytest.raises(GuardRejected):
        checked("hello")


# --- mistakes in setting it up ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (Guard, "checks nothing"),
        (lambda: Guard(prompt=[]), "checks nothing"),
        (lambda: Guard(MaxLength), r"did you mean MaxLength\(\.\.\.\)"),
        (lambda: Guard(prompt=[str]), "did you mean output=str"),
        (lambda: anyhow(prompt=5), r"Guard\(prompt=…\)=5"),
        (lambda: Guard(NotEmpty(), mode="off"), "mode='off'"),
        (lambda: Guard(parameters=["prompt"], system=NotEmpty()), "there is no check for them"),
        (lambda: Guard(NotEmpty(), parameters=[]), r"parameters=\[\]"),
        (lambda: anyhow(NotEmpty(), parameters=[1]), r"parameters=\[1\]"),
    ],
)
def test_a_guard_that_makes_no_sense_cannot_be_made(make: Any, message: str) -> None:
    """53"""
    with pytest.raises(ConfigurationError, match=message):
        make()


@pytest.mark.parametrize(
    ("guard", "message"),
    [
        (
            Guard(promt=NotEmpty()),
            "no parameter 'promt'; its parameters are: prompt, system, limit",
        ),
        (Guard(NotEmpty(), parameters=["promt"]), "no parameter 'promt'; its parameters are"),
        (anyhow(NotEmpty(), otherwise="sorry"), "must be a function"),
        (anyhow(NotEmpty(), otherwise=str), "must be a function"),
        (Guard(Schema(object())), "is no type that pydantic can build"),
    ],
)
def test_what_the_function_cannot_honour_is_refused_when_it_is_decorated(
    guard: Guard, message: str
) -> None:
    """53"""
    with pytest.raises(ConfigurationError, match=message):
        guard(ask)


def test_asynchronous_functions_cannot_serve_a_synchronous_call() -> None:
    """53"""

    @reliai.check
    async def moderated(value: str) -> bool:
        return bool(value)

    async def instead(call: reliai.Call, error: GuardRejected) -> str:
        return "sorry"

    with pytest.raises(ConfigurationError, match="check 'moderated' is asynchronous"):
        Guard(moderated)(ask)
    with pytest.raises(ConfigurationError, match="instead is asynchronous"):
        Guard(NotEmpty(), otherwise=instead)(ask)


def test_a_function_without_parameters_cannot_be_guarded() -> None:
    """53"""
    with pytest.raises(ConfigurationError, match="no parameter that Guard could look at"):
        Guard(NotEmpty())(lambda: None)


def test_one_guard_serves_many_functions() -> None:
    guard = Guard(MaxLength(7))

    @guard
    def other(text: str) -> str:
        return text

    assert guard(ask)("hello")[0] == "hello"
    assert other("hello") == "hello"
    with pytest.raises(GuardRejected, match="'text'"):
        other("hello!!!")


def test_a_guard_tells_its_settings() -> None:
    described = Guard(MaxLength(5), mode="observe", system=[NotEmpty()], otherwise=print).describe()
    assert described["checks"][0]["characters"] == 5
    assert described["by_parameter"]["system"][0]["check"] == "NotEmpty"
    assert described["mode"] == "observe"
    assert described["otherwise"] == "print"
    assert Guard(NotEmpty(), parameters=["a"]).describe()["parameters"] == ["a"]

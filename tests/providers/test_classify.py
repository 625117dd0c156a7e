"""How errors are told: mistakes, cancellations and jumps, causes and groups."""

from __future__ import annotations

import asyncio
import concurrent.futures
from typing import Any

import pytest
import tenacity
from pydantic_ai import exceptions as pydantic_ai

from reliai import errors
from reliai.errors import BreakerVerdict, ConfigurationError, ErrorKind, Verdict, verdicts
from reliai.providers import Failure, classify, control_flow
from tests.providers.rows import WithStatus

NOWHERE = Verdict(retry=False, fall_back=False, breaker=BreakerVerdict.NONE)


def raised_from(error: Exception, cause: BaseException | None) -> Exception:
    error.__cause__ = cause
    return error


def raised_beside(error: Exception, context: BaseException) -> Exception:
    error.__context__ = context
    return error


@pytest.mark.parametrize("kind", [TypeError, NameError, UnboundLocalError, AssertionError])
def test_a_mistake_in_the_function_propagates_at_once(kind: type[Exception]) -> None:
    """Case 7: no retry, no fallback, and the breaker learns nothing."""
    failure = classify(kind("x"))
    assert failure == Failure(ErrorKind.UNKNOWN, programming=True)
    assert failure.verdict == NOWHERE


@pytest.mark.parametrize(
    "thing",
    [{"error": {"type": "overloaded_error"}}, "timeout", None, ConnectionError],
    ids=["json", "text", "none", "class"],
)
def test_what_is_no_exception_is_refused(thing: Any) -> None:
    with pytest.raises(ConfigurationError, match="give the exception that was raised"):
        classify(thing)


def test_a_mistake_made_while_handling_an_error_of_the_model_is_a_mistake() -> None:
    """Case 7."""
    assert classify(raised_beside(TypeError(), ConnectionError())).programming


@pytest.mark.parametrize(
    "error",
    [
        asyncio.CancelledError(),
        KeyboardInterrupt(),
        GeneratorExit(),
        SystemExit(1),
        concurrent.futures.CancelledError(),
        BaseExceptionGroup("g", [KeyboardInterrupt()]),
    ],
    ids=lambda error: f"{type(error).__module__} {type(error).__name__}",
)
def test_a_cancellation_is_nobodys_failure(error: BaseException) -> None:
    """Case 8: never retried, never given to a fallback, and the breaker unchanged."""
    failure = classify(error)
    assert failure == Failure(ErrorKind.CANCELLED)
    assert failure.verdict == NOWHERE


def test_a_cancellation_that_is_an_exception_too_is_a_cancellation() -> None:
    """Case 8."""

    class Redacted(asyncio.CancelledError, Exception):
        pass

    assert classify(Redacted()).kind is ErrorKind.CANCELLED


@pytest.mark.parametrize(
    "error",
    [
        pydantic_ai.ModelRetry("again"),
        pydantic_ai.CallDeferred(),
        pydantic_ai.ApprovalRequired(),
        pydantic_ai.ToolFailed("no"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_jump_of_pydantic_ai_is_no_failure(error: Exception) -> None:
    assert classify(error) == Failure(ErrorKind.UNKNOWN, control_flow=True)


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("starlette.exceptions", "HTTPException"),
        ("django.http.response", "Http404"),
        ("langgraph.errors", "GraphBubbleUp"),
        ("celery.exceptions", "TaskPredicate"),
        ("werkzeug.exceptions", "HTTPException"),
        ("tornado.web", "HTTPError"),
        ("aiohttp.web_exceptions", "HTTPException"),
    ],
)
def test_a_jump_of_a_framework_is_known_by_name_and_so_are_its_kinds(
    module: str, name: str
) -> None:
    """The frameworks themselves are not needed to know their jumps."""
    base = type(name, (Exception,), {"__module__": module, "status_code": 503})
    derived = type("Interrupt", (base,), {"__module__": "app"})
    assert classify(derived()) == Failure(ErrorKind.UNKNOWN, control_flow=True)


def test_the_same_name_elsewhere_is_no_jump() -> None:
    anything = type("HTTPException", (Exception,), {"__module__": "app", "status_code": 503})
    assert classify(anything()).kind is ErrorKind.SERVER


def test_a_registered_type_is_a_jump_with_all_derived_from_it() -> None:
    class Pause(LookupError):
        pass

    before = classify(Pause()), classify(KeyError())
    control_flow(LookupError)
    after = classify(Pause()), classify(KeyError())
    assert [each.control_flow for each in (*before, *after)] == [False, False, True, True]
    assert after[0].verdict == NOWHERE


def test_a_registered_refusal_of_our_own_family_is_a_jump() -> None:
    class Stop(errors.ReliaiError):
        pass

    control_flow(Stop)
    assert classify(Stop()).control_flow


@pytest.mark.parametrize("wrong", ["TimeoutError", ValueError("x"), int])
def test_what_is_no_exception_class_cannot_be_registered(wrong: Any) -> None:
    with pytest.raises(ConfigurationError, match="takes exception classes, not"):
        control_flow(wrong)


def test_an_error_that_says_nothing_is_what_it_came_from() -> None:
    failure = classify(raised_from(RuntimeError("wrapped"), WithStatus(429, retry_after=3)))
    assert (failure.kind, failure.status, failure.retry_after) == (ErrorKind.RATE_LIMITED, 429, 3)


def test_an_error_that_says_nothing_is_what_it_was_raised_beside() -> None:
    assert classify(raised_beside(ValueError(), TimeoutError())).kind is ErrorKind.TIMEOUT


def test_a_suppressed_context_is_not_asked() -> None:
    error = raised_beside(ValueError(), TimeoutError())
    error.__suppress_context__ = True
    assert classify(error).kind is ErrorKind.UNKNOWN


def test_an_error_handed_on_as_an_argument_is_asked() -> None:
    assert classify(RuntimeError(ConnectionResetError())).kind is ErrorKind.CONNECTION
    assert classify(RuntimeError("broken", ConnectionResetError())).kind is ErrorKind.CONNECTION


def test_an_error_that_speaks_for_itself_is_not_what_it_came_from() -> None:
    assert classify(raised_from(WithStatus(401), TimeoutError())).kind is ErrorKind.AUTH


@pytest.mark.parametrize(
    "inner", [TypeError(), asyncio.CancelledError(), pydantic_ai.ModelRetry("x")], ids=repr
)
def test_a_jump_behind_an_error_is_not_what_failed(inner: BaseException) -> None:
    failure = classify(raised_from(RuntimeError(), inner))
    assert failure.kind is ErrorKind.UNKNOWN
    assert not failure.programming
    assert not failure.control_flow
    assert failure.verdict == verdicts[ErrorKind.UNKNOWN]


def test_a_timeout_made_of_a_cancellation_is_a_timeout() -> None:
    error = raised_from(TimeoutError(), asyncio.CancelledError())
    assert classify(error).kind is ErrorKind.TIMEOUT


def test_causes_that_go_in_a_circle_end() -> None:
    first, second = ValueError(), ValueError()
    first.__cause__, second.__cause__ = second, first
    assert classify(first).kind is ErrorKind.UNKNOWN


def test_a_long_chain_of_causes_is_cut_short() -> None:
    error: Exception = ConnectionError()
    for _ in range(100):
        error = raised_from(ValueError(), error)
    assert classify(error).kind is ErrorKind.UNKNOWN


def test_tenacity_gives_up_with_the_kind_of_the_last_attempt() -> None:
    @tenacity.retry(stop=tenacity.stop_after_attempt(1))
    def fail() -> None:
        raise WithStatus(503)

    with pytest.raises(tenacity.RetryError) as caught:
        fail()
    assert classify(caught.value).kind is ErrorKind.SERVER


def test_a_group_is_the_first_of_its_errors_that_says_something() -> None:
    group = ExceptionGroup("g", [ValueError(), ExceptionGroup("h", [WithStatus(429)])])
    assert classify(group).kind is ErrorKind.RATE_LIMITED


def test_a_mistake_in_a_group_propagates_at_once() -> None:
    """Case 7, in a task group."""
    assert classify(ExceptionGroup("g", [ValueError(), TypeError()])).programming


def test_a_group_of_very_many_errors_is_looked_at_in_part() -> None:
    group = ExceptionGroup("g", [*(ValueError() for _ in range(500)), TypeError()])
    assert not classify(group).programming

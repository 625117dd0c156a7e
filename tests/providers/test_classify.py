"""How errors are told: causes, groups, jumps, the table of verdicts, and what errors may do."""

from __future__ import annotations

import asyncio
import concurrent.futures
from typing import TYPE_CHECKING, Any

import pytest
import tenacity
from hypothesis import given
from hypothesis import strategies as st
from pydantic_ai import exceptions as pydantic_ai

from reliai import errors
from reliai.errors import BreakerVerdict, ConfigurationError, ErrorKind, Verdict, verdicts
from reliai.providers import Failure, classify, control_flow
from reliai.providers.traits import _registered, forget_types

if TYPE_CHECKING:
    from collections.abc import Iterator

NOWHERE = Verdict(retry=False, fall_back=False, breaker=BreakerVerdict.NONE)


@pytest.fixture(autouse=True)
def kept_tables() -> Iterator[None]:
    """Put back the table of verdicts and the registered types."""
    table, types = dict(verdicts), set(_registered)
    yield
    verdicts.clear()
    verdicts.update(table)
    _registered.clear()
    _registered.update(types)
    forget_types()


def raised_from(error: Exception, cause: BaseException | None) -> Exception:
    error.__cause__ = cause
    return error


def raised_beside(error: Exception, context: BaseException) -> Exception:
    error.__context__ = context
    return error


class WithStatus(Exception):
    """An error of a library nobody knows."""

    def __init__(self, status_code: object, **more: object) -> None:
        super().__init__("m")
        self.status_code = status_code
        vars(self).update(more)


# --- what is judged by its type alone -------------------------------------------------------


@pytest.mark.parametrize("kind", [TypeError, NameError, UnboundLocalError, AssertionError])
def test_a_mistake_in_the_function_propagates_at_once(kind: type[Exception]) -> None:
    """Case 7: no retry, no fallback, and the breaker learns nothing."""
    failure = classify(kind("x"))
    assert failure == Failure(ErrorKind.UNKNOWN, programming=True)
    assert failure.verdict == NOWHERE


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


# --- causes ---------------------------------------------------------------------------------


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


# --- groups ---------------------------------------------------------------------------------


def test_a_group_is_the_first_of_its_errors_that_says_something() -> None:
    group = ExceptionGroup("g", [ValueError(), ExceptionGroup("h", [WithStatus(429)])])
    assert classify(group).kind is ErrorKind.RATE_LIMITED


def test_a_mistake_in_a_group_propagates_at_once() -> None:
    """Case 7, in a task group."""
    assert classify(ExceptionGroup("g", [ValueError(), TypeError()])).programming


def test_a_group_of_very_many_errors_is_looked_at_in_part() -> None:
    group = ExceptionGroup("g", [*(ValueError() for _ in range(500)), TypeError()])
    assert not classify(group).programming


# --- facts ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (WithStatus(418), ErrorKind.BAD_REQUEST),
        (WithStatus(600), ErrorKind.UNKNOWN),
        (WithStatus(399), ErrorKind.UNKNOWN),
        (WithStatus(True), ErrorKind.UNKNOWN),
        (WithStatus("503"), ErrorKind.UNKNOWN),
        (WithStatus(None, code="conflict"), ErrorKind.UNKNOWN),
        (WithStatus(None, type="timeout", message="maximum context length"), ErrorKind.UNKNOWN),
        (WithStatus(400, body='{"error": "prompt is too long"}'), ErrorKind.CONTEXT_LENGTH),
        (WithStatus(400, body=b"the prompt is too long"), ErrorKind.CONTEXT_LENGTH),
        (WithStatus(400, body='[{"error": {"code": "content_filter"}}]'), ErrorKind.CONTENT_FILTER),
        (WithStatus(400, body=[{"code": "content_filter"}]), ErrorKind.CONTENT_FILTER),
        (WithStatus(400, body="{broken"), ErrorKind.BAD_REQUEST),
        (WithStatus(400, body="[]"), ErrorKind.BAD_REQUEST),
        (WithStatus(400, body={"detail": "prompt is too long"}), ErrorKind.CONTEXT_LENGTH),
        (WithStatus(400, body="{" + "x" * 100_000), ErrorKind.BAD_REQUEST),
    ],
    ids=lambda value: repr(vars(value))[:60] if isinstance(value, Exception) else str(value),
)
def test_an_error_of_an_unknown_library_is_believed_in_its_status(
    error: Exception, kind: ErrorKind
) -> None:
    """Codes and messages are believed only beside a status, or of a provider's package."""
    assert classify(error).kind is kind


def test_an_error_with_facts_put_on_it_is_not_taken_for_its_plain_kind() -> None:
    plain, told = ValueError(), ValueError()
    told.status_code = 503  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    assert [classify(plain).kind, classify(told).kind, classify(plain).kind] == [
        ErrorKind.UNKNOWN,
        ErrorKind.SERVER,
        ErrorKind.UNKNOWN,
    ]


def test_many_types_made_at_run_time_are_not_all_remembered() -> None:
    from reliai.providers.traits import _known

    for number in range(1100):
        classify(type(f"Error{number}", (Exception,), {})())
    assert len(_known) <= 1024


# --- the table of verdicts --------------------------------------------------------------------


@pytest.mark.parametrize(
    "error",
    [ConnectionError(), WithStatus(500), WithStatus(429), ValueError()],
    ids=["plain", "server", "rate limit", "unknown"],
)
def test_the_table_is_asked_each_time(error: Exception) -> None:
    before = classify(error)
    assert before.verdict == verdicts[before.kind]
    changed = Verdict(retry=False, fall_back=False, breaker=BreakerVerdict.SUCCESS)
    errors.verdicts[before.kind] = changed
    assert classify(error).verdict == changed


def test_a_kind_taken_out_of_the_table_does_nothing() -> None:
    del verdicts[ErrorKind.CONNECTION]
    assert classify(ConnectionError()).verdict == NOWHERE


def test_no_entry_of_the_table_makes_a_mistake_retried() -> None:
    """Case 7."""
    verdicts[ErrorKind.UNKNOWN] = Verdict(
        retry=True, fall_back=True, breaker=BreakerVerdict.FAILURE
    )
    assert classify(TypeError()).verdict == NOWHERE
    assert classify(TypeError()).verdict == NOWHERE


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (WithStatus(429, code="insufficient_quota"), (False, True, "none")),
        (WithStatus(400, code="context_length_exceeded"), (False, True, "none")),
        (WithStatus(400, code="content_filter"), (False, True, "none")),
        (WithStatus(400), (False, False, "none")),
        (WithStatus(503), (True, True, "failure")),
    ],
    ids=lambda value: repr(vars(value)) if isinstance(value, Exception) else str(value),
)
def test_what_is_done_about_a_kind(error: Exception, verdict: tuple[object, ...]) -> None:
    """Cases 5 (quota: no retry, fall back), 29 (refusal: the same), 30 (a larger model), 31 (ten
    bad requests teach the breaker nothing)."""
    assert classify(error).verdict == verdict


# --- whatever an error does -------------------------------------------------------------------


class Hostile(Exception):
    """Every attribute raises."""

    def __getattribute__(self, name: str) -> object:
        if name in ("__class__", "__dict__"):
            return super().__getattribute__(name)
        raise RuntimeError(name)


class Odd(dict[str, object]):
    """A mapping that breaks when it is read."""

    def get(self, *_: object) -> object:
        raise KeyError

    def __getitem__(self, _: object) -> object:
        raise ValueError

    def __contains__(self, _: object) -> bool:
        return True


def test_a_request_that_breaks_when_read_proves_nothing_else() -> None:
    error = ConnectionRefusedError()
    vars(error)["request"] = WithStatus(None, headers=Odd(x=1))
    assert classify(error).sent is False


class Lie(str):
    """A string whose methods raise."""

    __slots__ = ()

    def lower(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (Hostile(), ErrorKind.UNKNOWN),
        (OSError(object(), "m"), ErrorKind.UNKNOWN),
        (WithStatus(500, body=Odd(x=1), response=Odd(x=1)), ErrorKind.SERVER),
        (WithStatus(500, body=[Odd(x=1)], headers=Odd(x=1)), ErrorKind.SERVER),
        (WithStatus(500, body={"error": Odd(x=1)}, details=Odd(x=1)), ErrorKind.SERVER),
        (WithStatus(500, code=Lie("x"), message=Lie("m")), ErrorKind.SERVER),
        (WithStatus(500, headers={1: 2, "Retry-After": b"\xff"}), ErrorKind.SERVER),
        (WithStatus(500, body={"error": {"details": [None, 1, {"reason": 3}]}}), ErrorKind.SERVER),
        (WithStatus(500, body={}, details=[{}], retry_after=float("nan")), ErrorKind.SERVER),
    ],
    ids=[str(number) for number in range(9)],
)
def test_whatever_its_attributes_do_an_error_is_told(error: Exception, kind: ErrorKind) -> None:
    assert classify(error).kind is kind


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
NAMES = st.sampled_from(
    """status_code status code type body details response raw_response headers message reason
    retry_after litellm_response_headers phase in_stream request args errno""".split()
)
BASES: tuple[type[Exception], ...] = (Exception, ValueError, ConnectionError, OSError, TypeError)
CLASSES = st.sampled_from(["APIError", "RateLimitError", "APIConnectionError", "X"])


@given(
    fields=st.dictionaries(NAMES, ANYTHING),
    base=st.sampled_from(BASES),
    name=CLASSES,
    module=st.sampled_from(["openai", "app", "botocore", "litellm", "httpx"]),
    now=st.floats(allow_nan=False),
)
def test_no_error_makes_classify_raise(
    fields: dict[str, Any], base: type[Exception], name: str, module: str, now: float
) -> None:
    error = type(name, (base,), {"__module__": module})()
    for field, value in fields.items():
        try:
            setattr(error, field, value)
        except (TypeError, ValueError):
            continue
    failure = classify(error, now)
    assert failure.kind in ErrorKind
    assert failure.retry_after is None or 0 <= failure.retry_after < float("inf")
    assert failure.status is None or 400 <= failure.status < 600
    assert failure == classify(error, now)

"""What errors are believed in, what is done about each kind, and what errors may do."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliai import errors
from reliai.errors import BreakerVerdict, ErrorKind, Verdict, verdicts
from reliai.providers import classify
from tests.providers.rows import WithStatus

NOWHERE = Verdict(retry=False, fall_back=False, breaker=BreakerVerdict.NONE)


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

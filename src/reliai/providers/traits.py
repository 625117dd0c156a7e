"""What the type of an error tells by itself, worked out once for each type and remembered."""

from __future__ import annotations

import builtins
import errno
from enum import Enum
from typing import TYPE_CHECKING, Final, NamedTuple

from reliai.errors import ConfigurationError
from reliai.providers.taxonomy import (
    BARE_STREAM_ERRORS,
    NAMES,
    PROVIDERS,
    STREAM_NAMES,
    TRANSPORT_NAMES,
    TRANSPORTS,
    UNSENT_ERRNOS,
    Rank,
)

if TYPE_CHECKING:
    from reliai.providers.failure import Failure

__all__ = [
    "UNSENT_NUMBERS",
    "Special",
    "Traits",
    "control_flow",
    "forget_types",
    "settled",
    "traits_of",
]


class Special(Enum):
    """Errors that are judged by their type alone, before anything else is asked."""

    CANCELLED = "cancelled"
    CONTROL_FLOW = "control flow"
    PROGRAMMING = "programming"
    NONE = "none"


class Traits(NamedTuple):
    """What a type of error tells."""

    special: Special
    rank: Rank
    """By its name and those of its bases; `Rank.NOTHING` when they say nothing."""
    sent: bool | None
    provider: bool
    """Its package is a provider's, so its codes and its message may be believed."""
    in_stream: bool
    sdk_retries: bool
    """The package repeats requests by itself and does not tell how the earlier ones ended."""
    invents: bool
    """The package gives errors a status even where no server sent one."""
    fixed: bool
    """Nothing can be read from an instance: it is one of Python's own."""


_FRAMEWORKS: Final = frozenset(
    """starlette.HTTPException starlette.WebSocketException aiohttp.HTTPException
    litestar.HTTPException werkzeug.HTTPException sanic.SanicException tornado.HTTPError
    tornado.Finish django.Http404 django.PermissionDenied rest_framework.APIException
    pydantic_ai.ModelRetry pydantic_ai.ToolRetryError pydantic_ai.ToolFailed
    pydantic_ai.ToolFailedError pydantic_ai.CallDeferred pydantic_ai.ApprovalRequired
    pydantic_ai.SkipModelRequest pydantic_ai.RetryModelRequest pydantic_ai.SkipToolValidation
    pydantic_ai.SkipToolExecution langgraph.GraphBubbleUp celery.TaskPredicate dramatiq.Retry
    huey.RetryTask huey.CancelExecution huey.TaskLockedException prefect.PrefectSignal
    airflow.AirflowSkipException airflow.AirflowRescheduleException airflow.TaskDeferred
    agents.InputGuardrailTripwireTriggered agents.OutputGuardrailTripwireTriggered
    agents.ToolInputGuardrailTripwireTriggered agents.ToolOutputGuardrailTripwireTriggered
    unittest.SkipTest""".split()
)
"""Exceptions that steer a framework instead of telling of a failure; subclasses count."""
_CANCELLATIONS: Final = frozenset({"concurrent.CancelledError", "pydantic_ai.RunCancelled"})
_NOT_CANCELLATIONS: Final = frozenset({"pydantic_ai.RunTimedOut"})
_PROGRAMMING: Final = (TypeError, NameError, AssertionError)
_SDK_RETRIES: Final = frozenset({"botocore", "boto3"})
_INVENTS: Final = frozenset({"litellm"})
_FIXED: Final = frozenset(
    each
    for each in vars(builtins).values()
    if isinstance(each, type)
    and issubclass(each, Exception)
    and not issubclass(each, (BaseExceptionGroup, Warning))
    and (not issubclass(each, OSError) or issubclass(each, (TimeoutError, ConnectionError)))
)
_MOST: Final = 1024  # botocore makes new classes for each client: remember no more than this

UNSENT_NUMBERS: Final = frozenset(
    number for name in UNSENT_ERRNOS if (number := getattr(errno, name, None)) is not None
)
"""`UNSENT_ERRNOS` as numbers of this operating system."""

_registered: set[type[BaseException]] = set()
_known: dict[type[BaseException], Traits] = {}
settled: dict[type[BaseException], Failure] = {}
"""What `classify` gave for types whose instances tell no more; here, to be forgotten with them."""


def control_flow(*types: type[BaseException]) -> None:
    """Say that exceptions of `types` are jumps, not failures: they pass every policy untouched.

    They are neither retried nor given to a fallback, and no breaker learns from them.

    Args:
        *types: exception classes; their subclasses are meant too.

    Raises:
        ConfigurationError: one of them is not an exception class.
    """
    for each in types:
        if not (isinstance(each, type) and issubclass(each, BaseException)):
            message = f"control_flow() takes exception classes, not {each!r}"
            raise ConfigurationError(message)
    _registered.update(types)
    forget_types()


def forget_types() -> None:
    """Work every type out anew when it is next met."""
    _known.clear()
    settled.clear()


def traits_of(kind: type[BaseException]) -> Traits:
    """What this type of error tells, from memory after the first time."""
    found = _known.get(kind)
    if found is None:
        if len(_known) >= _MOST:
            _known.clear()
        found = _known[kind] = _work_out(kind)
    return found


def _work_out(kind: type[BaseException]) -> Traits:
    classes = [(each, each.__module__.partition(".")[0]) for each in kind.__mro__]
    names = [(each.__name__, f"{root}.{each.__name__}") for each, root in classes]
    rank = min(NAMES.get(key, Rank.NOTHING) for pair in names for key in pair)
    transport, sent = _by_transport(classes)
    bare = kind.__name__ in BARE_STREAM_ERRORS
    provider = bare or any(root in PROVIDERS for _, root in classes)
    if bare and provider:
        rank = min(rank, Rank.STREAM)
    return Traits(
        special=_special(kind, [key for _, key in names]),
        rank=min(rank, transport),
        sent=sent,
        provider=provider,
        in_stream=any(name in STREAM_NAMES for name, _ in names),
        sdk_retries=any(root in _SDK_RETRIES for _, root in classes),
        invents=any(root in _INVENTS for _, root in classes),
        fixed=kind in _FIXED,
    )


def _by_transport(classes: list[tuple[type, str]]) -> tuple[Rank, bool | None]:
    """What the nearest class of a network package says: a base class may say less or too much."""
    for each, root in classes:
        if root in TRANSPORTS and each.__name__ in TRANSPORT_NAMES:
            return TRANSPORT_NAMES[each.__name__]
    return Rank.NOTHING, None


def _special(kind: type[BaseException], names: list[str]) -> Special:
    if any(issubclass(kind, each) for each in _registered):
        return Special.CONTROL_FLOW
    if not issubclass(kind, Exception) or "asyncio.CancelledError" in names:
        return Special.CANCELLED
    for name in names:
        if name in _NOT_CANCELLATIONS:
            break
        if name in _CANCELLATIONS:
            return Special.CANCELLED
        if name in _FRAMEWORKS:
            return Special.CONTROL_FLOW
    return Special.PROGRAMMING if issubclass(kind, _PROGRAMMING) else Special.NONE

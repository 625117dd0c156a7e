"""Limits on how long a call, an attempt, the first chunk or the next one may take."""

from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING, Any

from reliai._core.complaints import parentheses
from reliai._core.decorator import Policy
from reliai.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reliai._core.call import Call, Proceed
    from reliai._core.outcome import Outcome
    from reliai._core.site import Site

__all__ = ["Timeout"]

ENFORCED = ("thread", "deadline")

_NO_STREAM = ("str", "bytes", "int", "float", "bool", "dict", "list", "tuple", "set", "None")


class Timeout(Policy):
    """Lowers the deadline of what is inside; the wait for the function is bounded by the nearest.

    Around Retry it limits the whole call, inside it one attempt. On a stream inside Retry,
    `first_chunk` or else `seconds` limits the time to the first chunk; from then on `idle` and the
    limit of the whole call apply. Time during which the consumer holds a chunk is charged to none.

    An asynchronous function is cancelled. A synchronous one cannot be: it runs on a worker thread
    that is left behind (`enforce="thread"`), or it keeps to `reliai.remaining()` by itself
    (`enforce="deadline"`, the default of `reliable(cooperative=True)`, and of a function that gives
    one value and uses wrapped clients only: see `reliai.integrations`).

    Args:
        seconds: limit in seconds, above 0; None for none.
        first_chunk: seconds from the start of an attempt to a stream's first chunk.
        idle: seconds between two chunks of a stream.
        enforce: how a synchronous function is held to it: "thread" or "deadline".

    Raises:
        ConfigurationError: for a value out of range, or when nothing is limited.
    """

    _derived = ("layer",)

    def __init__(
        self,
        seconds: float | None = None,
        *,
        first_chunk: float | None = None,
        idle: float | None = None,
        enforce: str | None = None,
    ) -> None:
        given = {"seconds": seconds, "first_chunk": first_chunk, "idle": idle}
        for name, value in given.items():
            if value is not None:
                _check_seconds(name, value)
        if all(value is None for value in given.values()):
            message = "Timeout() limits nothing; give seconds, first_chunk or idle"
            raise ConfigurationError(message)
        if seconds is not None and first_chunk is not None and first_chunk > seconds:
            message = (
                f"Timeout({seconds!r}, first_chunk={first_chunk!r}): the first chunk cannot take "
                f"longer than the whole; give first_chunk <= {seconds!r}"
            )
            raise ConfigurationError(message)
        if enforce is not None and enforce not in ENFORCED:
            message = f"Timeout(enforce={enforce!r}) is unknown; use 'thread' or 'deadline'"
            raise ConfigurationError(message)
        self.seconds = seconds
        self.first_chunk = first_chunk
        self.idle = idle
        self.enforce = enforce
        self.layer = "total"

    @property
    def rank(self) -> int:
        """Its place in the canonical order: around Fallback, or next to the function."""
        return 40 if self.layer == "total" else 120

    def bind(self, site: Site) -> Timeout:
        bound = copy.copy(self)
        bound.layer = _layer(site)
        bound.enforce = self._enforcement(site)
        site.threaded = site.threaded or bound.enforce == "thread"
        if self.seconds is None and not site.streaming and _gives_no_stream(site):
            message = (
                f"{site.name} gives no stream, so {self!r} would limit nothing; "
                "give seconds, or leave it out"
            )
            raise ConfigurationError(message)
        return bound

    def _enforcement(self, site: Site) -> str:
        if not site.asynchronous:
            return self.enforce or self._usual_enforcement(site)
        if self.enforce is None:
            return "cancel"
        message = (
            f"Timeout(enforce={self.enforce!r}) is for synchronous functions; {site.name} is "
            "asynchronous and is cancelled when time runs out. Leave enforce out"
        )
        raise ConfigurationError(message)

    @staticmethod
    def _usual_enforcement(site: Site) -> str:
        from reliai.providers import keeps_time  # noqa: PLC0415  decorating only

        if site.cooperative:
            return "deadline"
        # The limits of a stream change from chunk to chunk, and those of a client's request do not.
        site.spared = site.spared or (not site.streaming and keeps_time(site.function))
        return "deadline" if site.spared else "thread"

    async def run(self, call: Call, proceed: Proceed) -> Outcome:
        kept = call.first_chunk, call.idle
        if self.first_chunk is not None:
            call.first_chunk = _lesser(self.first_chunk, call.first_chunk)
        if self.idle is not None:
            call.idle = _lesser(self.idle, call.idle)
        if self.seconds is None:
            outcome = await proceed(call)
        elif self.layer == "attempt":
            outer_limit = call.attempt_limit
            call.attempt_limit = _lesser(self.seconds, outer_limit)
            outcome = await proceed(call)
            call.attempt_limit = outer_limit
        else:
            until = call.clock.monotonic() + self.seconds
            outer = call.deadline, call.layer, call.limit
            if outer[0] is None or until < outer[0]:
                call.deadline, call.layer, call.limit = until, "total", self.seconds
            outcome = await proceed(call)
            call.deadline, call.layer, call.limit = outer
        call.first_chunk, call.idle = kept
        return outcome


def _lesser(seconds: float, outer: float | None) -> float:
    return seconds if outer is None or seconds < outer else outer


def _layer(site: Site) -> str:
    def repeats(policies: Iterable[object]) -> bool:
        return any(getattr(policy, "repeats", False) for policy in policies)

    return "attempt" if repeats(site.outside()) and not repeats(site.inside()) else "total"


def _gives_no_stream(site: Site) -> bool:
    returns: Any = site.signature.return_annotation
    name = returns if isinstance(returns, str) else getattr(returns, "__name__", "")
    return site.output is not None or str(name).partition("[")[0] in _NO_STREAM


def _check_seconds(name: str, value: Any) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 < value < math.inf:
        message = f"Timeout({name}={value!r}): must be a number of seconds above 0"
        raise ConfigurationError(message + parentheses(value, "Timeout"))

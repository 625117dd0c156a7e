"""A share of the calls for a sink that need not have all of them, and every one that matters."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

from reliai._core.observers import observes
from reliai._core.record import CallRecord
from reliai.errors import ConfigurationError
from reliai.telemetry._settings import number
from reliai.telemetry._tracing import note_trace

if TYPE_CHECKING:
    from reliai._core.call import Call

__all__ = ["Sampled"]

_HALF: Final = 1 << 64
"""Of a trace id the lower half decides, as with OpenTelemetry's own sampler of a share."""


class Sampled:
    """Shows another observer a share of the calls, and all that failed, were slow, or were refused.

    Always shown: calls that are no success, those that took `slow` seconds or more, and those in
    which a check said no. Of the others the trace decides, or the outermost call where there is no
    trace, so that all calls of one trace are shown or none, in every process. Metrics must not be
    sampled: give `Prometheus` and `OpenTelemetry` every call.

    Args:
        observer: one that looks at ended calls, such as `JsonLines`, `Webhook` or `RecordStore`.
        rate: the share of calls, from 0 to 1.
        slow: seconds from which a call is always shown; None for no such limit.

    Attributes:
        left_out: calls that were not shown.

    Raises:
        ConfigurationError: for a number out of its range, or an observer that sees calls start.
    """

    def __init__(self, observer: Any, rate: float, *, slow: float | None = None) -> None:
        known = isinstance(rate, int | float) and not isinstance(rate, bool)
        if not known or not 0 <= rate <= 1:
            message = f"Sampled(rate={rate!r}): must be a share from 0 to 1"
            raise ConfigurationError(message)
        if isinstance(observer, type) or not observes(observer):
            message = f"Sampled({observer!r}): give an observer"
            raise ConfigurationError(message)
        if any(callable(getattr(observer, name, None)) for name in ("activate", "on_event")):
            message = (
                f"Sampled({observer!r}): it sees calls before their end, when nobody knows yet "
                "which will matter; sample its traces in the collector"
            )
            raise ConfigurationError(message)
        self.rate = rate
        self.slow = None if slow is None else number("Sampled", "slow", slow)
        self.left_out = 0
        self._observer = observer
        self.inline = bool(getattr(observer, "inline", False))
        self.reads_content = bool(getattr(observer, "reads_content", False))

    def __getattr__(self, name: str) -> Any:
        """Flush, close, counts and the like are the other one's."""
        if name.startswith("__") or name in {"_observer", "on_event", "activate"}:
            raise AttributeError(name)
        return getattr(self._observer, name)

    def on_start(self, call: Call) -> None:
        """Note the trace that decides."""
        note_trace(call)
        started = getattr(self._observer, "on_start", None)
        if started is not None:
            started(call)

    def on_end(self, record: CallRecord) -> None:
        """Show the record, or leave it out."""
        if self.keeps(record):
            self._observer.on_end(record)
        else:
            self.left_out += 1

    def keeps(self, record: CallRecord) -> bool:
        """Whether the other observer is shown it."""
        return self._matters(record) or _place(record) < self.rate

    def _matters(self, record: CallRecord) -> bool:
        if record.status != "success":
            return True
        if self.slow is not None and (record.duration or 0.0) >= self.slow:
            return True
        return any(not check.passed for check in record.checks)

    def __repr__(self) -> str:
        return f"<reliai.telemetry.Sampled {self.rate:g} of {self._observer!r}>"


def _place(record: CallRecord) -> float:
    """Where between 0 and 1 the record's trace is, evenly spread; the same everywhere."""
    trace_id = record.trace_id
    if trace_id is not None:
        return int(trace_id[16:], 16) / _HALF
    while isinstance(record._parent, CallRecord):  # noqa: SLF001  up to the outermost call
        record = record._parent  # noqa: SLF001
    digest = hashlib.blake2b(record.id.encode(), digest_size=8).digest()
    return int.from_bytes(digest) / _HALF

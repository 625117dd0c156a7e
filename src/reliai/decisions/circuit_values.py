"""What a circuit says: its answers, its changes and its snapshot. Plain values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Hashable

__all__ = ["Admission", "Change", "Snapshot", "Standing", "State"]

State = Literal["closed", "open", "half_open", "isolated"]


class Change(NamedTuple):
    """Something that happened to a circuit."""

    kind: Literal["opened", "half_open", "closed", "isolated", "detector_failed"]
    reason: str
    """Why: failure_rate, slow_rate, consecutive, detector, rate_limited, probe_failed; break_over;
    probes_passed, pause_over; operator; fleet: another process. For detector_failed the name of the
    error's type."""
    rate: float | None = None
    """Share of failures behind it, where a rate was behind it."""
    open_for: float | None = None
    """Seconds until the first probe, when it opened."""


class Admission(NamedTuple):
    """The answer to a request for a permit."""

    permit: int
    """Goes to `record` with the result; 0: refused."""
    retry_after: float | None = None
    """Seconds until a probe may pass, when refused; None: an operator decides."""
    change: Change | None = None


class Standing(NamedTuple):
    """Where a circuit stands, for another one to stand there too."""

    state: State
    seconds: float = 0.0
    """Left of the break."""
    failed_attempts: int = 0
    """Half-open attempts that failed since it was closed; each doubles the break."""
    only_paused: bool = False
    """Whether it is open for a rate limit's Retry-After and no more."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a circuit knew at one moment; times are seconds of the monotonic clock."""

    name: str
    target: str | None
    key: Hashable
    state: State
    calls: int
    """Recorded calls in the window; while half open, results of probes. So failures and slow."""
    failures: int
    slow: int
    ignored: int
    """Results without a verdict since the circuit was made. So rejected and late."""
    rejected: int
    late: int
    """Results that came after the state had changed, and were dropped."""
    rate: float | None
    """Share of failures among `calls`; None before `min_calls`."""
    opened_at: float | None
    retry_after: float | None
    """Seconds until a probe may pass; 0.0 when a call may pass now, None when isolated."""
    generation: int
    """How many times the state has changed."""

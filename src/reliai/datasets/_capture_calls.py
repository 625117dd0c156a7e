"""An ended call as rules see it, whether it comes live or from a store; and what is said of it."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from reliai._core.record import CallRecord
    from reliai.datasets._capture_content import Held
    from reliai.records.stored import StoredCall

__all__ = ["EndedCall", "Said", "chance_of"]

_WHOLE: Final = 1 << 64


@dataclass(frozen=True, slots=True)
class Said:
    """What somebody, or an evaluator, said of a call.

    Attributes:
        name: what was judged.
        value: the judgement: a number, a word, anything that JSON can say.
        label: a word for it, from an evaluator.
        at: when; Unix seconds.
    """

    name: str
    value: Any
    at: float
    label: str | None = None


class EndedCall:
    """A call that has ended.

    Attributes:
        record: the `CallRecord` or `StoredCall` itself.
        at: when it ended; Unix seconds.
        error: the kind of its error; None without one.
        checks: names of checks, and whether each passed.
    """

    __slots__ = ("_held", "_make", "at", "checks", "error", "record")

    def __init__(self, record: CallRecord | StoredCall, make: Callable[[], Held | None]) -> None:
        self.record = record
        self.at = record.started_at + (record.duration or 0.0)
        self.error = None if record.error is None else record.error.kind
        self.checks = [(check.name, check.passed) for check in record.checks]
        self._make: Callable[[], Held | None] | None = make
        self._held: Held | None = None

    @property
    def held(self) -> Held | None:
        """Its content, scrubbed when it is first asked for; None when there is none to keep."""
        if self._make is not None:
            make, self._make = self._make, None
            self._held = make()
        return self._held

    @property
    def id(self) -> str:
        """The call's id."""
        return self.record.id

    @property
    def name(self) -> str:
        """The guarded function's name."""
        return self.record.name

    @property
    def status(self) -> str | None:
        """How it ended: "success", "degraded", "rejected", "error" or "cancelled"."""
        return self.record.status

    @property
    def duration(self) -> float | None:
        """Seconds."""
        return self.record.duration

    @property
    def values(self) -> Mapping[str, Any]:
        """What was measured in it."""
        return self.record.values

    @property
    def tags(self) -> Mapping[str, str]:
        """Its tags."""
        return self.record.tags


def chance_of(call_id: str, salt: str) -> float:
    """Where in [0, 1) a call stands: evenly spread, and the same in every process.

    Args:
        call_id: of the call.
        salt: makes the draws of one capture independent of those of another.
    """
    digest = blake2b(call_id.encode(), digest_size=8, key=salt.encode()[:64]).digest()
    return int.from_bytes(digest) / _WHOLE

"""An alert: what changed, by which numbers, in which slice, and what was changed just before."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from reliai.records.counts import Change

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["SEVERITIES", "Alert", "Change", "Severity", "State"]

Severity = Literal["page", "ticket", "info"]
State = Literal["firing", "resolved"]

SEVERITIES: Final = ("page", "ticket", "info")


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """Something that changed and that somebody should know of, or that is over.

    Attributes:
        key: the same for what is firing and for its end; what receivers deduplicate by.
        name: the guarded function.
        signal: what was watched, for instance "errors" or "latency".
        slice: which part of the traffic, for instance "tag:locale=ja"; "" for all of it.
        severity: "page", "ticket" or "info".
        state: "firing" or "resolved".
        at: when it was noticed, by the records; Unix seconds.
        summary: one sentence for a person.
        evidence: the numbers behind it, by name.
        changes: what was seen to change in the configuration shortly before, the latest first.
        muted: whether it is only recorded, and sent nowhere.
    """

    key: str
    name: str
    signal: str
    slice: str
    severity: Severity
    state: State
    at: float
    summary: str
    evidence: Mapping[str, float | str] = field(default_factory=dict, hash=False)
    changes: tuple[Change, ...] = ()
    muted: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return {
            "key": self.key,
            "name": self.name,
            "signal": self.signal,
            "slice": self.slice,
            "severity": self.severity,
            "state": self.state,
            "at": self.at,
            "summary": self.summary,
            "evidence": dict(self.evidence),
            "changes": [change._asdict() for change in self.changes],
            "muted": self.muted,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Alert:
        """The alert that `to_dict` described."""
        changes = tuple(Change(**change) for change in data.get("changes", ()))
        fields: dict[str, Any] = {**data, "changes": changes}
        return cls(**fields)

    def __repr__(self) -> str:
        where = f" [{self.slice}]" if self.slice else ""
        return f"<reliai.monitoring.Alert {self.state}: {self.name} {self.signal}{where}>"

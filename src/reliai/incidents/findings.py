"""What a replay found: single facts with their limits, and what they say together.

Plain data; imported by the scenarios, by what runs them and by what shows them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["PARTS", "Finding", "Part", "PartName", "Report", "shown"]

PartName = Literal["unguarded", "guarded", "healthy"]
"""The three parts of a replay; only together they are evidence."""

PARTS: tuple[PartName, ...] = ("unguarded", "guarded", "healthy")


@dataclass(frozen=True, slots=True)
class Finding:
    """One measured fact and what it had to be.

    Attributes:
        name: what was measured.
        measured: the number, or a word.
        limit: what it had to be, for a reader: "≤ 20".
        ok: whether it was. In an unguarded part: whether the damage was there.
        unit: of the number; "" for a count or a word.
    """

    name: str
    measured: float | str
    limit: str
    ok: bool
    unit: str = ""

    @property
    def text(self) -> str:
        """The measured number with its unit."""
        return shown(self.measured, self.unit)

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "name": self.name,
            "measured": self.measured,
            "unit": self.unit,
            "limit": self.limit,
            "ok": self.ok,
        }


@dataclass(frozen=True, slots=True)
class Part:
    """What one part of a replay found.

    Attributes:
        name: "unguarded", "guarded" or "healthy".
        findings: in the order of the scenario; never empty.
        detected: how long it took to notice, for a reader; None where nothing had to be noticed.
        calls: logical calls made.
        error: what the scenario raised, when it could not be run to its end.
    """

    name: PartName
    findings: tuple[Finding, ...]
    detected: str | None = None
    calls: int = 0
    error: str | None = None

    @property
    def ok(self) -> bool:
        """Whether every fact was what it had to be."""
        return self.error is None and bool(self.findings) and all(f.ok for f in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "ok": self.ok,
            "calls": self.calls,
            "detected": self.detected,
            "error": self.error,
            "findings": [finding.to_dict() for finding in self.findings],
        }


@dataclass(frozen=True, slots=True)
class Report:
    """What a replay of one incident found.

    Attributes:
        id: such as "IR-02".
        title: what happens, in a few words.
        parts: in the order unguarded, guarded, healthy.
    """

    id: str
    title: str
    parts: tuple[Part, ...]

    @property
    def ok(self) -> bool:
        """Whether it hurts unguarded, is contained when guarded, and a healthy day is quiet."""
        return len(self.parts) == len(PARTS) and all(part.ok for part in self.parts)

    @property
    def detected(self) -> str | None:
        """How long the guarded functions took to notice."""
        return next((part.detected for part in self.parts if part.name == "guarded"), None)

    def part(self, name: PartName) -> Part:
        """The part of this name."""
        return next(part for part in self.parts if part.name == name)

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        parts: dict[str, Any] = {part.name: part.to_dict() for part in self.parts}
        return {"id": self.id, "title": self.title, "ok": self.ok, **parts}


def shown(value: float | str, unit: str = "") -> str:
    """A number for a reader: four digits that count, whole numbers as they are."""
    if isinstance(value, str):
        return value
    if unit == "$":
        return f"${value:,.2f}"
    if value == int(value) and abs(value) < 1e15:
        text = f"{int(value):,}"
    else:
        text = f"{value:,.1f}" if abs(value) >= 100 else f"{value:.3g}"
    return f"{text} {unit}" if unit and unit != "%" else f"{text}{unit and ' %'}"

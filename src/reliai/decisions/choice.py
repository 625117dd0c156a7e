"""What a rollout says of one unit: which variant it gets, and why."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

from reliai.decisions.assignment import place_of

__all__ = ["Choice", "Chooser"]


class Choice(NamedTuple):
    """A variant, chosen.

    Attributes:
        name: of the variant; goes on the record of the call.
        value: the function to call, or the value to use.
        reason: why: "SPLIT" when the hash decided, which alone is analysed; else what came before
            it, such as "NO_UNIT", "FORCED", "HOLDOUT", "KILLED".
        version: of the rollout.
        share: the chance with which the hash gives this variant, in [0, 1]; None where it did not.
        phase: number of the phase of the rollout, in which the shares stay as they are.
        unit: who it was chosen for.
    """

    name: str
    value: Any
    reason: str = "SPLIT"
    version: str | None = None
    share: float | None = None
    phase: int = 0
    unit: str | None = None

    @property
    def place(self) -> int | None:
        """One of a million places that units fall into: tells apart those that were counted."""
        unit = self.unit
        return place_of(unit) if type(unit) is str else None

    def __repr__(self) -> str:  # without the unit, which may be personal, and without the value
        return f"<Choice {self.name!r}: {self.reason}, version {self.version}>"


class Chooser(Protocol):
    """What `Route` asks: a rollout, or anything else that chooses."""

    def choose(self, unit: Any = None) -> Choice:
        """The variant for a unit; must not raise."""
        ...

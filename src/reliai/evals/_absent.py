"""What stands in the place of a baseline that is not there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["NoBaseline"]


@dataclass(frozen=True, slots=True)
class NoBaseline:
    """There is nothing to compare with; a gate says so, and never passes silently.

    Attributes:
        reason: why.
        policy: "fail": rules that compare fail; "warn": they are INCONCLUSIVE.
    """

    reason: str
    policy: Literal["fail", "warn"] = "fail"

    def __bool__(self) -> bool:
        return False

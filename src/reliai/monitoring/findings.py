"""What a detector found: that something changed, or that it is over. Plain data."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Finding"]


class Finding(NamedTuple):
    """A detector says that something changed, or that it is over.

    Attributes:
        detector: which one: "sudden", "tail", "drift", "shape", "spike" or "new".
        firing: whether it changed; False: it is over.
        text: what, for a person.
        evidence: the numbers behind it.
    """

    detector: str
    firing: bool
    text: str = ""
    evidence: Mapping[str, float | str] = {}

"""How often a case is tried: decided from what its tries said so far. Pure decisions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reliai.evals.trial import Score, Trial

__all__ = ["MOST_REPEATS", "Plan", "verdict_of"]

MOST_REPEATS: Final = 10
"""Tries of a case that disagrees with itself, where nothing else is said."""


def verdict_of(trial: Trial) -> bool | None:
    """Whether all assertions held; None for a failed call, or where nothing was asserted."""
    if trial.status != "ok":
        return None
    return _held(trial.scores)


def _held(scores: Mapping[str, Score]) -> bool | None:
    held: bool | None = None
    for score in scores.values():
        if score.kind == "assertion" and score.value is not None:
            if score.value < 1.0:
                return False
            held = True
    return held


class Plan:
    """The tries of one case.

    Args:
        planned: tries that are made in any case, unless the verdict is known before (>= 1).
        most: tries when the planned ones disagree (>= planned).
        min_pass: tries that must pass for the case to pass; the rest is left out as soon as so
            many have, or no longer can. None: all planned ones are made.
        done: the verdicts of tries that were made before, by repeat.
    """

    __slots__ = ("_min_pass", "_most", "_next", "_planned", "_waiting", "verdicts")

    def __init__(
        self,
        planned: int,
        most: int,
        min_pass: int | None = None,
        done: Mapping[int, bool | None] | None = None,
    ) -> None:
        self._planned = planned
        self._most = max(planned, most)
        self._min_pass = min_pass
        self.verdicts: dict[int, bool | None] = dict(done or {})
        self._next = 1
        self._waiting = 0

    def wave(self) -> list[int]:
        """The repeats to make now; none while others are in the making, and at the end."""
        if self._waiting:
            return []
        wanted: list[int] = []
        count = self._wanted()
        while len(wanted) < count:
            if self._next not in self.verdicts:
                wanted.append(self._next)
            self._next += 1
        self._waiting = len(wanted)
        return wanted

    def made(self, repeat: int, *, verdict: bool | None) -> bool:
        """A try came to its end; say whether no other is in the making."""
        self.verdicts[repeat] = verdict
        self._waiting -= 1
        return not self._waiting

    @property
    def is_decided(self) -> bool:
        """Whether no try is wanted."""
        return not self._wanted()

    def is_extra(self, repeat: int) -> bool:
        """Whether a try is beyond the planned ones."""
        return repeat > self._planned

    def _wanted(self) -> int:
        made = len(self.verdicts)
        if self._min_pass is not None:
            passed = sum(1 for verdict in self.verdicts.values() if verdict)
            needed = self._min_pass - passed
            left = self._planned - made
            return needed if 0 < needed <= left else 0
        if made < self._planned:
            return self._planned - made
        if made < self._most and self._disagree():
            return self._most - made
        return 0

    def _disagree(self) -> bool:
        said = set(self.verdicts.values())
        return True in said and False in said

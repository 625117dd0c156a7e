"""What became of a shadow's calls, counted; and the evidence that its candidate does worse."""

from __future__ import annotations

from collections import Counter, deque
from threading import RLock
from typing import TYPE_CHECKING, Any, Final

from reliai.stats.sign import sign_e_value

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["KEPT", "Evidence", "Tally"]

KEPT: Final = 20
"""Calls with another answer whose ids are kept."""

_WORSE: Final = 20.0
"""The e-value that is evidence at the level of 5 %."""

_ENOUGH: Final = 100
"""Pairs after which evidence that points nowhere is worth a word."""


class Evidence:
    """Pairs of comparisons with one answer: the candidate's, and the primary's own second answer.

    Where both are the same as the first answer, or neither is, a pair tells nothing. If the
    candidate is no worse than the primary is with itself, the others go either way by chance.

    Attributes:
        pairs: pairs seen.
        candidate_differs: those in which the candidate alone gave another answer.
        primary_differs: those in which the primary alone did.
    """

    __slots__ = ("candidate_differs", "pairs", "primary_differs")

    def __init__(self) -> None:
        self.pairs = self.candidate_differs = self.primary_differs = 0

    def add(self, *, candidate_same: bool, primary_same: bool) -> None:
        """Take in one pair."""
        self.pairs += 1
        if candidate_same is primary_same:
            return
        if candidate_same:
            self.primary_differs += 1
        else:
            self.candidate_differs += 1

    @property
    def e_value(self) -> float:
        """The evidence against the candidate; 1 for none."""
        return sign_e_value(self.candidate_differs, self.primary_differs)

    @property
    def verdict(self) -> str:
        """The verdict: "worse", "no difference seen" or "undecided".

        An equal candidate is called worse at some time with a chance of 5 % at most, however often
        it is asked for.
        """
        e_value = self.e_value
        if e_value >= _WORSE:
            return "worse"
        return "no difference seen" if self.pairs >= _ENOUGH and e_value <= 1.0 else "undecided"


class Tally:
    """The counts of one shadow. Safe to use from threads, and from a destructor among them.

    Attributes:
        started, dropped: calls whose shadow was started, and those dropped because too many waited.
        skipped: by reason, calls that were not shadowed.
        failures: by kind of failure, candidates that gave no answer.
        same, different, unjudged: comparisons by what came of them; unjudged: comparator failed.
        primary_failed: shadowed calls in which the primary gave no answer.
        unpublished: results that `publish` failed to take.
        scores: how many comparisons gave a number, and their sum.
        seconds: of answers that were compared: primary's and candidate's durations, summed up.
        usd: what is known of the cost; None while nothing is.
        lately: ids of the last calls with another answer.
        evidence: of the pairs.
        condition: what has to hold for a call to be shadowed; None for nothing.
    """

    def __init__(self) -> None:
        self.condition: Callable[[Any], bool] | None = None
        self._lock = RLock()
        self._idle: list[Callable[[], None]] = []
        self.reset()

    def reset(self) -> None:
        """Begin anew."""
        self.started = self.dropped = self.pending = 0
        self.skipped: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()
        self.same = self.different = self.unjudged = 0
        self.primary_failed = self.unpublished = 0
        self.scores: tuple[int, float] = (0, 0.0)
        self.seconds: tuple[float, float] = (0.0, 0.0)
        self.usd: float | None = None
        self.lately: deque[str] = deque(maxlen=KEPT)
        self.evidence = Evidence()

    def _renew(self) -> None:
        """In a forked child: what its parent counted is its parent's."""
        self._lock = RLock()
        self._idle = []
        self.reset()

    @property
    def lock(self) -> RLock:
        """Held while several counts change together."""
        return self._lock

    def start(self, most: int) -> bool:
        """Take a place among those that wait or run; False, and counted, when there is none."""
        with self._lock:
            if self.pending >= most:
                self.dropped += 1
                return False
            self.pending += 1
            self.started += 1
            return True

    def drop(self) -> None:
        """Count one that was not even tried."""
        with self._lock:
            self.dropped += 1

    def skip(self, reason: str) -> None:
        """Count one that is not to be shadowed."""
        with self._lock:
            self.skipped[reason] += 1

    def take_back(self, reason: str | None = None) -> None:
        """One that was started has not run after all: it is skipped for a reason, or dropped."""
        with self._lock:
            self.started -= 1
            if reason is None:
                self.dropped += 1
            else:
                self.skipped[reason] += 1

    def finish(self) -> None:
        """Give a place back."""
        with self._lock:
            self.pending = max(0, self.pending - 1)
            idle: list[Callable[[], None]] = []
            if not self.pending:
                idle, self._idle = self._idle, []
        for tell in idle:
            tell()

    def when_idle(self, tell: Callable[[], None]) -> None:
        """Have `tell` called once nothing waits or runs; at once when nothing does."""
        with self._lock:
            if self.pending:
                self._idle.append(tell)
                return
        tell()

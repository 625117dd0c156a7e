"""What a run has come to so far, and whether it goes on: money, errors, evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from reliai.evals.trial import NOT_ASKED

if TYPE_CHECKING:
    from reliai.evals._settings import Settings
    from reliai.evals.early import Watch
    from reliai.evals.trial import Score, Trial

__all__ = ["Tally", "is_lost"]

_HOPELESS: Final = 50
"""Tries that all failed, after which nobody wants to wait and pay for the others."""


class Tally:
    """Counts of a run. Not for several threads at a time.

    Attributes:
        trials: that came to an end, of this run as a whole.
        failed: of these, without a good answer.
        lost: cases without a good answer, or of which no scorer could say anything though it was
            asked; one that failed in one of four tries counts a quarter.
        cases: that came to an end.
        spent_usd: by calls of this run and their judges; what came from the cache cost nothing.
        judge_usd: the part of the judges.
        unpriced: calls that ended well and whose price is unknown.
        calls: to the target, attempts that were repeated not counted.
        stopped: why no more is begun: "max_usd", "max_error_rate", "stuck" (too many calls of a
            sync target that were given up still run), "interrupted" or "decided".
    """

    def __init__(self, settings: Settings, watch: Watch | None = None) -> None:
        self.trials = self.failed = self.cases = self.calls = self.unpriced = 0
        self.lost = 0.0
        self.spent_usd = self.judge_usd = 0.0
        self.stopped: str | None = None
        self._max_usd = settings.max_usd
        self._max_error_rate = settings.max_error_rate
        self._watch = watch
        self._priced = 0
        self._open: dict[str, tuple[int, int]] = {}

    def take(self, trial: Trial, *, last: bool, replayed: bool = False) -> None:
        """A try came to its end.

        Args:
            trial: it.
            last: whether it is the last one of its case.
            replayed: whether it was read from the journal.
        """
        self.trials += trial.status != "skipped"
        self.failed += _is_bad(trial)
        self._pay(trial)
        self._count(trial, bad=is_lost(trial), last=last)
        if self._watch is not None and self._watch.take(trial, last=last):
            self.stopped = self.stopped or "decided"
        if not replayed:
            self._judge()

    def settle(self, key: str) -> None:
        """A case that was begun came to its end without another try."""
        if key in self._open:
            self._end(*self._open.pop(key))

    def may_begin(self, running: int) -> bool:
        """Whether the money lasts for one more, beside those that run."""
        if self.stopped is not None:
            return False
        if self._max_usd is None:
            return True
        if not self._priced:
            return self.unpriced > 0 or running == 0  # the first one tells what one costs
        each = self.spent_usd / self._priced
        if self.spent_usd + each * (self.unpriced + running + 1) <= self._max_usd:
            return True
        if not running:
            self.stopped = "max_usd"
        return False

    def complaint(self) -> str | None:
        """What to tell of money that nobody could count; None for nothing."""
        if self._max_usd is None or not self.unpriced:
            return None
        counted = "each counted like the others" if self._priced else "so max_usd stops nothing"
        return (
            f"max_usd={self._max_usd!r}: the price of {self.unpriced} calls is unknown, {counted}; "
            "have the target return the provider's answer, or call reliai.read(response) or "
            "reliai.usage(cost_usd=…) in it"
        )

    @property
    def over_error_rate(self) -> bool:
        """Whether more cases are lost than `max_error_rate` allows."""
        return self.cases > 0 and self.lost > self._max_error_rate * self.cases + 1e-9

    def told(self) -> dict[str, Any]:
        """The counts for the manifest."""
        told: dict[str, Any] = {
            "evaluated": self.trials,
            "calls": self.calls,
            "finished_cases": self.cases,
            "lost_cases": round(self.lost, 6),
            "over_error_rate": self.over_error_rate,
            "spent_usd": self.spent_usd if self._priced or not self.unpriced else None,
            "judge_usd": self.judge_usd,
            "unpriced": self.unpriced,
            "stopped": self.stopped,
        }
        if self._watch is not None:
            told["evidence"] = self._watch.told()
        return told

    def _pay(self, trial: Trial) -> None:
        judged = sum(_price_of(score) for score in trial.scores.values() if score.metadata)
        self.judge_usd += judged
        self.spent_usd += judged
        if trial.cached or trial.status == "skipped":
            return
        self.calls += 1
        if trial.cost_usd is not None:
            self._priced += 1
            self.spent_usd += trial.cost_usd
        elif trial.status == "ok":
            self.unpriced += 1

    def _count(self, trial: Trial, *, bad: bool, last: bool) -> None:
        tries, failed = self._open.pop(trial.case, (0, 0))
        tries, failed = tries + 1, failed + bad
        if not last:
            self._open[trial.case] = tries, failed
            return
        self._end(tries, failed)

    def _end(self, tries: int, failed: int) -> None:
        self.cases += 1
        self.lost += failed / tries

    def _judge(self) -> None:
        if self.failed == self.trials >= _HOPELESS and self._max_error_rate < 1.0:
            self.stopped = self.stopped or "max_error_rate"


def is_lost(trial: Trial) -> bool:
    """Whether it has no good answer, or all that were asked to judge it failed."""
    if trial.status == "skipped":
        return False
    return _is_bad(trial) or _is_unjudged(trial)


def _is_bad(trial: Trial) -> bool:
    return trial.status not in {"ok", "skipped"}


def _is_unjudged(trial: Trial) -> bool:
    asked = [score for score in trial.scores.values() if score.unscored not in NOT_ASKED]
    return bool(asked) and all(score.unscored is not None for score in asked)


def _price_of(score: Score) -> float:
    """US dollars that a judge says it has cost; 0 for what costs nothing, and where none knows."""
    price = (score.metadata or {}).get("judge_usd")
    return float(price) if isinstance(price, int | float) else 0.0

"""What scores before a release and what users said after it show together, release by release."""

from __future__ import annotations

from collections import defaultdict
from math import isfinite
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from reliai._core.evaluation import ENVIRONMENT
from reliai.errors import ConfigurationError
from reliai.evals.run import Run

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from reliai.records import RecordStore

__all__ = ["FEWEST", "Paired", "of_releases"]

FEWEST: Final = 10
"""Judgements of users below which a release says too little."""
_SHORTEST: Final = 7
"""Digits of a commit that name it."""


class Paired(NamedTuple):
    """Which two numbers are compared.

    Attributes:
        experiment: the runs.
        scorer: in them.
        metric: the feedback of users; above 0 is good.
    """

    experiment: str
    scorer: str
    metric: str = "thumbs"

    @classmethod
    def parsed(cls, text: str) -> Paired:
        """Of "EXPERIMENT:SCORER" or "EXPERIMENT:SCORER:METRIC".

        Raises:
            ConfigurationError: when it is neither.
        """
        parts = text.split(":")
        if not 2 <= len(parts) <= 3 or not all(parts):
            raise ConfigurationError(
                f"{text!r}: give an experiment and a scorer of it, as refunds:exact, or with the "
                "feedback to compare it with, as refunds:exact:thumbs"
            )
        return cls(*parts)


def of_releases(
    store: RecordStore, paired: Paired, root: Path, *, since: float
) -> list[dict[str, Any]]:
    """For each release with both: the score of its latest run, and the share of good feedback.

    Args:
        store: of the calls, whose `release` is a commit.
        paired: what is compared.
        root: the project's folder, where runs lie.
        since: when calls were made at the earliest; Unix seconds.
    """
    scores = _scores(Run.list(paired.experiment, root=root / ".reliai" / "runs"), paired.scorer)
    if not scores:
        return []
    found: list[dict[str, Any]] = []
    for release, (good, n) in _judged(store, paired.metric, since).items():
        commit = next((each for each in scores if _is_one(each, release)), None)
        if commit is not None and n >= FEWEST:
            said = {"release": release, "score": scores[commit], "feedback": good / n, "n": n}
            found.append(said)
    return found


def _scores(runs: Iterable[Run], scorer: str) -> dict[str, float]:
    """The mean of the latest complete run of each commit."""
    found: dict[str, float] = {}
    for run in runs:
        git = run.manifest.get("git") or {}
        if git.get("dirty") or not git.get("commit") or run.manifest.get("state") != "complete":
            continue
        score = run.summary().scores.get(scorer)
        mean = None if score is None or score.mean is None else score.mean.estimate
        if mean is not None and isfinite(mean):
            found[str(git["commit"])] = mean
    return found


def _judged(store: RecordStore, metric: str, since: float) -> dict[str, tuple[int, int]]:
    """How many judgements of each release were good, of so many; in the order of releases."""
    from reliai.records._tables import calls as table  # noqa: PLC0415  brings SQLAlchemy

    counts: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
    served = table.c.environment.is_distinct_from(ENVIRONMENT)
    kept = store.calls(since=since, where=served & table.c.release.is_not(None), limit=None)
    for call in reversed(kept):
        for said in call.feedback:
            if said.name == metric and isinstance(said.value, bool | int | float):
                counts[str(call.release)][0] += said.value > 0
                counts[str(call.release)][1] += 1
    return {release: (good, n) for release, (good, n) in counts.items()}


def _is_one(commit: str, release: str) -> bool:
    short = min(len(commit), len(release))
    return short >= _SHORTEST and commit[:short] == release[:short]

"""The score: which of the 28 tests have evidence that holds, and what the weakest section has."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from reliai import clock
from reliai.errors import ConfigurationError
from reliai.evals.ml_test_score.catalogue import SECTIONS, TESTS
from reliai.evals.ml_test_score.evidence import evidence_folder, read_evidence
from reliai.evals.ml_test_score.history import History

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from reliai.evals.ml_test_score.earning import Shown
    from reliai.evals.ml_test_score.evidence import Evidence

__all__ = ["MAX_AGE", "Point", "Scorecard", "scorecard"]

DAY: Final = 86_400.0
MAX_AGE: Final = 30.0
"""Days for which a run counts: what is not run again by then is not run regularly."""
OF_DOCUMENTS: Final = 6.0
"""So many times as long counts what was written down by hand."""
TOLERANCE: Final = 300.0
"""Seconds by which clocks may differ."""

_OF_CODE: Final = frozenset({"gate", "experiment", "pytest"})
"""Kinds of runs that are about the code at one commit."""

_LABELS: Final = (
    (0.0, "a research project rather than a product"),
    (1.0, "not untested, but there may be serious holes"),
    (2.0, "basic: the first steps to a product are taken"),
    (3.0, "reasonably tested"),
    (5.0, "strongly tested and monitored"),
)


@dataclass(frozen=True, slots=True)
class Point:
    """What a test has, and why.

    Attributes:
        test: its id.
        worth: 0, 0.5 (by hand) or 1 (by itself and regularly).
        evidence: what earned it, or what it is that earned nothing; None without any.
        why: what the run showed, or why it earns nothing, or how to earn it.
    """

    test: str
    worth: float
    evidence: Evidence | None
    why: str

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        run = None
        if self.evidence is not None:
            run = {
                **self.evidence.link._asdict(),
                "at": self.evidence.at,
                "automated": self.evidence.automated,
                "commit": self.evidence.commit,
                "evidence": self.evidence.file.name,
            }
        title = TESTS[self.test].title
        return {"test": self.test, "title": title, "worth": self.worth, "why": self.why, "run": run}


@dataclass(frozen=True, slots=True)
class Scorecard:
    """The ML Test Score of a project.

    Attributes:
        points: by id of the test, of all 28.
        at: when it was taken; Unix seconds.
        unread: files of evidence that cannot be used, each with the reason.
    """

    points: dict[str, Point]
    at: float
    unread: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def sections(self) -> dict[str, float]:
        """The sum of each section, of at most 7."""
        return {
            section: sum(p.worth for p in self.points.values() if TESTS[p.test].section == section)
            for section in SECTIONS
        }

    @property
    def score(self) -> float:
        """The sum of the weakest section."""
        return min(self.sections.values())

    @property
    def label(self) -> str:
        """What the score says in words."""
        said = (label for limit, label in _LABELS if self.score <= limit)
        return next(said, "exceptional: tested and monitored by itself throughout")

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "schema": 1,
            "score": self.score,
            "label": self.label,
            "sections": self.sections,
            "at": self.at,
            "points": [point.to_dict() for point in self.points.values()],
            "unread": self.unread,
        }


def scorecard(folder: Path | None = None, *, max_age: float = MAX_AGE) -> Scorecard:
    """The score of the project, from the evidence that lies there.

    Args:
        folder: of the evidence; None: the project's.
        max_age: days for which a run counts, above 0; documents count six times as long.

    Raises:
        ConfigurationError: when `max_age` is no number above 0.
    """
    if isinstance(max_age, bool) or not isinstance(max_age, int | float) or not max_age > 0:
        raise ConfigurationError(f"max_age={max_age!r}: must be a number of days above 0")
    folder = folder or evidence_folder()
    found, unread = _read(folder)
    now = clock.active().time()
    judge = _Judge(now, float(max_age), folder)
    points = {test: judge.point(test, [e for e in found if test in e.tests]) for test in TESTS}
    return Scorecard(points, now, unread)


def _read(folder: Path | None) -> tuple[list[Evidence], dict[str, str]]:
    found: list[Evidence] = []
    unread: dict[str, str] = {}
    files = sorted(folder.glob("*.json")) if folder is not None and folder.is_dir() else []
    for file in files:
        if file.name.startswith("."):
            continue
        try:
            found.append(read_evidence(file))
        except ConfigurationError as error:
            unread[file.name] = str(error)
    return found, unread


class _Judge:
    """Says what evidence is worth now."""

    def __init__(self, now: float, max_age: float, folder: Path | None) -> None:
        self._now, self._max_age = now, max_age
        self._root = None if folder is None else folder.resolve().parent.parent
        self._history: History | None = None
        self._links: dict[str, str | None] = {}

    def point(self, test: str, evidence: Iterable[Evidence]) -> Point:
        """What a test has."""
        best = Point(test, 0.0, None, f"to earn it: {TESTS[test].how}")
        latest = sorted(evidence, key=lambda each: each.at, reverse=True)
        failed: set[tuple[str, str]] = set()
        for each in latest:
            worth, why = self._worth(test, each)
            run = (each.link.kind, each.link.name)
            if run in failed:
                worth, why = 0.0, "a later run of the same did not pass"
            elif each.automated and self._did_not_pass(test, each):
                failed.add(run)
            if worth > best.worth or best.evidence is None:
                best = Point(test, worth, each, why)
        return best

    @staticmethod
    def _did_not_pass(test: str, evidence: Evidence) -> bool:
        shown = evidence.shown.get(test)
        return shown is not None and not shown.passed

    def _worth(self, test: str, evidence: Evidence) -> tuple[float, str]:
        shown = evidence.shown.get(test)
        problem = self._problem(evidence, shown)
        if problem is not None or shown is None:
            return 0.0, problem or "its numbers say nothing of this test"
        if not shown.passed:
            return 0.0, f"did not pass: {shown.why}"
        by_hand = self._by_hand(evidence)
        worth = min(shown.most, 0.5 if by_hand else 1.0)
        return worth, shown.why + (f" ({by_hand})" if by_hand else "")

    def _problem(self, evidence: Evidence, shown: Shown | None) -> str | None:
        days = (self._now - evidence.at) / DAY
        lasting = self._max_age * (OF_DOCUMENTS if evidence.link.kind == "document" else 1.0)
        if days * DAY < -TOLERANCE:
            return "is from the future"
        if days > lasting:
            return f"is stale: {days:.0f} days old, and it counts for {lasting:.0f}"
        if shown is None:
            return "its numbers say nothing of this test"
        return self._missing(evidence) or self._elsewhere(evidence)

    def _missing(self, evidence: Evidence) -> str | None:
        link, root = evidence.link, self._root
        if root is None or link.path is None:
            return None
        if link.path not in self._links:
            self._links[link.path] = link.problem(root)
        known = self._links[link.path]
        return None if known is None else f"cannot be verified: {known}"

    def _elsewhere(self, evidence: Evidence) -> str | None:
        if evidence.link.kind not in _OF_CODE or evidence.commit is None or self._root is None:
            return None
        self._history = self._history or History(self._root)
        known = self._history.problem(evidence.commit)
        return None if known is None else f"cannot be verified: {known}"

    def _by_hand(self, evidence: Evidence) -> str | None:
        if not evidence.automated:
            return "by hand"
        if evidence.link.kind not in _OF_CODE:
            return None
        if evidence.commit is None:
            return "half: nothing says which code it ran"
        return "half: of changes that were not committed" if evidence.dirty else None

"""Going on with a run that was cut off: what is left is a set difference."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

from reliai.errors import ConfigurationError
from reliai.evals import _journal
from reliai.evals._plans import verdict_of
from reliai.evals.run import Run, readable
from reliai.evals.trial import Trial

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from reliai.datasets.case import Case
    from reliai.evals._plans import Plan
    from reliai.evals._settings import Settings
    from reliai.evals._tally import Tally

__all__ = ["Done", "left", "resumable"]

_LATEST: Final = 200
"""Runs that are looked at."""


def resumable(
    experiment: str, identity: Mapping[str, Any], *, resume: bool | str, root: Path
) -> Run | None:
    """The run to go on with; None to begin a new one.

    Args:
        experiment: its name.
        identity: what must be the same: root, target, scorers, settings, shard, selection.
        resume: True for the latest one that is unfinished, or the id of one.
        root: where runs live.

    Raises:
        ConfigurationError: when the dataset is another than that of the run; and when the run that
            is named differs in anything, is finished, or is being written.
    """
    if resume is False:
        return None
    if resume is True:
        return _latest(experiment, identity, root)
    named = Run.load(resume, root=root)
    differing = _differing(named, identity)
    if differing:
        names = ", ".join(sorted(differing))
        _refuse_other_dataset(named, identity)
        raise ConfigurationError(f"resume={resume!r}: that run had another {names}")
    if named.state == "complete":
        raise ConfigurationError(f"resume={resume!r}: that run is complete")
    if _journal.is_written(named.path):
        raise ConfigurationError(f"resume={resume!r}: another process works on that run")
    return named


def _latest(experiment: str, identity: Mapping[str, Any], root: Path) -> Run | None:
    """The latest unfinished run of the same; none, when a later one came to its end."""
    folders = root / _journal.folder_name(experiment)
    for folder in sorted(folders.glob("[!.]*"), reverse=True)[:_LATEST]:
        run = readable(folder)
        if run is None:
            continue
        differing = _differing(run, identity)
        if differing - {"root"}:
            continue
        if run.state == "complete":
            return None
        if not _journal.is_written(folder):
            _refuse_other_dataset(run, identity)
            return run
    return None


def _differing(run: Run, identity: Mapping[str, Any]) -> set[str]:
    theirs = run.manifest.get("identity") or {}
    return {name for name in identity if theirs.get(name) != identity[name]}


def _refuse_other_dataset(run: Run, identity: Mapping[str, Any]) -> None:
    theirs = (run.manifest.get("identity") or {}).get("root")
    ours = identity["root"]
    if theirs != ours:
        raise ConfigurationError(
            f"the unfinished run {run.id} is of another dataset: {_dataset(run)} has the root "
            f"{theirs}, and this one {ours}; finish it with the dataset that it began with, or "
            "begin a new one with resume=False"
        )


def _dataset(run: Run) -> str:
    return str(run.manifest.get("dataset") or "its list of cases")


class Done:
    """What a run has of its cases.

    Attributes:
        trials: that it has.
    """

    def __init__(self) -> None:
        self.trials = 0
        self._complete: set[bytes] = set()
        self._begun: dict[bytes, dict[int, bool | None]] = {}

    @classmethod
    def of(cls, run: Run, tally: Tally) -> Done:
        """Read a run's journal; its trials go into the tally."""
        done = cls()
        for data in _journal.lines_of(run.path):
            trial = Trial.from_dict(data)
            last = bool(data.get("last"))
            done.take(trial, last=last)
            tally.take(trial, last=last, replayed=True)
        return done

    def take(self, trial: Trial, *, last: bool) -> None:
        """A trial that the run has."""
        self.trials += 1
        key = _key(trial.case)
        begun = self._begun.setdefault(key, {})
        begun[trial.repeat] = verdict_of(trial)
        if last:
            del self._begun[key]
            self._complete.add(key)

    def has(self, case: Case) -> bool:
        """Whether nothing is left to do of a case."""
        return _key(case.key) in self._complete

    def verdicts(self, case: Case) -> Mapping[int, bool | None] | None:
        """What is there of a case that was begun; None for nothing."""
        return self._begun.get(_key(case.key))


def left(
    cases: Iterable[Case], settings: Settings, done: Done | None, tally: Tally
) -> Iterator[tuple[Case, Plan | None]]:
    """What is left to do of cases: each with its plan, or None for a single try."""
    for case in cases:
        if done is None:
            yield case, settings.plan_of(case)
        elif not done.has(case):
            plan = settings.plan_of(case, done.verdicts(case))
            if plan is not None and plan.is_decided:
                tally.settle(case.key)  # the try that was cut off is not needed any more
            else:
                yield case, plan


def _key(key: str) -> bytes:
    """A short stand-in for the key of a case, of which many are held."""
    return blake2b(key.encode("utf-8", "surrogatepass"), digest_size=16).digest()

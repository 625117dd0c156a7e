"""A run: all trials of an experiment, in a folder of its own.

Trials are read from the disk one by one whenever they are asked for; a `Run` itself holds only the
manifest, so runs may be larger than the memory.
"""

from __future__ import annotations

from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from reliai._core.complaints import warn
from reliai.errors import ConfigurationError
from reliai.evals import _journal
from reliai.evals.trial import Score, Trial

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from reliai.evals.comparison import RunComparison
    from reliai.evals.summary import Summary

__all__ = ["Run", "merge", "readable"]

_EXIT_OK, _EXIT_INCOMPLETE, _EXIT_NOTHING = 0, 4, 5
_UNSCORED: Final = Score(value=None, unscored="not_scored")


class Run:
    """All trials of an experiment.

    Args:
        path: of the folder.

    Attributes:
        path: of the folder.
        manifest: what the run says of itself: experiment, dataset, version, root, target, scorers,
            settings, repeats, git, started_at, ended_at, shard, state, …

    Raises:
        ConfigurationError: when the folder holds no run.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.manifest: Mapping[str, Any] = _journal.read_manifest(self.path)

    @classmethod
    def load(cls, path_or_id: Path | str, *, root: Path | str | None = None) -> Run:
        """A run that was stored.

        Args:
            path_or_id: its folder, its id, or the beginning of its id when only one has it.
            root: where runs live; None: `.reliai/runs`.

        Raises:
            ConfigurationError: when there is none, or more than one.
        """
        path = Path(path_or_id)
        if (path / _journal.MANIFEST).is_file():
            return cls(path)
        text = str(path_or_id)
        folders = Path(root or _journal.RUNS)
        named = "/" not in text and text[:1] not in {"", "."}
        found = sorted(folders.glob(f"*/{_plain(text)}*")) if named else []
        if len(found) == 1:
            return cls(found[0])
        if found:
            some = ", ".join(each.name for each in found[:5])
            raise ConfigurationError(f"run {text!r}: {len(found)} begin so ({some}, …): say more")
        raise ConfigurationError(f"run {text!r}: is neither a folder of a run nor below {folders}")

    @classmethod
    def list(
        cls, experiment: str | None = None, *, root: Path | str | None = None
    ) -> tuple[Run, ...]:
        """The runs that are stored, the latest last; those that cannot be read are left out.

        Args:
            experiment: only those of this one.
            root: where runs live; None: `.reliai/runs`.
        """
        folder = "*" if experiment is None else _plain(_journal.folder_name(experiment))
        found = Path(root or _journal.RUNS).glob(f"{folder}/[!.]*/{_journal.MANIFEST}")
        runs = (readable(each.parent) for each in found)
        return tuple(sorted((run for run in runs if run is not None), key=lambda run: run.id))

    @classmethod
    def merge(cls, runs: Iterable[Run | Path | str], *, root: Path | str | None = None) -> Run:
        """One run of its shards; see `merge`."""
        return merge(runs, root=root)

    @property
    def id(self) -> str:
        """Of the run: ordered by time."""
        return str(self.manifest.get("id", self.path.name))

    @property
    def scorers(self) -> tuple[str, ...]:
        """The names of the scorers."""
        return tuple(self.manifest.get("scorers") or ())

    @property
    def state(self) -> str:
        """Whether it is "complete", or "partial": resumed by running the experiment again."""
        return str(self.manifest.get("state", "partial"))

    @property
    def exit_code(self) -> int:
        """Of a command that did no more than run it: 0, 4 (incomplete) or 5 (nothing evaluated).

        4: the budget of money or time was spent, the run was interrupted, or more of the cases than
        `max_error_rate` have no good answer.
        """
        if not self.manifest.get("evaluated", 1):
            return _EXIT_NOTHING
        if self.manifest.get("over_error_rate"):
            return _EXIT_INCOMPLETE
        stopped = self.manifest.get("stopped")
        if self.state != "complete" and stopped != "decided":
            return _EXIT_INCOMPLETE
        return _EXIT_OK

    def trials(self) -> Iterator[Trial]:
        """All trials, read one by one; with the scores of the latest scoring."""
        from_dict = Trial.from_dict
        for data in self.lines():
            yield from_dict(data)

    def lines(self) -> Iterator[dict[str, Any]]:
        """The data of the trials, each with the scores of the latest scoring."""
        lines = _journal.lines_of(self.path)
        file = self._scores
        if file is None:
            yield from lines
            return
        scores = _journal.json_lines(file)
        for data in lines:
            said = next(scores, None)
            if said is None:  # a trial that came after that scoring
                data["scores"] = {name: _UNSCORED.to_dict() for name in self.scorers}
            else:
                data["scores"] = said["scores"]
            yield data

    def cases(self) -> Iterator[tuple[Trial, ...]]:
        """The trials of each case, by repeat; only cases that are in the making are held."""
        waiting: dict[str, list[Trial]] = {}
        for data in self.lines():
            trial = Trial.from_dict(data)
            of_case = waiting.setdefault(trial.case, [])
            of_case.append(trial)
            if data.get("last"):
                yield _by_repeat(waiting.pop(trial.case))
        for of_case in waiting.values():
            yield _by_repeat(of_case)

    def summary(self) -> Summary:
        """The figures of the run; printed, a page of text."""
        summary = import_module("reliai.evals.summary")
        made: Summary = summary.summary_of(self)
        return made

    def compare(self, baseline: Run | Any | None) -> RunComparison:
        """This run beside an earlier one: paired by case, clustered by group."""
        made: RunComparison = import_module("reliai.evals.comparison").compare(self, baseline)
        return made

    def rescore(self, scorers: Iterable[Any], *, dataset: Any = None) -> Run:
        """Score the stored outputs anew, without a call to the target.

        The scores that were there before are kept beside (`scorings`); those of scorers that have
        the same name and digest are taken over.

        Args:
            scorers: as of an experiment.
            dataset: the cases; None: those of the run.

        Raises:
            ConfigurationError: when the cases are not to be found, or are others; or another
                process works on the run.
        """
        made: Run = import_module("reliai.evals.rescoring").rescore(self, scorers, dataset)
        return made

    def to_parquet(self, path: Path | str) -> None:
        """Write a table, one row a trial, with a column for each score."""
        import_module("reliai.evals._table").write(self, path)

    @cached_property
    def _scores(self) -> Path | None:
        scorings = self.manifest.get("scorings") or ()
        file = scorings[-1].get("file") if scorings else None
        return None if file is None else self.path / file

    def __repr__(self) -> str:
        name = self.manifest.get("experiment", "?")
        return f"<reliai.evals.Run {self.id} of {name}, {self.state}>"


def readable(folder: Path) -> Run | None:
    """The run in a folder; None, and a warning, where it is damaged: it is in nobody's way."""
    if not (folder / _journal.MANIFEST).is_file():
        return None
    try:
        return Run(folder)
    except ConfigurationError as error:
        warn(f"a run is left out: {error}")
        return None


def merge(runs: Iterable[Run | Path | str], *, root: Path | str | None = None) -> Run:
    """One run of its shards.

    Args:
        runs: the shards, or their folders.
        root: where the new run is put; None: beside the first.

    Raises:
        ConfigurationError: when they are of different experiments, or two have a case in common.
    """
    made: Run = import_module("reliai.evals._shards").merged(runs, root)
    return made


def _by_repeat(trials: list[Trial]) -> tuple[Trial, ...]:
    return tuple(sorted(trials, key=lambda trial: trial.repeat))


def _plain(text: str) -> str:
    """A name in a pattern of files, taken as it is."""
    return "".join(f"[{sign}]" if sign in "*?[" else sign for sign in text)

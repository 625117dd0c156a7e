"""One run of an experiment, from its beginning or from where it was cut off."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, Self

from reliai._core.complaints import warn
from reliai.errors import ConfigurationError
from reliai.evals import _journal
from reliai.evals._cache import OutputCache
from reliai.evals._concurrency import limit_of
from reliai.evals._drivers import in_tasks, in_threads
from reliai.evals._git import git_state
from reliai.evals._isolation import isolated
from reliai.evals._loops import off_the_loop
from reliai.evals._resume import Done, left, resumable
from reliai.evals._session import Session
from reliai.evals._source import Selection, checked_shard
from reliai.evals._tally import Tally
from reliai.evals._tries import Tries
from reliai.evals.early import Watch

if TYPE_CHECKING:
    from types import TracebackType

    from reliai.evals._isolation import Isolated
    from reliai.evals._session import Progress
    from reliai.evals._source import Select
    from reliai.evals.experiment import Experiment
    from reliai.evals.run import Run

__all__ = ["CASES", "Folder", "Running"]

CASES = "cases.jsonl"
"""The cases of a run whose dataset is no version that can be opened again."""


class Running:
    """Runs an experiment once. See `Experiment.run`."""

    def __init__(
        self,
        experiment: Experiment,
        *,
        resume: bool | str,
        shard: tuple[int, int] | None,
        select: Select,
        progress: Progress | None,
    ) -> None:
        self.experiment = experiment
        self.resume = resume
        self.shard = checked_shard(shard)
        self.selection = Selection(select, self.shard)
        self.progress = progress
        self.limit = limit_of(experiment.settings.concurrency)

    def run(self) -> Run:
        """Run it, blocking."""
        if self.experiment.executor == "ray":
            from reliai.evals._ray import run_on_ray  # noqa: PLC0415  an extra

            with Folder(self) as folder:
                run_on_ray(self.experiment, folder, self.progress)
            return folder.run
        with Folder(self) as folder, self._guarded(folder) as guarded:
            session, tries = self._parts(folder, guarded)
            if tries.blocks:
                in_threads(session, tries, self.experiment.settings.timeout)
            else:
                off_the_loop(lambda: asyncio.run(in_tasks(session, tries)))
            folder.end(session.error)
        return folder.run

    async def arun(self) -> Run:
        """Run it on the event loop that runs."""
        if self.experiment.executor == "ray":
            return await asyncio.to_thread(self.run)
        with Folder(self) as folder, self._guarded(folder) as guarded:
            session, tries = self._parts(folder, guarded)
            await in_tasks(session, tries)
            folder.end(session.error)
        return folder.run

    def _guarded(self, folder: Folder) -> Isolated:
        experiment = self.experiment
        return isolated(
            experiment.target, experiment.settings.policies, run_id=folder.writer.path.name
        )

    def _parts(self, folder: Folder, guarded: Isolated) -> tuple[Session, Tries]:
        experiment = self.experiment
        session = Session(
            folder.cases,
            writer=folder.writer,
            tally=folder.tally,
            limit=self.limit,
            cache=folder.cache,
            progress=self.progress,
            total=folder.total,
        )
        tries = Tries(guarded, experiment.scorers, experiment.settings, session, experiment.target)
        return session, tries

    @property
    def identity(self) -> dict[str, Any]:
        """What must be the same for the run to be resumed."""
        experiment = self.experiment
        told = {
            "root": experiment.dataset.root,
            "target": experiment.fingerprint,
            "scorers": {each.name: each.digest for each in experiment.scorers},
            "settings": experiment.settings.identity(),
            "shard": self.shard,
            "selection": self.selection.digest,
        }
        plain: dict[str, Any] = json.loads(json.dumps(told))  # as it is read from a manifest
        return plain


class Folder:
    """The folder of a run while it is written; however the block ends, it can be resumed."""

    def __init__(self, running: Running) -> None:
        experiment = running.experiment
        self.experiment = experiment
        self._progress = running.progress is not None
        self.selection = running.selection
        self.shard = running.shard
        self.limit = running.limit
        self._identity = running.identity
        stop = experiment.early_stop
        self.tally = Tally(experiment.settings, None if stop is None else Watch(stop))
        self._earlier = resumable(
            experiment.name,
            self._identity,
            resume=running.resume,
            root=experiment.runs,
        )
        done = None if self._earlier is None else Done.of(self._earlier, self.tally)
        self.tally.stopped = None  # what stopped it then may be otherwise now
        self.cases = left(
            self.selection.of(experiment.dataset), experiment.settings, done, self.tally
        )
        self._ended = False

    @property
    def total(self) -> int:
        """Trials to expect; only worked out when somebody wants to see the progress."""
        if not self._progress:
            return 0
        experiment = self.experiment
        if self.selection.is_all:
            return len(experiment.dataset) * experiment.settings.planned
        chosen = self.selection.of(experiment.dataset)
        return sum(experiment.settings.repeats_of(case) for case in chosen)

    def __enter__(self) -> Self:
        try:
            self._begin()
        except OSError as error:
            raise ConfigurationError(
                f"runs={str(self.experiment.runs)!r} cannot be written ({error}): give the "
                "experiment runs= a folder that can"
            ) from error
        self.cache = self._cache()
        return self

    def _begin(self) -> None:
        experiment = self.experiment
        if self._earlier is not None:
            self.writer = _journal.RunWriter(self._earlier.path, alone=True)
            return
        self.writer = _journal.RunWriter.create(
            experiment.name, root=experiment.runs, manifest=self._manifest(), alone=True
        )
        self._keep_cases()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is not None and not isinstance(error, Exception):
            self.tally.stopped = "interrupted"
        if self.cache is not None:
            self.cache.close()
        finished = self._ended and self.tally.stopped in {None, "decided"}
        limit = self.limit
        self.run = self.writer.close(
            "complete" if finished else "partial",
            **self.tally.told(),
            concurrency={"lowest": limit.lowest, "highest": limit.highest, "last": limit.value},
            cached=0 if self.cache is None else self.cache.hits,
        )
        complaint = self.tally.complaint()
        if complaint is not None and error is None:
            warn(complaint)

    def end(self, error: BaseException | None = None) -> None:
        """The work has come to its end.

        Raises:
            BaseException: what ended it too early.
        """
        if error is not None:
            raise error
        self._ended = True

    def _cache(self) -> OutputCache | None:
        experiment = self.experiment
        if not experiment.cache:
            return None
        file = experiment.runs.parent / "cache" / "outputs.sqlite"
        settings = experiment.settings
        return OutputCache(file, experiment.fingerprint, settings.policies, settings.seed)

    def _manifest(self) -> dict[str, Any]:
        return {
            **self.experiment.told(),
            "cases": len(self.experiment.dataset),
            "curtailed": self.experiment.settings.min_pass is not None,
            "shard": self.shard,
            "selection": self.selection.digest,
            "git": git_state(),
            "identity": self._identity,
        }

    def _keep_cases(self) -> None:
        """Keep cases that are in no version, so that they can be scored anew later."""
        dataset = self.experiment.dataset
        if dataset.reference is not None:
            return
        beside = self.writer.path / f".{CASES}"
        with beside.open("w", encoding="utf-8", errors="surrogatepass") as file:
            for case in self.selection.of(dataset):
                file.write(_journal.encoded(case.to_dict()) + "\n")
        beside.replace(self.writer.path / CASES)

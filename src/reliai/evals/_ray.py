"""The same experiment on a Ray cluster: cases go out in batches, trials come back.

The journal, the cache and the budgets stay with the process that began the run. Each task runs its
batch as a local run would; the policies of the target are private to it. Needs the extra `ray`.
"""

from __future__ import annotations

import asyncio
import logging
import os
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from reliai._needs import needed
from reliai.evals._concurrency import Adaptive, Fixed
from reliai.evals._drivers import in_tasks, in_threads
from reliai.evals._isolation import isolated
from reliai.evals._session import Session
from reliai.evals._tally import Tally
from reliai.evals._tries import Tries
from reliai.evals.trial import Trial

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from reliai.datasets.case import Case
    from reliai.evals._plans import Plan
    from reliai.evals._running import Folder
    from reliai.evals._session import Progress
    from reliai.evals.experiment import Experiment

    Batch = list[tuple[Case, Plan | None]]
    Kept = dict[tuple[str, int], Mapping[str, Any]]

__all__ = ["run_on_ray"]

_LARGEST: Final = 64
"""Cases in a batch."""


def run_on_ray(experiment: Experiment, folder: Folder, progress: Progress | None) -> None:
    """Run what is left of an experiment on the cluster, or on a local one that is begun for it."""
    ray = needed("ray", "ray", "executor='ray'")
    began = not ray.is_initialized()
    if began:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is told to anybody
        # On the loopback, so that nobody outside is asked which address this machine has.
        ray.init(
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            _node_ip_address="127.0.0.1",
        )
    try:
        _Dispatch(ray, experiment, folder, progress).run()
    finally:
        if began:
            ray.shutdown()
    folder.end()


class _Dispatch:
    def __init__(
        self, ray: Any, experiment: Experiment, folder: Folder, progress: Progress | None
    ) -> None:
        self._ray = ray
        self._folder = folder
        self._progress = progress
        self._total = folder.total
        concurrency = experiment.settings.concurrency
        self._cpus = max(1, int(ray.cluster_resources().get("CPU", 1)))
        if isinstance(concurrency, int):
            self._cpus = min(self._cpus, concurrency)
        self._size = max(1, min(_LARGEST, len(experiment.dataset) // (self._cpus * 4)))
        self._most = max(experiment.settings.most, experiment.settings.planned)
        each = 0 if isinstance(concurrency, str) else concurrency // self._cpus
        settings = replace(experiment.settings, max_error_rate=1.0)  # judged here, over all
        self._task = ray.remote(max_retries=2)(_work)
        self._described = ray.put(
            (experiment.target, experiment.scorers, settings, folder.writer.path.name, each)
        )

    def run(self) -> None:
        """Keep every processor of the cluster busy until nothing is left."""
        ray = self._ray
        running: list[Any] = []
        try:
            while True:
                while len(running) < self._cpus and self._folder.tally.stopped is None:
                    batch = list(islice(self._folder.cases, self._size))
                    if not batch:
                        break
                    running.append(self._task.remote(self._described, batch, self._kept(batch)))
                if not running:
                    return
                ended, running = ray.wait(running, num_returns=1)
                for data in ray.get(ended[0]):
                    self._take(data)
                self._folder.writer.flush()
        except BaseException:
            for each in running:
                ray.cancel(each, force=True)
            raise

    def _kept(self, batch: Batch) -> Kept:
        cache = self._folder.cache
        if cache is None:
            return {}
        found = {
            (case.digest, repeat): cache.get(case.digest, repeat)
            for case, _ in batch
            for repeat in range(1, max(self._most, case.repeats or 0) + 1)
        }
        return {key: kept for key, kept in found.items() if kept is not None}

    def _take(self, data: dict[str, Any]) -> None:
        trial = Trial.from_dict(data)
        self._folder.writer.write_line(data)
        tally = self._folder.tally
        if self._folder.cache is not None:
            self._folder.cache.put(trial)
        tally.take(trial, last=bool(data.get("last")))
        if self._progress is not None:
            self._progress(tally.trials, max(self._total, tally.trials), trial)


class _Lines:
    """Stands for the journal in a task."""

    dirty = False

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []

    def write(self, trial: Trial, *, last: bool = False) -> None:
        data = trial.to_dict()
        if last:
            data["last"] = True
        self.lines.append(data)

    def flush(self) -> None:
        """They go back when the batch has ended."""


class _Given:
    """Stands for the cache in a task."""

    def __init__(self, kept: Kept) -> None:
        self._kept = kept

    def get(self, digest: str, repeat: int) -> Mapping[str, Any] | None:
        return self._kept.get((digest, repeat))

    def put(self, trial: Trial) -> None:
        """It is kept where the run was begun."""


def _work(described: tuple[Any, ...], batch: Batch, kept: Kept) -> list[dict[str, Any]]:
    """Run a batch of cases, in a process of the cluster."""
    target, scorers, settings, run_id, each = described
    lines = _Lines()
    cases: Iterator[tuple[Case, Plan | None]] = iter(batch)
    with isolated(target, settings.policies, run_id=run_id) as guarded:
        parts: dict[str, Any] = {"writer": lines, "cache": _Given(kept)}
        limit = Fixed(each) if each else Adaptive()
        session = Session(cases, tally=Tally(settings), limit=limit, **parts)
        tries = Tries(guarded, scorers, settings, session, target)
        if tries.blocks:
            in_threads(session, tries, settings.timeout)
        else:
            asyncio.run(in_tasks(session, tries))
    if session.error is not None:
        raise session.error
    return lines.lines

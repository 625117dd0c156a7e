"""Experiments: a target on each case of a dataset, a number of times, and scorers on what it gives.

An `Experiment` is a description. Each `run()` works in a folder of its own, and whatever ends it
early leaves a run that the next `run()` goes on with.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from reliai.errors import ConfigurationError
from reliai.evals import _journal
from reliai.evals._cache import is_on, key_of
from reliai.evals._isolation import isolated
from reliai.evals._settings import EXECUTORS, Settings
from reliai.evals._source import opened
from reliai.evals.scoring import check_graders, scorers_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from reliai.datasets.case import Case
    from reliai.datasets.version import Cases
    from reliai.evals._session import Progress
    from reliai.evals._source import Select
    from reliai.evals.early import EarlyStop
    from reliai.evals.run import Run

__all__ = ["Experiment"]


class Experiment:
    """A target, the cases it is tried on, and what judges it.

    Args:
        target: a function, guarded or bare, sync or async, or a generator; the inputs of a case are
            its keyword arguments. What it returns is kept, and scored, in its JSON form.
        dataset: a `Version` or view of it, the text of a reference ("name@v3"), or a list of cases.
        scorers: functions of (output, case), or those of `reliai.evals.scorers`.
        name: of the experiment, and of the folder of its runs; None: the target's.
        repeats: tries of each case (>= 1), unless the case says otherwise. None: 1 when
            `deterministic`, else 3, and more of a case on which assertions disagree.
        max_repeats: tries of a case on which assertions disagree. None: 10 when `repeats` is
            None, else no more than `repeats`. The tries beyond `repeats` tell how flaky a case is;
            they are in no mean.
        min_pass: tries of a case that must pass (all assertions hold). Tries that can no longer
            change whether so many do are left out. None: all are made.
        deterministic: whether the target gives the same each time.
        concurrency: tries at a time (>= 1). "adaptive": from 4 up to 32, halved when the provider
            refuses (429, overload) or answers too late.
        timeout: seconds for one call of the target, waiting for its turn not counted. None: no
            limit. A sync function that takes longer is left behind in its thread.
        retries: of a call that failed in transport (connection, 5xx, timeout by the target). They
            are recorded. A call that is refused for its rate is put off, up to 5 minutes in all.
        max_usd: US dollars for the calls of one run; a cached output costs nothing. When they are
            spent the run stops, unfinished.
        max_error_rate: share of cases without a good answer, or without any score, above which
            the run is incomplete (exit code 4). A run of which the first 50 tries all fail is
            stopped.
        policies: "evaluation": the target's own policies, with nothing shared or cached;
            "deployed": as they serve users; "bare": none.
        executor: "local", or "ray": on a Ray cluster.
        cache: whether outputs are taken from, and kept for, other runs (for 7 days, by target,
            case and repeat). None: yes, but not in CI.
        seed: of the waiting times; another one asks for new outputs where there are cached ones.
        early_stop: end as soon as it is known who is better.
        runs: the folder that runs are kept in; None: `.reliai/runs`. The cache lies beside.

    Raises:
        ConfigurationError: for a setting that cannot be.
    """

    def __init__(
        self,
        target: Callable[..., Any],
        dataset: Cases | Iterable[Case] | str,
        scorers: Iterable[Any] = (),
        *,
        name: str | None = None,
        repeats: int | None = None,
        concurrency: int | str = "adaptive",
        timeout: float | None = 60.0,
        max_usd: float | None = None,
        max_error_rate: float = 0.02,
        policies: str = "evaluation",
        executor: str = "local",
        cache: bool | None = None,
        seed: int = 0,
        max_repeats: int | None = None,
        min_pass: int | None = None,
        deterministic: bool = False,
        retries: int = 2,
        early_stop: EarlyStop | None = None,
        runs: Path | str | None = None,
    ) -> None:
        if executor not in EXECUTORS:
            raise ConfigurationError(f"executor={executor!r}: must be 'local' or 'ray'")
        self.settings = Settings(
            repeats=repeats,
            max_repeats=max_repeats,
            min_pass=min_pass,
            deterministic=deterministic,
            concurrency=concurrency,
            timeout=timeout,
            retries=retries,
            max_usd=max_usd,
            max_error_rate=max_error_rate,
            policies=policies,
            seed=seed,
        )
        self.target = target
        self.scorers = scorers_of(scorers)
        check_graders(self.scorers, target)
        self.dataset = opened(dataset)
        self.executor = executor
        self.cache = is_on(asked=cache)
        self.early_stop = early_stop
        self.runs = Path(runs or _journal.RUNS)
        with isolated(target, policies) as guarded:
            self.name = guarded.name if name is None else name
            self._fingerprint = guarded.fingerprint
            self._asynchronous = guarded.asynchronous
        _journal.folder_name(self.name)
        self._check()

    def _check(self) -> None:
        if self.early_stop is not None:
            if self.early_stop.scorer not in {each.name for each in self.scorers}:
                known = ", ".join(each.name for each in self.scorers) or "none"
                raise ConfigurationError(
                    f"early_stop: scorer={self.early_stop.scorer!r}: the experiment has {known}"
                )
            if self.executor == "ray":
                raise ConfigurationError(
                    "early_stop with executor='ray': cases are handed out in batches there; use "
                    "executor='local'"
                )
        if self.executor == "ray" and self.settings.max_usd is not None:
            raise ConfigurationError(
                f"max_usd={self.settings.max_usd!r} with executor='ray': no process there knows "
                "what the others spend; use executor='local', or a Budget of the provider's"
            )

    @property
    def fingerprint(self) -> str:
        """Of the target: its code, its policies, and how they are used."""
        return self._fingerprint

    def run(
        self,
        resume: bool | str = True,  # noqa: FBT001, FBT002  the contract
        shard: tuple[int, int] | None = None,
        select: Select = None,
        progress: Progress | None = None,
    ) -> Run:
        """Run the experiment.

        Interrupted (Ctrl-C, a crash, spent money), it leaves an unfinished run, which the next
        call goes on with.

        Args:
            resume: go on with the latest run, if it is unfinished and of the same target,
                scorers and settings; False: begin a new one; a text: go on with the run of this id.
            shard: (i, n): only the cases of the i-th of n parts. `Run.merge` puts them together.
            select: only cases with these tags, with these keys, or of which a function says True.
            progress: called with the number of trials that have ended, the number that is
                expected, and the latest one; by one thread at a time.

        Raises:
            ConfigurationError: when the unfinished run is of another dataset.
        """
        from reliai.evals._running import Running  # noqa: PLC0415  not for describing one

        running = Running(self, resume=resume, shard=shard, select=select, progress=progress)
        return running.run()

    async def arun(
        self,
        resume: bool | str = True,  # noqa: FBT001, FBT002  the contract
        shard: tuple[int, int] | None = None,
        select: Select = None,
        progress: Progress | None = None,
    ) -> Run:
        """`run` on the event loop that runs; cancelled, it leaves an unfinished run."""
        from reliai.evals._running import Running  # noqa: PLC0415  as above

        running = Running(self, resume=resume, shard=shard, select=select, progress=progress)
        return await running.arun()

    def explain_key(self, case: Case, repeat: int = 1) -> dict[str, Any]:
        """What the output of a try is kept under in the cache, in words."""
        settings = self.settings
        return key_of(self._fingerprint, settings.policies, settings.seed, case.digest, repeat)

    def told(self) -> dict[str, Any]:
        """The description, for the manifest."""
        return {
            "experiment": self.name,
            "dataset": self.dataset.reference,
            "version": _version(self.dataset),
            "root": self.dataset.root,
            "target": {
                "name": self._target_name(),
                "fingerprint": self._fingerprint,
                "policies": self.settings.policies,
            },
            "scorers": {each.name: each.digest for each in self.scorers},
            "settings": self.settings.told(),
            "repeats": self.settings.planned,
            "seed": self.settings.seed,
            "executor": self.executor,
        }

    def _target_name(self) -> str:
        given = self.target
        return str(getattr(given, "__qualname__", type(given).__qualname__))

    def __repr__(self) -> str:
        names = ", ".join(each.name for each in self.scorers) or "no scorers"
        return f"<reliai.evals.Experiment {self.name}: {len(self.dataset)} cases, {names}>"


def _version(dataset: Cases) -> str | None:
    reference = dataset.reference
    return None if reference is None else reference.rpartition("@")[2]

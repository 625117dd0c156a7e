"""Scoring stored outputs anew, without a call to the target."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Final, TextIO

from reliai import clock
from reliai.errors import ConfigurationError
from reliai.evals import _journal
from reliai.evals._fingerprints import digest_of
from reliai.evals._isolation import isolated
from reliai.evals._loops import off_the_loop
from reliai.evals._running import CASES
from reliai.evals._source import opened
from reliai.evals._tally import is_lost
from reliai.evals.run import Run
from reliai.evals.scoring import scored, scorers_of
from reliai.evals.trial import Trial

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from reliai.datasets.case import Case
    from reliai.evals.scoring import Scorer
    from reliai.evals.trial import Score

__all__ = ["rescore"]

_AT_A_TIME: Final = 16
"""Trials that are scored at a time by scorers that wait."""


def rescore(run: Run, scorers: Iterable[Any], dataset: Any = None) -> Run:
    """See `Run.rescore`."""
    given = scorers_of(scorers)
    waits = any(each.asynchronous or each.blocking for each in given)
    with _journal.alone(run.path):  # scores go with trials by their order
        run = Run(run.path)
        return (
            off_the_loop(lambda: _rescored(run, given, dataset))
            if waits
            else _rescored(run, given, dataset)
        )


def _rescored(run: Run, given: tuple[Scorer, ...], dataset: Any) -> Run:
    names = {each.name: each.digest for each in given}
    file = f"scores-{digest_of(names)[7:19]}.jsonl"
    old = run.manifest.get("scorers") or {}
    new = tuple(each for each in given if old.get(each.name) != each.digest)
    kept = tuple(each.name for each in given if each not in new)
    feed = _Feed(_cases(run, dataset))
    unfinished = run.path / f".{file}"
    with (
        isolated(_nothing, run_id=run.id) as guarded,
        guarded.scope(),  # judges are calls of an evaluation too
        _appended(unfinished) as (opened_file, there),
    ):
        for scores in _all(run, feed, new, kept, there):
            told = {name: score.to_dict() for name, score in scores.items()}
            opened_file.write(_journal.encoded({"scores": told}) + "\n")
    unfinished.replace(run.path / file)
    return _tell(run, names, file)


@contextmanager
def _appended(file: Path) -> Iterator[tuple[TextIO, int]]:
    """A file to go on with, and how many whole lines it has: a scoring may have been cut off.

    Trials are scored in their order, so those lines are of the first ones.
    """
    there = 0
    if file.exists():
        content = file.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        there = whole.count(b"\n")
        if len(whole) < len(content):
            file.write_bytes(whole)
    with file.open("a", encoding="utf-8", errors="surrogatepass", buffering=1) as opened_file:
        yield opened_file, there


def _tell(run: Run, names: dict[str, str], file: str) -> Run:
    manifest = _journal.read_manifest(run.path)
    scorings = [each for each in manifest.get("scorings") or () if each.get("file") != file]
    if not scorings:
        scorings.append({"scorers": manifest.get("scorers"), "file": None})
    scorings.append({"scorers": names, "file": file, "at": clock.active().time()})
    told = {**manifest, "scorers": names, "scorings": scorings}
    _journal.write_manifest(run.path, told)
    _journal.write_manifest(run.path, {**told, **_lost(Run(run.path))})
    return Run(run.path)


def _lost(run: Run) -> dict[str, Any]:
    """How many cases are lost with the scores that hold now, for the manifest."""
    cases, lost = 0, 0.0
    for trials in run.cases():
        cases += 1
        lost += sum(map(is_lost, trials)) / len(trials)
    allowed = (run.manifest.get("settings") or {}).get("max_error_rate", 1.0)
    over = cases > 0 and lost > allowed * cases + 1e-9
    return {"lost_cases": round(lost, 6), "over_error_rate": over}


def _all(
    run: Run, feed: _Feed, new: tuple[Scorer, ...], kept: tuple[str, ...], there: int
) -> Iterator[dict[str, Score]]:
    """The scores of all trials but the first ones, which are there."""
    waits = any(each.asynchronous or each.blocking for each in new)
    size = _AT_A_TIME if waits else 1
    seconds = (run.manifest.get("settings") or {}).get("timeout")
    batch: list[tuple[Trial, Case]] = []
    with ExitStack() as stack:
        runner = stack.enter_context(asyncio.Runner()) if waits else None
        for number, data in enumerate(run.lines()):
            trial = Trial.from_dict(data)
            case = feed.case(trial, last=bool(data.get("last")))
            if number < there:
                continue
            batch.append((trial, case))
            if len(batch) >= size:
                yield from _batch(batch, new, kept, runner, seconds)
                batch = []
        yield from _batch(batch, new, kept, runner, seconds)


def _batch(
    batch: list[tuple[Trial, Case]],
    new: tuple[Scorer, ...],
    kept: tuple[str, ...],
    runner: asyncio.Runner | None,
    seconds: float | None,
) -> Iterator[dict[str, Score]]:
    judged = [
        scored(new, trial.output, case, status=trial.status, seconds=seconds)
        for trial, case in batch
    ]
    said = [_driven(each) for each in judged] if runner is None else runner.run(_gathered(judged))
    for (trial, _), scores in zip(batch, said, strict=True):
        yield {**{name: trial.scores[name] for name in _of(trial, kept)}, **scores}


async def _gathered(judged: list[Any]) -> list[dict[str, Score]]:
    said: list[dict[str, Score]] = await asyncio.gather(*judged)
    return said


def _nothing() -> None:
    """Stands for the target, which is not called."""


def _driven(coroutine: Any) -> dict[str, Score]:
    """What a coroutine gives that never waits."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        made: dict[str, Score] = end.value
        return made
    raise AssertionError("a scorer waits that said it does not")


def _of(trial: Trial, kept: tuple[str, ...]) -> list[str]:
    """The names of the scores of some scorers, of which one may give several."""
    return [
        name
        for name in trial.scores
        if any(name == each or name.startswith(f"{each}.") for each in kept)
    ]


class _Feed:
    """Gives the case of each trial, while trials come nearly in the order of the cases."""

    def __init__(self, cases: Iterable[Case]) -> None:
        self._cases = iter(cases)
        self._waiting: dict[str, Case] = {}

    def case(self, trial: Trial, *, last: bool) -> Case:
        """The case of a trial.

        Raises:
            ConfigurationError: when it is not among the cases.
        """
        while trial.case not in self._waiting:
            case = next(self._cases, None)
            if case is None:
                raise ConfigurationError(f"rescore: the dataset has no case {trial.case!r}")
            self._waiting[case.key] = case
        found = self._waiting.pop(trial.case) if last else self._waiting[trial.case]
        if found.digest != trial.digest:
            raise ConfigurationError(
                f"rescore: case {trial.case!r} is {found.digest} in the dataset, and was "
                f"{trial.digest} in the run"
            )
        return found


def _cases(run: Run, dataset: Any) -> Iterable[Case]:
    if dataset is None:
        return _own_cases(run)
    given = opened(dataset)
    if given.root != run.manifest.get("root"):
        raise ConfigurationError(
            f"rescore: the dataset has the root {given.root}, and that of the run was "
            f"{run.manifest.get('root')}"
        )
    return given


def _own_cases(run: Run) -> Iterable[Case]:
    kept = run.path / CASES
    if kept.is_file():
        return _read(kept)
    reference = run.manifest.get("dataset")
    if reference is None:
        raise ConfigurationError(f"rescore: run {run.id} has no cases of its own: give dataset=")
    return _cases(run, reference)


def _read(file: Path) -> Iterator[Case]:
    from reliai.datasets import Case as Made  # noqa: PLC0415  only where it is needed

    return (Made.from_dict(data) for data in _journal.json_lines(file))

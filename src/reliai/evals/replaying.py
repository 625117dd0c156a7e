"""The replay gate: what production was asked last, put to a candidate, beside what was answered.

It needs a store that keeps content (`RecordStore(content="full")`, or "redacted": the candidate
then gets the redacted texts). Nothing is sent anywhere but to the candidate.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from reliai.datasets.case import MISSING, Case, Source
from reliai.datasets.tokens import markers
from reliai.datasets.views import listed
from reliai.errors import ConfigurationError
from reliai.evals._columns import columns_of_trials
from reliai.evals._isolation import isolated
from reliai.evals._loops import off_the_loop
from reliai.evals.comparison import compare
from reliai.evals.experiment import Experiment
from reliai.evals.scoring import scored, scorers_of
from reliai.evals.trial import Trial

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from reliai.evals.comparison import RunComparison
    from reliai.evals.scoring import Scorer
    from reliai.evals.trial import Status
    from reliai.records import RecordStore, StoredCall

__all__ = ["ProductionCalls", "areplay", "production_calls", "replay"]

_STATUSES: Final[Mapping[str | None, Status]] = {
    "success": "ok",
    "degraded": "degraded",
    "error": "error",
    "rejected": "rejected",
}
_AT_A_TIME: Final = 16


@dataclass(frozen=True, slots=True)
class ProductionCalls:
    """Calls of production as cases, and what was answered.

    Attributes:
        cases: one for each call: its arguments, with its answer for the reference where there is
            one; a session is a group. The key is the call's id.
        answered: the tries that production made of them, without scores.
        skipped: how many calls were left out, by reason.
        redacted: how many cases have texts in which personal data was replaced.
    """

    cases: tuple[Case, ...]
    answered: tuple[Trial, ...]
    skipped: Mapping[str, int] = field(default_factory=dict[str, int])
    redacted: int = 0

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader has to know."""
        notes = [f"REPLAY: the baseline is what production answered to {len(self.cases)} calls"]
        if self.skipped:
            said = ", ".join(f"{count} {why}" for why, count in sorted(self.skipped.items()))
            notes.append(f"calls that could not be replayed: {said}")
        if self.redacted:
            notes.append(f"{self.redacted} calls have redacted texts, which the candidate got")
        return tuple(notes)


def production_calls(
    store: RecordStore,
    *,
    name: str,
    last: int = 200,
    since: float | datetime | None = None,
    where: Any = None,
) -> ProductionCalls:
    """The last calls of a guarded function, with what they were given and what came out.

    Calls of evaluations are none of production. Cancelled ones, and those whose content was not
    kept or was cut to size, are left out and counted.

    Args:
        store: that keeps content.
        name: of the guarded function.
        last: how many calls to look at (>= 1).
        since: Unix seconds, or a datetime: when they started at the earliest.
        where: further conditions, as of `RecordStore.calls`.

    Raises:
        ConfigurationError: when no call can be replayed, saying why, or for a condition that is
            none.
    """
    if not isinstance(last, int) or isinstance(last, bool) or last < 1:
        raise ConfigurationError(f"replay(last={last!r}): must be a whole number from 1 up")
    skipped: Counter[str] = Counter()
    cases: list[Case] = []
    answered: list[Trial] = []
    redacted = 0
    for call in reversed(_last(store, last, name=name, since=since, where=where)):
        why = _unfit(call)
        if why:
            skipped[why] += 1
            continue
        case = _case(call)
        cases.append(case)
        answered.append(_answer(call, case))
        redacted += bool(markers(json.dumps(call.inputs, ensure_ascii=False)))
    if not cases:
        said = ", ".join(f"{count} {why}" for why, count in sorted(skipped.items()))
        raise ConfigurationError(
            f"replay(name={name!r}): no call can be replayed ({said or 'there is none'}); the "
            'store must keep content: RecordStore(content="redacted"), or "full"'
        )
    return ProductionCalls(tuple(cases), tuple(answered), dict(skipped), redacted)


def replay(
    target: Callable[..., Any],
    store: RecordStore,
    scorers: Iterable[Any],
    *,
    name: str,
    last: int = 200,
    since: float | datetime | None = None,
    where: Any = None,
    **settings: Any,
) -> RunComparison:
    """Put the last calls of production to a candidate, and compare with what was answered.

    Scorers that need no reference judge both sides, for `Gate(…, non_inferior=…)`. For those that
    need one it is what production answered: production has full marks then, and the candidate's
    score is how often the two agree, for `Gate(…, min=…)`.

    Args:
        target: the candidate; the arguments of the calls, as JSON data, are its arguments.
        store: that keeps content.
        scorers: as of an experiment.
        name: of the guarded function whose calls they are.
        last: how many calls to look at (>= 1).
        since: Unix seconds, or a datetime: when they started at the earliest.
        where: further conditions, as of `RecordStore.calls`.
        **settings: of `Experiment`.

    Raises:
        ConfigurationError: when no call can be replayed, or the candidate has effects that must
            happen once.
    """
    calls = production_calls(store, name=name, last=last, since=since, where=where)
    experiment = _experiment(target, calls, scorers, name, settings)
    run = experiment.run()
    baseline = off_the_loop(lambda: asyncio.run(_scored(calls, experiment.scorers)))
    return _compared(run, calls, baseline, experiment.scorers)


async def areplay(
    target: Callable[..., Any],
    store: RecordStore,
    scorers: Iterable[Any],
    *,
    name: str,
    last: int = 200,
    since: float | datetime | None = None,
    where: Any = None,
    **settings: Any,
) -> RunComparison:
    """`replay` on the event loop that runs."""
    calls = await asyncio.to_thread(
        production_calls, store, name=name, last=last, since=since, where=where
    )
    experiment = _experiment(target, calls, scorers, name, settings)
    run = await experiment.arun()
    baseline = await _scored(calls, experiment.scorers)
    return _compared(run, calls, baseline, experiment.scorers)


def _experiment(
    target: Callable[..., Any],
    calls: ProductionCalls,
    scorers: Iterable[Any],
    name: str,
    settings: dict[str, Any],
) -> Experiment:
    with isolated(target) as guarded:
        if guarded.effects == "once":
            raise ConfigurationError(
                f"replay({guarded.name}): its effects must happen once, and calls of production "
                "would have them again; replay the part without effects"
            )
    given: dict[str, Any] = {"name": f"replay-{name}", "repeats": 1, **settings}
    return Experiment(target, listed(calls.cases), scorers_of(scorers), **given)


async def _scored(calls: ProductionCalls, scorers: tuple[Scorer, ...]) -> list[Trial]:
    """What production answered, with scores."""
    made: list[Trial] = []
    pairs = list(zip(calls.answered, calls.cases, strict=True))
    with isolated(_nothing) as guarded, guarded.scope():  # judges are calls of an evaluation too
        for start in range(0, len(pairs), _AT_A_TIME):
            some = pairs[start : start + _AT_A_TIME]
            found = await asyncio.gather(
                *(scored(scorers, t.output, case, status=t.status) for t, case in some)
            )
            for (trial, _), scores in zip(some, found, strict=True):
                made.append(replace(trial, scores=scores))
    return made


def _compared(
    run: Any, calls: ProductionCalls, answered: list[Trial], scorers: tuple[Scorer, ...]
) -> RunComparison:
    manifest = {
        "root": run.manifest.get("root"),
        "scorers": {each.name: each.digest for each in scorers},
    }
    names = tuple(each.name for each in scorers)
    baseline = columns_of_trials(answered, "what production answered", manifest, names)
    made = compare(run, baseline)
    return replace(made, notes=(*calls.notes, *made.notes), runs=(run, _Answered(answered)))


class _Answered:
    """What production answered, for the examples of a report."""

    def __init__(self, trials: list[Trial]) -> None:
        self._trials = trials

    def trials(self) -> Iterable[Trial]:
        return iter(self._trials)


def _nothing() -> None:
    """Stands for the target, which is not called."""


def _last(store: RecordStore, last: int, **which: Any) -> list[StoredCall]:
    """The last calls that served users: those of evaluations may be many."""
    from reliai.records._queries import conditions  # noqa: PLC0415  loads what databases need
    from reliai.records._tables import calls  # noqa: PLC0415  the same

    served = calls.c.environment.is_distinct_from("eval")
    return store._newest([*conditions(**which), served], last)  # noqa: SLF001  nobody else asks so


def _unfit(call: StoredCall) -> str:
    """Why a call cannot be replayed; "" where it can."""
    if call.status not in _STATUSES:
        return "cancelled"
    if not isinstance(call.inputs, dict):
        return "without content"
    if call.inputs_bytes is not None or call.output_bytes is not None:
        return "cut to size"
    if call.status == "success" and call.output is None:
        return "without an answer"
    return ""


def _case(call: StoredCall) -> Case:
    known = call.status == "success"
    return Case(
        inputs=call.inputs,
        expected=call.output if known else MISSING,
        id=call.id,
        tags=dict(call.tags),
        group=call.session,
        sources=(Source(kind="call", id=call.id, at=call.started_at),),
    )


def _answer(call: StoredCall, case: Case) -> Trial:
    return Trial(
        case=case.key,
        digest=case.digest,
        repeat=1,
        status=_STATUSES[call.status],
        output=call.output,
        error=call.error,
        started_at=call.started_at,
        duration=call.duration or 0.0,
        cost_usd=call.cost_usd,
        input_tokens=call.input_tokens,
        output_tokens=call.output_tokens,
        call_id=call.id,
        tags=case.tags,
        group=case.group,
    )

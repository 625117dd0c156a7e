"""Anchors: outputs whose judgement is frozen, to tell a judge that changed from a worse product.

When the judge is another one, be it its prompt, its rubric or the model behind it, all of them are
judged again. What they are did not change, so every verdict that did is the judge's doing.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, TypeVar

from reliai import clock
from reliai.datasets.case import Case
from reliai.errors import ConfigurationError, GateFailed
from reliai.evals._fingerprints import digest_of
from reliai.evals.scoring import Scorer, scored
from reliai.stats import mcnemar_exact

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping, Sequence

    from reliai.evals.trial import Score, Trial

__all__ = [
    "Anchor",
    "AnchorCheck",
    "AnchorVerdict",
    "Anchors",
    "anchor_items",
    "served_models",
]

T = TypeVar("T")

AnchorVerdict: TypeAlias = Literal["unchanged", "agrees", "judge_drift", "inconclusive"]

_FORMAT: Final = 1
_LEAST: Final = 20
_NOISE: Final = 9
"""Decimal places to which two values have to be the same."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """One output of one case, and what the judge said of it.

    Attributes:
        case: what was asked.
        output: what is judged, as JSON data.
        value: of the score; None where it was unscored.
    """

    case: Case
    output: Any
    value: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AnchorCheck:
    """What became of the anchors under a judge.

    Attributes:
        verdict: "unchanged": it is the same judge, and was not asked; "agrees": another one that
            judges alike; "judge_drift": another one that judges otherwise, so that its scores say
            nothing of a change since; "inconclusive": too few anchors could be judged to tell.
        laxer: anchors that it finds better than before.
        stricter: anchors that it finds worse than before.
        p_value: of the exact sign test, two-sided; 1.0 where nothing was asked.
        n_scored: anchors with a score before and now.
        n_total: anchors.
        detectable: the least share of anchors that has to change one way to be seen.
        mean_before, mean_now: of the anchors with both; None where nothing was asked.
        changed: keys of the cases whose score changed.
        note: what else there is to say; "" for nothing.
    """

    verdict: AnchorVerdict
    laxer: int = 0
    stricter: int = 0
    p_value: float = 1.0
    n_scored: int = 0
    n_total: int = 0
    detectable: float | None = None
    mean_before: float | None = None
    mean_now: float | None = None
    changed: tuple[str, ...] = ()
    note: str = ""
    _anchors: Anchors | None = field(default=None, repr=False, compare=False)

    def refrozen(self) -> Anchors:
        """The anchors as this judge sees them, to go on with when it is the one to trust.

        Raises:
            ConfigurationError: when it was not asked.
        """
        if self._anchors is None:
            raise ConfigurationError("refrozen(): the judge is unchanged, so there is nothing new")
        return self._anchors

    def require(self) -> None:
        """Go on only with a judge that judges as it did.

        Raises:
            GateFailed: when it drifted, or too few anchors could be judged to tell.
        """
        if self.verdict in {"judge_drift", "inconclusive"}:
            raise GateFailed(str(self), result=self)

    def __str__(self) -> str:
        if self.verdict == "unchanged":
            return "unchanged: the same judge, which was not asked"
        note = f"; {self.note}" if self.note else ""
        return (
            f"{self.verdict}: of {self.n_scored} of {self.n_total} anchors {self.stricter} are "
            f"judged worse and {self.laxer} better than before, p = {self.p_value:.2g}{note}"
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON data."""
        names = [each for each in self.__dataclass_fields__ if not each.startswith("_")]
        told = {name: getattr(self, name) for name in names}
        return {**told, "changed": list(self.changed)}


class Anchors:
    """Outputs with the judgement of one judge, frozen.

    Make them with `freeze`, keep them in the repository with `save`. Have 200 or more: of 60, a
    judge that fails 8 % more than before changes five, and five of five is no evidence yet.

    Args:
        name: of them.
        judge: the digest of the scorer.
        models: that answered for it, as far as it was told.
        items: the anchors.
        frozen_at: Unix time.

    Raises:
        ConfigurationError: for less than 20 items, or two of one case.
    """

    def __init__(
        self,
        name: str,
        *,
        judge: str,
        models: Iterable[str] = (),
        items: Iterable[Anchor],
        frozen_at: float,
    ) -> None:
        self.name = name
        self.judge = judge
        self.models = tuple(sorted(set(models)))
        self.items = tuple(items)
        self.frozen_at = frozen_at
        _check_items(name, self.items)

    def __len__(self) -> int:
        return len(self.items)

    def __repr__(self) -> str:
        return f"<reliai anchors {self.name!r}: {len(self)} outputs>"

    @property
    def digest(self) -> str:
        """The hash of what is judged: the same as long as nobody edits it."""
        return digest_of([[each.case.digest, each.output] for each in self.items])

    @classmethod
    def freeze(
        cls,
        judge: Scorer,
        items: Iterable[tuple[Case, Any]],
        *,
        name: str | None = None,
        concurrency: int = 8,
        progress: Callable[[int, int], None] | None = None,
    ) -> Anchors:
        """Have all items judged, and keep what the judge says.

        Args:
            judge: the scorer, one that gives one score.
            items: pairs of a case and an output of it, of all grades, 200 or more.
            name: of the anchors; None: the scorer's.
            concurrency: judgements at one time.
            progress: told how many are done, of how many.

        Raises:
            ConfigurationError: for what can be no anchors; inside an event loop, where
                `await afreeze(…)` is the way.
        """
        return _run(
            cls.afreeze(judge, items, name=name, concurrency=concurrency, progress=progress)
        )

    @classmethod
    async def afreeze(
        cls,
        judge: Scorer,
        items: Iterable[tuple[Case, Any]],
        *,
        name: str | None = None,
        concurrency: int = 8,
        progress: Callable[[int, int], None] | None = None,
    ) -> Anchors:
        """`freeze` from an event loop."""
        given = list(items)
        named = judge.name if name is None else name
        _check_items(named, [Anchor(case, output, None) for case, output in given])
        found = await _judged(judge, given, concurrency, progress)
        pairs = zip(given, found, strict=True)
        made = [Anchor(case, output, score.value) for (case, output), score in pairs]
        now = clock.active().time()
        return cls(named, judge=judge.digest, models=_models(found), items=made, frozen_at=now)

    def check(
        self,
        judge: Scorer,
        *,
        served: Collection[str] = (),
        force: bool = False,
        alpha: float = 0.01,
        shift: float = 0.05,
        max_missing: float = 0.02,
        concurrency: int = 8,
        progress: Callable[[int, int], None] | None = None,
    ) -> AnchorCheck:
        """Whether a judge says of the anchors what was said when they were frozen.

        The judge is asked only when it is another one: its digest differs, or a model answered for
        it that did not then.

        Args:
            judge: the scorer, as it is now.
            served: models that answered for it lately: see `served_models`.
            force: whether it is asked in any case.
            alpha: the level of the test, in (0, 1).
            shift: the share of anchors whose change one way must not go unseen, in (0, 1]; with
                too few anchors for that the verdict is "inconclusive".
            max_missing: the share of anchors that may be unscored, in [0, 1).
            concurrency: judgements at one time.
            progress: told how many are done, of how many.

        Raises:
            ConfigurationError: for a number out of its range; inside an event loop, where
                `await acheck(…)` is the way.
        """
        return _run(
            self.acheck(
                judge,
                served=served,
                force=force,
                alpha=alpha,
                shift=shift,
                max_missing=max_missing,
                concurrency=concurrency,
                progress=progress,
            )
        )

    async def acheck(
        self,
        judge: Scorer,
        *,
        served: Collection[str] = (),
        force: bool = False,
        alpha: float = 0.01,
        shift: float = 0.05,
        max_missing: float = 0.02,
        concurrency: int = 8,
        progress: Callable[[int, int], None] | None = None,
    ) -> AnchorCheck:
        """`check` from an event loop."""
        for what, number, above in (
            ("alpha", alpha, True),
            ("shift", shift, True),
            ("max_missing", max_missing, False),
        ):
            if isinstance(number, bool) or not 0 <= number < 1 or (above and number == 0):
                at_least = "above 0" if above else "from 0"
                raise ConfigurationError(f"check({what}={number!r}): must be {at_least}, below 1")
        unknown = sorted(set(served) - set(self.models)) if self.models else []
        if judge.digest == self.judge and not unknown and not force:
            return AnchorCheck(verdict="unchanged", n_total=len(self))
        pairs = [(each.case, each.output) for each in self.items]
        scores = await _judged(judge, pairs, concurrency, progress)
        new = Anchors(
            self.name,
            judge=judge.digest,
            models=_models(scores),
            items=[
                Anchor(old.case, old.output, score.value)
                for old, score in zip(self.items, scores, strict=True)
            ],
            frozen_at=clock.active().time(),
        )
        return _compared(self, new, alpha, shift, max_missing)

    def save(self, path: Path | str) -> Path:
        """Write them to a file that can be reviewed and is never edited.

        Args:
            path: of the file; folders are made.
        """
        file = Path(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        items = [
            {"case": each.case.to_dict(), "output": each.output, "value": each.value}
            for each in self.items
        ]
        told = {
            "format": _FORMAT,
            "name": self.name,
            "judge": self.judge,
            "models": list(self.models),
            "frozen_at": self.frozen_at,
            "digest": digest_of(items),
            "items": items,
        }
        text = json.dumps(told, ensure_ascii=False, indent=1, allow_nan=False)
        file.write_text(f"{text}\n", encoding="utf-8")
        return file

    @classmethod
    def load(cls, path: Path | str) -> Anchors:
        """Read them from a file.

        Raises:
            ConfigurationError: when it holds no anchors, or their cases or outputs were edited.
        """
        try:
            told = json.loads(Path(path).read_text(encoding="utf-8"))
            known = told["format"] == _FORMAT
            items = [
                Anchor(Case.from_dict(each["case"]), each["output"], each["value"])
                for each in told["items"]
            ]
            made = cls(
                told["name"],
                judge=told["judge"],
                models=told["models"],
                items=items,
                frozen_at=told["frozen_at"],
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigurationError(f"Anchors.load({str(path)!r}): {error!r}") from error
        if not known or digest_of(told["items"]) != told.get("digest"):
            raise ConfigurationError(
                f"Anchors.load({str(path)!r}): its digest is not that of its items; anchors are "
                "frozen, so make new ones instead of editing them"
            )
        return made


def _compared(
    old: Anchors, new: Anchors, alpha: float, shift: float, max_missing: float
) -> AnchorCheck:
    pairs = [
        (one.case.key, one.value, other.value)
        for one, other in zip(old.items, new.items, strict=True)
        if one.value is not None and other.value is not None
    ]
    changes = [(key, round(now - then, _NOISE)) for key, then, now in pairs]
    laxer = sum(change > 0 for _, change in changes)
    stricter = sum(change < 0 for _, change in changes)
    p_value = mcnemar_exact(laxer, stricter)
    needed = next(count for count in range(1, 2000) if mcnemar_exact(count, 0) < alpha)
    n, total = len(pairs), len(old)
    detectable = needed / n if n else None
    missing = total - n
    verdict: AnchorVerdict = "judge_drift" if p_value < alpha else "agrees"
    note = ""
    if missing > max_missing * total:
        note = f"{missing} of {total} anchors have no score"
        verdict = verdict if verdict == "judge_drift" else "inconclusive"
    elif verdict == "agrees" and detectable is not None and detectable > shift:
        verdict = "inconclusive"
        note = (
            f"with {n} anchors a change is seen from {detectable:.1%} of them; to see {shift:.1%} "
            f"have {round(needed / shift)} or more"
        )
    return AnchorCheck(
        verdict=verdict,
        laxer=laxer,
        stricter=stricter,
        p_value=p_value,
        n_scored=n,
        n_total=total,
        detectable=detectable,
        mean_before=sum(then for _, then, _ in pairs) / n if n else None,
        mean_now=sum(now for _, _, now in pairs) / n if n else None,
        changed=tuple(key for key, change in changes if change),
        note=note,
        _anchors=new,
    )


async def _judged(
    judge: Scorer,
    items: Sequence[tuple[Case, Any]],
    concurrency: int,
    progress: Callable[[int, int], None] | None,
) -> list[Score]:
    if isinstance(concurrency, bool) or not isinstance(concurrency, int) or concurrency < 1:
        raise ConfigurationError(f"Anchors(concurrency={concurrency!r}): must be 1 or more")
    room, done = asyncio.Semaphore(concurrency), 0

    async def one(case: Case, output: Any) -> Score:
        nonlocal done
        async with room:
            scores = await scored([judge], output, case)
        done += 1
        if progress is not None:
            progress(done, len(items))
        if set(scores) != {judge.name}:
            raise ConfigurationError(f"Anchors: {judge.name!r} gives several scores; give one")
        return scores[judge.name]

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(*each)) for each in items]
    return [each.result() for each in tasks]


def _models(scores: Iterable[Score]) -> set[str]:
    """The models that answered for a judge."""
    told = (each.metadata or {} for each in scores)
    found = (each.get("judge_model") for each in told)
    return {model for each in found if isinstance(each, str) for model in each.split("+")}


def _check_items(name: str, items: Sequence[Anchor]) -> None:
    if not isinstance(name, str) or not name:
        raise ConfigurationError(f"Anchors({name!r}): must have a name")
    if len(items) < _LEAST:
        raise ConfigurationError(
            f"Anchors({name!r}): {len(items)} outputs tell nothing; have {_LEAST} at the very "
            "least, and better 200"
        )
    digests = {digest_of([each.case.digest, each.output]) for each in items}
    if len(digests) < len(items):
        raise ConfigurationError(
            f"Anchors({name!r}): the same output of the same case is there twice"
        )


def _run(coroutine: Coroutine[Any, Any, T]) -> T:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        try:
            return asyncio.run(coroutine)
        except ExceptionGroup as group:
            raise group.exceptions[0] from None
    coroutine.close()
    raise ConfigurationError("Anchors: an event loop runs here; use `await` with afreeze or acheck")


def served_models(trials: Iterable[Any], name: str) -> set[str]:
    """The models that answered for a judge in a run.

    Args:
        trials: of the run.
        name: of the judge's score.
    """
    scores: Iterable[Mapping[str, Score]] = (each.scores for each in trials)
    return _models(each[name] for each in scores if name in each)


def anchor_items(
    trials: Iterable[Trial], cases: Iterable[Case], *, count: int = 200, seed: int = 0
) -> list[tuple[Case, Any]]:
    """Outputs of a run to be frozen as anchors: a sample that does not hang on their order.

    Args:
        trials: of a run.
        cases: of its dataset.
        count: how many at most, one of each case.
        seed: another one draws others.
    """
    known = {case.key: case for case in cases}
    outputs: dict[str, Any] = {}
    for trial in trials:
        if trial.status == "ok" and trial.case in known:
            outputs.setdefault(trial.case, trial.output)
    drawn = sorted(outputs, key=lambda key: digest_of([seed, key]))[:count]
    return [(known[key], outputs[key]) for key in drawn]

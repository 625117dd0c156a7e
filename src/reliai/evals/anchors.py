"""Anchors: outputs whose judgement is frozen, to tell a judge that changed from a worse product.

When the judge is another one, be it its prompt, its rubric or the model behind it, all of them are
judged again. What they are did not change, so every verdict that did is the judge's doing.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from reliai import clock
from reliai.datasets.case import Case
from reliai.errors import ConfigurationError
from reliai.evals._fingerprints import digest_of
from reliai.evals.anchor_checks import Anchor, AnchorCheck, compared
from reliai.evals.scoring import Scorer, scored

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping, Sequence

    from reliai.evals.trial import Score, Trial

__all__ = [
    "Anchor",
    "AnchorCheck",
    "Anchors",
    "anchor_items",
    "served_models",
]

T = TypeVar("T")

_FORMAT: Final = 1
_LEAST: Final = 20


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
        return compared(self, new, alpha, shift, max_missing)

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

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(*each)) for each in items]
    except ExceptionGroup as several:
        raise several.exceptions[0] from None
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
        return asyncio.run(coroutine)
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

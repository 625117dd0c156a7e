"""Runs made of numbers, for the tests of comparisons, gates and reports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reliai.evals._columns import columns_of_trials
from reliai.evals.trial import Score, Trial

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from reliai.evals._columns import Columns


def score(value: float | bool | str | None) -> Score:
    """A score; a text is the reason why there is none."""
    if value is None or isinstance(value, str):
        return Score(value=None, unscored=value or "judge_parse_failure")
    kind = "assertion" if isinstance(value, bool) else "number"
    return Score(value=float(value), kind="assertion" if kind == "assertion" else "number")


def trials(
    tries: Iterable[Sequence[float | bool | str | None]],
    *,
    name: str = "exact",
    duration: Callable[[int], float] = lambda case: 1.0,
    tags: Callable[[int], Mapping[str, str]] = lambda case: {},
    group: Callable[[int], str | None] = lambda case: None,
    digest: Callable[[int], str] = lambda case: f"sha256:{case}",
    chance: Callable[[int], float | None] = lambda case: None,
    cost: Callable[[int], float | None] = lambda case: 0.01,
    output: Callable[[int], Any] = lambda case: f"answer {case}",
    planned: int | None = None,
) -> list[Trial]:
    """Trials: for each case its tries, each a value, or the status or the reason why none."""
    made: list[Trial] = []
    for case, values in enumerate(tries):
        for repeat, value in enumerate(values, 1):
            failed = value in {"error", "timeout", "degraded", "rejected", "skipped"}
            status: Any = value if failed else "ok"
            why = "task_error" if value == "error" else str(value)
            made.append(
                Trial(
                    case=f"case-{case}",
                    digest=digest(case),
                    repeat=repeat,
                    status=status,
                    output=None if failed else output(case),
                    started_at=1_700_000_000.0 + len(made),
                    duration=duration(case),
                    cost_usd=cost(case),
                    input_tokens=10,
                    output_tokens=5,
                    extra=planned is not None and repeat > planned,
                    tags=tags(case),
                    group=group(case),
                    inclusion_probability=chance(case),
                    scores={name: score(why) if failed else score(value)},
                )
            )
    return made


def run_of(
    values: Iterable[float | bool | str | None], label: str = "candidate", **settings: Any
) -> Columns:
    """A run of one try for each value."""
    return run_of_tries([(value,) for value in values], label, **settings)


def run_of_tries(
    tries: Iterable[Sequence[float | bool | str | None]],
    label: str = "candidate",
    *,
    manifest: Mapping[str, Any] | None = None,
    **settings: Any,
) -> Columns:
    """A run of several tries for each case."""
    name = settings.get("name", "exact")
    about = {"root": "sha256:root", "scorers": {name: "sha256:exact"}, **(manifest or {})}
    return columns_of_trials(trials(tries, **settings), label, about, (name,))


def passes(passed: int, failed: int, missing: int = 0) -> list[float | bool | str | None]:
    """So many cases that pass, fail, and end in an error."""
    return [*([True] * passed), *([False] * failed), *(["error"] * missing)]


def discordant(n: int, only_ours: int, only_theirs: int) -> tuple[list[bool], list[bool]]:
    """What both say of n cases, of which so many only one side passes, and both pass the rest."""
    ours = [True] * (n - only_theirs) + [False] * only_theirs
    theirs = [False] * only_ours + [True] * (n - only_ours)
    return ours, theirs

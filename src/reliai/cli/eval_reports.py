"""`reliai eval report` and `data power`: a run told to others, and what comparisons need."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reliai.cli.eval_opening import Baseline, RunName, baseline_of, run_at
from reliai.cli.evals_common import (
    AsJson,
    console,
    explained,
    leave,
    print_json,
    write_text,
)

if TYPE_CHECKING:
    from reliai.evals.run import Run

__all__ = ["Github", "Html", "Json", "Junit", "Markdown", "power", "report", "written"]

Html = Annotated[Path | None, typer.Option(help="Write a page that needs nothing else.")]
Markdown = Annotated[Path | None, typer.Option(help="Write what goes into a pull request.")]
Junit = Annotated[Path | None, typer.Option(help="Write JUnit XML, a test for each case.")]
Json = Annotated[
    Path | None, typer.Option("--json", help='Write all numbers as JSON; "-" prints them.')
]
Github = Annotated[
    bool, typer.Option("--github", help="Annotations and a job summary, in GitHub Actions.")
]


_NEXT_TO_NOTHING = 1e-12
"""A variance above 0, which is all that is asked of one."""

_PLAIN = "failure_rate <= .02 with by=estimate"


@explained
def report(
    stored: RunName,
    *,
    baseline: Baseline = None,
    gate: Annotated[
        list[str] | None,
        typer.Option(
            help="What it is judged by; the exit code stays 0. (default: failure_rate <= .02)"
        ),
    ] = None,
    html: Html = None,
    markdown: Markdown = None,
    junit: Junit = None,
    facts: Json = None,
    github: Github = False,
) -> None:
    """Tell of a run: on the terminal, and in the files that are asked for."""
    from reliai.evals.gate import Gate  # noqa: PLC0415  when it runs

    run = run_at(stored)
    other = None
    if baseline is not None:
        other = baseline_of(baseline, str(run.manifest.get("experiment")))
    comparison = run.compare(other)
    result = Gate.parse(" AND ".join(gate or [_PLAIN])).judge(comparison)
    text = written(
        result, comparison, html=html, markdown=markdown, junit=junit, facts=facts, github=github
    )
    if str(facts) != "-":
        print(text)


def written(
    result: Any,
    comparison: Any,
    *,
    html: Path | None,
    markdown: Path | None,
    junit: Path | None,
    facts: Path | None,
    github: bool,
) -> str:
    """Write the reports that are asked for, and give the one for the terminal."""
    from reliai.evals.reports import report as reported  # noqa: PLC0415  when it runs

    made = reported(result, comparison)
    for path, make in (
        (html, made.html),
        (markdown, made.markdown),
        (junit, made.junit),
        (facts, made.json),
    ):
        if path is not None:
            write_text(path, make())
    if github:
        print(made.annotations(), file=sys.stderr if str(facts) == "-" else sys.stdout)
        summary = os.environ.get("GITHUB_STEP_SUMMARY")
        if summary:
            with Path(summary).open("a", encoding="utf-8") as file:
                file.write(f"{made.markdown()}\n")
    return made.text(width=console().width)


@explained
def power(
    stored: RunName,
    baseline: Annotated[
        str | None,
        typer.Argument(metavar="[BASELINE]", help="A second run, so that pairs can be measured."),
    ] = None,
    *,
    margin: Annotated[
        float, typer.Option(min=1e-9, help="The difference that should be found, as .02.")
    ],
    score: Annotated[list[str] | None, typer.Option(help="Only this score.")] = None,
    confidence: Annotated[float, typer.Option(min=0.5, max=0.9999, help="Two-sided.")] = 0.95,
    chance: Annotated[
        float, typer.Option("--power", min=0.1, max=0.9999, help="Of finding it.")
    ] = 0.8,
    as_json: AsJson = False,
) -> None:
    """How many cases, and repeats, a comparison takes to find a difference.

    From one run it is assumed that two runs of the same cases correlate with 0.5; from two it is
    measured.
    """
    from reliai.evals.baselines import NoBaseline  # noqa: PLC0415  when it runs

    run = run_at(stored)
    other = None
    if baseline is not None:
        other = baseline_of(baseline, str(run.manifest.get("experiment")))
        if isinstance(other, NoBaseline):
            leave(f"no baseline: {other.reason}")
    names = score or list(run.scorers)
    unknown = sorted(set(names) - set(run.scorers))
    if unknown:
        leave(f"--score {unknown[0]!r}: the run has {', '.join(run.scorers) or 'no scores'}")
    rows = [_needs(run, other, name, margin, alpha=1 - confidence, chance=chance) for name in names]
    if as_json:
        print_json(rows)
        return
    for row in rows:
        print(f"{row['score']}: {row['said']}")
    if other is None:
        print("assuming that two runs of the same cases correlate with 0.5; a second run tells")


def _needs(
    run: Run, other: Any, name: str, margin: float, *, alpha: float, chance: float
) -> dict[str, Any]:
    """What one score needs."""
    from reliai.stats import detectable_effect, sample_size  # noqa: PLC0415  when it runs

    cases, variance, within, repeats = _spread(run, other, name)
    row: dict[str, Any] = {"score": name, "cases": cases, "margin": margin, "variance": variance}
    if not variance:
        why = "no differences were seen" if variance == 0 else "fewer than two cases have a score"
        return {**row, "needed": None, "detectable": None, "said": f"{why}: nothing to go by"}
    needed = sample_size(margin, between_variance=variance, alpha=alpha, power=chance)
    seen = detectable_effect(cases, between_variance=variance, alpha=alpha, power=chance)
    said = f"{cases} cases can detect ≥ {100 * seen:.3g} points; {margin:g} needs {needed:,} cases"
    if within and repeats:
        least = max(0.0, variance - within / repeats)
        floor = sample_size(
            margin, between_variance=max(least, _NEXT_TO_NOTHING), alpha=alpha, power=chance
        )
        said += f", and no fewer than {floor:,} however often each is tried"
        row["needed_at_most_repeats"] = floor
    return {**row, "needed": needed, "detectable": seen, "said": said}


def _spread(run: Run, other: Any, name: str) -> tuple[int, float | None, float | None, float]:
    """Cases, the variance of a paired difference, and the part of it that repeats take away."""
    from reliai.stats import variance_components  # noqa: PLC0415  when it runs

    if other is not None:
        found = run.compare(other).difference(name)
        error = found.standard_error
        if error is None:  # of equal runs, where there is more than one case
            return found.n, 0.0 if found.n > 1 else None, None, 0.0
        return found.n, error**2 * found.n, None, 0.0
    scores: list[list[float]] = []
    for trials in run.cases():
        said = [trial.scores.get(name) for trial in trials if not trial.extra]
        values = [each.value for each in said if each is not None and each.value is not None]
        if values:
            scores.append(values)
    parts = variance_components(scores)
    repeats = parts.scores / parts.cases if parts.cases else 1.0
    # two runs of one variance that correlate with one half differ by that variance
    return parts.cases, parts.observed_variance, parts.within_variance, repeats

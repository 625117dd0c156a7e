"""A summary as a page of text."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reliai.evals.summary import ScoreSummary, Summary

__all__ = ["text_of"]

_STOPPED = {
    "max_usd": "stopped: max_usd is spent",
    "max_error_rate": "stopped: all tries failed",
    "interrupted": "interrupted",
    "stuck": "stopped: 32 calls that were given up still run",
    "decided": "stopped early: it is known which one is better",
}


def text_of(summary: Summary) -> str:
    """The lines, without a line end behind the last one."""
    lines = [_title(summary), _tries(summary)]
    if summary.errors:
        lines.append(f"errors: {_counts(summary.errors)}; run.trials() has what they say")
    lines += summary.notes
    width = max((len(name) for name in summary.scores), default=0)
    for score in summary.scores.values():
        lines += _score(score, width)
    lines += [line for line in (_latency(summary), _cost(summary)) if line]
    return "\n".join(lines)


def _title(summary: Summary) -> str:
    how = summary.state
    if summary.stopped is not None:
        how += f", {_STOPPED.get(summary.stopped, summary.stopped)}"
    return f"{summary.experiment}  run {summary.run}  {how}"


def _tries(summary: Summary) -> str:
    left = summary.of_cases is not None and summary.of_cases > summary.cases
    of = f"{summary.cases} of {summary.of_cases} cases" if left else _count(summary.cases, "case")
    said = f"{of}, {_count(summary.tries, 'try', 'tries')}"
    if summary.extra:
        said += f" ({summary.extra} more where they disagreed)"
    bad = {name: n for name, n in summary.statuses.items() if name not in {"ok", "skipped"}}
    if bad:
        said += f", {sum(bad.values())} failed ({_counts(bad)})"
    if summary.statuses.get("skipped"):
        said += f", {summary.statuses['skipped']} skipped"
    if summary.cached:
        said += f", {summary.cached} from the cache"
    if summary.retried:
        said += f", {summary.retried} retried"
    return said


def _score(score: ScoreSummary, width: int) -> list[str]:
    of = f"{score.n_scored}/{score.n_total} scored"
    if score.kind == "label":
        return [f"  {score.name:<{width}}  {_counts(score.labels)}  {of}"]
    mean = score.mean
    parts = [f"  {score.name:<{width}}", "-" if mean.estimate is None else _number(mean.estimate)]
    if mean.low is not None and mean.high is not None:
        parts.append(f"95 % [{_number(mean.low)}, {_number(mean.high)}]")
    parts.append(of)
    missing = score.n_scored < score.n_total or score.low != score.high
    if missing and score.low is not None and score.high is not None:
        parts.append(f"bounds [{_number(score.low)}, {_number(score.high)}]")
    lines = ["  ".join(parts)]
    indent = " " * (width + 4)
    lines += [f"{indent}{line}" for line in _details(score)]
    return lines


def _details(score: ScoreSummary) -> list[str]:
    lines: list[str] = []
    if score.unscored:
        lines.append(f"without a score: {_counts(score.unscored)}")
    if score.stable:
        names = {name.replace("_", " "): n for name, n in score.stable.items()}
        lines.append(f"cases: {_counts(names)}")
    clusters = score.mean.clusters
    if clusters is not None and clusters != score.n_scored:
        lines.append(f"{clusters} groups")
    if score.mean.note:
        lines.append(score.mean.note)
    if score.production is not None and score.production.estimate is not None:
        lines.append(f"in production about {_number(score.production.estimate)}")
    return lines


def _latency(summary: Summary) -> str:
    if not summary.latency:
        return ""
    return "latency  " + "  ".join(f"{n} {_seconds(v)}" for n, v in summary.latency.items())


def _cost(summary: Summary) -> str:
    if summary.cost_usd is None:
        return ""
    said = f"cost  ${summary.cost_usd:.4g}"
    if summary.unpriced:
        said += f", unknown for {_count(summary.unpriced, 'try', 'tries')}"
    if any(summary.tokens):
        said += f"; {summary.tokens[0]} tokens in, {summary.tokens[1]} out"
    return said


def _number(value: float) -> str:
    return f"{value:.3f}" if abs(value) < 1000 else f"{value:.4g}"


def _seconds(value: float) -> str:
    return f"{value * 1000:.3g} ms" if value < 1 else f"{value:.3g} s"


def _counts(counts: Mapping[str, int]) -> str:
    ordered = sorted(counts.items(), key=lambda each: (-each[1], each[0]))
    return ", ".join(f"{n} {name}" for name, n in ordered)


def _count(number: int, one: str, many: str | None = None) -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"

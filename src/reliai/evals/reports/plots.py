"""Plots of a report, as SVG to be put into a page. Needs matplotlib.

Text stays text, so a page can be searched and read aloud, and no file is written.
"""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any, Final

from reliai._needs import needed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reliai.evals.reports.facts import Facts
    from reliai.evals.results import RuleResult

__all__ = ["differences", "latencies"]

_COLOURS: Final = {
    "PASS": "#1a7f4b",
    "FAIL": "#c2362b",
    "INCONCLUSIVE": "#8a6d1d",
    "INCOMPLETE": "#a2501a",
}
_GREY: Final = "#6b7280"
_MOST: Final = 40
_STYLE: Final = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9.0,
    "text.parse_math": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def differences(rule: RuleResult) -> str:
    """A rule's difference with its bounds, and those of its slices, beside the margin."""
    rows = [rule, *rule.slices][:_MOST]
    rows = [each for each in rows if each.estimate is not None]
    if not rows:
        return ""
    with needed("matplotlib", "evals").rc_context({**_STYLE, "svg.hashsalt": rule.rule}):
        figure, axes = _figure(0.9 + 0.28 * len(rows))
        for at, each in enumerate(rows):
            _bar(axes, at, each)
        if rule.condition == "non_inferior":
            margin = -rule.limit if _higher(rule) else rule.limit
            axes.axvline(margin, color=_COLOURS["FAIL"], linestyle="--", linewidth=1)
            axes.text(*(margin, -0.75, " margin"), color=_COLOURS["FAIL"], fontsize=8, va="center")
        axes.axvline(0.0, color=_GREY, linewidth=0.8)
        axes.set_yticks(range(len(rows)), [_label(each) for each in rows])
        axes.set_ylim(len(rows) - 0.4, -1.0)
        axes.set_xlabel(f"{rule.metric}: candidate less baseline, with 95 % bounds")
        return _svg(figure)


def latencies(facts: Facts) -> str:
    """The share of tries that took at most so long, of both sides."""
    ours, theirs = facts.latencies
    if not ours:
        return ""
    with needed("matplotlib", "evals").rc_context({**_STYLE, "svg.hashsalt": "latencies"}):
        figure, axes = _figure(2.8)
        for values, name, colour in (
            (theirs, "baseline", _GREY),
            (ours, "candidate", "#1d4ed8"),
        ):
            if values:
                x, y = _steps(values)
                axes.step(x, y, where="post", label=f"{name} ({len(values)} tries)", color=colour)
        for level in (0.5, 0.95, 0.99):
            axes.axhline(level, color="#d1d5db", linewidth=0.7, zorder=0)
        if ours[-1] > 20.0 * max(ours[len(ours) // 2], 1e-9):
            axes.set_xscale("log")
        axes.set_ylim(0.0, 1.02)
        axes.set_yticks([0.0, 0.5, 0.95])
        axes.set_xlabel("seconds of the target's call")
        axes.set_ylabel("share of the tries")
        axes.legend(frameon=False, loc="lower right")
        return _svg(figure)


def _figure(height: float) -> tuple[Any, Any]:
    figure = needed("matplotlib.figure", "evals").Figure(figsize=(7.2, height), layout="tight")
    return figure, figure.subplots()


def _bar(axes: Any, at: int, rule: RuleResult) -> None:
    colour = _COLOURS[str(rule.verdict)]
    low = rule.estimate if rule.low is None else rule.low
    high = rule.estimate if rule.high is None else rule.high
    axes.plot([low, high], [at, at], color=colour, linewidth=2, solid_capstyle="butt")
    axes.plot([rule.estimate], [at], "o", color=colour, markersize=5)


def _label(rule: RuleResult) -> str:
    name = "all cases" if rule.slice is None else rule.slice
    shown = "".join(sign if sign.isprintable() else "�" for sign in name)
    return f"{shown[:40]} (n {rule.n})"


def _higher(rule: RuleResult) -> bool:
    from reliai.evals.rules import better_of  # noqa: PLC0415  only here

    if "better=" in rule.rule:
        return "better=higher" in rule.rule
    return better_of(rule.metric) == "higher"


def _steps(values: Sequence[float]) -> tuple[list[float], list[float]]:
    """At most some hundred steps, the last ones all."""
    n = len(values)
    step = max(1, n // 300)
    at = sorted({*range(0, n, step), *range(max(0, n - 50), n)})
    return [values[i] for i in at], [(i + 1) / n for i in at]


def _svg(figure: Any) -> str:
    """The SVG element, without what stands before it in a file."""
    file = io.StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    figure.savefig(file, format="svg", metadata=nothing, transparent=True)
    text = file.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    return re.sub(
        r'<svg ([^>]*?)width="[^"]*" height="[^"]*"|<svg height="[^"]*" ', r"<svg \1", text
    )

"""Numbers and verdicts in words, alike in all formats."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from reliai.evals._names import short
from reliai.evals.verdicts import Verdict

if TYPE_CHECKING:
    from reliai.evals.results import GateResult, RuleResult

__all__ = ["SIGNS", "about", "headline", "interval", "number", "p_text", "rule_row"]

SIGNS: Final = {
    Verdict.PASS: "✅",
    Verdict.FAIL: "❌",
    Verdict.INCONCLUSIVE: "❔",
    Verdict.INCOMPLETE: "⚠️",
}


def number(value: float | None, *, signed: bool = False) -> str:
    """A number in four digits; "—" for none."""
    if value is None:
        return "—"
    return f"{value:+.4g}" if signed else f"{value:.4g}"


def interval(low: float | None, high: float | None, *, signed: bool = False) -> str:
    """Both ends; "" where neither is known."""
    if low is None and high is None:
        return ""
    return f"[{number(low, signed=signed)}, {number(high, signed=signed)}]"


def p_text(value: float | None) -> str:
    """A p-value; "" for none."""
    if value is None:
        return ""
    return "< 0.0001" if value < 0.0001 else f"{value:.2g}"


def headline(result: GateResult) -> str:
    """The verdict, and what it rests on."""
    missing = f", {number(result.missing)} without a score" if result.missing else ""
    compared = result.about.get("compared")
    pairs = f", {compared} compared" if compared else ""
    return f"{result.verdict}: {result.n} cases{pairs}{missing}"


def rule_row(rule: RuleResult) -> tuple[str, ...]:
    """What a table shows of a rule: levels, difference, bounds, n, missing, p, power."""
    compares = rule.condition in {"non_inferior", "max_ratio"}
    margin = rule.condition == "non_inferior"
    difference = number(rule.estimate, signed=margin) if compares else ""
    if compares and not margin and difference:
        difference = f"{difference} times"
    scored = f"{rule.n}" + (f" ({rule.clusters} groups)" if rule.clusters else "")
    return (
        number(rule.candidate),
        number(rule.baseline) if compares else "",
        difference,
        interval(rule.low, rule.high, signed=margin),
        scored,
        number(rule.missing) if rule.missing else "0",
        p_text(rule.p_adjusted),
    )


COLUMNS: Final = ("candidate", "baseline", "difference", "95 % bounds", "n", "missing", "p (Holm)")


def about(result: GateResult) -> list[tuple[str, str]]:
    """What was judged, as names and values."""
    given: dict[str, Any] = dict(result.about)
    rows = [
        (name, str(given[name]))
        for name in ("experiment", "dataset", "candidate", "baseline")
        if given.get(name) is not None
    ]
    if given.get("root"):
        rows.append(("dataset root", short(str(given["root"]))))
    commit = (given.get("git") or {}).get("commit")
    if commit:
        dirty = ", with changes that are not committed" if given["git"].get("dirty") else ""
        rows.append(("commit", f"{str(commit)[:12]}{dirty}"))
    cases = f"{given.get('cases', result.n)} ({given.get('tries', result.n)} tries)"
    if given.get("groups"):
        cases += f" in {given['groups']} groups"
    rows.append(("cases", cases))
    statuses = ", ".join(f"{count} {name}" for name, count in sorted(result.statuses.items()))
    if statuses:
        rows.append(("tries", statuses))
    return rows

"""The report as text for a terminal."""

from __future__ import annotations

from textwrap import fill
from typing import TYPE_CHECKING

from reliai.evals._names import short_case
from reliai.evals.reports.wording import about, headline, interval, number, p_text
from reliai.evals.verdicts import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reliai.evals.reports.facts import Facts

__all__ = ["text_of"]


def text_of(facts: Facts, width: int) -> str:
    """The text, in lines of that many characters."""
    lines: list[str] = []
    for line in _lines(facts):
        printable = "".join(sign if sign.isprintable() else "�" for sign in line)
        indent = len(printable) - len(printable.lstrip())
        further = " " * (indent + 4)
        lines.append(fill(printable, width, subsequent_indent=further) if printable else "")
    return "\n".join(lines)


def _lines(facts: Facts) -> Iterator[str]:
    result = facts.result
    yield f"{facts.title}: {headline(result)}"
    yield from (f"  {name}: {value}" for name, value in about(result))
    yield ""
    for rule in result.rules:
        mark = "" if rule.blocking else " (not blocking)"
        yield f"{rule.verdict}{mark}  {rule.rule}"
        yield f"  {rule.reason}"
        if rule.power and rule.verdict is not Verdict.INCONCLUSIVE:
            yield f"  {rule.power}"
        for part in rule.slices:
            if part.verdict is not Verdict.PASS:
                yield f"  {part.verdict}  {part.slice}: {part.reason}"
        yield from (f"  note: {note}" for note in rule.notes)
    yield from (f"note: {note}" for note in result.notes)
    yield from _scores(facts)
    for name, cases in (facts.flaky or {}).items():
        some = ", ".join(f"{short_case(key)} ({p}/{n})" for key, (p, n) in list(cases.items())[:10])
        yield f"flaky by {name}: {len(cases)} cases: {some}"


def _scores(facts: Facts) -> Iterator[str]:
    for each in facts.scorers:
        said = f"{each.name}: {number(each.candidate)} on {each.scored}/{each.asked} cases"
        if each.difference is not None and each.difference.estimate is not None:
            low, high = each.difference.low, each.difference.high
            said += f", {number(each.difference.estimate, signed=True)}"
            said += f" {interval(low, high, signed=True)} against the baseline"
            said += f", p = {p_text(each.p_adjusted)}" if each.p_adjusted is not None else ""
        yield said
        if each.production is not None and each.production.estimate is not None:
            found = each.production
            yield (
                f"  on production traffic: {number(found.estimate)} "
                f"{interval(found.low, found.high)} (challenge score {number(found.challenge)})"
            )

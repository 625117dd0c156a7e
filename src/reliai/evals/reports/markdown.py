"""The report as Markdown, for a comment on a pull request.

Names of cases, tags and scorers come from data. They stand in `<code>` with every sign of
punctuation as an entity: neither Markdown nor HTML is read in them, and nobody is mentioned.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from reliai.evals._names import short_case
from reliai.evals.reports.wording import (
    COLUMNS,
    SIGNS,
    about,
    headline,
    interval,
    number,
    p_text,
    rule_row,
)
from reliai.evals.verdicts import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from reliai.evals.reports.facts import Facts

__all__ = ["LIMIT", "code", "markdown_of", "safe"]

LIMIT: Final = 60_000
"""Characters of a report at most; a comment on GitHub holds 65,536."""

_LONGEST: Final = 200
_PLAIN: Final = re.compile(r"[^\w .,;%()+\-—…±≥≤✅❌❔⚠️]|_", re.ASCII)
_SHOWN: Final = 20


def safe(text: str, longest: int = 1_000) -> str:
    """A text in which nothing is markup: signs with a meaning become entities."""
    one_line = " ".join(str(text).split())
    if len(one_line) > longest:
        one_line = f"{one_line[:longest]}…"
    return _PLAIN.sub(lambda found: f"&#{ord(found[0])};", _printable(one_line))


def code(text: str) -> str:
    """A text from data: as code, so that no one in it is mentioned."""
    return f"<code>{safe(text, _LONGEST)}</code>"


def markdown_of(facts: Facts, limit: int) -> str:
    """The Markdown, section by section as far as it fits."""
    sections = list(_sections(facts))
    kept: list[str] = []
    left, more = limit - 200, 0
    for lines in sections:
        for line in lines:
            if len(line) + 1 <= left and not more:
                kept.append(line)
                left -= len(line) + 1
            elif line:
                more += 1
    if more:
        kept.extend(["", f"_{more} more lines were left out: see the full report._"])
    return "\n".join(kept)[:limit] + "\n"


def _sections(facts: Facts) -> Iterator[list[str]]:
    result = facts.result
    marker = re.sub(r"[^\w.]", "-", facts.title)
    yield [
        f"<!-- reliai gate {marker[:100]} -->",
        f"## {SIGNS[result.verdict]} {safe(facts.title)}: {safe(headline(result))}",
        "",
    ]
    yield [*(f"> **Note:** {safe(note)}" for note in result.notes), ""]
    yield list(_rules(facts))
    yield list(_slices(facts))
    yield list(_scorers(facts))
    yield list(_changed(facts))
    yield list(_flaky(facts))
    rows = [f"| {safe(name)} | {code(value)} |" for name, value in about(result)]
    yield _details("What was judged", ["| | |", "|---|---|", *rows])


def _rules(facts: Facts) -> Iterator[str]:
    yield _row(("", "rule", *COLUMNS))
    yield "|---" * (len(COLUMNS) + 2) + "|"
    for rule in facts.result.rules:
        named = code(rule.rule) + ("" if rule.blocking else " (not blocking)")
        verdict = f"{SIGNS[rule.verdict]} {rule.verdict}"
        yield _row((verdict, named, *map(safe, rule_row(rule))))
    yield ""
    for rule in facts.result.rules:
        if rule.verdict is not Verdict.PASS:
            yield f"- {code(rule.rule)}: {safe(rule.reason)}"
        elif rule.power:
            yield f"- {code(rule.rule)}: {safe(rule.power)}"
        for note in rule.notes:
            yield f"  - {safe(note)}"
    yield ""


def _slices(facts: Facts) -> list[str]:
    if not facts.slices:
        return []
    order = sorted(
        facts.slices,
        key=lambda each: (each.result.verdict is not Verdict.FAIL, each.p_reported or 1.0),
    )
    columns = ("", "slice", "rule", *COLUMNS, "p (BH)")
    rows = [_row(columns), "|---" * len(columns) + "|"]
    rows.extend(
        _row(
            (
                SIGNS[each.result.verdict],
                code(str(each.result.slice)),
                code(each.rule),
                *map(safe, rule_row(each.result)),
                safe(p_text(each.p_reported)),
            )
        )
        for each in order
    )
    bad = sum(each.result.verdict is Verdict.FAIL for each in facts.slices)
    return _details(f"{len(facts.slices)} slices, {bad} of them fail", rows)


def _scorers(facts: Facts) -> list[str]:
    if not facts.scorers:
        return []
    columns = ("scorer", "scored", "candidate", "baseline", "difference", "95 % interval", "p (BH)")
    rows = [_row(columns), "|---" * len(columns) + "|"]
    for each in facts.scorers:
        seen = each.difference
        rows.append(
            _row(
                (
                    code(each.name),
                    f"{each.scored}/{each.asked}",
                    safe(number(each.candidate)),
                    safe(number(each.baseline)),
                    "" if seen is None else safe(number(seen.estimate, signed=True)),
                    "" if seen is None else safe(interval(seen.low, seen.high, signed=True)),
                    safe(p_text(each.p_adjusted)),
                )
            )
        )
    rows.append("")
    for each in facts.scorers:
        found = each.production
        if found is not None and found.estimate is not None:
            rows.append(
                f"- {code(each.name)}: {safe(number(found.challenge))} on these cases, "
                f"{safe(number(found.estimate))} {safe(interval(found.low, found.high))} estimated "
                f"for production traffic (effective n {found.effective_n:.1f})"
            )
        if each.reasons:
            said = ", ".join(f"{count} {name}" for name, count in sorted(each.reasons.items()))
            rows.append(f"- {code(each.name)} without a score: {safe(said)}")
    return [*rows, ""]


def _changed(facts: Facts) -> Iterator[str]:
    for each in facts.changed:
        for what, keys in (("became worse", each.worse), ("became better", each.better)):
            if keys:
                yield f"- {code(each.scorer)}: {len(keys)} cases {what}: {_some(keys)}"
    yield ""


def _flaky(facts: Facts) -> list[str]:
    lines: list[str] = []
    for name, cases in (facts.flaky or {}).items():
        shown = [
            f"{code(short_case(key))} ({p}/{n})" for key, (p, n) in list(cases.items())[:_SHOWN]
        ]
        rest = f", and {len(cases) - _SHOWN} more" if len(cases) > _SHOWN else ""
        lines.append(f"- {code(name)}: {', '.join(shown)}{rest}")
    if facts.result.quarantined:
        lines.append(f"- quarantined, and in no number: {_some(facts.result.quarantined)}")
    return ["### Flaky cases", "", *lines, ""] if lines else []


def _some(keys: Iterable[str]) -> str:
    listed = list(keys)
    rest = f", and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
    return ", ".join(code(short_case(each)) for each in listed[:_SHOWN]) + rest


def _details(title: str, lines: list[str]) -> list[str]:
    return ["<details>", f"<summary>{safe(title)}</summary>", "", *lines, "", "</details>", ""]


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _printable(text: str) -> str:
    """Without signs that are not seen, or turn the direction of what follows."""
    return "".join(sign if sign.isprintable() else "�" for sign in text)

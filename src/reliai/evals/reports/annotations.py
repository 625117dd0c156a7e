"""The report as workflow commands of GitHub Actions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from reliai.evals.reports.wording import headline
from reliai.evals.verdicts import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reliai.evals.reports.facts import Facts

__all__ = ["annotations_of"]

_MOST: Final = 10
"""Annotations of one kind that GitHub shows of a step."""

_LONGEST: Final = 1_000


def annotations_of(facts: Facts) -> str:
    """A command for each rule, and slice, that did not pass; and one for the gate."""
    lines = [*_commands(facts)]
    for level in ("error", "warning"):
        these = [line for line in lines if line.startswith(f"::{level} ")]
        lines = [line for line in lines if line not in these[_MOST:]]
    return "".join(f"{line}\n" for line in lines)


def _commands(facts: Facts) -> Iterator[str]:
    result = facts.result
    level = "notice" if result.verdict is Verdict.PASS and result.n else _level(result.verdict)
    yield _command(level, f"Gate {result.verdict}", f"{facts.title}: {headline(result)}")
    for rule in result.rules:
        if rule.verdict is not Verdict.PASS:
            kind = _level(rule.verdict) if rule.blocking else "notice"
            yield _command(kind, f"{rule.verdict}: {rule.rule}", rule.reason)
        for part in rule.slices:
            if part.verdict is Verdict.FAIL:
                kind = "error" if rule.blocking else "notice"
                yield _command(kind, f"{part.verdict}: {rule.rule} on {part.slice}", part.reason)
    yield from (_command("warning", "Note", note) for note in result.notes)


def _level(verdict: Verdict) -> str:
    return "warning" if verdict is Verdict.INCONCLUSIVE else "error"


def _command(level: str, title: str, message: str) -> str:
    named = _escaped(title).replace(":", "%3A").replace(",", "%2C")
    return f"::{level} title={named}::{_escaped(message)}"


def _escaped(text: str) -> str:
    """What ends a command, or begins another one, is written in hexadecimal."""
    plain = "".join(s if s.isprintable() or s in "\r\n" else "�" for s in text[:_LONGEST])
    return plain.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")

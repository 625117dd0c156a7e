"""The section at the end of a session's output."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest

    from reliai.testing._pytest_evals.judging import Result

__all__ = ["write_summary"]

_SHOWN = 10
"""Cases that are shown by name."""


def write_summary(
    terminal: pytest.TerminalReporter, results: Sequence[Result], trouble: Sequence[str]
) -> None:
    """Say what came of each experiment, and what could not be read; nothing where there is none."""
    if not results and not trouble:
        return
    terminal.write_sep("=", "reliai")
    for result in results:
        _write(terminal, result)
    for line in trouble[:_SHOWN]:
        terminal.write_line(f"a trial could not be read: {line}", red=True)


def _write(terminal: pytest.TerminalReporter, result: Result) -> None:
    gathered = result.gathered
    tries, passes = sum(gathered.tries.values()), sum(gathered.passes.values())
    dataset = gathered.header.get("dataset") or "cases of the test"
    bad = result.exit_code != 0
    terminal.write_line(f"{gathered.name}  {dataset}", bold=True, red=bad)
    told = [f"{passes}/{tries} tries passed", f"{len(gathered.tries)} cases"]
    if gathered.errors:
        told.append(f"{gathered.errors} without a result")
    if gathered.left_out:
        told.append(f"{gathered.left_out} left out")
    if gathered.again:
        told.append(f"{gathered.again} repetitions not counted")
    terminal.write_line(f"  {', '.join(told)}")
    _write_short(terminal, result)
    for line in result.lines:
        terminal.write_line(f"  {line}")
    if result.exit_code:
        terminal.write_line(f"  this ends the session with exit code {result.exit_code}", red=True)
    if result.path is not None:
        terminal.write_line(f"  run {result.path}")


def _write_short(terminal: pytest.TerminalReporter, result: Result) -> None:
    """Name the cases that passed too seldom; or, where the gate decides, those that missed."""
    gathered, least = result.gathered, result.gathered.header.get("min_pass")
    lines = {
        case: f"passed {passed}, and must {least} times" for case, passed in result.short.items()
    }
    if not lines and result.exit_code:
        lines = {
            case: f"passed {gathered.passes[case]} of {gathered.tries[case]}"
            for case in gathered.missed
        }
    for case, line in list(lines.items())[:_SHOWN]:
        name = case if not case.startswith("sha256:") else case[7:19]
        terminal.write_line(f"  {name}: {line}", red=True)
        if gathered.said.get(case):
            terminal.write_line(f"    {gathered.said[case]}")
    if len(lines) > _SHOWN:
        terminal.write_line(f"  … and {len(lines) - _SHOWN} cases more")

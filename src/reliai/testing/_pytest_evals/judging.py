"""What a session says of an experiment when all its items are through."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from reliai._needs import needed
from reliai.errors import ReliaiError

if TYPE_CHECKING:
    from pathlib import Path

    from reliai.evals.run import Run
    from reliai.testing._pytest_evals.gathering import Gathered

__all__ = ["Places", "Result", "judged"]

FAILED, USAGE, INCONCLUSIVE, INCOMPLETE, NOTHING = 1, 2, 3, 4, 5


@dataclass(slots=True)
class Result:
    """What came of one experiment.

    Attributes:
        gathered: its counts.
        path: where the run is; None where it could not be written.
        exit_code: of the session, as far as this experiment goes.
        lines: for the terminal.
        short: cases that passed less often than `min_pass`, with what they passed.
        to_run_again: the ids of tests that are failures after all.
    """

    gathered: Gathered
    path: str | None
    exit_code: int = 0
    lines: list[str] = field(default_factory=list[str])
    short: dict[str, str] = field(default_factory=dict[str, str])
    to_run_again: list[Any] = field(default_factory=list[Any])


class Places(NamedTuple):
    """Where a session reads and writes.

    Attributes:
        root: pytest's; baselines and the quarantine are below it.
        reports: a folder that gets the reports of gates; None for none.
        evidence: whether verdicts are kept for `reliai score`.
    """

    root: Path
    reports: Path | None = None
    evidence: bool = False


def judged(gathered: Gathered, places: Places, *, stopped: bool) -> Result:
    """Close a run and judge it.

    Args:
        gathered: what came of its items.
        places: of the session.
        stopped: whether the session was broken off; then nothing is judged.
    """
    run, path = None, None
    if gathered.writing is not None:
        run = gathered.writing.close(gathered, whole=gathered.whole and not stopped)
        path = gathered.writing.place
    result = Result(gathered, path)
    if gathered.writing is not None and gathered.writing.trouble:
        result.lines.append(f"the run could not be written: {gathered.writing.trouble}")
    if stopped:
        result.lines.append("not judged: the session was broken off")
    elif not gathered.tries:
        result.exit_code = NOTHING
        result.lines.append("nothing was evaluated: no case, or all were skipped")
    else:
        _judge_cases(result, places.root)
        _judge_gate(result, run, places)
    return result


def _judge_cases(result: Result, root: Path) -> None:
    """Each case by itself, where all its tries were run or the rest could not help."""
    gathered = result.gathered
    least = gathered.header.get("min_pass")
    if least is None:
        return
    for case, tries in gathered.tries.items():
        passes = gathered.passes[case]
        out_of_reach = passes + gathered.planned[case] - tries < least
        # what missed is a failed test where too few others were run to say that it need not be
        if out_of_reach or (passes < least and case in gathered.missed):
            result.short[case] = f"{passes} of {tries}"
    if result.short:
        _leave_out_quarantined(result, root)
    for case in result.short:
        result.exit_code = FAILED
        result.to_run_again += gathered.missed.get(case, [])


def _leave_out_quarantined(result: Result, root: Path) -> None:
    """Cases that the base revision lists as flaky do not block."""
    from reliai.evals.quarantine import Quarantine  # noqa: PLC0415  seldom

    try:
        listed = Quarantine.read(folder=root)
    except (ReliaiError, OSError) as error:
        result.lines.append(f"the quarantine cannot be read: {error}")
        return
    for case in [each for each in result.short if listed.holds(each)]:
        result.lines.append(f"{case}: passed {result.short.pop(case)}, and is in quarantine")
    result.lines += listed.notes


def _judge_gate(result: Result, run: Run | None, places: Places) -> None:
    gathered = result.gathered
    if gathered.header.get("gate") is None:
        if not gathered.whole and gathered.header.get("min_pass") is not None:
            result.lines.append(_partial(gathered, "each case is judged, not the whole"))
        return
    if not gathered.whole:
        result.lines.append(_partial(gathered, "the gate is not judged"))
        code = _unjudged(gathered)
    elif run is None:
        result.lines.append("the gate is not judged, for there is no run")
        code = _unjudged(gathered)
    else:
        code = _gate_code(result, run, places)
    if code == INCONCLUSIVE and gathered.header.get("inconclusive") == "warn":
        code = 0
    if code != 0:
        result.to_run_again += [each for ids in gathered.missed.values() for each in ids]
        result.exit_code = result.exit_code or code


def _gate_code(result: Result, run: Run, places: Places) -> int:
    """Judge the gate. One that cannot be is a mistake, which no setting makes a warning."""
    try:
        gating = needed("reliai.testing._pytest_evals.gating", "evals", "a gate")
        code, lines = gating.verdict_of(run, result.gathered.header, places)
    except (ReliaiError, OSError) as error:
        nothing_to_go_by = result.gathered.errors == sum(result.gathered.tries.values())
        code = INCOMPLETE if nothing_to_go_by else USAGE
        lines = [f"the gate is not judged: {error}"]
    result.lines += lines
    return int(code)


def _unjudged(gathered: Gathered) -> int:
    """The exit code without a verdict: what missed is a failed test then, as without a gate."""
    return FAILED if gathered.missed else INCONCLUSIVE


def _partial(gathered: Gathered, then: str) -> str:
    planned = gathered.header.get("tries", 0)
    cases = len({case for case, _ in gathered.seen})
    return (
        f"partial run: {len(gathered.seen)} of {planned} tries, {cases} of "
        f"{gathered.header.get('cases', 0)} cases; {then}"
    )

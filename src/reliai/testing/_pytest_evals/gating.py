"""Judging a gate when the session ends. Needs the extra `evals`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reliai.evals._journal import RUNS, folder_name
from reliai.evals.baselines import baseline
from reliai.evals.comparison import compare
from reliai.evals.gate import Gate
from reliai.evals.quarantine import Quarantine

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from reliai.evals.run import Run

__all__ = ["verdict_of"]


def verdict_of(
    run: Run, header: Mapping[str, Any], root: Path, reports: Path | None
) -> tuple[int, list[str]]:
    """The exit code of a gate, and what it says, a line each.

    Args:
        run: what is judged.
        header: what the items told of their experiment.
        root: pytest's; baselines and the quarantine are below it.
        reports: a folder that gets the reports; None for none.

    Raises:
        ConfigurationError: when the gate asks for what the run does not have.
    """
    gate = Gate.parse(str(header["gate"]))
    experiment = str(run.manifest["experiment"])
    given: Any = run
    if header.get("baseline") is not None:
        which = str(header["baseline"])
        if (root / RUNS / folder_name(experiment) / which).is_dir():
            which = str(RUNS / folder_name(experiment) / which)
        missing: Any = header["no_baseline"]
        found = baseline(which, experiment=experiment, missing=missing, folder=root)
        given = compare(run, found)
    result = gate.judge(given, quarantine=Quarantine.read(folder=root))
    lines = str(result).splitlines()
    if reports is not None:
        from reliai.evals.reports import report  # noqa: PLC0415  it loads what draws

        report(result, given).write(reports / folder_name(experiment))
        lines.append(f"reports in {reports / folder_name(experiment)}")
    return result.exit_code, lines

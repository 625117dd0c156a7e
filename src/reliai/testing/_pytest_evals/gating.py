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

    from reliai.evals.run import Run
    from reliai.testing._pytest_evals.judging import Places

__all__ = ["verdict_of"]


def verdict_of(run: Run, header: Mapping[str, Any], places: Places) -> tuple[int, list[str]]:
    """The exit code of a gate, and what it says, a line each.

    Args:
        run: what is judged.
        header: what the items told of their experiment.
        places: where baselines and the quarantine are, and what is written goes.

    Raises:
        ConfigurationError: when the gate asks for what the run does not have.
    """
    root, gate = places.root, Gate.parse(str(header["gate"]))
    experiment = str(run.manifest["experiment"])
    given: Any = run
    if header.get("baseline") is not None or any(rule.compares for rule in gate):
        which = str(header.get("baseline") or "merge-base")
        if (root / RUNS / folder_name(experiment) / which).is_dir():
            which = str(RUNS / folder_name(experiment) / which)
        missing: Any = header["no_baseline"]
        found = baseline(which, experiment=experiment, missing=missing, folder=root)
        given = compare(run, found)
    result = gate.judge(given, quarantine=Quarantine.read(folder=root))
    lines = str(result).splitlines()
    if places.reports is not None:
        from reliai.evals.reports import report  # noqa: PLC0415  it loads what draws

        folder = places.reports / folder_name(experiment)
        report(result, given).write(folder)
        lines.append(f"reports in {folder}")
    if places.evidence:
        from reliai.evals.ml_test_score import write_evidence  # noqa: PLC0415  when asked for

        write_evidence(None, None, result)
    return result.exit_code, lines

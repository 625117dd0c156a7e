"""The run of one experiment, written while the session goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reliai.evals._git import git_state
from reliai.evals._journal import RUNS, RunWriter

if TYPE_CHECKING:
    from pathlib import Path

    from reliai.evals.run import Run
    from reliai.evals.trial import Trial
    from reliai.testing._pytest_evals.gathering import Gathered

__all__ = ["Writing"]


class Writing:
    """Appends trials to `.reliai/runs` below pytest's root. A disk that fails fails no test.

    Args:
        root: pytest's.
        experiment: its name.
        run: its id.

    Attributes:
        trouble: why something could not be written; None where all was.
        place: the folder of the run, from the root; None where there is none.
    """

    def __init__(self, root: Path, experiment: str, run: str) -> None:
        self.trouble: str | None = None
        self.place: str | None = None
        self._writer: RunWriter | None = None
        try:
            self._writer = RunWriter.create(experiment, run_id=run, root=root / RUNS)
        except OSError as error:
            self.trouble = str(error)
        else:
            self.place = str(self._writer.path.relative_to(root))

    def write(self, trial: Trial) -> None:
        """Append a trial."""
        if self._writer is not None and self.trouble is None:
            try:
                self._writer.write(trial)
            except OSError as error:
                self.trouble = str(error)

    def close(self, gathered: Gathered, *, whole: bool) -> Run | None:
        """Write the manifest.

        Args:
            gathered: what came of the items.
            whole: whether all of them were run.

        Returns:
            The run; None where a part of it could not be written.
        """
        if self._writer is None:
            return None
        try:
            run = self._writer.close("complete" if whole else "partial", **_manifest(gathered))
        except OSError as error:
            self.trouble = self.trouble or str(error)
            return None
        return run if self.trouble is None else None


def _manifest(gathered: Gathered) -> dict[str, Any]:
    header = gathered.header
    code = header.get("code")
    failed = sum(gathered.passes[case] < tries for case, tries in gathered.tries.items())
    return {
        "dataset": header.get("dataset"),
        "version": header.get("version"),
        "root": header.get("root"),
        "target": {
            "name": header.get("function"),
            "kind": "pytest",
            "fingerprint": code,
            "policies": header.get("policies"),
        },
        "scorers": dict.fromkeys(sorted(gathered.scores), code),
        "settings": {name: header.get(name) for name in _SETTINGS},
        "repeats": header.get("repeats"),
        "git": git_state(),
        "cases": header.get("cases"),
        "evaluated": sum(gathered.tries.values()),
        "failed_cases": failed,
        "skipped": gathered.left_out,
    }


_SETTINGS = ("min_pass", "gate", "baseline", "policies")

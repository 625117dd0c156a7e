"""Projects with evidence, for the tests of the ML Test Score."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reliai.evals._journal import RunWriter
from reliai.evals.ml_test_score import Scorecard, scorecard_of, write_evidence
from reliai.evals.trial import Score, Trial

if TYPE_CHECKING:
    from reliai.evals.run import Run

__all__ = ["Project", "gate"]

EVIDENCE = Path(".reliai") / "evidence"


def gate(verdict: str = "PASS", n: int = 200, slices: dict[str, str] | None = None) -> Any:
    """The numbers of a gate, as `GateResult.to_dict()` gives them."""
    parts = [{"slice": name, "verdict": said} for name, said in (slices or {}).items()]
    rules = [{"rule": "exact non_inferior .02", "verdict": verdict, "slices": parts}]
    return {"verdict": verdict, "n": n, "gate": "exact non_inferior .02", "rules": rules}


class Project:
    """A folder with `.reliai`, which the test works in; a git repository when asked for."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.folder = path / EVIDENCE
        (path / ".reliai").mkdir()

    def git(self, *arguments: str) -> str:
        """Run git in it."""
        who = ["-c", "user.name=ana", "-c", "user.email=ana@example.org", "-c", "gc.auto=0"]
        done = subprocess.run(
            ["git", "-C", str(self.path), *who, *arguments],  # noqa: S607  wherever git is
            capture_output=True,
            check=True,
            text=True,
        )
        return done.stdout.strip()

    def commit(self, content: str = "1") -> str:
        """Commit a file with this content; the first time, make the repository."""
        if not (self.path / ".git").exists():
            self.git("init", "-q", "-b", "main")
        (self.path / "app.py").write_text(content)
        self.git("add", "app.py")
        self.git("commit", "-q", "-m", content)
        return self.git("rev-parse", "HEAD")

    def gate(self, verdict: str = "PASS", *, automated: bool = True, **more: Any) -> Path:
        """Keep that a gate judged."""
        return self.keep("gate", gate(verdict, **more), automated=automated)

    def keep(
        self, kind: str, result: Any, tests: Any = None, *, automated: bool = True, **run: Any
    ) -> Path:
        """Keep what a run shows."""
        told = {"kind": kind, "id": "r-1", **run}
        file = write_evidence(tests, automated, told, result)
        assert file is not None
        return file

    def run(self, name: str = "refunds", cases: int = 2, **manifest: Any) -> Run:
        """A run of an experiment that lies here."""
        said = {
            "dataset": "refunds@v1",
            "root": "sha256:1",
            "target": {"fingerprint": "sha256:2"},
            "scorers": {"exact": "sha256:3"},
            "seed": 0,
            "evaluated": cases,
            "git": {"commit": "c" * 40, "dirty": False},
            **manifest,
        }
        writer = RunWriter.create(name, manifest=said)
        for number in range(cases):
            writer.write(trial(number))
        return writer.close("complete")

    def score(self, **options: Any) -> Scorecard:
        """The score now."""
        return scorecard_of(**options)

    def worth(self, test: str, **options: Any) -> tuple[float, str]:
        """What a test has, and why."""
        point = self.score(**options).points[test]
        return point.worth, point.why

    def change(self, file: Path, **changes: Any) -> None:
        """Change a file of evidence by hand."""
        file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


def trial(number: int) -> Trial:
    """One trial."""
    return Trial(
        case=f"case-{number}",
        digest=f"sha256:{number}",
        repeat=1,
        status="ok",
        output="yes",
        started_at=1_700_000_000.0,
        duration=1.0,
        scores={"exact": Score(value=1.0)},
    )

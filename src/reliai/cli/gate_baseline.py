"""The experiment as it was where a change began, for a baseline that nobody has pinned.

The files come from `git archive` into a folder of their own, so that nothing of the repository is
touched, and the run happens in a process that imports them from there.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import tempfile
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from reliai.errors import ConfigurationError

if TYPE_CHECKING:
    from reliai.evals.baselines import Pin

__all__ = ["run_at_commit"]


def run_at_commit(target: str, commit: str | None) -> Pin:
    """The numbers of the experiment as it was at a commit.

    Args:
        target: "FILE.py:NAME", from the working directory.
        commit: None where git does not know it.

    Raises:
        ConfigurationError: when git or the run fails.
    """
    from reliai.evals.baselines import pin  # noqa: PLC0415  when it runs
    from reliai.evals.run import Run  # noqa: PLC0415  the same

    if commit is None:
        raise ConfigurationError(
            "--no-baseline run: git does not know where this change began; fetch the target "
            "branch with its history (fetch-depth: 0)"
        )
    with tempfile.TemporaryDirectory(prefix="reliai-baseline-") as folder:
        root = Path(folder)
        top = Path(_git("rev-parse", "--show-toplevel").decode().strip())
        _unpack(_git("-C", str(top), "archive", "--format=tar", commit), root)
        here = root / Path.cwd().resolve().relative_to(top.resolve())
        done = subprocess.run(  # noqa: S603  our own interpreter and arguments
            [sys.executable, "-m", "reliai", "eval", "run", target, "--json"],
            cwd=here,
            env={**os.environ, "PYTHONPATH": _path(root, here)},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode not in {0, 4}:
            said = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["no output"]
            raise ConfigurationError(
                f"--no-baseline run: at {commit[:12]} `reliai eval run {target}` ended with "
                f"{done.returncode}: {said[0]}"
            )
        return pin(Run(here / json.loads(done.stdout)["path"]))


def _path(root: Path, here: Path) -> str:
    """Where modules come from: before anything that is installed from the working tree."""
    own = [str(each) for each in (here, root, root / "src") if each.is_dir()]
    return os.pathsep.join([*own, *filter(None, [os.environ.get("PYTHONPATH")])])


def _git(*arguments: str) -> bytes:
    try:
        done = subprocess.run(  # noqa: S603  git, with arguments of ours
            ["git", *arguments],  # noqa: S607  wherever it is installed
            capture_output=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError) as error:
        said = getattr(error, "stderr", b"") or str(error).encode()
        raise ConfigurationError(f"--no-baseline run: git: {said.decode().strip()}") from error
    return done.stdout


def _unpack(archive: bytes, folder: Path) -> None:
    with tarfile.open(fileobj=BytesIO(archive)) as files:
        files.extractall(folder, filter="data")

"""Imports go down the floors only: the contracts of pyproject.toml, kept and able to be broken."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
LINT = """
import sys
from importlinter.cli import lint_imports_command
sys.path.insert(0, "src")
lint_imports_command(["--no-cache", "--no-logo"])
"""


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run import-linter on the package below `folder`."""
    return subprocess.run(
        [sys.executable, "-c", LINT],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_imports_go_down_the_floors() -> None:
    done = lint_imports(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


def test_an_import_upwards_and_a_module_without_a_floor_are_found(tmp_path: Path) -> None:
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    package = tmp_path / "src" / "reliai"
    shutil.copytree(ROOT / "src" / "reliai", package)
    with (package / "errors.py").open("a") as file:
        file.write("\nfrom reliai import decisions\n")
    (package / "attic.py").touch()

    done = lint_imports(tmp_path)

    assert done.returncode == 1
    assert "reliai.errors -> reliai.decisions" in done.stdout
    assert "reliai.attic" in done.stdout

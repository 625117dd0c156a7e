"""What a user installs: the package with its types and the demo's examples, and nothing else."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_the_wheel_holds_the_package_and_the_examples(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    (wheel,) = tmp_path.glob("reliai-*.whl")
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}

    package = {path.relative_to(ROOT / "src") for path in (ROOT / "src").rglob("*.py")}
    folder = ROOT / "examples"
    examples = {path.relative_to(folder).as_posix() for path in folder.rglob("*.py")}
    expected = {path.as_posix() for path in package} | {"reliai/py.typed"}
    expected |= {f"reliai/cli/demo/examples/{name}" for name in examples}
    assert {name for name in held if name.endswith((".py", ".typed"))} == expected
    pages = [
        path
        for part in ("templates", "static")
        for path in (ROOT / "src/reliai/ui" / part).iterdir()
    ]
    assert {path.relative_to(ROOT / "src").as_posix() for path in pages} <= held
    assert not [name for name in held if name.endswith(".pyc") or "/test_" in name]

"""The workflows of examples/ci: their commands, run on a small project as the CI would."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml  # type: ignore[import-untyped]

from reliai.datasets import Dataset
from tests.cli.evaluating import APP, cases, run

EXAMPLES = Path(__file__).parents[2] / "examples" / "ci"
WORKFLOWS = ("evaluate.yml", "evaluate-sharded.yml")

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("clean_imports")]


def workflow(name: str) -> dict[str, Any]:
    data: dict[str, Any] = yaml.safe_load((EXAMPLES / name).read_text())
    return data


def jobs(name: str) -> list[dict[str, Any]]:
    """The jobs in their order, one for each value of a matrix, with the values filled in."""
    found: list[dict[str, Any]] = []
    for job in workflow(name)["jobs"].values():
        for shard in job.get("strategy", {}).get("matrix", {}).get("shard", [None]):
            text = json.dumps(job).replace("${{ matrix.shard }}", str(shard))
            found.append(json.loads(text))
    return found


def act(name: str, folder: Path, patch: pytest.MonkeyPatch, *, worse: int = 0) -> list[Step]:
    """What the commands of a workflow come to, but for what installs.

    A shell reads them, with all its quotes and patterns, and hands on the arguments that the
    command line gets; so that one process of Python is enough.
    """
    environment = {
        **workflow(name)["env"],
        "CI": "true",
        "GITHUB_ACTIONS": "true",
        "GITHUB_BASE_REF": "main",
        "GITHUB_STEP_SUMMARY": str(folder / "summary.md"),
        "WORSE": str(worse),
    }
    for variable, value in environment.items():
        patch.setenv(variable, value)
    return [
        Step(*run(*arguments_of(step["run"], folder)))
        for job in jobs(name)
        for step in job["steps"]
        if "run" in step and step["name"] != "Install"
    ]


class Step(NamedTuple):
    code: int
    said: str


def arguments_of(command: str, folder: Path) -> list[str]:
    assert "${{" not in command
    script = f"reliai() {{ printf '%s\\0' \"$@\"; }}\n{command}"
    shell = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
    done = subprocess.run(shell, cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.split("\0")[:-1]


@pytest.fixture(scope="module")
def pinned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository whose main branch has a pinned baseline."""
    tmp_path = tmp_path_factory.mktemp("ci")
    origin, folder = tmp_path / "origin.git", tmp_path / "project"
    git(tmp_path, "init", "-q", "--bare", "-b", "main", str(origin))
    git(tmp_path, "clone", "-q", str(origin), str(folder))
    app = APP.replace("refunds@v1", "support-refunds@v1")
    (folder / "evals").mkdir()
    (folder / "evals" / "support.py").write_text(app)
    (folder / ".gitignore").write_text(ignored())
    dataset = Dataset.open(folder / ".reliai" / "datasets" / "support-refunds")
    dataset.add(cases(120))
    dataset.commit("first")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(sys, "path", [*sys.path])
        target = workflow("evaluate.yml")["env"]["EXPERIMENT"]
        assert run("gate", target, "--gate", "exact >= .8", "--pin")[0] == 0
    sys.modules.pop("support", None)
    shutil.rmtree(folder / ".reliai" / "runs")
    git(folder, "checkout", "-q", "-B", "main")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "first")
    git(folder, "push", "-q", "origin", "main")
    return origin


@pytest.fixture
def project(pinned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone with a change, as the CI checks it out."""
    folder = tmp_path / "project"
    git(tmp_path, "clone", "-q", str(pinned), str(folder))
    git(folder, "checkout", "-q", "-b", "change")
    monkeypatch.chdir(folder)
    return folder


def ignored() -> str:
    """What the page says to ignore."""
    found = re.search(r"# \.gitignore\n(.*?)```", (EXAMPLES / "README.md").read_text(), re.DOTALL)
    assert found
    return found[1]


def git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)  # noqa: S607


def test_a_change_that_harms_nothing_passes_and_one_that_does_fails(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    verified, judged = act("evaluate.yml", project, monkeypatch)
    assert (verified.code, judged.code) == (0, 0), judged.said
    assert "::notice" in judged.said
    report = project / "report"
    assert json.loads((report / "gate.json").read_text())["result"]["verdict"] == "PASS"
    assert {each.suffix for each in report.iterdir()} == {".xml", ".md", ".html", ".json"}
    assert "PASS" in (project / "summary.md").read_text()
    verified, judged = act("evaluate.yml", project, monkeypatch, worse=60)
    assert (verified.code, judged.code) == (0, 1)
    assert "::error" in judged.said


def test_the_parts_of_several_machines_are_judged_as_one_run(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two, judged = act("evaluate-sharded.yml", project, monkeypatch)
    assert (one.code, two.code, judged.code) == (0, 0, 0), judged.said
    assert "120 cases, 120 compared" in judged.said


def test_the_command_line_is_installed_under_its_name(project: Path) -> None:
    done = subprocess.run(
        [Path(sys.executable).parent / "reliai", "data", "verify", "support-refunds"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_what_the_page_says_to_ignore_is_what_git_need_not_keep(project: Path) -> None:
    kept = subprocess.run(["git", "ls-files"], capture_output=True, text=True, check=True)  # noqa: S607
    assert ".reliai/baselines/answer.json" in kept.stdout
    assert ".reliai/datasets/support-refunds/versions/v1.json" in kept.stdout
    assert ".reliai/runs" not in kept.stdout


@pytest.mark.parametrize("name", WORKFLOWS)
def test_each_workflow_asks_for_no_more_than_it_needs(name: str) -> None:
    data = workflow(name)
    assert data["permissions"] == {"contents": "read"}
    assert "pull_request:" in (EXAMPLES / name).read_text()
    assert all("timeout-minutes" in job for job in data["jobs"].values())

"""`reliai dashboards` writes its files where it is told to."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from reliai.cli.app import app

if TYPE_CHECKING:
    from pathlib import Path


def run(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["dashboards", *arguments])
    return done.exit_code, done.output


def test_files_are_written_and_named(tmp_path: Path) -> None:
    out = tmp_path / "new" / "folder"
    code, said = run("--out", str(out), "--slo", "answer/latency=0.95@2.56")
    assert code == 0
    assert sorted(line.rpartition("/")[2] for line in said.split()) == sorted(
        file.name for file in out.iterdir()
    )
    assert (out / "reliai-slo-answer-latency-2-56.rules.yml").exists()
    assert json.loads((out / "reliai.dashboard.json").read_text())["title"] == "reliai: calls"


def test_the_profile_and_the_naming_choose_the_names(tmp_path: Path) -> None:
    run("--out", str(tmp_path), "--profile", "latest", "--naming", "utf8")
    text = (tmp_path / "reliai.dashboard.json").read_text()
    assert "gen_ai.client.inference.duration_bucket" in text


def test_spending_gets_an_alarm_when_asked_for(tmp_path: Path) -> None:
    run("--out", str(tmp_path), "--spend", "20")
    assert "> 20" in (tmp_path / "reliai-general.rules.yml").read_text()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--profile", "v9"), "unknown profile"),
        (("--naming", "dots"), "use one of"),
        (("--slo", "latency=0.9@3"), "give @ one of"),
        (("--out", "/dev/null/x"), "cannot be written"),
    ],
)
def test_what_cannot_be_done_is_said_with_exit_code_2(
    arguments: tuple[str, ...], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, said = run(*arguments)
    assert code == 2
    assert says in said

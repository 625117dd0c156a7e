"""`reliai replay`, as its users run it."""

from __future__ import annotations

import json
import textwrap
from typing import TYPE_CHECKING

from tests.cli.commands import command

if TYPE_CHECKING:
    from pathlib import Path


def test_what_there_is_is_listed() -> None:
    done = command("replay", "--list")
    assert done.returncode == 0, done.stderr
    assert "IR-01" in done.stdout
    assert "runaway agent" in done.stdout


def test_one_incident_is_replayed_in_three_parts(tmp_path: Path) -> None:
    facts = tmp_path / "facts.json"
    done = command("replay", "28", "--quick", "--jobs", "2", "--json", str(facts))
    assert done.returncode == 0, done.stderr
    assert "IR-28" in done.stdout
    assert "5 of 5" in done.stdout
    (incident,) = json.loads(facts.read_text())["incidents"]
    assert incident["ok"] is True
    assert {"unguarded", "guarded", "healthy"} <= incident.keys()
    assert incident["guarded"]["findings"][0]["limit"] == "≤ 12"


def test_the_facts_can_be_piped() -> None:
    done = command("replay", "28", "--quick", "--jobs", "1", "--json", "-")
    assert json.loads(done.stdout)["incidents"][0]["id"] == "IR-28"


def test_the_page_can_be_written(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    done = command("replay", "28", "--quick", "--jobs", "1", "--write", str(page))
    assert done.returncode == 0, done.stderr
    assert "## IR-28: runaway agent" in page.read_text(encoding="utf-8")


def test_an_incident_that_is_not_there_is_said_and_not_run() -> None:
    done = command("replay", "IR-99")
    assert done.returncode == 2
    assert "there is no incident 'IR-99'" in done.stderr


def test_a_limit_that_is_not_kept_is_exit_code_1(tmp_path: Path) -> None:
    """With an incident that another package brings, in a process of its own."""
    (tmp_path / "acme.py").write_text(
        textwrap.dedent(
            """
            from reliai.incidents import incident

            made = incident("ACME-1", title="bad", scenario="-", evidence="-", guard="-")

            @made.unguarded
            @made.guarded
            @made.healthy
            def harm(trial):
                trial.at_most("harm", 2, 1)
            """
        )
    )
    info = tmp_path / "acme-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[reliai.incidents]\nacme = acme\n")
    done = command("replay", "ACME-1", "--quick", "--jobs", "2", PYTHONPATH=str(tmp_path))
    assert done.returncode == 1, done.stderr
    assert "harm: 2" in done.stdout

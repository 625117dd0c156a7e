"""`reliai score`, as its users run it."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

import reliai
from reliai.cli.app import app
from reliai.evals.ml_test_score import TESTS
from reliai.records import RecordStore
from tests.evals.ml_test_score.projects import Project

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    made = Project(tmp_path)
    made.commit()
    return made


def run(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["score", *arguments])
    return done.exit_code, done.output


def one_point_in_each_section(project: Project) -> None:
    project.gate(slices={"locale=de": "PASS"})
    found = {"passed": True, "why": "nothing found"}
    project.keep("records", {"tests": {"DT5": found}}, name="records")
    project.keep("health", {"live": 100, "warnings": []})


def test_without_evidence_all_28_are_shown_and_what_to_do_next(project: Project) -> None:
    code, said = run()
    assert code == 0
    assert said.startswith("ML Test Score 0: a research project")
    assert all(test in said for test in TESTS)
    assert "Next, for data:" in said


def test_a_point_is_shown_with_the_run_that_earned_it(project: Project) -> None:
    project.gate()
    _, said = run()
    assert " 1 IN4 Quality is judged before a change serves anybody" in said
    assert "gate gate (r-1), 0 min ago: PASS on 200 cases" in said
    assert "infrastructure  1 of 7" in said


def test_it_fits_a_usual_terminal(project: Project) -> None:
    one_point_in_each_section(project)
    assert max(map(len, run()[1].splitlines())) <= 80


def test_a_changed_file_is_named(project: Project) -> None:
    project.change(project.gate(), automated=False)
    assert "gate-gate.json was changed after it was written: it earns nothing" in run()[1]


def test_it_can_be_had_as_data(project: Project) -> None:
    one_point_in_each_section(project)
    code, said = run("--json")
    data = json.loads(said)
    assert (code, data["score"]) == (0, 1)
    assert len(data["points"]) == 28


def test_a_score_can_be_demanded(project: Project) -> None:
    one_point_in_each_section(project)
    assert run("--min", "1")[0] == 0
    assert run("--min", "1.5")[0] == 1


def test_where_there_is_no_evidence_nothing_was_evaluated(project: Project) -> None:
    assert run("--min", "1")[0] == 5


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--evidence", "nowhere"), "there is no such folder"),
        (("--max-age", "0"), "max_age=0.0"),
        (("add", "DT6", "--document", "nowhere.md"), "there is no such file"),
        (("add", "XX1", "--document", "app.py"), "there is no test XX1"),
        (("collect", "--store", "nowhere.db"), "nowhere.db"),
        (("collect", "--app", "nowhere"), "nowhere"),
    ],
)
def test_what_makes_no_sense_is_said(
    arguments: tuple[str, ...], why: str, project: Project
) -> None:
    code, said = run(*arguments)
    assert code == 2
    assert why in said


# What was done by hand


def test_a_document_earns_half_a_point(project: Project) -> None:
    (project.path / "drill.md").write_text("We rolled back in 40 s.")
    code, said = run("add", "in7", "DT6", "--document", "drill.md", "--note", "drill of May")
    assert (code, said.splitlines()) == (
        0,
        ["IN7  half a point, by drill.md", "DT6  half a point, by drill.md"],
    )
    shown = run()[1]
    assert " ½ IN7" in shown
    assert "drill of May (by hand)" in shown


# What there is to look at


@pytest.fixture
def store(project: Project) -> Any:
    url = f"sqlite:///{project.path}/records.db"
    store = RecordStore(url)
    reliai.configure(observers=[store], release=project.git("rev-parse", "HEAD"))

    @reliai.reliable(name="answer")
    def answer(prompt: str) -> str:
        reliai.usage(model="m", input_tokens=1, output_tokens=1)
        return prompt

    answer("a")
    store.close()
    return url


def test_stored_calls_earn_points(store: str, project: Project) -> None:
    code, said = run("collect", "--store", store)
    assert code == 0, said
    assert [line.split()[:2] for line in said.splitlines()] == [
        ["DT5", "passes:"],
        ["IN5", "passes:"],
        ["MO1", "passes:"],
    ]
    assert " ½ MO1" in run()[1]  # by hand


def test_in_ci_they_earn_whole_ones(
    store: str, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")
    run("collect", "--store", store)
    assert " 1 MO1" in run()[1]


def test_what_does_not_pass_is_said(store: str, project: Project) -> None:
    shutil.rmtree(project.path / ".git")
    code, said = run("collect", "--store", store)
    assert code == 1
    assert "MO1  does not pass: 0 of 1 calls" in said


def test_a_store_without_calls_has_nothing_to_look_at(project: Project) -> None:
    RecordStore(f"sqlite:///{project.path}/empty.db").close()
    code, said = run("collect", "--store", "empty.db")
    assert code == 5, said


def test_guarded_functions_earn_a_point(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    (project.path / "shop.py").write_text(
        "import reliai\n"
        "@reliai.reliable(reliai.Guard(reliai.MaxLength(10)))\n"
        "def answer(prompt: str) -> str:\n"
        "    return prompt\n"
    )
    code, said = run("collect", "--app", "shop.py")
    assert code == 0, said
    assert said == "DT1  passes: 1 of 1 guarded functions have a Guard\n"


# Other commands


def test_the_monitor_leaves_evidence_in_a_project(store: str, project: Project) -> None:
    assert CliRunner().invoke(app, ["monitor", "--store", store]).exit_code == 0
    assert " ½ MN1" in run()[1]


def test_it_leaves_none_elsewhere(store: str, project: Project) -> None:
    shutil.rmtree(project.path / ".reliai")
    assert CliRunner().invoke(app, ["monitor", "--store", store]).exit_code == 0
    assert not (project.path / ".reliai").exists()


def test_all_incidents_that_are_replayed_leave_evidence(project: Project) -> None:
    from reliai.cli.replay import _keep
    from reliai.incidents import Report

    _keep([Report("IR-01", "a storm", ())], 0, 100)
    assert "incidents (seed-0)" in run()[1]


def test_a_test_that_earns_nothing_shows_why_in_place_of_how(project: Project) -> None:
    project.gate("FAIL")
    assert "did not pass: FAIL on 200 cases" in run()[1]


# Rollouts, and what users say


def test_a_drill_earns_its_point(project: Project) -> None:
    code, said = run("drill", "--state", "sqlite:///state.db")
    assert code == 0, said
    assert said.splitlines()[-1].startswith("IN7  passes: the control was served 0.")
    assert "after a kill" in run()[1]
    assert run("drill", "--within", "0.000001")[0] == 1
    assert run("drill", "--within", "-1")[0] == 2


def test_rollouts_are_looked_at(project: Project) -> None:
    from reliai.rollout import Rollout

    assert run("collect", "--state", "sqlite:///state.db")[0] == 5
    ro = Rollout("tone", "a", "b", state="sqlite:///state.db", background=False)
    ro.choose("u1")
    ro.sync()
    ro.rollback(by="ana", why="odd")
    code, said = run("collect", "--state", "sqlite:///state.db")
    assert (code, said.splitlines()) == (
        0,
        [
            "IN6  passes: 1 of 1 rollouts went in steps, from 1.00% or less",
            "IN7  passes: 1 of 1 rollouts were taken back, 0 by a guardrail",
        ],
    )
    card = json.loads(run("--json")[1])
    points = {point["test"]: point["worth"] for point in card["points"]}
    assert (points["IN6"], points["IN7"]) == (0.5, 0.5)  # by hand


def test_scores_are_held_to_what_users_say(project: Project) -> None:
    RecordStore("sqlite:///reliai.db").close()
    code, said = run("collect", "--correlate", "refunds:exact")
    assert code == 1
    assert said.startswith("MO2  does not pass: exact and thumbs of 0 releases: too few")
    assert run("collect", "--correlate", "refunds")[0] == 2

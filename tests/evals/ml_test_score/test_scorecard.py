"""The ML Test Score: what evidence earns, what it does not, and what the sum says."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from reliai import ConfigurationError
from reliai.evals.ml_test_score import SECTIONS, TESTS, write_evidence
from reliai.evals.ml_test_score.earning import KINDS, shown_by
from reliai.evals.ml_test_score.scorecard import Point, Scorecard
from reliai.testing import virtual_clock
from tests.evals.ml_test_score.projects import Project, gate

DAY = 86_400.0


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project with one commit."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CI", raising=False)
    made = Project(tmp_path)
    made.commit()
    return made


# The rubric


def test_there_are_28_tests_seven_in_each_of_four_sections() -> None:
    by_section = [sum(each.section == section for each in TESTS.values()) for section in SECTIONS]
    assert by_section == [7, 7, 7, 7]


def test_most_of_them_can_be_seen_by_itself() -> None:
    automation = [each.automation for each in TESTS.values()]
    assert (automation.count("A"), automation.count("B"), automation.count("C")) == (23, 4, 1)


def test_the_page_of_documentation_tells_of_each() -> None:
    page = (Path(__file__).parents[3] / "docs" / "ml-test-score.md").read_text()
    assert [each.id for each in TESTS.values() if f"| {each.id} | {each.title} |" not in page] == []


def _card(**worths: float) -> Scorecard:
    points = {test: Point(test, worths.get(test, 0.0), None, "") for test in TESTS}
    return Scorecard(points, at=0.0)


def test_the_score_is_that_of_the_weakest_section() -> None:
    card = _card(DT1=1, DT2=1, MO1=0.5, MO2=1, IN1=1, IN2=1, MN1=1, MN2=1)
    assert card.sections == {"data": 2, "model": 1.5, "infrastructure": 2, "monitoring": 2}
    assert card.score == 1.5


@pytest.mark.parametrize(
    ("points", "label"),
    [
        (0, "a research project"),
        (1, "not untested"),
        (2, "basic"),
        (3, "reasonably tested"),
        (5, "strongly tested"),
        (6, "exceptional"),
    ],
)
def test_the_score_has_a_name(points: int, label: str) -> None:
    earned = [test for test in TESTS if int(test[2]) <= points]
    assert _card(**dict.fromkeys(earned, 1.0)).label.startswith(label)


# What evidence earns


def test_without_evidence_a_test_has_nothing_and_says_how_to_earn_it(project: Project) -> None:
    worth, why = project.worth("MO6")
    assert worth == 0
    assert "Gate(…, slices=[…])" in why


def test_a_run_that_passes_by_itself_earns_a_point(project: Project) -> None:
    project.gate()
    point = project.score().points["IN4"]
    assert point.worth == 1
    assert point.evidence is not None
    assert point.evidence.link.id == "r-1"
    assert point.why == "PASS on 200 cases: exact non_inferior .02"


def test_the_same_by_hand_earns_half(project: Project) -> None:
    project.gate(automated=False)
    assert project.worth("IN4")[0] == 0.5


def test_a_run_on_changes_that_are_not_committed_earns_half(project: Project) -> None:
    (project.path / "app.py").write_text("changed")
    project.gate()
    worth, why = project.worth("IN4")
    assert worth == 0.5
    assert why.endswith("(half: of changes that were not committed)")


def test_a_run_outside_of_git_earns_half(project: Project) -> None:
    shutil.rmtree(project.path / ".git")
    project.gate()
    assert project.worth("IN4")[0] == 0.5


@pytest.mark.parametrize("verdict", ["FAIL", "INCONCLUSIVE", "INCOMPLETE"])
def test_a_gate_that_does_not_pass_earns_nothing(verdict: str, project: Project) -> None:
    project.gate(verdict)
    worth, why = project.worth("IN4")
    assert worth == 0
    assert why.startswith(f"did not pass: {verdict} on 200 cases")


def test_a_gate_that_judged_nothing_earns_nothing(project: Project) -> None:
    project.gate(n=0)
    assert project.worth("IN4")[0] == 0


def test_a_gate_with_slices_that_all_pass_earns_the_point_for_slices(project: Project) -> None:
    project.gate(slices={"locale=de": "PASS", "locale=fr": "PASS"})
    assert project.worth("MO6") == (1, "2 of 2 slices pass")


def test_a_slice_that_does_not_pass_earns_nothing(project: Project) -> None:
    project.gate("FAIL", slices={"locale=de": "PASS", "locale=fr": "FAIL"})
    assert project.worth("MO6") == (0, "did not pass: 1 of 2 slices pass; not locale=fr")


def test_what_a_run_claims_but_its_numbers_do_not_show_earns_nothing(project: Project) -> None:
    project.keep("gate", gate(), ["IN4", "MO6", "MN7"])
    assert project.worth("MN7") == (0, "its numbers say nothing of this test")
    assert project.worth("IN4")[0] == 1


def test_the_best_of_several_runs_counts(project: Project) -> None:
    project.keep("replay", {"incidents": [{"id": "IR-01", "ok": True}]})
    project.keep("pytest", {"tests": {"IN3": {"passed": 4, "failed": 0}}})
    assert project.worth("IN3") == (1, "4 tests pass")


# What is stale or cannot be verified


def test_a_stale_run_earns_nothing(project: Project) -> None:
    with virtual_clock() as clock:
        project.gate()
        clock.advance(29.9 * DAY)
        assert project.worth("IN4")[0] == 1
        clock.advance(0.2 * DAY)
        worth, why = project.worth("IN4")
    assert worth == 0
    assert why == "is stale: 30 days old, and it counts for 30"


def test_how_long_a_run_counts_can_be_said(project: Project) -> None:
    with virtual_clock() as clock:
        project.gate()
        clock.advance(2 * DAY)
        assert project.worth("IN4", max_age=1)[0] == 0
        assert project.worth("IN4", max_age=3)[0] == 1


@pytest.mark.parametrize("days", [0, -1, "30", True, None])
def test_an_age_that_is_none_is_refused(days: Any, project: Project) -> None:
    with pytest.raises(ConfigurationError, match="max_age="):
        project.score(max_age=days)


def test_a_run_from_the_future_earns_nothing(project: Project) -> None:
    with virtual_clock() as clock:
        clock.advance(3600)
        project.gate()
    with virtual_clock():
        assert project.worth("IN4") == (0, "is from the future")


def test_a_run_whose_folder_is_gone_earns_nothing(project: Project) -> None:
    commit = project.git("rev-parse", "HEAD")
    run = project.run(git={"commit": commit, "dirty": False})
    write_evidence(None, True, run)
    assert project.worth("IN1")[0] == 1
    shutil.rmtree(run.path)
    worth, why = project.worth("IN1")
    assert worth == 0
    assert why.startswith("cannot be verified: .reliai/runs/refunds/")


def test_a_run_of_another_branch_earns_nothing(project: Project) -> None:
    project.git("checkout", "-q", "-b", "other")
    project.commit("other")
    project.gate()
    assert project.worth("IN4")[0] == 1
    project.git("checkout", "-q", "main")
    worth, why = project.worth("IN4")
    assert worth == 0
    assert "is not in this branch" in why


def test_a_run_of_an_earlier_commit_counts(project: Project) -> None:
    project.gate()
    project.commit("2")
    assert project.worth("IN4")[0] == 1


def test_a_run_of_a_commit_that_this_clone_has_not_earns_nothing(project: Project) -> None:
    project.gate()
    shutil.rmtree(project.path / ".git")
    project.commit("another history")
    worth, why = project.worth("IN4")
    assert worth == 0
    assert "is not in this clone" in why


def test_what_production_shows_is_of_no_commit(project: Project) -> None:
    shutil.rmtree(project.path / ".git")
    project.keep("records", {"tests": {"IN5": {"passed": True, "why": "call 1"}}})
    assert project.worth("IN5") == (1, "call 1")


def test_a_changed_file_earns_nothing_and_is_named(project: Project) -> None:
    file = project.gate("FAIL")
    project.change(file, result=gate("PASS"))
    card = project.score()
    assert card.points["IN4"].worth == 0
    assert card.unread == {file.name: "was changed after it was written"}


def test_a_later_failure_by_itself_takes_back_what_passed_by_hand(project: Project) -> None:
    with virtual_clock() as clock:
        project.gate("PASS", automated=False)
        clock.advance(60)
        project.gate("FAIL", automated=True)
        assert project.worth("IN4")[0] == 0


def test_a_failure_by_hand_takes_nothing_back(project: Project) -> None:
    with virtual_clock() as clock:
        project.gate("PASS", automated=True)
        clock.advance(60)
        project.gate("FAIL", automated=False)
        assert project.worth("IN4")[0] == 1


# Documents


@pytest.fixture
def document(project: Project) -> Path:
    file = project.path / "drill.md"
    file.write_text("We rolled back in 40 s.")
    result = {"tests": ["IN7"], "note": "drill of May"}
    project.keep("document", result, ["IN7"], automated=False, path=file, name="IN7")
    return file


def test_what_is_written_down_earns_half(document: Path, project: Project) -> None:
    assert project.worth("IN7") == (0.5, "drill of May (by hand)")


def test_a_document_never_earns_more(project: Project, document: Path) -> None:
    project.keep("document", {"tests": ["IN7"]}, ["IN7"], path=document, name="IN7")
    assert project.worth("IN7")[0] == 0.5


def test_a_document_that_was_changed_has_to_be_confirmed(document: Path, project: Project) -> None:
    document.write_text("We could not roll back.")
    assert project.worth("IN7") == (0, "cannot be verified: drill.md is another one by now")


def test_a_document_counts_for_half_a_year(document: Path, project: Project) -> None:
    with virtual_clock() as clock:
        project.keep("document", {"tests": ["DT6"]}, ["DT6"], path=document, name="DT6")
        clock.advance(170 * DAY)
        assert project.worth("DT6")[0] == 0.5
        clock.advance(20 * DAY)
        assert project.worth("DT6")[0] == 0


# What each kind of run shows


def passed(kind: str, result: Any) -> dict[str, bool]:
    return {test: shown.passed for test, shown in shown_by(kind, result).items()}


GOOD: dict[str, Any] = {
    "state": "complete",
    "evaluated": 10,
    "dataset": "refunds@v1",
    "root": "sha256:1",
    "target": {"fingerprint": "sha256:2"},
    "scorers": {"exact": "sha256:3"},
    "seed": 0,
    "git": {"commit": "c" * 40, "dirty": False},
}


def test_an_experiment_that_anybody_can_run_again_is_reproducible() -> None:
    assert passed("experiment", GOOD) == {"IN1": True}


@pytest.mark.parametrize(
    ("lacking", "why"),
    [
        ({"state": "partial"}, "it was not run to its end"),
        ({"evaluated": 0}, "nothing was evaluated"),
        ({"dataset": None}, "it names no version of a dataset"),
        ({"root": None}, "its cases have no digest"),
        ({"target": {}}, "its target has no fingerprint"),
        ({"scorers": {"exact": None}}, "its scorers have no digests"),
        ({"seed": None}, "it has no seed"),
        ({"git": None}, "there is no commit"),
        ({"git": {"commit": "c", "dirty": True}}, "the tree had changes that were not committed"),
    ],
)
def test_an_experiment_that_lacks_something_is_not(lacking: dict[str, Any], why: str) -> None:
    shown = shown_by("experiment", {**GOOD, **lacking})["IN1"]
    assert (shown.passed, shown.why) == (False, why)


def test_incidents_that_are_contained_show_half_of_the_guarded_path() -> None:
    shown = shown_by("replay", {"incidents": [{"id": "IR-01", "ok": True}]})["IN3"]
    assert (shown.passed, shown.most) == (True, 0.5)


def test_an_incident_that_is_not_contained_shows_nothing() -> None:
    incidents = [{"id": "IR-01", "ok": True}, {"id": "IR-02", "ok": False}]
    assert passed("replay", {"incidents": incidents}) == {"IN3": False}
    assert passed("replay", {"incidents": []}) == {"IN3": False}


def test_a_dataset_that_is_like_live_traffic_shows_no_skew() -> None:
    assert passed("health", {"live": 900, "warnings": []}) == {"MN3": True}
    assert passed("health", {"live": 900, "warnings": ["locale=fr"]}) == {"MN3": False}
    assert passed("health", {"live": 0, "warnings": []}) == {"MN3": False}


def watched(
    *signals: str, firing: tuple[str, ...] = (), state: str = "ok", calls: int = 500
) -> dict[str, Any]:
    return {
        "calls": {"answer": {"count": calls}},
        "signals": [{"signal": each, "state": state} for each in signals],
        "alerts": [{"signal": each} for each in firing],
        "changes": [],
    }


@pytest.mark.parametrize(
    ("signals", "shown"),
    [
        ((), {"MN1"}),
        (("latency", "cost"), {"MN1", "MN6"}),
        (("latency",), {"MN1"}),
        (("guard_hits",), {"MN1", "MN2"}),
        (("validation_failures",), {"MN1", "MN2"}),
        (("empty",), {"MN1", "MN5"}),
        (("script:output",), {"MN1", "MN5"}),
        (("score:helpfulness",), {"MN1", "MN7"}),
        (("scores",), {"MN1"}),
        (("errors", "refusals"), {"MN1"}),
    ],
)
def test_a_monitor_shows_what_it_watches(signals: tuple[str, ...], shown: set[str]) -> None:
    assert passed("monitor", watched(*signals)) == dict.fromkeys(shown, True)


def test_a_monitor_that_alarms_shows_that_it_is_not_as_it_should_be() -> None:
    seen = passed("monitor", watched("latency", "cost", "empty", firing=("cost",)))
    assert seen == {"MN1": True, "MN6": False, "MN5": True}


def test_a_monitor_that_has_seen_too_little_shows_nothing_of_a_signal() -> None:
    assert passed("monitor", watched("latency", "cost", state="insufficient")) == {"MN1": True}


def test_a_monitor_that_has_seen_no_call_shows_nothing() -> None:
    assert passed("monitor", watched(calls=0)) == {}


def test_marked_tests_that_pass_show_what_they_are_marked_with() -> None:
    tests = {
        "DT7": {"passed": 3, "failed": 0},
        "MO7": {"passed": 3, "failed": 1},
        "DT2": {"passed": 0, "failed": 0},
    }
    assert passed("pytest", {"tests": tests}) == {"DT7": True, "MO7": False, "DT2": False}


@pytest.mark.parametrize("kind", [*KINDS, "unheard of"])
@pytest.mark.parametrize(
    "result", [{}, {"tests": 3}, {"verdict": 1, "n": "x"}, {"calls": [], "incidents": None}]
)
def test_numbers_that_make_no_sense_show_nothing(kind: str, result: Any) -> None:
    assert not any(passed(kind, result).values())


# As data


def test_the_score_is_plain_data_with_the_run_behind_each_point(project: Project) -> None:
    project.gate()
    data = json.loads(json.dumps(project.score().to_dict()))
    assert data["score"] == 0
    assert data["sections"]["infrastructure"] == 1
    (point,) = (each for each in data["points"] if each["worth"])
    assert (point["test"], point["run"]["kind"], point["run"]["id"]) == ("IN4", "gate", "r-1")

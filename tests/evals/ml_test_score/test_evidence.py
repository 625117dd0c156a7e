"""Evidence: what is kept of a run, where, and how it is known to be that."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from reliai import ConfigurationError
from reliai.evals._fingerprints import digest_of
from reliai.evals.ml_test_score import evidence_folder, write_evidence
from reliai.evals.ml_test_score.evidence import read_evidence
from reliai.testing import virtual_clock
from tests.evals.ml_test_score.projects import EVIDENCE, Project, gate, trial

if TYPE_CHECKING:
    from reliai.evals.run import Run


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CI", raising=False)
    return Project(tmp_path)


def test_it_lies_where_the_project_has_its_other_files(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    below = project.path / "src" / "app"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert project.gate().parent == project.folder


def test_it_lies_below_the_working_directory_of_a_project_that_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".git").mkdir()  # no further up
    assert evidence_folder() is None
    file = write_evidence(["IN4"], True, {"kind": "gate", "id": "g"}, gate())
    assert file is not None
    assert file.parent == tmp_path / EVIDENCE


def test_a_later_run_of_the_same_name_takes_the_place_of_the_earlier(project: Project) -> None:
    assert project.gate("FAIL") == project.gate("PASS")
    assert len(list(project.folder.iterdir())) == 1


def test_runs_of_other_names_are_kept_beside_each_other(project: Project) -> None:
    assert project.keep("gate", gate(), name="a") != project.keep("gate", gate(), name="b")


def test_what_was_done_by_hand_is_kept_beside_what_ran_by_itself(project: Project) -> None:
    assert project.gate(automated=True) != project.gate(automated=False)


@pytest.mark.parametrize(("variable", "automated"), [("true", True), ("1", True), ("0", False)])
def test_ci_says_that_a_run_is_automated(
    variable: str, automated: bool, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", variable)
    file = write_evidence(None, None, {"kind": "gate", "id": "g"}, gate())
    assert file is not None
    assert read_evidence(file).automated is automated


def test_it_says_what_the_run_was(project: Project) -> None:
    commit = project.commit()
    with virtual_clock() as clock:
        evidence = read_evidence(project.gate(slices={"locale=de": "PASS"}))
        assert evidence.at == clock.time()
    assert evidence.tests == ("IN4", "MO6")
    assert (evidence.link.kind, evidence.link.id) == ("gate", "r-1")
    assert (evidence.commit, evidence.dirty) == (commit, False)


def test_pins_and_evidence_that_are_checked_in_are_no_change_of_the_code(project: Project) -> None:
    file = project.gate()
    project.commit()
    project.git("add", "-f", ".reliai")
    project.git("commit", "-q", "-m", "evidence")
    file.write_text("{}")
    assert read_evidence(project.gate()).dirty is False


def test_a_changed_file_is_no_evidence(project: Project) -> None:
    file = project.gate("FAIL")
    project.change(file, result=gate("PASS"))
    with pytest.raises(ConfigurationError, match="was changed after it was written"):
        read_evidence(file)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("{", "cannot be read"),
        ("[1]", "is no evidence"),
        ("{}", "is no evidence"),
        ('{"schema": 99, "digest": "sha256:0"}', "is of schema 99"),
    ],
)
def test_what_is_no_evidence_says_why(content: str, why: str, tmp_path: Path) -> None:
    file = tmp_path / "gate-a.json"
    file.write_text(content)
    with pytest.raises(ConfigurationError, match=why):
        read_evidence(file)


@pytest.mark.parametrize("at", [float("nan"), "yesterday", True])
def test_a_moment_that_is_none_is_no_evidence(at: Any, project: Project) -> None:
    file = project.gate()
    data = {**json.loads(file.read_text()), "at": at}
    data.pop("digest")
    file.write_text(json.dumps({**data, "digest": digest_of(data)}))
    with pytest.raises(ConfigurationError, match="lacks something"):
        read_evidence(file)


def test_numbers_that_json_does_not_know_are_none(project: Project) -> None:
    file = project.keep("gate", {**gate(), "p_value": float("nan"), "where": Path("a")})
    result = read_evidence(file).result
    assert (result["p_value"], result["where"]) == (None, "a")


def test_a_test_that_is_none_is_refused(project: Project) -> None:
    with pytest.raises(ConfigurationError, match="there is no test XX9; there are: DT1"):
        project.keep("gate", gate(), ["IN4", "XX9"])


def test_ids_may_be_spelt_in_small_letters(project: Project) -> None:
    assert read_evidence(project.keep("gate", gate(), ["in4"])).tests == ("IN4",)


@pytest.mark.parametrize("run", [None, "gate", {}, {"kind": "gate"}, {"kind": 1, "id": "x"}])
def test_what_is_no_run_is_refused(run: Any, project: Project) -> None:
    with pytest.raises(ConfigurationError, match="give a Run, a GateResult, or a mapping"):
        write_evidence(["IN4"], True, run)


def test_a_run_that_shows_nothing_leaves_nothing(project: Project) -> None:
    assert write_evidence(None, True, {"kind": "gate", "id": "g"}, {"n": 3}) is None
    assert not project.folder.exists()


def test_a_run_of_a_kind_of_ones_own_says_itself_whether_it_passed(project: Project) -> None:
    file = project.keep("ablation", {"passed": True, "why": "each part helps"}, ["DT2"])
    (shown,) = read_evidence(file).shown.values()
    assert (shown.test, shown.passed, shown.why) == ("DT2", True, "each part helps")


def test_one_that_does_not_say_so_has_not_passed(project: Project) -> None:
    (shown,) = read_evidence(project.keep("ablation", {}, ["DT2"])).shown.values()
    assert shown.passed is False


def test_names_that_are_no_names_of_files_are_kept_apart(project: Project) -> None:
    files = {project.keep("gate", gate(), name=name) for name in ("a/b", "a:b", "..", "x" * 300)}
    assert {file.parent for file in files} == {project.folder}
    assert len(files) == 4


# Runs that lie somewhere


@pytest.fixture
def run(project: Project) -> Run:
    return project.run()


def test_of_a_run_its_manifest_is_kept_and_where_it_lies(run: Run) -> None:
    file = write_evidence(None, True, run)
    assert file is not None
    evidence = read_evidence(file)
    assert evidence.link.id == run.id
    assert evidence.link.path == f".reliai/runs/refunds/{run.id}"
    assert evidence.result["root"] == "sha256:1"
    assert "settings" not in evidence.result


def test_a_later_scoring_changes_nothing(run: Run, project: Project) -> None:
    file = write_evidence(None, True, run)
    assert file is not None
    manifest = json.loads((run.path / "manifest.json").read_text())
    (run.path / "manifest.json").write_text(json.dumps({**manifest, "scorings": ["later"]}))
    (run.path / "scores-1.jsonl").write_text("{}\n")
    assert read_evidence(file).link.problem(project.path) is None


def test_other_trials_make_it_another_run(run: Run, project: Project) -> None:
    file = write_evidence(None, True, run)
    assert file is not None
    (part,) = run.path.glob("trials-*.jsonl")
    with part.open("a") as opened:
        opened.write(json.dumps(trial(7).to_dict()) + "\n")
    assert "is another one by now" in str(read_evidence(file).link.problem(project.path))


def test_a_path_outside_of_the_project_is_refused(project: Project, tmp_path: Path) -> None:
    outside = tmp_path.parent / "outside.txt"
    outside.write_text("x")
    with pytest.raises(ConfigurationError, match="lies outside of the project"):
        project.keep("document", {"tests": ["DT6"]}, ["DT6"], path=outside)


def test_a_path_where_there_is_nothing_is_refused(project: Project) -> None:
    with pytest.raises(ConfigurationError, match="there is nothing that evidence could be of"):
        project.keep("document", {"tests": ["DT6"]}, ["DT6"], path="nowhere.md")

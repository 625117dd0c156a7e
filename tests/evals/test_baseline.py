"""Baselines: the pin that the target branch had when a change began."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from reliai import ConfigurationError
from reliai.evals import Gate, Pin, Verdict, baseline, compare, pin
from reliai.evals.pins import pin_path
from tests.evals.made_runs import passes, run_of, run_of_tries

if TYPE_CHECKING:
    from pathlib import Path

NAME = "support"


def git(folder: Path, *arguments: str) -> str:
    who = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    done = subprocess.run(
        [shutil.which("git") or "git", "-C", str(folder), *who, *arguments],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def commit(folder: Path, message: str) -> None:
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "--allow-empty", "-m", message)


def pinned(folder: Path, values: list[Any], root: str = "sha256:root") -> None:
    manifest = {"experiment": NAME, "id": "run-1", "root": root}
    run = run_of(values, manifest=manifest)
    pin(run).write(folder / ".reliai" / "baselines" / f"{NAME}.json")


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository whose main branch has a pin, on a branch that has changed it."""
    for name in ("RELIAI_BASE", "GITHUB_BASE_REF", "CI_MERGE_REQUEST_TARGET_BRANCH_NAME"):
        monkeypatch.delenv(name, raising=False)
    git(tmp_path, "init", "-q", "-b", "main")
    pinned(tmp_path, passes(200, 0))
    commit(tmp_path, "Pin the baseline")
    git(tmp_path, "switch", "-q", "-c", "change")
    pinned(tmp_path, passes(100, 100))
    commit(tmp_path, "Lower the baseline")
    return tmp_path


def test_the_pin_is_that_of_the_merge_base_and_not_that_of_the_change(repository: Path) -> None:
    found = baseline(experiment=NAME, folder=repository)
    assert isinstance(found, Pin)
    assert found.columns().scores["exact"].value.tolist() == [1.0] * 200
    assert found.source.startswith(f".reliai/baselines/{NAME}.json at ")


def test_later_commits_of_the_target_branch_do_not_count(repository: Path) -> None:
    git(repository, "switch", "-q", "main")
    pinned(repository, passes(0, 200))
    commit(repository, "Break everything")
    git(repository, "switch", "-q", "change")
    found = baseline("merge-base", experiment=NAME, folder=repository)
    assert found.columns().scores["exact"].value.mean() == 1.0


def test_nothing_of_the_repository_is_changed(repository: Path) -> None:
    def state() -> str:
        return git(repository, "status", "--porcelain", "--branch") + git(
            repository, "for-each-ref"
        )

    before = state()
    baseline(experiment=NAME, folder=repository)
    assert state() == before


def test_a_folder_of_the_repository_has_a_pin_of_its_own(repository: Path) -> None:
    (repository / "service").mkdir()
    found = baseline(experiment=NAME, folder=repository / "service")
    assert not found
    assert "has no service/.reliai/baselines/support.json" in found.reason


def test_where_the_merge_base_has_none_it_is_said_and_never_passed(repository: Path) -> None:
    found = baseline(experiment="other", folder=repository)
    result = Gate("exact", non_inferior=0.05).judge(compare(run_of(passes(300, 0)), found))
    assert result.verdict is Verdict.FAIL
    assert "no baseline: the merge base" in result.rules[0].reason
    assert "has no .reliai/baselines/other.json" in result.rules[0].reason


def test_a_missing_baseline_may_be_warned_of(repository: Path) -> None:
    found = baseline(experiment="other", folder=repository, missing="warn")
    result = Gate("exact", non_inferior=0.05).judge(compare(run_of(passes(300, 0)), found))
    assert result.verdict is Verdict.INCONCLUSIVE


def test_a_missing_baseline_may_be_run_as_the_merge_base_has_it(repository: Path) -> None:
    asked: list[str | None] = []

    def run(revision: str | None) -> Any:
        asked.append(revision)
        return run_of(passes(300, 0))

    found = baseline(experiment="other", folder=repository, missing="run", run=run)
    assert asked == [git(repository, "rev-parse", "main")]
    result = Gate("exact", non_inferior=0.05).judge(compare(run_of(passes(300, 0)), found))
    assert result.verdict is Verdict.PASS


def test_outside_of_a_repository_there_is_none(tmp_path: Path) -> None:
    found = baseline(experiment=NAME, folder=tmp_path)
    assert "is in no git repository" in found.reason


def test_the_target_branch_may_be_named_and_must_be_there(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_BASE_REF", "release")
    assert (
        "there is no branch 'origin/release' here"
        in baseline(experiment=NAME, folder=repository).reason
    )
    monkeypatch.setenv("RELIAI_BASE", "main")
    assert baseline(experiment=NAME, folder=repository)
    assert baseline(experiment=NAME, folder=repository, target="main")


def test_branches_without_a_commit_in_common_have_no_merge_base(repository: Path) -> None:
    git(repository, "switch", "-q", "--orphan", "alone")
    commit(repository, "Begin anew")
    found = baseline(experiment=NAME, folder=repository, target="main")
    assert "no commit in common" in found.reason


def test_a_shallow_clone_is_told_what_to_fetch(repository: Path, tmp_path_factory: Any) -> None:
    clone = tmp_path_factory.mktemp("clone") / "c"
    url = repository.as_uri()
    git(repository, "clone", "-q", "--depth", "1", "--no-single-branch", url, str(clone))
    found = baseline(experiment=NAME, folder=clone, target="origin/main")
    assert "fetch-depth: 0" in found.reason


def test_a_commit_to_the_target_branch_is_not_judged_by_a_pin_of_its_own(repository: Path) -> None:
    git(repository, "switch", "-q", "main")
    pinned(repository, passes(100, 100))
    commit(repository, "Lower the baseline")
    found = baseline(experiment=NAME, folder=repository)
    assert found.columns().scores["exact"].value.mean() == 1.0
    commit(repository, "Change something else")
    found = baseline(experiment=NAME, folder=repository)
    assert found.columns().scores["exact"].value.mean() == 0.5


def test_a_shallow_clone_of_one_branch_is_not_judged_by_its_own_pin(
    repository: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    clone = tmp_path_factory.mktemp("clone") / "c"
    url = repository.as_uri()
    git(repository, "clone", "-q", "--depth", "1", "--branch", "change", url, str(clone))
    found = baseline(experiment=NAME, folder=clone)
    assert "fetch-depth: 0" in found.reason


def test_a_path_is_read_as_it_is(repository: Path) -> None:
    found = baseline(f".reliai/baselines/{NAME}.json", experiment=NAME, folder=repository)
    assert found.columns().scores["exact"].value.mean() == 0.5
    assert "there is no file" in baseline("gone.json", experiment=NAME, folder=repository).reason


def test_a_run_that_is_not_there_is_none(repository: Path) -> None:
    assert (
        "there is no run '20990101'"
        in baseline("20990101", experiment=NAME, folder=repository).reason
    )


def test_a_pin_gives_the_numbers_of_the_run_it_was_made_of() -> None:
    tries: list[list[float | bool | str | None]] = [
        [True, False],
        [True, "error"],
        ["missing_reference", True],
        ["timeout", False],
    ]
    run = run_of_tries(tries * 5, group=lambda case: f"g{case % 3}" if case % 2 else None)
    again = Pin.read(pin(run).text(), "here").columns()
    comparison = compare(run, again)
    assert comparison.common == 20
    for metric in ("exact", "latency_mean", "cost_usd", "tokens", "failure_rate"):
        found = comparison.difference(metric)
        assert found.estimate == 0.0
    assert sorted(map(str, again.groups)) == sorted(map(str, run.groups))
    assert again.late.sum() == run.late.sum()


def test_slices_are_those_of_the_candidate_as_a_pin_has_none() -> None:
    def tags(case: int) -> dict[str, str]:
        return {"locale": "de" if case % 2 else "en"}

    run = run_of(passes(400, 0), tags=tags, duration=lambda case: 1.0 + case % 2)
    gate = Gate("exact", non_inferior=0.05, slices="locale") & Gate(
        "latency_p90", max_ratio=1.5, slices="locale"
    )
    result = gate.judge(compare(run, Pin.read(pin(run).text())))
    assert result.verdict is Verdict.PASS
    assert [each.baseline for each in result.rules[1].slices] == [2.0, 1.0]


def test_a_pin_holds_no_content_and_a_line_for_each_case(tmp_path: Path) -> None:
    run = run_of(passes(3, 1), output=lambda case: "secret answer")
    text = pin(run).write(tmp_path / "pins" / "a.json").read_text()
    assert "secret" not in text
    assert text.count('\n{"digest"') == 4
    assert json.loads(text)["run"]["id"] == "candidate"


def test_a_pin_is_written_where_it_is_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    written = pin(run_of([True], manifest={"experiment": NAME})).write()
    assert written.as_posix() == f".reliai/baselines/{NAME}.json"


def test_the_name_of_an_experiment_leads_into_no_other_folder() -> None:
    path = pin_path("../../etc/passwd")
    assert path.parent.as_posix() == ".reliai/baselines"
    assert path.name.startswith("_.._etc_passwd-")


def test_a_run_without_a_name_needs_a_path() -> None:
    with pytest.raises(ConfigurationError, match="names no experiment; give path="):
        pin(run_of([True])).write()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("no json", "is no pin of a run"),
        ("[]", "is no pin of a run"),
        ('{"reliai_pin": 9, "run": {}, "cases": []}', "is a pin of version 9"),
        ('{"reliai_pin": 1, "run": {}, "cases": [{}]}', "a case has no key or digest"),
    ],
)
def test_a_file_that_is_no_pin_is_an_error_that_names_it(text: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=f"f.json {said}|f.json is no pin.*{said}"):
        Pin.read(text, "f.json")


def test_a_case_of_a_pin_that_cannot_be_read_is_named() -> None:
    text = (
        '{"reliai_pin": 1, "run": {}, "cases": [{"key": "k", "digest": "d", '
        '"tries": [{"status": "lost"}]}]}'
    )
    with pytest.raises(ConfigurationError, match="cannot read case 'k': status 'lost'"):
        Pin.read(text).columns()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"missing": "ignore"}, "must be one of"),
        ({"missing": "run"}, "the two go together"),
        ({"run": print}, "the two go together"),
        ({"experiment": "..."}, "needs a name with letters"),
    ],
)
def test_a_setting_that_makes_no_sense_is_an_error(settings: dict[str, Any], said: str) -> None:
    given: dict[str, Any] = {"experiment": NAME, **settings}
    with pytest.raises(ConfigurationError, match=said):
        baseline(**given)

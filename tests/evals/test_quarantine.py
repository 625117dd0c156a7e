"""Quarantine: read from where a change began, so that no change can excuse itself."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from reliai import ConfigurationError
from reliai.evals import Gate, Quarantine, Verdict, compare
from tests.evals.made_runs import run_of_tries
from tests.evals.test_baseline import commit, git

if TYPE_CHECKING:
    from pathlib import Path

GATE = Gate("exact", case_min=0.9)
FLAKY = [[True, False] * 5, *([True] * 10 for _ in range(30))]


def listed(folder: Path, **cases: dict[str, Any]) -> None:
    path = folder / ".reliai" / "quarantine.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({key.replace("_", "-"): said for key, said in cases.items()}))


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RELIAI_BASE", "main")
    git(tmp_path, "init", "-q", "-b", "main")
    commit(tmp_path, "Begin")
    return tmp_path


def test_a_flaky_case_blocks_unless_the_base_revision_quarantines_it(repository: Path) -> None:
    run = run_of_tries(FLAKY)
    assert GATE.judge(run).verdict is Verdict.FAIL
    listed(repository, case_0={"reason": "the judge wavers"})
    commit(repository, "Quarantine a flaky case")
    git(repository, "switch", "-q", "-c", "change")
    commit(repository, "Change something")
    result = GATE.judge(run, quarantine=Quarantine.read(folder=repository))
    assert result.verdict is Verdict.PASS
    assert result.quarantined == ("case-0",)
    assert "1 cases are quarantined in .reliai/quarantine.json at " in result.notes[0]


def test_a_change_cannot_quarantine_the_case_that_it_breaks(repository: Path) -> None:
    git(repository, "switch", "-q", "-c", "change")
    listed(repository, case_0={"reason": "not my fault"})
    commit(repository, "Quarantine what I broke")
    quarantine = Quarantine.read(folder=repository)
    result = GATE.judge(run_of_tries(FLAKY), quarantine=quarantine)
    assert result.verdict is Verdict.FAIL
    assert result.notes == ("quarantined by this change only, so still blocking: case-0",)


def test_a_quarantined_case_is_in_no_number_on_either_side(repository: Path) -> None:
    listed(repository, case_0={})
    commit(repository, "Quarantine")
    ours = run_of_tries([[False], *([True] for _ in range(149))])
    theirs = run_of_tries([[True] for _ in range(150)])
    result = Gate("exact", non_inferior=0.02).judge(
        compare(ours, theirs), quarantine=Quarantine.read(folder=repository)
    )
    assert (result.verdict, result.rules[0].n, result.rules[0].losses) == (Verdict.PASS, 149, 0)


def test_a_quarantine_ends_on_its_day(repository: Path) -> None:
    listed(repository, case_0={"until": "2020-01-01"}, case_1={"until": "2999-01-01"})
    commit(repository, "Quarantine")
    quarantine = Quarantine.read(folder=repository)
    assert (quarantine.holds("case-0"), quarantine.holds("case-1")) == (False, True)
    assert quarantine.notes == ("the quarantine of case-0 has run out: it blocks again",)


def test_outside_of_a_repository_nothing_is_quarantined(tmp_path: Path) -> None:
    listed(tmp_path, case_0={})
    quarantine = Quarantine.read(folder=tmp_path)
    assert len(quarantine) == 0
    assert "the base revision cannot be read" in quarantine.notes[0]


def test_a_revision_may_be_named(repository: Path) -> None:
    listed(repository, case_0={})
    commit(repository, "Quarantine")
    listed(repository)
    commit(repository, "End the quarantine")
    assert len(Quarantine.read("HEAD~1", folder=repository)) == 1
    assert len(Quarantine.read("HEAD", folder=repository)) == 0
    assert len(Quarantine.read("HEAD~9", folder=repository)) == 0


@pytest.mark.parametrize("text", ["no json", "[]", '{"a": 1}', '{"a": {"until": "soon"}}'])
def test_a_list_that_cannot_be_read_is_an_error_and_excuses_nobody(
    repository: Path, text: str
) -> None:
    (repository / ".reliai").mkdir()
    (repository / ".reliai" / "quarantine.json").write_text(text)
    commit(repository, "Quarantine")
    with pytest.raises(ConfigurationError, match=r"quarantine\.json at "):
        Quarantine.read(folder=repository)

"""`reliai eval`: runs that are made, put together, scored anew and looked at."""

from __future__ import annotations

import sys
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from reliai.cli import main
from reliai.cli.evals_common import progress
from reliai.errors import ReliaiWarning
from reliai.evals import Run
from tests.cli.evaluating import project, run, told

pytestmark = pytest.mark.usefixtures("clean_imports")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    project(tmp_path, 12)
    return tmp_path


def ran(*arguments: str) -> dict[str, Any]:
    code, made = told("eval", "run", "app.py:experiment", "--json", *arguments)
    assert code == 0
    return dict(made)


def test_a_run_is_told_in_full_and_stored() -> None:
    code, said = run("eval", "run", "app.py:experiment")
    assert code == 0
    assert "12 cases, 12 tries" in said
    assert "12/12 scored" in said
    (made,) = Run.list()
    assert made.state == "complete"
    assert str(made.path) in said


@pytest.mark.parametrize("more", ["", "\nmine = experiment()\nthe_same = mine\n"])
def test_the_only_experiment_of_a_file_needs_no_name(folder: Path, more: str) -> None:
    (folder / "app.py").write_text((folder / "app.py").read_text() + more)
    assert run("eval", "run", "app.py")[0] == 0


def test_what_could_be_meant_is_named(folder: Path) -> None:
    text = (folder / "app.py").read_text().replace("def experiment():", "def make():")
    (folder / "app.py").write_text(text)
    code, said = run("eval", "run", "app.py")
    assert code == 2
    assert "say which is an Experiment, as in app.py:make; there are make" in said


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("nowhere.py", "no file nowhere.py"),
        ("app.py:length", "a function of nothing"),
        ("app.py:number", "is a int; it must be an Experiment"),
        ("app.py:nothing", "has no attribute 'nothing'"),
    ],
)
def test_what_is_no_experiment_is_refused(target: str, said: str) -> None:
    code, output = run("eval", "run", target)
    assert code == 2
    assert said in output


def test_a_selector_that_matches_nothing_evaluates_nothing() -> None:
    assert run("eval", "run", "app.py:experiment", "--select", "locale=fr")[0] == 5
    assert run("eval", "run", "app.py:experiment", "--key", "case-099")[0] == 5
    assert run("eval", "run", "app.py:experiment", "--select", "locale")[0] == 2


def test_too_many_errors_are_an_exit_code_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROKEN", "3")
    assert run("eval", "run", "app.py:experiment")[0] == 4


def test_a_run_that_is_interrupted_goes_on_when_it_is_run_again(folder: Path) -> None:
    text = (folder / "app.py").read_text()
    stop = "    if prompt == 'q5' and not os.path.exists('seen'):\n"
    stop += "        open('seen', 'w').close()\n        raise KeyboardInterrupt\n"
    head = "def answer(prompt: str) -> str:\n"
    (folder / "app.py").write_text(text.replace(head, head + stop))
    code, said = run("eval", "run", "app.py")
    assert code == 4
    (made,) = Run.list()
    tries = len(list(made.trials()))
    assert f"answer was interrupted after {tries} tries, which are in {made.path}; " in said
    assert said.endswith("run it again, and it goes on\n")
    assert run("eval", "run", "app.py")[0] == 0
    (made,) = Run.list()
    assert (made.state, len(list(made.trials()))) == ("complete", 12)


def test_a_damaged_run_is_left_out_of_the_list() -> None:
    damaged, kept = ran()["path"], ran()["path"]
    (Path(damaged) / "manifest.json").write_text('{"id": ')
    with pytest.warns(ReliaiWarning, match="a run is left out: .*is damaged"):
        code, said = run("eval", "list")
    assert code == 0
    assert Path(kept).name[:20] in said
    assert Path(damaged).name[:20] not in said


def test_what_goes_on_with_a_run_that_was_to_be_new_is_told(folder: Path) -> None:
    head = "def answer(prompt: str) -> str:\n"
    text = (folder / "app.py").read_text().replace(head, f"{head}    raise KeyboardInterrupt\n")
    (folder / "app.py").write_text(text)
    code, said = run("eval", "run", "app.py", "--no-resume")
    assert code == 4
    assert "run it again without --no-resume, and it goes on" in said


def test_an_interruption_before_the_first_try_is_told(folder: Path) -> None:
    with (folder / "app.py").open("a") as file:
        file.write("\ndef experiment():\n    raise KeyboardInterrupt\n")
    assert run("eval", "run", "app.py") == (130, "interrupted\n")


def test_an_interruption_while_the_commands_are_loaded_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("reliai.cli.app.app", interrupt)
    with pytest.raises(SystemExit) as left:
        main()
    assert (left.value.code, capsys.readouterr().err) == (130, "interrupted\n")


def test_shards_together_are_the_whole() -> None:
    whole = Run(ran()["path"])
    parts = [Run(ran("--shard", f"{number}/2")["path"]) for number in (1, 2)]
    assert sum(len(list(part.trials())) for part in parts) == 12
    code, merged = told("eval", "merge", *(str(part.path) for part in parts), "--json")
    assert code == 0
    assert _numbers(Run(merged["path"])) == _numbers(whole)
    assert {name: score["mean"] for name, score in merged["scores"].items()} == {
        name: score["mean"] for name, score in whole.summary().to_dict()["scores"].items()
    }


def _numbers(made: Run) -> list[tuple[str, int, dict[str, float | None]]]:
    return sorted(
        (one.case, one.repeat, {name: score.value for name, score in one.scores.items()})
        for one in made.trials()
    )


def test_shards_that_have_a_case_in_common_are_refused() -> None:
    first = ran("--shard", "1/2")["path"]
    again = ran("--shard", "1/2", "--no-resume")["path"]
    code, said = run("eval", "merge", first, again)
    assert code == 2
    assert "case-" in said or "shard" in said


@pytest.mark.parametrize("shard", ["1", "0/2", "3/2", "a/b"])
def test_a_shard_is_two_numbers(shard: str) -> None:
    code, said = run("eval", "run", "app.py:experiment", "--shard", shard)
    assert code == 2
    assert f"--shard {shard!r}: give two numbers, as 1/4" in said


def test_stored_outputs_are_scored_anew_without_a_call(folder: Path) -> None:
    path = ran()["path"]
    text = (folder / "app.py").read_text().replace("prompt.upper()", "1 / 0")
    (folder / "app.py").write_text(text.replace("/ 10", "/ 5"))
    code, again = told("eval", "rescore", path, "app.py:experiment", "--json")
    assert code == 0
    assert again["scores"]["exact"]["mean"]["estimate"] == 1.0
    assert again["scores"]["length"]["n_scored"] == 12
    assert run("eval", "rescore", path, "app.py:number")[0] == 2


def test_runs_are_listed_and_cases_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORSE", "2")
    made = ran()["run"]
    code, said = run("eval", "list")
    assert code == 0
    assert made[:20] in said
    assert run("eval", "list", "other")[1] == "no runs of 'other' below .reliai/runs\n"
    code, rows = told("eval", "view", made[:12], "--failed", "--json")
    assert code == 0
    assert {row["case"] for row in rows} == {"case-000", "case-001"}
    assert {row["state"] for row in rows} == {"fail"}
    code, said = run("eval", "view", made, "-n", "3")
    assert "… and 9 more" in said
    assert max(map(len, said.splitlines())) <= 80
    code, said = run("eval", "view", made, "--case", "case-000")
    assert code == 0
    assert "try 1  ok" in said
    assert "exact: 0.0" in said
    assert run("eval", "view", made, "--case", "case-099")[0] == 2
    assert run("eval", "view", "ffff")[0] == 2


def test_two_runs_beside_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    before = ran()["run"]
    monkeypatch.setenv("WORSE", "6")
    after = ran("--no-resume")["run"]
    code, found = told("eval", "compare", after, before, "--json")
    assert code == 0
    assert found["compared"] == 12
    assert found["scorers"]["exact"]["difference"]["estimate"] == -0.5
    code, said = run("eval", "compare", after, before)
    row = next(line for line in said.splitlines() if line.startswith("exact"))
    assert row.split()[1:3] == ["12/12", "-0.5"]
    code, said = run("eval", "compare", after, "merge-base")
    assert code == 2
    assert "no baseline" in said


def test_the_cache_key_of_a_try_is_told_in_words() -> None:
    code, found = told("eval", "explain-key", "app.py:experiment", "case-001", "--json")
    assert code == 0
    assert set(found) >= {"target", "case", "repeat", "seed", "policies"}
    other = told("eval", "explain-key", "app.py:experiment", "case-001", "--repeat", "2", "--json")
    assert other[1]["repeat"] == 2
    assert run("eval", "explain-key", "app.py:experiment", "case-099")[0] == 2


def test_power_says_what_a_run_can_detect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORSE", "3")
    made = ran()["run"]
    code, rows = told("data", "power", made, "--margin", ".02", "--score", "exact", "--json")
    assert code == 0
    assert rows[0]["cases"] == 12
    assert rows[0]["needed"] > 12
    assert rows[0]["detectable"] > 0.02
    code, said = run("data", "power", made, "--margin", ".02")
    assert "12 cases can detect ≥" in said
    assert run("data", "power", made, "--margin", ".02", "--score", "tone")[0] == 2
    code, said = run("data", "power", made, made, "--margin", ".02", "--score", "exact")
    assert "no differences were seen" in said


def test_a_report_tells_of_a_run_in_files(folder: Path) -> None:
    made = ran()["run"]
    code, said = run("eval", "report", made, "--markdown", "out/run.md", "--json", "out/run.json")
    assert code == 0
    assert "12 cases" in said
    assert (folder / "out" / "run.md").read_text().startswith("<!-- reliai")
    assert told("eval", "report", made, "--json", "-")[0] == 0


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def test_a_bar_is_shown_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", screen)
        with progress("answer") as tell:
            assert tell is not None
            tell(3, 12, object())
    assert "answer" in screen.getvalue()
    assert "3/12" in screen.getvalue()
    with progress("answer") as nobody:
        assert nobody is None

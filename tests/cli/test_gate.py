"""`reliai gate`: exit codes that are verdicts, reports, and baselines from git."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest

import reliai
from reliai.evals import Run
from reliai.records import RecordStore
from tests.cli.evaluating import project, run, told

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("clean_imports")

EXPERIMENT = "app.py:experiment"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    project(tmp_path)
    return tmp_path


def git(*arguments: str) -> None:
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    subprocess.run(["git", *identity, *arguments], check=True, capture_output=True)  # noqa: S607


def verdict(*arguments: str, gate: str, target: str = EXPERIMENT) -> tuple[int, dict[str, Any]]:
    code, data = told("gate", target, "--gate", gate, "--no-resume", "--json", "-", *arguments)
    return code, data["result"]


# --- exit codes -------------------------------------------------------------------------------


def test_a_gate_that_holds_is_0() -> None:
    code, said = run("gate", EXPERIMENT, "--gate", "exact >= .8")
    assert code == 0
    assert "PASS" in said
    assert max(map(len, said.splitlines())) <= 80


def test_a_gate_that_does_not_hold_is_1(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORSE", "20")
    code, found = verdict(gate="exact >= .8")
    assert (code, found["verdict"]) == (1, "FAIL")


@pytest.mark.parametrize(
    "arguments",
    [
        ("gate", EXPERIMENT, "--gate", "exact > > .9"),
        ("gate", EXPERIMENT, "--gate", "tone >= .9"),
        ("gate", EXPERIMENT, "--gate", "exact >= .8", "--no-baseline", "pass"),
        ("gate", EXPERIMENT, "--gate", "exact >= .8", "--inconclusive", "pass"),
        ("gate", "no-such-run", "--gate", "exact >= .8"),
    ],
)
def test_what_cannot_be_judged_is_2(arguments: tuple[str, ...]) -> None:
    code, said = run(*arguments)
    assert code == 2
    assert said.strip()


def test_a_metric_that_there_is_not_is_told_before_the_first_call() -> None:
    code, said = run("gate", EXPERIMENT, "--gate", "exact >= .8 AND exactt >= .9")
    assert code == 2
    assert "'exactt' is no metric of answer: its scorers are exact, length" in said
    assert Run.list() == ()


def test_too_little_evidence_is_3_or_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORSE", "4")
    code, found = verdict(gate="exact >= .8")
    assert (code, found["verdict"]) == (3, "INCONCLUSIVE")
    assert verdict("--inconclusive", "warn", gate="exact >= .8")[0] == 0


def test_more_errors_than_the_budget_are_4(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROKEN", "4")
    code, found = verdict(gate="exact >= .5")
    assert (code, found["verdict"]) == (4, "INCOMPLETE")


def test_a_gate_may_not_allow_more_errors_than_the_experiment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("BROKEN", "4")
    code, said = run("gate", EXPERIMENT, "--gate", "exact >= .5 with max_missing=.5")
    assert code == 4
    assert "no pass: more cases have errors than the experiment's max_error_rate allows" in said


def test_nothing_evaluated_is_5() -> None:
    done = told("eval", "run", EXPERIMENT, "--select", "locale=fr", "--json")[1]
    assert verdict(gate="exact >= .5", target=done["path"])[0] == 5


def test_a_part_of_a_run_passes_no_gate() -> None:
    done = told("eval", "run", EXPERIMENT, "--select", "locale=de", "--json")[1]
    code, said = run("gate", done["path"], "--gate", "exact >= .5")
    assert code == 3
    assert "no pass: the run is a part of the cases" in said


def test_a_stored_run_is_judged_without_a_call(folder: Path) -> None:
    done = told("eval", "run", EXPERIMENT, "--json")[1]
    (folder / "app.py").unlink()
    assert verdict(gate="exact >= .8", target=done["run"])[0] == 0
    assert len(Run.list()) == 1


def test_a_run_that_nothing_can_score_anew_is_4(folder: Path) -> None:
    done = told("eval", "run", EXPERIMENT, "--json")[1]
    with (folder / "app.py").open("a") as file:
        file.write("\ndef lost(output, case):\n    return 1 / 0\n\nbroken = [lost]\n")
    assert run("eval", "rescore", done["path"], "app.py:broken")[0] == 4
    assert run("eval", "rescore", done["path"], "app.py:scorers")[0] == 0


def test_several_gates_must_all_hold() -> None:
    arguments = ("gate", EXPERIMENT, "--gate", "exact >= .8", "--gate", "length >= .9")
    assert run(*arguments)[0] == 1


def test_a_latency_gate_is_a_verdict_of_its_own() -> None:
    code, found = verdict(gate="exact >= .8 AND latency_p95 <= .000000001")
    assert code == 1
    assert [rule["verdict"] for rule in found["rules"]] == ["PASS", "FAIL"]


def test_an_application_that_raises_is_no_verdict(folder: Path) -> None:
    with (folder / "app.py").open("a") as file:
        file.write("\ndef broken():\n    return {}['settings']\n")
    code, said = run("gate", "app.py:broken", "--gate", "exact >= .8")
    assert code == 2
    assert "KeyError: 'settings'" in said


# --- production -------------------------------------------------------------------------------


def remember(folder: Path, count: int = 40) -> str:
    """A store of what production was asked, and answered."""
    url = f"sqlite:///{folder}/calls.db"
    store = RecordStore(url, content="full")

    @reliai.reliable(name="answer", observers=[store])
    def answer(prompt: str) -> str:
        return prompt.upper()

    for number in range(count):
        answer(prompt=f"q{number}")
    reliai.flush(30)
    store.close()
    return url


def test_the_last_calls_of_production_are_put_to_the_candidate(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = ("--no-cache", "--replay", "answer", "--store", remember(folder))
    code, found = verdict(*store, gate="exact >= .8")
    assert (code, found["n"]) == (0, 40)
    monkeypatch.setenv("WORSE", "20")
    code, found = verdict(*store, gate="exact >= .8 AND length non_inferior .05")
    assert code == 1
    code, said = run("gate", EXPERIMENT, "--gate", "exact >= .8", "--pin", *store)
    assert code == 2
    assert "--pin: --replay compares with what production answered" in said
    assert run("gate", "a-run", "--gate", "exact >= .8", *store)[0] == 2
    other = ("--replay", "other", *store[3:])
    assert run("gate", EXPERIMENT, "--gate", "exact >= .8", *other)[0] == 2


# --- reports ----------------------------------------------------------------------------------


def test_reports_are_written_where_they_are_asked_for(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(folder / "summary.md"))
    code, said = run(
        *("gate", EXPERIMENT, "--gate", "exact >= .8 by locale", "--github"),
        *("--junit", "out/gate.xml", "--markdown", "out/gate.md", "--json", "out/gate.json"),
    )
    assert code == 0
    assert "::notice" in said
    assert "PASS" in (folder / "summary.md").read_text()
    assert "PASS" in (folder / "out" / "gate.md").read_text()
    assert json.loads((folder / "out" / "gate.json").read_text())["result"]["verdict"] == "PASS"
    assert ET.parse(folder / "out" / "gate.xml").getroot().tag == "testsuites"  # noqa: S314


# --- baselines --------------------------------------------------------------------------------


def test_a_passing_run_is_pinned_and_later_changes_are_compared_with_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, said = run("gate", EXPERIMENT, "--gate", "exact >= .8", "--pin")
    assert code == 0
    pin = ".reliai/baselines/answer.json"
    assert f"pinned in {pin}" in said
    same, found = verdict("--baseline", pin, gate="exact non_inferior .2")
    assert (same, found["verdict"]) == (0, "PASS")
    monkeypatch.setenv("WORSE", "12")
    worse, found = verdict("--baseline", pin, gate="exact non_inferior .2")
    assert (worse, found["verdict"]) == (1, "FAIL")


def test_a_run_that_does_not_pass_is_not_pinned(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORSE", "20")
    assert run("gate", EXPERIMENT, "--gate", "exact >= .8", "--pin")[0] == 1
    assert not (folder / ".reliai" / "baselines").exists()


@pytest.mark.parametrize(("policy", "expected"), [("fail", 1), ("warn", 3)])
def test_a_missing_baseline_is_said_and_never_a_pass(policy: str, expected: int) -> None:
    code, said = run(
        *("gate", EXPERIMENT, "--gate", "exact non_inferior .2", "--no-baseline", policy)
    )
    assert code == expected
    assert "no baseline" in said.lower()


def test_the_pin_is_read_where_the_change_began(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("gate", EXPERIMENT, "--gate", "exact >= .8", "--pin")
    git("init", "-q", "-b", "main")
    git("add", "app.py", ".reliai")
    git("commit", "-q", "-m", "pinned")
    git("checkout", "-q", "-b", "change")
    (folder / ".reliai" / "baselines" / "answer.json").write_text("{}")  # by the change itself
    gate = ("--branch", "main")
    assert verdict(*gate, gate="exact non_inferior .2")[0] == 0
    monkeypatch.setenv("WORSE", "12")
    assert verdict(*gate, gate="exact non_inferior .2")[0] == 1


@pytest.mark.slow
def test_a_baseline_that_nobody_pinned_is_run_as_it_was(folder: Path) -> None:
    git("init", "-q", "-b", "main")
    git("add", "app.py", ".reliai")
    git("commit", "-q", "-m", "before")
    git("checkout", "-q", "-b", "change")
    text = (folder / "app.py").read_text()
    (folder / "app.py").write_text(text.replace('"WORSE", "0"', '"WORSE", "12"'))
    git("commit", "-q", "-a", "-m", "worse")
    arguments = ("--branch", "main", "--no-baseline", "run")
    code, found = verdict(*arguments, gate="exact non_inferior .2")
    assert (code, found["verdict"]) == (1, "FAIL")
    assert len(Run.list()) == 1
    done = subprocess.run(["git", "status", "--porcelain"], capture_output=True, check=True)  # noqa: S607
    assert all(line.startswith(b"??") for line in done.stdout.splitlines())

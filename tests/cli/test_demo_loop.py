"""The whole loop, end to end, as its users start it: one run, held to its verdicts.

Nothing of it is scripted: models are trained, calls made and verdicts computed while it runs.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
import typer

from reliai._needs import needed
from reliai.cli.app import demo
from tests.cli.commands import command

if TYPE_CHECKING:
    from pathlib import Path

VERDICTS = {
    "shadow of small": "worse",
    "gate on small": "FAIL",
    "canary of small": "draft",
    "gate on fast": "PASS",
    "canary of fast": "rolled_back",
    "gate on fast, with these cases": "FAIL",
    "gate on retrained": "PASS",
    "canary of retrained": "promoted",
}

STEPS = (
    "call canary shadow feedback rollback case case correction gate training model promotion"
).split()


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    numbers: Path = tmp_path_factory.mktemp("loop") / "numbers.json"
    done = command("demo", "--loop", "--json", str(numbers))
    assert done.returncode == 0, done.stderr
    return {**json.loads(numbers.read_text()), "printed": done.stdout}


@pytest.mark.slow
def test_each_candidate_meets_the_end_that_it_deserves(told: dict[str, Any]) -> None:
    assert told["verdicts"] == VERDICTS


@pytest.mark.slow
def test_one_call_is_read_back_at_every_step(told: dict[str, Any]) -> None:
    assert [stop["step"] for stop in told["trail"]] == STEPS
    said = {stop["step"]: stop["told"] for stop in told["trail"]}
    wrong = said["call"].rpartition(" ")[2]
    seen = said["correction"].rpartition(" ")[2]
    assert wrong != seen
    assert said["canary"].startswith("answered by the candidate of version fast")
    assert said["feedback"].startswith("thumbs 0 by user-")
    assert said["rollback"].startswith("a complaint that counted: ")
    assert f"still says {wrong}," in said["gate"]
    assert re.fullmatch(r"line \d+ of corrections.jsonl", said["training"])
    assert said["model"] == "trained on that file, it passes the gate: GATE_PASS"
    assert f"again: {seen}, by version retrained, which is PROMOTED" in said["promotion"]


@pytest.mark.slow
def test_the_evidence_and_the_gain_are_printed_plainly(told: dict[str, Any]) -> None:
    printed = told["printed"]
    assert told["call_id"] in printed
    assert "rollback (GUARDRAIL) by reliai" in printed
    assert "promote (GATES_PASSED) by reliai" in printed
    assert printed.count("made again from these counts: the same") == 2
    gain = re.search(r"right more often by \+[\d.]+ \[\+([\d.]+), \+[\d.]+\]", printed)
    assert gain is not None, printed
    assert float(gain[1]) > 0
    assert "\x1b" not in printed


def test_the_loop_takes_none_of_the_options_of_the_other_demo() -> None:
    done = command("demo", "--loop", "--rate", "5")
    assert done.returncode == 2
    assert "--loop takes --seed, --json and --keep, and no other option" in done.stderr


def test_a_folder_for_the_loop_must_be_a_new_one(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("")
    done = command("demo", "--loop", "--keep", str(tmp_path))
    assert done.returncode == 2
    assert "has something in it" in done.stderr


def test_the_other_demo_keeps_nothing(tmp_path: Path) -> None:
    done = command("demo", "--keep", str(tmp_path))
    assert done.returncode == 2
    assert "--keep is for --loop alone" in done.stderr


def test_what_the_loop_needs_and_is_missing_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also where a part of reliai asks for it by a message of its own."""

    def missing(_: str) -> Any:
        return needed("sqlalchemy_of_nobody", "records")

    monkeypatch.setattr("reliai.cli.demo.loop.example", missing)
    with pytest.raises(typer.Exit) as ended:
        demo(loop=True)
    assert ended.value.exit_code == 2
    told = 'sqlalchemy_of_nobody is not installed; it comes with: pip install "reliai[loop]"'
    assert told in capsys.readouterr().err

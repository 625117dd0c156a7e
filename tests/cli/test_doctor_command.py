"""`reliai doctor` on the command line: its words and its exit codes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from reliai.cli.app import app
from tests.cli.apps import GUARDED, application

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.usefixtures("clean_imports"),
    pytest.mark.filterwarnings("default::reliai.ReliaiWarning"),
]


def doctor(target: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["doctor", target])
    return done.exit_code, " ".join(done.output.split())


def test_a_clean_application_is_0(tmp_path: Path) -> None:
    code, said = doctor(application(tmp_path))
    assert code == 0
    assert "1 guarded function, 0 problems, 0 notes" in said


def test_findings_are_1_and_are_printed_with_place_and_remedy(tmp_path: Path) -> None:
    code, said = doctor(application(tmp_path, retries=2))
    assert code == 1
    assert "problem shop.py:6 answer" in said
    assert "max_retries=0" in said
    assert "1 problem," in said


def test_models_that_are_retired_soon_are_findings_by_a_file(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(
        "import reliai\n@reliai.reliable()\ndef answer(model='sunset-1'):\n    return model\n"
    )
    (tmp_path / "models.json").write_text('{"sunset-1": "2020-01-31"}')
    options = ["--retirements", str(tmp_path / "models.json"), "--ahead", "30"]
    done = CliRunner().invoke(app, ["doctor", str(tmp_path / "shop.py"), *options])
    assert done.exit_code == 1
    assert "the model 'sunset-1' was to be retired on 2020-01-31, says models.json" in " ".join(
        done.output.split()
    )


def test_notes_alone_are_0(tmp_path: Path) -> None:
    bare = GUARDED.replace("@reliai.reliable({policies})\n", "").replace("answer(", "other(")
    code, said = doctor(application(tmp_path, GUARDED + bare))
    assert code == 0
    assert "note shop.py:10 other" in said


def test_an_application_without_a_guarded_function_is_told_how_to_begin(tmp_path: Path) -> None:
    code, said = doctor(application(tmp_path, "\ndef main():\n    return 1\n"))
    assert code == 0
    assert "0 guarded functions" in said
    assert "@reliai.reliable(" in said


def test_what_cannot_be_imported_is_2() -> None:
    code, said = doctor("doctor_nowhere")
    assert code == 2
    assert "there is no module 'doctor_nowhere'" in said

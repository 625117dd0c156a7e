"""`reliai doctor` tells of models that will be retired, at least 30 days before."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from reliai.cli.doctor import Unreadable, examine

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.usefixtures("clean_imports"),
    pytest.mark.filterwarnings("default::reliai.ReliaiWarning"),
]

MODEL = "sunset-1"


def ahead(days: int) -> date:
    return datetime.now(UTC).date() + timedelta(days=days)


def application(folder: Path, body: str) -> str:
    """Write an application; gives the path as the doctor takes it."""
    path = folder / "shop.py"
    path.write_text(f"import reliai\n{body}")
    return str(path)


def problems(folder: Path, body: str, days: int = 30, **given: int) -> list[str]:
    """What is found where the model is retired in so many days."""
    dates = folder / "models.json"
    dates.write_text(json.dumps({MODEL: {"date": str(ahead(days)), "replacement": "sunrise-2"}}))
    found = examine(application(folder, body), retirements=str(dates), **given)
    return [f"{each.where}: {each.what}" for each in found.problems]


def guarded(code: str, policies: str = "reliai.Timeout(10)") -> str:
    return f"""
from reliai.prompts import Prompt

MODEL = "{MODEL}"
TABLE = {{"fast": "{MODEL}"}}
ORDER = ["other", "{MODEL}"]
PROMPT = Prompt.parse('+++\\nmodel = "{MODEL}"\\n+++\\nHello', name="hello")

def send(model, question):
    return model + question

def helper(question):
    return send("{MODEL}", question)

@reliai.reliable({policies})
{code}
"""


WAYS = {
    "in the code": f'def answer(q):\n    return send("{MODEL}", q)',
    "a default": f'def answer(q, model="{MODEL}"):\n    return send(model, q)',
    "a keyword default": f'def answer(q, *, model="{MODEL}"):\n    return send(model, q)',
    "a constant of the module": "def answer(q):\n    return send(MODEL, q)",
    "in a table": "def answer(q):\n    return send(TABLE['fast'], q)",
    "in a list": "def answer(q):\n    return send(ORDER[1], q)",
    "in a prompt": "def answer(q):\n    return send(PROMPT.model, q)",
    "in a helper": "def answer(q):\n    return helper(q)",
    "with its provider": f'def answer(q):\n    return send("openai:{MODEL}", q)',
    "in a tuple": f'def answer(q):\n    return [send(m, q) for m in ("other", "{MODEL}")]',
    "in an inner function": f'def answer(q):\n    return (lambda: send("{MODEL}", q))()',
}


@pytest.mark.parametrize("code", WAYS.values(), ids=WAYS)
def test_a_model_that_goes_in_30_days_is_found(tmp_path: Path, code: str) -> None:
    (found,) = problems(tmp_path, guarded(code))
    assert " answer: the model 'sunset-1' is retired on " in found
    assert found.endswith("(in 30 days), says models.json; use 'sunrise-2'")


def test_a_stand_in_that_goes_is_found(tmp_path: Path) -> None:
    code = "def answer(q, model='other'):\n    return send(model, q)"
    policies = f"reliai.Timeout(10), reliai.Fallback.models('{MODEL}')"
    (found,) = problems(tmp_path, guarded(code, policies))
    assert "'sunset-1' is retired" in found


@pytest.mark.parametrize(("days", "given"), [(61, {}), (31, {"ahead": 30})])
def test_what_is_further_off_is_no_finding(
    tmp_path: Path, days: int, given: dict[str, int]
) -> None:
    assert problems(tmp_path, guarded(WAYS["in the code"]), days, **given) == []


def test_a_model_that_is_gone_is_found(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, guarded(WAYS["in the code"]), -10)
    assert "was to be retired" in found


def test_another_function_is_not_blamed(tmp_path: Path) -> None:
    assert problems(tmp_path, guarded("def answer(q):\n    return send('other', q)")) == []


def test_a_date_of_an_installed_package_is_enough(tmp_path: Path) -> None:
    code = "def answer(q):\n    return send('claude-3-opus-20240229', q)"
    found = examine(application(tmp_path, guarded(code))).problems
    (told,) = [each.what for each in found]
    assert told.endswith("was to be retired on 2026-01-05, says the installed anthropic")


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="retirement dates in"):
        examine(
            application(tmp_path, guarded(WAYS["a default"])),
            retirements=str(tmp_path / "none.json"),
        )

"""A small project for the tests of `reliai data`, `eval` and `gate`, and how they are run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from typer.testing import CliRunner

from reliai.cli.app import app
from reliai.datasets import Case, Dataset

if TYPE_CHECKING:
    from pathlib import Path

APP = """
import os
import reliai
from reliai.evals import Experiment, scorer
from reliai.evals.scorers import exact

@reliai.reliable(name="answer")
def answer(prompt: str) -> str:
    worse = int(os.environ.get("WORSE", "0"))
    if int(prompt[1:]) < int(os.environ.get("BROKEN", "0")):
        raise ValueError("broken")
    return "?" if int(prompt[1:]) < worse else prompt.upper()

@scorer
def length(output, case):
    return len(output) / 10

def experiment():
    return Experiment(answer, "refunds@v1", [exact, length], name="answer", repeats=1, cache=False)

scorers = [exact]
number = 7
"""


def run(*arguments: str, text: str | None = None) -> tuple[int, str]:
    """The exit code of a command, and what it printed."""
    done = CliRunner().invoke(app, arguments, input=text)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.output


def told(*arguments: str) -> tuple[int, Any]:
    """The exit code of a command, and what it printed as JSON."""
    done = CliRunner().invoke(app, arguments)
    return done.exit_code, json.loads(done.stdout)


def cases(count: int) -> list[Case]:
    """Cases of which every second is German."""
    return [
        Case(
            inputs={"prompt": f"q{number}"},
            expected=f"Q{number}",
            id=f"case-{number:03}",
            tags={"locale": ("en", "de")[number % 2]},
            group=f"session-{number // 2}",
        )
        for number in range(count)
    ]


def project(folder: Path, count: int = 40) -> None:
    """Make the project in the working directory."""
    (folder / "app.py").write_text(APP)
    dataset = Dataset.open("refunds")
    dataset.add(cases(count))
    dataset.commit("first")

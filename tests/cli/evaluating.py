"""A small project for the tests of `reliai data`, `eval` and `gate`, and how they are run."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from typing import TYPE_CHECKING, Any

from typer.main import get_command

from reliai.cli.app import app
from reliai.datasets import Case, Dataset

if TYPE_CHECKING:
    from collections.abc import Iterator
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


_COMMANDS = get_command(app)
"""Made once: to make all commands takes longer than most of them."""


class _Both(StringIO):
    """Keeps what one stream gets, and hands it on to what both get."""

    def __init__(self, both: StringIO) -> None:
        super().__init__()
        self._both = both

    def write(self, text: str) -> int:
        self._both.write(text)
        return super().write(text)


def _invoke(arguments: tuple[str, ...], text: str | None = None) -> tuple[int, str, str]:
    """The exit code, what was printed in all, and what of it on the standard output."""
    everything, code = StringIO(), 0
    out = _Both(everything)
    with redirect_stdout(out), redirect_stderr(_Both(everything)), _typed(text or ""):
        try:
            _COMMANDS.main(args=list(arguments), prog_name="reliai")
        except SystemExit as end:
            code = int(end.code or 0)
    return code, everything.getvalue(), out.getvalue()


@contextmanager
def _typed(text: str) -> Iterator[None]:
    kept, sys.stdin = sys.stdin, StringIO(text)
    try:
        yield
    finally:
        sys.stdin = kept


def run(*arguments: str, text: str | None = None) -> tuple[int, str]:
    """The exit code of a command, and what it printed."""
    code, everything, _ = _invoke(arguments, text)
    return code, everything


def told(*arguments: str) -> tuple[int, Any]:
    """The exit code of a command, and what it printed as JSON."""
    code, _, out = _invoke(arguments)
    return code, json.loads(out)


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

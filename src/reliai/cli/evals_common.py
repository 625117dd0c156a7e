"""What `reliai data`, `eval` and `gate` share: what is said of mistakes, progress, and JSON."""

from __future__ import annotations

import functools
import json
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, ParamSpec

import typer

from reliai.errors import ReliaiError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from rich.console import Console

__all__ = [
    "AsJson",
    "console",
    "explained",
    "leave",
    "loaded",
    "named_by",
    "numbered",
    "print_json",
    "progress",
    "write_text",
]

P = ParamSpec("P")

_SHORTEST = 6
"""Digits of a digest that name a case."""

USAGE = 2
"""Exit code of a command that was asked for something impossible."""

_NARROW = 80
"""Columns where nobody says how many there are."""

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON in place of a table.")]


def leave(message: str, code: int = USAGE) -> NoReturn:
    """End the command with a message."""
    print(message, file=sys.stderr)
    raise typer.Exit(code)


def explained(command: Callable[P, None]) -> Callable[P, None]:
    """Have a command say what is wrong, and how to put it right, in place of a traceback."""

    @functools.wraps(command)
    def told(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except ReliaiError as error:
            leave(str(error))
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            leave(f"{where}{error.strerror or error}")

    return told


def console() -> Console:
    """Where tables are printed: as wide as the terminal, and 80 columns where there is none."""
    import os  # noqa: PLC0415  with what prints
    import shutil  # noqa: PLC0415  the same

    from rich.console import Console  # noqa: PLC0415  when it runs

    known = sys.stdout.isatty() or "COLUMNS" in os.environ
    width = shutil.get_terminal_size().columns if known else _NARROW
    return Console(highlight=False, width=width)


def print_json(data: Any) -> None:
    """Print data as JSON."""
    print(json.dumps(data, indent=2, ensure_ascii=False, default=str))


def write_text(path: Path, text: str) -> None:
    """Write a report; its folder is made. A path "-" prints it."""
    if str(path) == "-":
        print(text)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text if text.endswith("\n") else f"{text}\n", encoding="utf-8")


@contextmanager
def progress(title: str) -> Iterator[Callable[..., None] | None]:
    """A bar on a terminal, told by `(done, total, …)`; None anywhere else."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console  # noqa: PLC0415  when it runs
    from rich.progress import (  # noqa: PLC0415  the same
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    shown = Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True)
    with shown as bar:
        task = bar.add_task(title, total=None)

        def tell(done: int, total: int, *_: object) -> None:
            bar.update(task, completed=done, total=total)

        yield tell


def loaded(target: str, what: str, fits: Callable[[Any], bool]) -> Any:
    """The object of an application: "FILE.py:NAME" or "module:NAME"; NAME may be a function of it.

    Args:
        target: which.
        what: it is called, for messages.
        fits: whether a value is one.
    """
    from reliai.cli.doctor_target import Unreadable, imported  # noqa: PLC0415  when it runs

    try:
        module, attribute, _ = imported(target)
    except Unreadable as error:
        leave(str(error))
    if attribute is None:
        found = {name: one for name, one in vars(module).items() if fits(one)}
        if len({id(one) for one in found.values()}) != 1:
            names, one = ", ".join(sorted(found)) or "none", min(found, default="NAME")
            leave(f"{target} has {names}: name one {what}, as in {target}:{one}")
        return next(iter(found.values()))
    value: Any = module
    for part in attribute.split("."):
        value = getattr(value, part, None)
    if not fits(value) and callable(value):
        value = value()
    if not fits(value):
        leave(
            f"{target} is a {type(value).__name__}; it must be {what}, or a function that gives it"
        )
    return value


def named_by(key: str, case: Any) -> bool:
    """Whether a key on the command line means a case (or a trial): its key, or a digest's start."""
    digest = str(case.digest).removeprefix("sha256:")
    start = key.removeprefix("sha256:")
    known = getattr(case, "key", None) or getattr(case, "case", None)
    return key == known or (len(start) >= _SHORTEST and digest.startswith(start))


def numbered(text: str, option: str) -> tuple[int, int]:
    """The two numbers of "1/4"."""
    one, _, other = text.partition("/")
    if not (one.isdecimal() and other.isdecimal() and 1 <= int(one) <= int(other)):
        leave(f"{option} {text!r}: give two numbers, as 1/4 for the first of four")
    return int(one), int(other)

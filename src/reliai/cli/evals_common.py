"""What `reliai data`, `eval` and `gate` share: what is said of mistakes, progress, and JSON."""

from __future__ import annotations

import functools
import json
import sys
import traceback
from contextlib import contextmanager
from inspect import signature
from types import FunctionType
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, ParamSpec

import typer

from reliai.errors import ReliaiError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from types import ModuleType

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

INTERRUPTED = 130
"""Exit code of a command that Ctrl-C ended, as shells have it."""

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
        except (typer.Exit, typer.Abort):
            raise
        except KeyboardInterrupt:
            leave("interrupted", INTERRUPTED)
        except Exception:  # noqa: BLE001  Python's own exit code is that of a gate that failed
            traceback.print_exc()
            raise typer.Exit(USAGE) from None

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


def loaded(target: str, what: str, fits: Callable[[Any], bool], usual: str) -> Any:
    """The object of an application: "FILE.py:NAME" or "module:NAME"; NAME may be a function of it.

    Args:
        target: which; without a name the only one that the module has, or its `usual` one.
        what: it is called, for messages.
        fits: whether a value is one.
        usual: the name of one, or of a function that makes one, where none is given.
    """
    from reliai.cli.doctor_target import Unreadable, imported  # noqa: PLC0415  when it runs

    try:
        module, attribute, _ = imported(target)
    except Unreadable as error:
        leave(str(error))
    value: Any = module
    for part in (attribute or _only(module, target, what, fits, usual)).split("."):
        value = getattr(value, part, None)
    if not fits(value) and callable(value):
        value = _made(value, target, what)
    if not fits(value):
        kind = type(value).__name__
        leave(f"{target} is a {kind}; it must be {what}, or a function that gives it")
    return value


def _only(
    module: ModuleType, target: str, what: str, fits: Callable[[Any], bool], usual: str
) -> str:
    """The name that is meant where none is given."""
    found = {id(one): name for name, one in vars(module).items() if fits(one)}
    if len(found) == 1:
        return next(iter(found.values()))
    if usual in vars(module):
        return usual
    own = (name for name, one in vars(module).items() if _is_own(one, module))
    names = sorted(found.values()) or sorted(own)
    if not names:
        leave(f"{target} has neither {what} nor a function that could give it")
    several = ", ".join(names)
    leave(f"{target}: say which is {what}, as in {target}:{names[0]}; there are {several}")


def _is_own(value: Any, module: ModuleType) -> bool:
    """Whether a value is a function of the module that may be asked for what it gives."""
    public = isinstance(value, FunctionType) and not value.__name__.startswith("_")
    return public and value.__module__ == module.__name__ and _why_not(value) is None


def _why_not(make: Callable[..., Any]) -> str | None:
    """Why a function cannot be called with nothing; None where it can."""
    try:
        signature(make).bind()
    except (TypeError, ValueError) as error:
        return str(error)
    return None


def _made(make: Callable[[], Any], target: str, what: str) -> Any:
    why_not = _why_not(make)
    if why_not is not None:
        leave(f"{target}: must be {what}, or a function of nothing that gives it: {why_not}")
    return make()


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

"""`reliai demo --loop`: the example of the whole loop, as it is, set for reading."""

from __future__ import annotations

import json
import logging
import sys
import tempfile
import time
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from reliai.cli.demo.sources import example
from reliai.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

__all__ = ["run_loop"]

_GOOD: Final = r"\b(PASS|promote|promoted|PROMOTED)\b"
_BAD: Final = r"\b(FAIL|worse|rollback|rolled_back|significantly worse)\b"
_UNSURE: Final = r"\b(INCONCLUSIVE|INCOMPLETE)\b"


def run_loop(*, seed: int, numbers: Path | None = None, keep: Path | None = None) -> None:
    """Run it and print what came of it.

    Args:
        seed: of who comes, and what they write.
        numbers: a file that gets the verdicts and the trail, as JSON.
        keep: a new folder for calls, datasets, runs and training data; None to keep nothing.

    Raises:
        ModuleNotFoundError: what the example needs is not installed.
        FileExistsError: the folder has something in it.
    """
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        if any(keep.iterdir()):
            raise FileExistsError(f"{keep} has something in it; --keep takes a new folder")
    console = Console(highlight=False)
    story = _story()
    logging.getLogger("reliai").addHandler(logging.NullHandler())  # the chapters say the same
    began = time.monotonic()
    console.print(
        "[bold]One model of handwriting through shadow, gate, canary, feedback and training[/]\n"
        "Models are trained, calls made and verdicts computed now, on this machine alone.\n"
    )
    with _folder(keep) as folder, _waiting(console):
        told = story.tell(folder, lambda title, text: _chapter(console, title, text), seed)
    console.rule(f"[bold]7. One of these calls through all of it[/]: {told.call_id}", align="left")
    console.print()
    console.print(_trail(told.trail))
    console.print(
        f"\n{time.monotonic() - began:.0f} s. The program, a page a file: "
        f"{Path(str(story.__file__)).parent}",
        soft_wrap=True,
    )
    if keep is not None:
        console.print(_how_to_look(keep), soft_wrap=True)
    if numbers is not None:
        trail = [stop._asdict() for stop in told.trail]
        data = {"verdicts": told.verdicts, "call_id": told.call_id, "trail": trail}
        numbers.write_text(json.dumps(data, indent=2))


def _story() -> Any:
    try:
        return example("loop.story")
    except ConfigurationError as error:
        if isinstance(error.__cause__, ModuleNotFoundError):
            raise error.__cause__ from error
        raise


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is None:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            yield Path(folder)
    else:
        yield keep


def _how_to_look(folder: Path) -> str:
    return (
        f"Look at it in a browser: reliai ui --store {folder}/calls.db "
        f"--datasets {folder}/datasets --runs {folder}/runs --state sqlite:///{folder.absolute()}/state.db"
    )


def _waiting(console: Console) -> AbstractContextManager[Any]:
    if not (console.is_terminal and sys.stdout.isatty()):
        return nullcontext()
    return console.status("a day of calls, reviews and training …")


def _chapter(console: Console, title: str, text: str) -> None:
    console.rule(f"[bold]{title}[/]", align="left")
    told = Text(text)
    for pattern, style in ((_GOOD, "green"), (_BAD, "red"), (_UNSURE, "yellow")):
        told.highlight_regex(pattern, style)
    # Lines are wrapped for a reader, and left whole for a file.
    if console.is_terminal:
        console.print(Padding(told, (1, 0, 1, 2)))
    else:
        console.print(told, "", sep="\n", soft_wrap=True)


def _trail(stops: Any) -> Table:
    table = Table(show_lines=False, box=None, pad_edge=False)
    table.add_column("", style="cyan", no_wrap=True)
    table.add_column("what happened to it", overflow="fold")
    table.add_column("read back from", style="dim", overflow="fold")
    for stop in stops:
        table.add_row(stop.step, stop.told, stop.where)
    return table

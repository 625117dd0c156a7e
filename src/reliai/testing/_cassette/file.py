"""The file of a cassette: JSON that a person can review, written whole or not at all.

Several recorders may write one file, in one process or in many: each adds what it recorded to
what is there when it ends.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reliai.testing._cassette.trouble import CassetteError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["VERSION", "Document", "canonical", "merge", "read"]

VERSION = 1
_WIDTH = 100


class Document:
    """What a file holds.

    Attributes:
        entries: one mapping a recorded attempt, in the order in which they began.
        outer: functions whose own code runs on replay, because the calls inside were recorded.
    """

    def __init__(
        self, entries: list[dict[str, Any]] | None = None, outer: set[str] | None = None
    ) -> None:
        self.entries = entries or []
        self.outer = outer or set()

    def text(self) -> str:
        """The file's content: a call's entry never stands on one line, so that a diff shows it."""
        entries = [_pretty(entry, 4, apart=True) for entry in self.entries]
        lines = [f'"reliai_cassette": {VERSION}']
        if self.outer:
            lines.append(f'"runs": {_pretty(sorted(self.outer), 2)}')
        lines.append(f'"calls": {_block(entries, 2, "[]") if entries else "[]"}')
        return _block(lines, 0, "{}") + "\n"


def canonical(data: object) -> str:
    """JSON as one text, equal for equal data whatever the order of its keys."""
    return json.dumps(data, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def _pretty(data: Any, indent: int, *, apart: bool = False) -> str:
    """JSON in which whatever fits stands on one line, unless it is to be `apart`."""
    line = json.dumps(data, ensure_ascii=False)
    fits = len(line) + indent <= _WIDTH and not apart
    if not isinstance(data, dict | list) or not data or fits:
        return line
    inner = indent + 2
    if isinstance(data, list):
        lines = [_pretty(item, inner) for item in data]
    else:
        lines = [
            f"{json.dumps(name, ensure_ascii=False)}: {_pretty(item, inner)}"
            for name, item in data.items()
        ]
    return _block(lines, indent, "[]" if isinstance(data, list) else "{}")


def _block(lines: list[str], indent: int, brackets: str) -> str:
    body = ",\n".join(" " * (indent + 2) + each for each in lines)
    return f"{brackets[0]}\n{body}\n{' ' * indent}{brackets[1]}"


def read(path: Path) -> Document:
    """What is recorded in a file; nothing when there is none.

    Raises:
        CassetteError: it is no cassette, or one of a later version.
    """
    try:
        text = path.read_text("utf-8", errors="surrogatepass")
    except FileNotFoundError:
        return Document()
    try:
        data: Any = json.loads(text)
    except ValueError as error:
        raise CassetteError(f"{path} is not JSON: {error}") from error
    version = data.get("reliai_cassette") if isinstance(data, dict) else None
    if version != VERSION:
        raise CassetteError(
            f"{path} is no cassette of version {VERSION} (it says {version!r}); record it again"
        )
    try:
        return Document([_checked(entry) for entry in data["calls"]], set(data.get("runs", ())))
    except (KeyError, TypeError) as error:
        raise CassetteError(f"{path} has an entry that is not complete: {error!r}") from error


def _checked(entry: dict[str, Any]) -> dict[str, Any]:
    if not {"answer", "error", "stream"} & entry.keys():
        raise KeyError("answer, error or stream")
    return {**entry, "call": entry["call"], "arguments": entry["arguments"]}


def merge(path: Path, base: Document, ours: Document, *, replace: bool) -> None:
    """Write `ours`, and what others have added to the file since it was read as `base`.

    Args:
        path: the file.
        base: what it held when it was read.
        ours: what was recorded now.
        replace: whether what it held is dropped.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with _alone(path):
        there = read(path)
        if replace:
            there.entries = _without(there.entries, base.entries)
            there.outer -= base.outer
        _write(path, Document([*there.entries, *ours.entries], there.outer | ours.outer))


def _without(entries: list[dict[str, Any]], known: list[dict[str, Any]]) -> list[dict[str, Any]]:
    left = Counter(canonical(entry) for entry in known)
    kept: list[dict[str, Any]] = []
    for entry in entries:
        text = canonical(entry)
        if left[text]:
            left[text] -= 1
        else:
            kept.append(entry)
    return kept


def _write(path: Path, document: Document) -> None:
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="surrogatepass", newline="\n") as file:
            file.write(document.text())
        _permit(name)
        Path(name).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise


def _permit(name: str) -> None:
    """Give a temporary file the rights of an ordinary one."""
    mask = os.umask(0)
    os.umask(mask)
    Path(name).chmod(0o666 & ~mask)


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Keep other recorders of the file waiting, in this process and in others."""
    name = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:24]
    place = Path(tempfile.gettempdir()) / f"reliai-cassette-{name}.lock"
    with place.open("a") as file:
        _lock(file.fileno())
        yield  # closing the file lets the next one in


def _lock(handle: int) -> None:
    try:
        import fcntl  # noqa: PLC0415  not on Windows
    except ImportError:
        import msvcrt  # noqa: PLC0415  only there

        windows: Any = msvcrt
        windows.locking(handle, windows.LK_LOCK, 1)
    else:
        fcntl.flock(handle, fcntl.LOCK_EX)

"""Call records as lines of JSON in a file that processes may share, and reading them back."""

from __future__ import annotations

import json
import logging
import os
import threading
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

from reliai._core.forking import renew_after_fork
from reliai.checks.redaction import redaction_of
from reliai.errors import ConfigurationError
from reliai.telemetry._lines import as_line
from reliai.telemetry._settings import whole
from reliai.telemetry._shown import shown

try:
    import fcntl
except ImportError:  # Windows: one process a file, when it is rotated
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from reliai._core.record import CallRecord
    from reliai.checks.redaction import ContentMode

__all__ = ["Fsync", "JsonLines", "read_json_lines"]

Fsync: TypeAlias = Literal["flush", "always", "never"]
"""When the operating system is made to write the file out."""


class JsonLines:
    """Appends each ended call to a file, one JSON object a line, as `CallRecord.to_dict` gives it.

    Several processes may append to the same file: a line is written in one piece. A record that
    the disk has no room for is counted as dropped, and the next one begins on a line of its own.

    Args:
        path: the file; made with its folders when it is first written to, for its owner only.
        content: what is written of inputs and outputs: "none", "redacted" or "full". Without it the
            messages of errors that are not reliai's own are left away too, for they may quote it.
        redact: with "redacted", a function of a text that gives the text to write.
        rotate_bytes: the size at which a file is put aside as `path.1`, what was `path.1` as
            `path.2`, and so on; None for never.
        keep: how many of those are kept.
        fsync: when the operating system must have it on the disk: with each "flush", "always"
            (after each record), or "never".

    Raises:
        ConfigurationError: for a setting out of its range.
    """

    inline = False

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        content: ContentMode = "none",
        redact: Callable[[str], str] | None = None,
        rotate_bytes: int | None = None,
        keep: int = 5,
        fsync: Fsync = "flush",
    ) -> None:
        self.path = _checked_path(path)
        self._redaction = redaction_of("JsonLines", content, redact)
        self.reads_content = self._redaction is not None
        if rotate_bytes is not None:
            whole("JsonLines", "rotate_bytes", rotate_bytes, 1)
        self.rotate_bytes = rotate_bytes
        self.keep = whole("JsonLines", "keep", keep, 1)
        if fsync not in get_args(Fsync):
            known = ", ".join(map(repr, get_args(Fsync)))
            message = f"JsonLines(fsync={fsync!r}): use one of {known}"
            raise ConfigurationError(message)
        self.fsync = fsync
        self._file: int | None = None
        self._torn = False
        self._renew()
        renew_after_fork(self)

    def _renew(self) -> None:
        self._lock = threading.RLock()  # a signal handler that flushes may find it held

    @property
    def redactions(self) -> int:
        """Places of content that were replaced."""
        return 0 if self._redaction is None else self._redaction.replaced

    @property
    def redaction_failures(self) -> int:
        """Contents that were left away because redacting them failed."""
        return 0 if self._redaction is None else self._redaction.failed

    def on_end(self, record: CallRecord) -> None:
        """Write a record."""
        line = as_line(shown(record, self._redaction)) + b"\n"
        with self._lock:
            if self.rotate_bytes is not None:
                self._make_room(len(line), self.rotate_bytes)
            self._write(self._opened(), line)
            if self.fsync == "always":
                self.flush(0.0)

    def _write(self, file: int, line: bytes) -> None:
        rest = b"\n" + line if self._torn else line
        whole_length = len(rest)
        try:
            while rest:  # one piece, unless the disk is all but full
                rest = rest[os.write(file, rest) :]
                self._torn = False
        finally:
            self._torn = self._torn or 0 < len(rest) < whole_length

    def _opened(self) -> int:
        if self._file is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)
            self._file = os.open(self.path, flags, 0o600)
        return self._file

    def _make_room(self, more: int, most: int) -> None:
        """Put the file aside when it is full; also when another process has done so."""
        if self._full(more, most):
            with _alone(self.path):
                if self._full(more, most):  # nobody did meanwhile
                    self.close()
                    self._rotate()
        if self._moved():
            self.close()

    def _full(self, more: int, most: int) -> bool:
        try:
            size = self.path.stat().st_size
        except FileNotFoundError:
            return False
        return size > 0 and size + more > most

    def _rotate(self) -> None:
        for number in range(self.keep, 0, -1):
            older = _numbered(self.path, number - 1)
            with suppress(FileNotFoundError):
                older.replace(_numbered(self.path, number))

    def _moved(self) -> bool:
        """Whether the file that is open is no longer the one of that name."""
        if self._file is None:
            return False
        try:
            return not os.path.samestat(os.fstat(self._file), self.path.stat())
        except FileNotFoundError:
            return True

    def flush(self, timeout: float) -> None:
        """Have the operating system write the file out, unless that is never wanted."""
        with self._lock:
            if self._file is not None and self.fsync != "never":
                os.fsync(self._file)

    def close(self) -> None:
        """Close the file; a later record opens it again."""
        with self._lock:
            if self._file is not None:
                os.close(self._file)
                self._file = None

    def __repr__(self) -> str:
        return f"<reliai.telemetry.JsonLines {str(self.path)!r}>"


def _checked_path(given: Any) -> Path:
    if given and isinstance(given, str | os.PathLike) and isinstance(os.fspath(given), str):
        return Path(given)
    message = f"JsonLines({given!r}): give the path of a file, such as 'calls.jsonl'"
    raise ConfigurationError(message)


def _numbered(path: Path, number: int) -> Path:
    return path if number == 0 else path.with_name(f"{path.name}.{number}")


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Keep other processes from doing the same meanwhile."""
    if fcntl is None:
        yield
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    file = os.open(path.with_name(f".{path.name}.lock"), os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        os.close(file)  # and with it the lock goes


def read_json_lines(path: str | os.PathLike[str]) -> Iterator[dict[str, Any]]:
    """The records of a file of JSON lines, oldest first, those put aside by rotation included.

    A line that is torn, for the disk was full or the machine went down, is left out and said.

    Args:
        path: what `JsonLines` was given, or the folder of a `Webhook(spill=…)`.

    Raises:
        FileNotFoundError: when there is no such file.
    """
    given = Path(path)
    for part in _parts(given):
        torn = 0
        with part.open("rb") as file:
            for line in file:
                record = _read(line)
                if record is not None:
                    yield record
                elif line.strip():
                    torn += 1
        if torn:
            logging.getLogger("reliai").warning("%s: %d lines are no records", part, torn)


def _parts(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(path.glob("*.jsonl"))
    older: list[tuple[int, Path]] = []
    for other in path.parent.glob(f"{path.name}.*"):
        number = other.name.removeprefix(f"{path.name}.")
        if number.isdigit():
            older.append((int(number), other))
    parts = [part for _, part in sorted(older, reverse=True)]
    return [*parts, path] if path.exists() or not parts else parts


def _read(line: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None

"""Batches on disk: what a backend did not take waits there until it does, over restarts too.

Each batch is a file of JSON lines, written whole and then given its name, so no other process ever
sees half of one. Who sends a batch holds a lock on its file meanwhile, and deletes it when the
backend has it: each is sent by one process, and once, unless a process dies between the backend's
answer and the deletion. Its name goes along with every attempt, so a receiver can tell.
"""

from __future__ import annotations

import os
import secrets
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple

from reliai.errors import ConfigurationError

try:
    import fcntl
except ImportError:  # Windows: one process a folder
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Batch", "Spill", "new_batch_id"]

SUFFIX = ".jsonl"


class Batch(NamedTuple):
    """A batch that waits: its id, and its lines."""

    id: str
    lines: list[bytes]


def new_batch_id() -> str:
    """An id that sorts by time."""
    return f"{time.time_ns():019d}-{secrets.token_hex(8)}"


class Spill:
    """A folder of batches.

    Args:
        folder: made when it is first needed.
        most_bytes: what it may hold; a batch that does not fit is refused.

    Raises:
        ConfigurationError: when `folder` is a file, or `most_bytes` is below 1.
    """

    def __init__(self, folder: str | os.PathLike[str], most_bytes: int = 256 * 1024 * 1024) -> None:
        self.folder = Path(folder)
        if self.folder.exists() and not self.folder.is_dir():
            message = f"spill={str(folder)!r}: is a file; give a folder of its own"
            raise ConfigurationError(message)
        if not isinstance(most_bytes, int) or most_bytes < 1:
            message = f"spill_bytes={most_bytes!r}: must be a whole number of bytes, at least 1"
            raise ConfigurationError(message)
        self.most_bytes = most_bytes

    def put(self, batch: Batch) -> bool:
        """Write a batch; say whether it is on the disk."""
        data = b"".join(line + b"\n" for line in batch.lines)
        hidden = self.folder / f".{batch.id}.{os.getpid()}"
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            if self.held() + len(data) > self.most_bytes:
                return False
            with open(hidden, "xb", opener=_private) as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            hidden.rename(self.folder / f"{batch.id}{SUFFIX}")
        except OSError:
            with suppress(OSError):
                hidden.unlink(missing_ok=True)
            return False
        return True

    def held(self) -> int:
        """Bytes that it holds."""
        total = 0
        for file in self._files():
            with suppress(OSError):  # another process sent it
                total += file.stat().st_size
        return total

    def __bool__(self) -> bool:
        return bool(self._files())

    def _files(self) -> list[Path]:
        with suppress(OSError):
            return sorted(self.folder.glob(f"*{SUFFIX}"))
        return []

    @contextmanager
    def oldest(self) -> Iterator[tuple[Batch, list[bool]] | None]:
        """The oldest batch that no other process is sending, for as long as the block lasts.

        It is deleted at the end of the block when `True` was appended to the list beside it.
        """
        claim = next(filter(None, map(_claim, self._files())), None)
        if claim is None:
            yield None
            return
        path, file = claim
        with file:  # the lock goes with the file
            done: list[bool] = []
            lines = [line for line in file.read().split(b"\n") if line]
            yield Batch(path.name.removesuffix(SUFFIX), lines), done
            if done:
                path.unlink(missing_ok=True)


def _claim(path: Path) -> tuple[Path, IO[bytes]] | None:
    """Open a batch for this process alone; None when another one has it, or has sent it."""
    try:
        file = path.open("rb")
    except OSError:
        return None
    if _locked(file) and path.exists():
        return path, file
    file.close()
    return None


def _locked(file: IO[bytes]) -> bool:
    if fcntl is None:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)

"""What a capture holds, on disk, so that a process that is killed does not take it along.

Each process has a file of its own in the folder, and a lock on it while it lives. Whoever begins
later takes over the files whose process is gone.
"""

from __future__ import annotations

import json
import math
import os
import secrets
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from reliai.datasets.canonical import json_text
from reliai.datasets.case import Case
from reliai.datasets.failures import DatasetError
from reliai.errors import ConfigurationError

try:
    import fcntl
except ImportError:  # Windows: one process a folder
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["EVERY", "Keeper", "Spool", "checked_folder"]

EVERY: Final = 30.0
"""Seconds between two writes."""

_LOCK: Final = ".lock"
_CASES: Final = ".jsonl"


def checked_folder(given: Any) -> Path | None:
    """The folder, which need not exist.

    Raises:
        ConfigurationError: for something that is none.
    """
    if given is None:
        return None
    if not isinstance(given, str | os.PathLike) or (given and Path(given).is_file()):
        raise ConfigurationError(f"Capture(spool={given!r}): give a folder of its own")
    return Path(given)


class Spool:
    """The file of this process, and those that processes which are gone have left.

    Args:
        folder: of the files.
        name: of the dataset; files of others are left alone.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._name = name
        self._own: tuple[Path, int] | None = None
        self._left: list[tuple[Path, int]] = []

    def renew(self) -> None:
        """In a forked child: the locks are its parent's, and so are the files."""
        self._unlock()
        self._own, self._left = None, []

    def _unlock(self) -> None:
        for _, lock in [*self._left, *([] if self._own is None else [self._own])]:
            with suppress(OSError):
                os.close(lock)

    __del__ = _unlock

    def take_over(self) -> list[Case]:
        """The cases that processes which are gone have left; they are this one's from now on."""
        cases: list[Case] = []
        for path in sorted(self._folder.glob(f"{self._name}-*{_LOCK}")):
            lock = _locked(path)
            if lock is None:
                continue
            self._left.append((path, lock))
            cases += _read(path.with_suffix(_CASES))
        return cases

    def write(self, cases: Iterable[Case]) -> None:
        """Keep these cases, in place of all before; what was taken over is among them."""
        if self._own is None:
            self._own = self._begin()
        target = self._own[0].with_suffix(_CASES)
        hidden = target.with_suffix(".part")
        with open(hidden, "wb", opener=_private) as file:
            file.writelines(json_text(case.to_dict()).encode() + b"\n" for case in cases)
            file.flush()
            os.fsync(file.fileno())
        hidden.replace(target)
        _let_go(self._left)
        self._left = []

    def clear(self) -> None:
        """There is nothing to keep any more."""
        _let_go([*self._left, *([] if self._own is None else [self._own])])
        self._own, self._left = None, []

    def _begin(self) -> tuple[Path, int]:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        name = f"{self._name}-{time.time_ns():x}-{secrets.token_hex(4)}{_LOCK}"
        path = self._folder / name
        lock = _locked(path)
        if lock is None:
            raise OSError(f"{path} is locked by another process")
        return path, lock


class Keeper:
    """Sees that what a capture holds, or has handed over just now, is on disk too.

    Args:
        spool: where; None for nowhere.
    """

    def __init__(self, spool: Spool | None) -> None:
        self._spool = spool
        self._left: list[Case] = []
        self._given: list[Case] = []
        self._given_at = self._written_at = -math.inf
        self.taken_over = 0

    def renew(self) -> Keeper:
        """One for a forked child, which begins empty."""
        if self._spool is not None:
            self._spool.renew()
        return Keeper(self._spool)

    def begin(self) -> None:
        """Take over what processes which are gone have left."""
        if self._spool is not None:
            self._left = self._spool.take_over()
            self.taken_over += len(self._left)

    @property
    def left(self) -> int:
        """Cases that were taken over and not handed over yet."""
        return len(self._left)

    def hand_over(self, cases: list[Case], now: float) -> list[Case]:
        """These cases, and those that were taken over: the dataset's from now on."""
        if self._spool is None:
            return cases
        given = [*self._left, *cases]
        self._left = []
        self._given += given
        self._given_at = now
        return given

    def keep(self, now: float, cases: Callable[[], list[Case]], staged: Callable[[], int]) -> None:
        """Write what there is, every so often.

        Args:
            now: Unix seconds.
            cases: those that are held.
            staged: how much the dataset has not committed.
        """
        if self._spool is None or 0 <= now - self._written_at < EVERY:
            return
        self._written_at = now
        if now - self._given_at >= EVERY and not staged():
            self._given = []
        there = [*self._left, *self._given, *cases()]
        if there:
            self._spool.write(there)
        else:
            self._spool.clear()

    def committed(self) -> None:
        """All of it is in the dataset."""
        self._given = []
        if self._spool is not None and not self._left:
            self._spool.clear()


def _locked(path: Path) -> int | None:
    """The lock, held as long as it is open; None when a living process has it."""
    try:
        lock = _private(str(path), os.O_CREAT | os.O_RDWR)
    except OSError:
        return None
    try:
        if fcntl is not None:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        return None
    if not path.exists():  # who had it has just let it go
        os.close(lock)
        return None
    return lock


def _read(path: Path) -> list[Case]:
    cases: list[Case] = []
    with suppress(OSError):
        for line in path.read_bytes().splitlines():
            with suppress(ValueError, DatasetError):
                cases.append(Case.from_dict(json.loads(line)))
    return cases


def _let_go(files: Iterable[tuple[Path, int]]) -> None:
    for path, lock in files:
        path.with_suffix(_CASES).unlink(missing_ok=True)
        path.unlink(missing_ok=True)
        os.close(lock)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)

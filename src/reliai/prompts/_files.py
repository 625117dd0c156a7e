"""Where prompts come from: the file that is looked at, and the last good version kept beside it."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Protocol, TypeAlias
from weakref import WeakValueDictionary

from reliai.errors import ConfigurationError
from reliai.prompts._reading import LARGEST

__all__ = ["File", "Readable", "Snapshots", "Stamp"]

Stamp: TypeAlias = tuple[int, ...]
"""What tells, without reading it, that a file was written since."""


class Readable(Protocol):
    """A file, or what a package has in place of one."""

    def read_bytes(self) -> bytes:
        """All that is in it."""
        ...


class File:
    """The file of a prompt.

    Attributes:
        path: where it is, whatever the working directory becomes.
        shown: the path as it was given, for messages.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.shown = os.fspath(path)
        self.path = Path(path).absolute()

    def stamp(self) -> Stamp | None:
        """What changes when the file does; None where there is none."""
        try:
            found = self.path.stat()
        except OSError:
            return None
        return (found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino, found.st_dev)

    def read(self) -> bytes:
        """What is in it, and of one that is too long no more than shows that.

        Raises:
            OSError: when it cannot be read.
        """
        with self.path.open("rb") as file:
            return file.read(LARGEST + 1)


_kept: WeakValueDictionary[Path, File] = WeakValueDictionary()
"""Whose snapshots are where, in this process."""


class Snapshots:
    """A folder with the last good version of a prompt, for starts at which the file is broken.

    Args:
        folder: the folder.
        name: of the prompt.
        file: that it is read from.

    Raises:
        ConfigurationError: when a prompt from another file is kept under the same name.
    """

    def __init__(self, folder: str | os.PathLike[str], name: str, file: File) -> None:
        self.path = Path(folder).absolute() / f"{name.replace('/', '.')}.json"
        other = _kept.setdefault(self.path, file)
        if other.path != file.path:
            raise ConfigurationError(
                f"snapshots={os.fspath(folder)!r}: {other.shown} and {file.shown} would both be "
                f"kept there as {self.path.name}, and stand in for one another; give one of them "
                "another name="
            )

    def read(self) -> bytes | None:
        """The last good content; None where there is none, or none that is whole."""
        try:
            kept = json.loads(self.path.read_bytes())
            data = str(kept["content"]).encode()
            return data if _sum(data) == kept["sha256"] else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write(self, data: bytes) -> None:
        """Keep content; others see the old or the new, and never a part.

        Raises:
            OSError: when it cannot be written.
        """
        if self.read() == data:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        kept = json.dumps({"content": data.decode(), "sha256": _sum(data)})
        handle, beside = tempfile.mkstemp(dir=self.path.parent, prefix=f".{self.path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(kept)
                file.flush()
                os.fsync(file.fileno())
            Path(beside).replace(self.path)
        except BaseException:
            with suppress(OSError):
                Path(beside).unlink()
            raise


def _sum(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()

"""Datasets on any filesystem of fsspec: S3, Google Cloud, Azure, memory, … Floor 5."""

from __future__ import annotations

import threading
import warnings
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from reliai import clock
from reliai._core.forking import renew_after_fork
from reliai._needs import needed
from reliai.datasets.failures import DatasetError
from reliai.errors import ReliaiWarning

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

__all__ = ["RemoteStorage"]

_EXCLUSIVE: Final = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "memory"})
"""Protocols whose filesystems create a file only if it is new, in one step."""

_PATIENCE: Final = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 4.0)
"""Seconds to wait before each further look for a file that was written."""

_TRIES: Final = 3
"""Further tries to create a file when there is none and yet it could not be created."""

_PROBE: Final = b'{"format": 1}\n'

_CALLER: Final = 5
"""So many frames up is the user's `commit`."""


class _OneAtATime:
    """fsspec's memory looks first and writes then; with this held, that is one step."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        renew_after_fork(self)

    def _renew(self) -> None:
        self.lock = threading.Lock()


_memory: Final = _OneAtATime()


class RemoteStorage:
    """A folder of a filesystem of fsspec."""

    def __init__(self, url: str, options: dict[str, Any]) -> None:
        self.url = url
        self._options = options
        self._protocol, _, path = url.partition("://")
        self.remote = self._protocol != "memory"
        self._path = path.strip("/")
        host, at, _ = self._path.partition("/")[0].rpartition("@")
        if at and ":" in host:
            raise DatasetError(
                f"{self._protocol}://… holds a password, which would be written into every report: "
                f"give it as an option of the filesystem"
            )
        if not self._path:
            raise DatasetError(f"{url!r} names no folder: give one, as in {url}/refunds")
        self._proven = not self.remote

    def __reduce__(self) -> tuple[Any, ...]:
        return RemoteStorage, (self.url, self._options)

    @property
    def _files(self) -> Any:
        """The filesystem; fsspec keeps one for each process, so a forked child gets its own."""
        what = f"The dataset {self.url}"
        fsspec = needed("fsspec", "datasets", what)
        try:
            return fsspec.filesystem(self._protocol, **self._options)
        except ImportError as error:
            raise DatasetError(f"{what} needs another package: {error}") from error
        except ValueError as error:
            raise DatasetError(f"{self.url!r}: fsspec knows no such protocol: {error}") from error

    def _at(self, path: str) -> str:
        return f"{self._protocol}://{self._path}/{path}" if path else self._path

    def read(self, path: str, start: int = 0, end: int | None = None) -> bytes:
        read: Callable[..., bytes] = self._files.cat_file
        return (
            read(self._at(path))
            if not start and end is None
            else read(self._at(path), start=start, end=end)
        )

    def read_ranges(self, ranges: list[tuple[str, int, int]]) -> list[bytes]:
        paths = [self._at(path) for path, _, _ in ranges]
        starts, ends = [start for _, start, _ in ranges], [end for _, _, end in ranges]
        found: list[bytes] = self._files.cat_ranges(paths, starts, ends, on_error="raise")
        return found

    def write(self, path: str, data: bytes) -> None:
        self._files.pipe_file(self._at(path), data)
        self._until_readable(path, data)

    def create(self, path: str, data: bytes) -> None:
        self._create(path, data)
        self._until_readable(path, data)

    def _create(self, path: str, data: bytes) -> None:
        where = self._at(path)
        if not self.remote:
            with _memory.lock:
                if self._files.exists(where):
                    raise FileExistsError(where)
                self._files.pipe_file(where, data)
            return
        for seconds in (*_PATIENCE[:_TRIES], None):
            try:
                self._files.pipe_file(where, data, mode="create")
            except OSError as error:
                # A request that was sent again may meet what it wrote the first time. Without
                # any file two requests met, and S3 has us ask once more.
                found = self._found(path)
                if found == data:
                    return
                if found is not None:
                    raise FileExistsError(where) from error
                if seconds is None:
                    raise
                clock.active().sleep(seconds)
            else:
                return

    def prepare(self) -> None:
        """See once that the store refuses to overwrite: one that does not loses commits."""
        if self._proven:
            return
        if self._protocol not in _EXCLUSIVE:
            warnings.warn(
                f"nobody promises that {self._protocol}:// creates a file only if it is new: let "
                f"one process at a time commit to {self.url}",
                ReliaiWarning,
                stacklevel=_CALLER,
            )
        if not any(self._refuses() for _ in range(2)):
            raise DatasetError(
                f"{self.url} overwrote a file that was to be created only if new, so commits "
                f"could be lost; the store needs conditional writes (If-None-Match)"
            )
        self._proven = True

    def _refuses(self) -> bool:
        """Whether the store says no to creating a file that is there; creates it if it is not."""
        try:
            self._files.pipe_file(self._at("dataset.json"), _PROBE, mode="create")
        except OSError:
            if self._found("dataset.json") is None:
                raise
            return True
        return False

    def delete(self, path: str) -> None:
        with suppress(FileNotFoundError):
            self._files.rm_file(self._at(path))
        self._refresh(path)

    def modified(self, path: str) -> float:
        found: datetime = self._files.modified(self._at(path))
        return found.timestamp()

    def names(self, folder: str) -> list[str]:
        self._refresh(folder)
        try:
            found: list[str] = self._files.ls(self._at(folder), detail=False)
        except FileNotFoundError:
            return []
        return [name.rpartition("/")[2] for name in found]

    def _found(self, path: str) -> bytes | None:
        try:
            return self.read(path)
        except FileNotFoundError:
            return None

    def _refresh(self, path: str) -> None:
        """Forget what was listed there: another process may have committed since."""
        self._files.invalidate_cache(self._at(path))

    def _until_readable(self, path: str, data: bytes) -> None:
        """Wait until the file can be read; on the usual stores it can at once."""
        if not self.remote:
            return
        size: Callable[[], int] = partial(self._files.size, self._at(path))
        for seconds in _PATIENCE:
            self._refresh(path)
            try:
                if size() == len(data):
                    return
            except FileNotFoundError:
                pass
            clock.active().sleep(seconds)
        raise DatasetError(f"{self.url}/{path} was written and cannot be read")

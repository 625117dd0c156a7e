"""Where a dataset's files are: the local disk here, anything else in `_remote`. Floor 5.

Few things are asked of a store: whole files, ranges of them, a listing, and that a file can be
created only if it is new. The last makes commits safe: two writers never both win a version.
"""

from __future__ import annotations

import os
import secrets
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from reliai.datasets.failures import DatasetError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["LocalStorage", "Storage", "storage_at"]

_BY_DEFAULT: Final = Path(".reliai") / "datasets"


class Storage(Protocol):
    """A folder of files, on a disk or elsewhere. Paths are relative and written with `/`."""

    url: str
    """Where it is; `storage_at(url)` opens it again."""

    remote: bool
    """Whether a request costs milliseconds, so that few large ones are better than many."""

    def read(self, path: str, start: int = 0, end: int | None = None) -> bytes:
        """A file's bytes, or a range of them.

        Raises:
            FileNotFoundError: when there is no such file.
        """
        ...

    def read_ranges(self, ranges: list[tuple[str, int, int]]) -> list[bytes]:
        """Ranges of several files at once: path, start and end of each."""
        ...

    def write(self, path: str, data: bytes) -> None:
        """Have a file with these bytes, whole and readable by all when this returns."""
        ...

    def create(self, path: str, data: bytes) -> None:
        """Have a file with these bytes that was not there before.

        Raises:
            FileExistsError: when it was; whoever created it keeps it.
        """
        ...

    def delete(self, path: str) -> None:
        """Have no such file."""
        ...

    def modified(self, path: str) -> float:
        """When a file was written; Unix seconds.

        Raises:
            FileNotFoundError: when there is no such file.
        """
        ...

    def names(self, folder: str) -> list[str]:
        """The files in a folder; none when there is no such folder."""
        ...

    def prepare(self) -> None:
        """Make ready for the first commit, and see that commits are safe here."""


_LONGEST_NAME: Final = 255
"""Bytes of a folder's name, on all file systems in use."""


def storage_at(where: str | os.PathLike[str], options: Mapping[str, Any] | None = None) -> Storage:
    """Open the folder of a dataset, without reading anything.

    Args:
        where: a name (then `.reliai/datasets/NAME` of the working folder), a path (a text with a
            `/`, or any path object), or a URL of fsspec such as `s3://bucket/folder` or `memory://name`.
        options: of the filesystem, such as its endpoint; a local folder takes none.

    Raises:
        DatasetError: when it is none of these, or options are given that nothing would read.
    """
    text = os.fspath(where)
    if not text.strip():
        raise DatasetError(f"{text!r} is no name of a dataset")
    if "://" in text and not text.startswith("file://"):
        from reliai.datasets._remote import RemoteStorage  # noqa: PLC0415  loads fsspec

        return RemoteStorage(text.rstrip("/"), dict(options or {}))
    if options:
        named = ", ".join(sorted(options))
        raise DatasetError(f"a local dataset takes no options, and {named} would do nothing")
    path = _local_path(text) if isinstance(where, str) else Path(text)
    if len(path.name.encode("utf-8", "surrogatepass")) > _LONGEST_NAME:
        shown = f"{path.name[:20]}…"
        raise DatasetError(f"{shown!r} is longer than a folder's name: {_LONGEST_NAME} bytes")
    return LocalStorage(path)


def _local_path(text: str) -> Path:
    if text.startswith("file://"):
        return Path(text.removeprefix("file://"))
    path = Path(text)
    plain = len(path.parts) == 1 and not text.startswith((".", "~"))
    return _BY_DEFAULT / text if plain else path.expanduser()


class LocalStorage:
    """A folder of the local disk. What was written is there after a crash of the machine."""

    remote = False

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        # The name alone where the folder is the usual one: so references read alike everywhere.
        usual = _BY_DEFAULT.absolute() == self.folder.parent
        self.url = folder.name if usual else str(self.folder)

    def __reduce__(self) -> tuple[Any, ...]:
        return LocalStorage, (self.folder,)

    def read(self, path: str, start: int = 0, end: int | None = None) -> bytes:
        with (self.folder / path).open("rb", buffering=0) as file:
            if start:
                file.seek(start)
            return file.read() if end is None else _exactly(file, end - start)

    def read_ranges(self, ranges: list[tuple[str, int, int]]) -> list[bytes]:
        return [self.read(*each) for each in ranges]

    def write(self, path: str, data: bytes) -> None:
        target = self.folder / path
        with _written(target, data) as temporary:
            temporary.replace(target)
        _sync_folder(target.parent)

    def create(self, path: str, data: bytes) -> None:
        target = self.folder / path
        with _written(target, data) as temporary:
            _move_if_new(temporary, target)
        _sync_folder(target.parent)

    def delete(self, path: str) -> None:
        with suppress(FileNotFoundError):
            (self.folder / path).unlink()

    def modified(self, path: str) -> float:
        return (self.folder / path).stat().st_mtime

    def prepare(self) -> None:
        # git must hand the files out byte for byte: their names are hashes of what is in them.
        with suppress(FileExistsError):
            self.create(".gitattributes", b"* -text\n*.idx -diff\n")

    def names(self, folder: str) -> list[str]:
        try:
            return [path.name for path in (self.folder / folder).iterdir()]
        except (FileNotFoundError, NotADirectoryError):
            return []


def _exactly(file: Any, size: int) -> bytes:
    """Up to `size` bytes; a read may give fewer than it was asked for."""
    data: bytes = file.read(size)
    while 0 < len(data) < size:
        more: bytes = file.read(size - len(data))
        if not more:
            break
        data += more
    return data


@contextmanager
def _written(target: Path, data: bytes) -> Iterator[Path]:
    """A temporary file beside `target` with all the bytes on the disk; gone afterwards."""
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        yield temporary
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()


def _move_if_new(temporary: Path, target: Path) -> None:
    """Give the file its name unless there is one of that name: whole, or not at all."""
    try:
        os.link(temporary, target)
    except FileExistsError:
        raise
    except OSError:
        # No hard links here (FAT, some network shares): the name is taken first, and what is
        # then written is small enough for one write; a reader waits for the end of the file.
        data = temporary.read_bytes()
        with target.open("xb", buffering=0) as file:
            try:
                file.write(data)
                os.fsync(file.fileno())
            except BaseException:  # a full disk: half a file would be in everybody's way for ever
                target.unlink()
                raise


def _sync_folder(folder: Path) -> None:
    """Have the folder's list of names on the disk too, where folders can be synchronised."""
    with suppress(OSError):
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)

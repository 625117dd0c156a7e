"""What is said when the data of a dataset is wrong, lost or damaged. Floor 5."""

from __future__ import annotations

from reliai.errors import ReliaiError

__all__ = ["CaseNotFound", "DatasetDamaged", "DatasetError", "VersionNotFound"]


class DatasetError(ReliaiError, ValueError):
    """Something cannot be a case, a dataset or a version; the message says where and why.

    Attributes:
        path: the file that is wrong, or None.
        line: the line in it, from 1, or None.
    """

    def __init__(self, message: str, *, path: str | None = None, line: int | None = None) -> None:
        place = "" if path is None else f"{path}: " if line is None else f"{path}:{line}: "
        super().__init__(place + message)
        self.path = path
        self.line = line


class VersionNotFound(DatasetError, LookupError):
    """A dataset has no such version or tag."""


class CaseNotFound(DatasetError, LookupError):
    """A version, a view or a list has no case with such a key."""


class DatasetDamaged(DatasetError):
    """A stored file is not what was written.

    Attributes:
        digests: of the cases that are damaged, as far as they are known.
    """

    def __init__(
        self,
        message: str,
        *,
        path: str | None = None,
        line: int | None = None,
        digests: tuple[str, ...] = (),
    ) -> None:
        super().__init__(message, path=path, line=line)
        self.digests = digests

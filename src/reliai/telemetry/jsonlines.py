"""Call records as lines of JSON in a file."""

from __future__ import annotations

import json
import math
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reliai._core.record import CallRecord

__all__ = ["JsonLines"]


class JsonLines:
    """Appends each ended call to a file, one JSON object a line, as `CallRecord.to_dict` gives it.

    Several processes may append to the same file: a line is written in one piece.

    Args:
        path: the file; made with its folders when it is first written to.
    """

    inline = False

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._lock = threading.RLock()  # a signal handler that flushes may find it held
        self._file: int | None = None
        os.register_at_fork(after_in_child=self._renew)

    def _renew(self) -> None:
        self._lock = threading.RLock()

    def on_end(self, record: CallRecord) -> None:
        """Write a record."""
        rest = (_dumped(record.to_dict()) + "\n").encode(errors="backslashreplace")
        with self._lock:
            file = self._opened()
            while rest:  # one piece, unless the disk is all but full
                rest = rest[os.write(file, rest) :]

    def _opened(self) -> int:
        if self._file is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)
            self._file = os.open(self.path, flags, 0o600)
        return self._file

    def flush(self, timeout: float) -> None:
        """Have the operating system write the file out."""
        with self._lock:
            if self._file is not None:
                os.fsync(self._file)

    def close(self) -> None:
        """Close the file; a later record opens it again."""
        with self._lock:
            if self._file is not None:
                os.close(self._file)
                self._file = None


def _dumped(data: Any) -> str:
    try:
        return json.dumps(data, default=_text, ensure_ascii=False, allow_nan=False)
    except ValueError:  # JSON has no word for such numbers
        return json.dumps(_finite(data), default=_text, ensure_ascii=False)


def _finite(value: Any) -> Any:
    """The same, with None for each number that is infinite or none."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, list | tuple) else value


def _text(value: Any) -> str:
    return str(value)

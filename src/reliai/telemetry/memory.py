"""Call records kept in a list; for tests and for a look at the last calls."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from reliai.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reliai._core.record import CallRecord

__all__ = ["Memory"]


class Memory:
    """Keeps the last records, in the order the calls ended.

    Args:
        limit: how many at most; older ones are let go.

    Raises:
        ConfigurationError: when `limit` is below 1.
    """

    inline = True
    evaluations = False
    """Whether it keeps the calls of evaluations too; set it to True when it is to."""

    def __init__(self, limit: int = 1000) -> None:
        if not isinstance(limit, int) or limit < 1:
            message = f"Memory(limit={limit!r}): must be a whole number of at least 1"
            raise ConfigurationError(message)
        self._records: deque[CallRecord] = deque(maxlen=limit)

    def on_end(self, record: CallRecord) -> None:
        """Keep a record."""
        self._records.append(record)

    def clear(self) -> None:
        """Let all records go."""
        self._records.clear()

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[CallRecord]:
        return iter(list(self._records))

    def __getitem__(self, index: int) -> CallRecord:
        return self._records[index]

    def __repr__(self) -> str:
        return f"<reliai.telemetry.Memory of {len(self)} records>"

"""The calls of a store, some at a time, in the order they were written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from reliai.records import RecordStore, StoredCall

__all__ = ["calls_in_pieces", "pieces"]

_AT_ONCE: Final = 1000


def pieces(
    store: RecordStore, since: float | datetime | None, which: dict[str, Any]
) -> Iterator[list[StoredCall]]:
    """Lists of calls."""
    store.flush()
    seq = 0
    while True:
        found, looked = store.after(seq, limit=_AT_ONCE, settled=False, since=since, **which)
        if found:
            yield found
        if looked <= seq:
            return
        seq = looked


def calls_in_pieces(
    store: RecordStore, since: float | datetime | None, which: dict[str, Any]
) -> Iterator[StoredCall]:
    """The calls one by one."""
    for some in pieces(store, since, which):
        yield from some

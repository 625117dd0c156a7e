"""A fork while the database is being spoken to would leave its locks held in the child for ever."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING
from weakref import WeakSet

if TYPE_CHECKING:
    from threading import RLock

    from reliai.records._writer import Writer

__all__ = ["watch"]

PATIENCE = 2.0
"""Seconds that a fork waits for a store to be done with its batch."""

_writers: WeakSet[Writer] = WeakSet()
_held: list[RLock] = []


def watch(writer: Writer) -> None:
    """Have every fork wait until `writer` is not in the middle of something."""
    _writers.add(writer)


def _before() -> None:
    for writer in list(_writers):
        with suppress(Exception):
            if writer.busy.acquire(timeout=PATIENCE):
                _held.append(writer.busy)


def _in_parent() -> None:
    while _held:
        _held.pop().release()


os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_held.clear)

"""The records of the calls a test makes, at once and in full."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from reliai._core.settings import settings
from reliai.telemetry import Memory

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["records"]


@contextmanager
def records() -> Iterator[Memory]:
    """Gather the records of all calls of the process that end inside, from all threads.

    `seen[-1]` is the record of the call that ended last.
    """
    seen = Memory(limit=100_000)
    seen.evaluations = True
    settings.observers = (*settings.observers, seen)
    try:
        yield seen
    finally:
        settings.observers = tuple(o for o in settings.observers if o is not seen)

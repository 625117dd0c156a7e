"""The end of a program, at which captures commit what they hold."""

from __future__ import annotations

import atexit
import logging
import os
import sys
from typing import Protocol
from weakref import WeakSet

__all__ = ["close_at_exit"]


class Closing(Protocol):
    """What is closed at the end."""

    def close(self) -> None:
        """Commit what it holds."""


_open: WeakSet[Closing] = WeakSet()
_arranged: int | None = None


def close_at_exit(capture: Closing) -> None:
    """Have it commit at the end of this process, unless it is gone by then."""
    _open.add(capture)
    _arrange()


def _arrange() -> None:
    global _arranged  # noqa: PLW0603  once a process
    if _arranged == os.getpid():
        return
    if _arranged is None:
        atexit.register(_close_all)  # a forked child has it from its parent
    _arranged = os.getpid()
    process = sys.modules.get("multiprocessing.process")
    if process is not None and process.parent_process() is not None:
        # A child of multiprocessing ends without what atexit knows, but asks its finalizers.
        from multiprocessing.util import Finalize  # noqa: PLC0415

        Finalize(None, _close_all, exitpriority=50)  # after the observers were shown all


def _close_all() -> None:
    for capture in list(_open):
        try:
            capture.close()
        except Exception:
            logging.getLogger("reliai").warning(
                "%r could not commit at the end of the program", capture, exc_info=True
            )

"""A function that a call can go to, and how records name it."""

from __future__ import annotations

import inspect
import threading
from typing import TYPE_CHECKING, Any

from reliai._core.forking import renew_after_fork

if TYPE_CHECKING:
    from collections.abc import Callable

    from reliai._core.call import Proceed
    from reliai._core.workers import Worker

__all__ = ["MAX_STRAGGLERS", "Stragglers", "Target", "target_name"]

MAX_STRAGGLERS = 32
"""Threads that a function may have left behind at one time; further calls are `BulkheadFull`."""


class Stragglers:
    """The threads that were left behind by timeouts and still run one function."""

    __slots__ = ("__weakref__", "_lock", "count")

    def __init__(self) -> None:
        self.count = 0
        self._renew()
        renew_after_fork(self)

    def _renew(self) -> None:
        # In a forked child its threads are not there, nor one that would release the lock.
        self._lock = threading.Lock()
        self.count = 0

    @property
    def full(self) -> bool:
        """Whether no more may be added to them."""
        return self.count >= MAX_STRAGGLERS

    def add(self, worker: Worker, close: Callable[[], object] | None = None) -> None:
        """Count a thread until it ends; then close what it worked on."""
        with self._lock:
            self.count += 1

        def ended() -> None:
            try:
                if close is not None:
                    close()
            finally:
                with self._lock:
                    self.count -= 1

        worker.after(ended)


class Target:
    """A function that a call can go to.

    Attributes:
        name: how records name it.
        primary: whether it is the guarded function itself.
        leaf: makes one attempt of it.
        keeps_time: whether its clients keep to the time its call has left, so far as is known.
        stragglers: the threads that timeouts have left behind in it.
        whole: whether a stream of provider events that it gave has ended with its last event.
    """

    __slots__ = (
        "function",
        "keeps_time",
        "kind",
        "leaf",
        "name",
        "primary",
        "stragglers",
        "whole",
    )

    leaf: Proceed

    def __init__(
        self, function: Callable[..., Any], kind: str, name: str, *, primary: bool
    ) -> None:
        self.function = function
        self.kind = kind
        self.name = name
        self.primary = primary
        self.keeps_time = False
        self.stragglers = Stragglers()
        self.whole = False

    def named(self, name: str) -> Target:
        """The same function under another name."""
        other = Target(self.function, self.kind, name, primary=False)
        other.leaf, other.stragglers = self.leaf, self.stragglers
        return other


def target_name(function: Any) -> str:
    function = inspect.unwrap(function)
    while hasattr(function, "func"):  # functools.partial
        function = function.func
    return getattr(function, "__name__", None) or type(function).__name__

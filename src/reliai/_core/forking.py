"""What begins anew in a forked child: locks that nobody would release, threads that are gone.

A fork also waits for imports under way in other threads: the child would wait for them for ever.
"""

from __future__ import annotations

import importlib
import os
import time
from contextlib import suppress
from threading import get_ident
from typing import Any, Protocol
from weakref import WeakSet

__all__ = ["Renewable", "renew_after_fork"]

IMPORTS = 0.5
"""Seconds that a fork waits for the imports of other threads."""


class Renewable(Protocol):
    """Something that a forked child must not use as its parent left it."""

    def _renew(self) -> None:
        """Begin anew, in the child."""


_renewables: WeakSet[Renewable] = WeakSet()


def renew_after_fork(thing: Renewable) -> None:
    """Have `thing` begin anew in every forked child, as long as somebody holds it."""
    _renewables.add(thing)


def _renew_all() -> None:
    for thing in list(_renewables):
        with suppress(Exception):  # the child has to live on with what it got
            thing._renew()  # noqa: SLF001  the protocol's own


def _await_imports() -> None:
    """Let other threads finish their imports: their locks would be held in the child."""
    until = time.monotonic() + IMPORTS
    while _importing_elsewhere() and time.monotonic() < until:
        time.sleep(0.0005)


def _importing_elsewhere() -> bool:
    # Python has no public way to ask; where it keeps these otherwise, a fork waits for nothing.
    locks: dict[Any, Any] = getattr(getattr(importlib, "_bootstrap", None), "_module_locks", {})
    ours = get_ident()
    held = (getattr(reference(), "owner", None) for reference in list(locks.values()))
    return any(owner not in {None, ours} for owner in held)


os.register_at_fork(before=_await_imports, after_in_child=_renew_all)

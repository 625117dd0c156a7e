"""What begins anew in a forked child: locks that nobody would release, threads that are gone."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Protocol
from weakref import WeakSet

__all__ = ["Renewable", "renew_after_fork"]


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


os.register_at_fork(after_in_child=_renew_all)

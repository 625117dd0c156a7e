"""The settings of the process: slots that `configure()` fills and the call path reads."""

from __future__ import annotations

import os
from collections import deque
from typing import TYPE_CHECKING, NamedTuple
from weakref import WeakSet

from reliai.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reliai._core.observers import Observer
    from reliai._core.record import CallRecord
    from reliai._core.site import Site

__all__ = ["MODES", "RECENT", "Identity", "Settings", "checked_mode", "settings"]

MODES = ("enforce", "observe", "off")

RECENT = 256
"""How many ended calls `report()` can look back on."""


class Identity(NamedTuple):
    """What runs here; stamped on every record."""

    service: str | None = None
    release: str | None = None
    environment: str | None = None


class Settings:
    """One object a process. Replace a value by assignment; calls in flight keep what they read.

    Attributes:
        observers: those of every call; a tuple, replaced as a whole.
        named: what RELIAI_OBSERVERS says, until the first call or `configure(observers=)`.
        observed: the decorated functions that have observers of their own.
        mode: "enforce", "observe" or "off", for every call that `mode()` does not say otherwise of.
        state: where policies share what they know, as `configure(state=)` was given it.
        recent: the records of the last calls, oldest first.
    """

    def __init__(self) -> None:
        self.observers: tuple[Observer, ...] = ()
        self.named: str | None = os.environ.get("RELIAI_OBSERVERS") or None
        self.observed: WeakSet[Site] = WeakSet()
        read = os.environ.get
        self.identity = Identity(
            read("RELIAI_SERVICE"), read("RELIAI_RELEASE"), read("RELIAI_ENVIRONMENT")
        )
        self.mode = checked_mode(read("RELIAI_MODE") or "enforce")
        self.state: object | None = None
        self.recent: deque[CallRecord] = deque(maxlen=RECENT)

    def everyone(self) -> tuple[Observer, ...]:
        """All observers, those of single functions included, each once."""
        found = list(self.observers)
        for site in list(self.observed):
            found += [one for one in site.observers if not _among(one, found)]
        return tuple(found)


def checked_mode(name: str) -> str:
    """`name`, when it is a mode.

    Raises:
        ConfigurationError: for another name.
    """
    if name not in MODES:
        message = f"mode {name!r} is unknown; use one of {', '.join(map(repr, MODES))}"
        raise ConfigurationError(message)
    return name


def _among(one: object, others: Iterable[object]) -> bool:
    return any(one is other for other in others)


settings = Settings()

"""Passing by caches for a while: `with Cache.bypass():` and `with Cache.refresh():`."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

__all__ = ["BYPASS", "REFRESH", "Switch", "switched"]

BYPASS = "bypass"
REFRESH = "refresh"

switched: ContextVar[tuple[tuple[object, str], ...]] = ContextVar("reliai.cache", default=())
"""What holds here, the innermost block first: which cache (None: all), and how it is passed by."""


class Switch:
    """A method for one cache, and for all of them when it is asked of the class."""

    def __init__(self, how: str, doc: str) -> None:
        self._how = how
        self.__doc__ = doc

    def __get__(
        self, cache: object | None, owner: type
    ) -> Callable[[], AbstractContextManager[None]]:
        identity = None if cache is None else getattr(cache, "_identity", cache)
        how = self._how

        @contextmanager
        def block() -> Iterator[None]:
            token = switched.set(((identity, how), *switched.get()))
            try:
                yield
            finally:
                switched.reset(token)

        return block

"""Calling an observer, whose failure never changes a call."""

from __future__ import annotations

import logging
import sys
import weakref
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["complain", "deliver"]

_complained: set[int] = set()


def deliver(observer: object, method: Callable[..., object], *args: Any) -> bool:
    """Call an observer's method; say whether it went well. Complains once for each observer.

    What ends more than a call passes: interrupts, exits, cancellations.
    """
    try:
        method(*args)
    except BaseException as error:
        if not isinstance(error, Exception) and _passes(error):
            raise
        where = getattr(method, "__name__", "a callback").lstrip("_")
        complain(observer, "raised in %s; calls go on, what it missed is counted", where)
        return False
    return True


_ENDING = frozenset("builtins asyncio trio anyio gevent greenlet eventlet _pytest".split())
"""Whose exceptions that are no `Exception` speak to the whole program, or task, or test."""


def _passes(error: BaseException) -> bool:
    """Whether an observer did not raise it of its own accord."""
    kinds = type(error).__mro__[:-2]  # without BaseException and object
    return any(kind.__module__.partition(".")[0] in _ENDING for kind in kinds)


def complain(observer: object, message: str, *args: object) -> None:
    """Log, once for each observer, that it failed."""
    if id(observer) in _complained:
        return
    _complained.add(id(observer))
    with suppress(TypeError):  # it takes no weak reference
        # Another object may get its id when it is gone.
        weakref.finalize(observer, _complained.discard, id(observer)).atexit = False
    text = message % args if args else message
    name = type(observer).__qualname__
    with suppress(Exception):  # a filter or a handler of the application's may raise, too
        logging.getLogger("reliai").warning("observer %s %s", name, text, exc_info=_quiet_info())


def _quiet_info() -> Any:
    """The exception being handled, for a log: where it was raised, and not what it says.

    Observers and callbacks see what calls are about, and an exception may quote what was seen.
    """
    kind, error, traceback = sys.exc_info()
    if kind is None or isinstance(error, OSError | ImportError):  # a host, a file, a package
        return kind, error, traceback
    named = {"__module__": kind.__module__, "__qualname__": kind.__qualname__}
    quiet = type(kind.__name__, (Exception,), named)
    return kind, quiet("(what it says is left out: it may quote content)"), traceback

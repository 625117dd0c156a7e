"""What is said besides a call: notes on errors, and warnings that point at the user's line."""

from __future__ import annotations

import sys
import warnings
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING

from reliai.errors import ReliaiWarning

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

__all__ = ["follow", "note", "parentheses", "quiet", "warn", "warn_once"]

_HERE = str(Path(__file__).parent.parent)

_said: set[str] = set()
_quiet: ContextVar[bool] = ContextVar("reliai.quiet", default=False)


def note(error: BaseException, text: str) -> None:
    """Add a note to an error; one that takes none, such as a frozen dataclass, goes without."""
    with suppress(Exception):
        error.add_note(text)


_FAR = 8
"""Links of a chain of errors that are gone through: one error may be raised over and over."""


def follow(error: BaseException, earlier: BaseException | None) -> None:
    """Say of an error what it came after, behind whatever it says itself.

    As `__context__`, for that is what it was: a `__cause__` would say what kind of failure it is.
    """
    with suppress(Exception):
        if earlier is None or _last_behind(earlier, error) is None:
            return
        last = _last_behind(error, earlier)
        if last is not None:
            last.__context__ = earlier


def _last_behind(error: BaseException, other: BaseException) -> BaseException | None:
    """The end of an error's chain; None where the other is in it, or it goes on and on."""
    for _ in range(_FAR):
        if error is other:
            return None
        behind = error.__cause__ or error.__context__
        if behind is None:
            return error
        error = behind
    return None


def parentheses(value: object, policy: str) -> str:
    """The end of a message about a setting that is the very function to be decorated."""
    return f"; above a function write @reliai.{policy}(…)" if callable(value) else ""


@contextmanager
def quiet() -> Iterator[None]:
    """Say nothing inside: what there is to say was said before."""
    token = _quiet.set(True)
    try:
        yield
    finally:
        _quiet.reset(token)


def warn(message: str) -> None:
    """Warn at the nearest line outside reliai, and outside the SDKs that a client of ours is in."""
    if _quiet.get():
        return
    frame = sys._getframe(1)  # noqa: SLF001  the only way to find the user's line
    while frame.f_back is not None and _is_inside(frame):
        frame = frame.f_back
    warnings.warn_explicit(
        message,
        ReliaiWarning,
        frame.f_code.co_filename,
        frame.f_lineno,
        module=frame.f_globals.get("__name__"),
        registry=frame.f_globals.setdefault("__warningregistry__", {}),
    )


def _is_inside(frame: FrameType) -> bool:
    if frame.f_code.co_filename.startswith(_HERE):
        return True
    return str(frame.f_globals.get("__name__")).partition(".")[0] in _WRAPPED


_WRAPPED = {"openai", "anthropic"}


def warn_once(key: str, message: str) -> None:
    """Warn while a call runs: once for each `key`, and without ever failing the call."""
    if key in _said:
        return
    _said.add(key)
    try:
        warn(message)
    except ReliaiWarning:  # warnings are errors here; a running call goes on all the same
        return

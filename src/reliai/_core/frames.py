"""The frames that a traceback keeps, and the cycles they would make."""

from __future__ import annotations

from inspect import CO_COROUTINE
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType

__all__ = ["empty_frames"]

_CHAIN = 8
"""Errors looked at, from one to what it was raised from."""


def empty_frames(error: BaseException | None) -> None:
    """Empty the finished frames of policies that a traceback reaches by going up from its frames.

    From Python 3.12 on a traceback's frames keep those they were called from, and a policy's frame
    keeps the outcome with the error in it: a cycle for each failure. A user's own frames below the
    policies keep what they hold, for whoever looks into them with a debugger.
    """
    seen = 0
    while error is not None and seen < _CHAIN:
        seen += 1
        traceback = error.__traceback__
        if traceback is not None:
            _empty_upwards(traceback.tb_frame.f_back, CO_COROUTINE)
            while (traceback := traceback.tb_next) is not None:
                _empty_upwards(traceback.tb_frame.f_back, 0)
        error = error.__cause__ or error.__context__


def _empty_upwards(frame: FrameType | None, flags: int) -> None:
    while frame is not None:
        code = frame.f_code
        if not (code.co_flags & flags or code.co_filename.startswith(_HERE)):
            return
        above = frame.f_back
        try:
            frame.clear()
        except RuntimeError:  # it still runs: the caller's own
            return
        frame = above


_HERE = __file__.removesuffix("frames.py")

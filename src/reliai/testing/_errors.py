"""Scripted errors: what stands for one, and a fresh copy for each time it is raised."""

from __future__ import annotations

import copy
from typing import Any, TypeGuard

__all__ = ["fresh", "is_error"]


def is_error(item: object) -> TypeGuard[BaseException | type[BaseException]]:
    """Whether `item` is an exception or a class of exceptions."""
    return isinstance(item, BaseException) or (
        isinstance(item, type) and issubclass(item, BaseException)
    )


def fresh(item: BaseException | type[BaseException]) -> BaseException:
    """Give a new exception like `item`, so that no traceback or note grows from call to call."""
    if isinstance(item, type):
        return item()
    new = _copied(item)
    notes: list[str] | None = getattr(item, "__notes__", None)
    if notes is not None:
        new.__notes__ = list(notes)
    new.__cause__ = item.__cause__
    new.__suppress_context__ = item.__suppress_context__
    return new


def _copied(item: BaseException) -> BaseException:
    try:
        new = copy.copy(item)
    except Exception:  # noqa: BLE001  many exceptions cannot be built from their args alone
        new = item
    if type(new) is type(item) and new is not item:
        return new
    bare: Any = item.__class__.__new__(item.__class__, *item.args)
    bare.args = item.args
    bare.__dict__.update(item.__dict__)
    rebuilt: BaseException = bare
    return rebuilt

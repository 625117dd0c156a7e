"""One error for each of several callers: an exception that two raise grows both tracebacks."""

from __future__ import annotations

from types import MemberDescriptorType
from typing import Any

__all__ = ["duplicate"]


def duplicate(error: BaseException) -> BaseException:
    """Another exception with the type and content of `error`, its traceback so far included.

    Neither `__init__` nor `copy` is called: many exceptions of providers cannot be made from their
    `args`. One that can be made in no other way is given as it is.
    """
    kind = type(error)
    try:
        made: Any = kind.__new__(kind, *error.args)
        made.args = error.args
        for each in kind.__mro__:
            _put_slots(each, error, made)
        vars(made).update(vars(error))
        notes = getattr(error, "__notes__", None)
        if notes is not None:
            made.__notes__ = list(notes)
    except Exception:  # noqa: BLE001  an exception type may do anything
        return error
    made.__cause__, made.__context__ = error.__cause__, error.__context__
    made.__suppress_context__ = error.__suppress_context__
    made.__traceback__ = error.__traceback__
    return made  # type: ignore[no-any-return]


def _put_slots(kind: type, error: BaseException, made: Any) -> None:
    """Copy what is not in the dictionary: `errno` of an OSError, slots of a class."""
    for name, member in vars(kind).items():
        if isinstance(member, MemberDescriptorType) and not name.startswith("__"):
            try:
                value = getattr(error, name)
                if getattr(made, name, None) is not value:  # an OSError shows a None that was set
                    setattr(made, name, value)
            except AttributeError:  # never set, or read-only
                continue

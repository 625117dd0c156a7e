"""A function that a call can go to, and how records name it."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from reliai._core.call import Proceed

__all__ = ["Target", "target_name"]


class Target:
    """A function that a call can go to.

    Attributes:
        name: how records name it.
        primary: whether it is the guarded function itself.
        leaf: makes one attempt of it.
    """

    __slots__ = ("function", "kind", "leaf", "name", "primary")

    leaf: Proceed

    def __init__(
        self, function: Callable[..., Any], kind: str, name: str, *, primary: bool
    ) -> None:
        self.function = function
        self.kind = kind
        self.name = name
        self.primary = primary


def target_name(function: Any) -> str:
    function = inspect.unwrap(function)
    while hasattr(function, "func"):  # functools.partial
        function = function.func
    return getattr(function, "__name__", None) or type(function).__name__

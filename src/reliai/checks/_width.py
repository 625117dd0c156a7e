"""How much text a regular expression can look at in one match: its hold-back window on a stream."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    import re
    from collections.abc import Iterator

__all__ = ["longest_match"]

LIMIT = 10_000
"""Characters beyond which holding text back is no better than waiting for all of it."""


def longest_match(pattern: re.Pattern[str]) -> int | None:
    r"""Characters a match can span, what it looks at around itself included; None for no bound.

    None too where the answer depends on the end of the text (`$`, `\Z`), which a stream shows only
    when it is over.
    """
    try:
        # The one place that knows is the compiler's own parser; without it nothing is promised.
        parser: Any = import_module("re._parser")
        parsed = parser.parse(pattern.pattern, pattern.flags)
        width = parsed.getwidth()[1] + sum(_around(parsed))
    except (AttributeError, ImportError, ValueError, RecursionError):
        return None
    return int(width) if width <= LIMIT else None


def _around(node: Any) -> Iterator[float]:
    """The widths of what the expression looks at beside its match."""
    for part in node:
        code, argument = part
        name = str(code)
        if name == "AT":
            yield _anchor(str(argument))
        elif name in {"ASSERT", "ASSERT_NOT"}:
            yield argument[1].getwidth()[1]
            yield from _around(argument[1])
        else:
            for inner in _parts_of(argument):
                yield from _around(inner)


def _anchor(name: str) -> float:
    """Starts and boundaries look at one more character, ends at all the text still to come."""
    return float("inf") if "END" in name else 1


def _parts_of(argument: Any) -> Iterator[Any]:
    """The subexpressions within an argument of a parsed expression."""
    if hasattr(argument, "getwidth"):
        yield argument
    elif isinstance(argument, list | tuple):
        for item in cast("list[Any]", argument):
            yield from _parts_of(item)

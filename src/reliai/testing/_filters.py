"""What tests put between an attempt and its function: a cassette innermost, faults around it.

Of nested blocks of one kind the innermost counts; blocks of the two kinds go together, so that
faults can be injected into recorded answers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

    from reliai._core.call import Call

__all__ = ["Filter", "Filters", "with_faults", "with_tape"]

Filter: TypeAlias = "Callable[[Call, Callable[..., Any]], Callable[..., Any]]"
"""Gets a call and the function it goes to; gives what is called in its place."""


class Filters:
    """A cassette and faults, together the ambient leaf filter.

    Attributes:
        tape: the cassette's filter, or None.
        faults: the one that injects faults, or None.
    """

    __slots__ = ("faults", "tape")

    def __init__(self, tape: Filter | None, faults: Filter | None) -> None:
        self.tape = tape
        self.faults = faults

    def __call__(self, call: Call, function: Callable[..., Any]) -> Callable[..., Any]:
        """What is called in the place of `function`."""
        if self.tape is not None:
            function = self.tape(call, function)
        return function if self.faults is None else self.faults(call, function)


def with_faults(around: Filter | None, faults: Filter | None) -> Filter | None:
    """The filter of the surroundings with other faults in it; None when nothing is left."""
    tape = around.tape if isinstance(around, Filters) else None
    return None if tape is None and faults is None else Filters(tape, faults)


def with_tape(around: Filter | None, tape: Filter) -> Filter:
    """The filter of the surroundings with another cassette in it."""
    return Filters(tape, around.faults if isinstance(around, Filters) else around)

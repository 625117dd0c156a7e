"""What a gate can say, and the exit codes that go with it."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["NOTHING_EVALUATED", "USAGE", "Verdict", "worst"]

USAGE: Final = 2
"""Exit code of a command that was given what makes no sense."""

NOTHING_EVALUATED: Final = 5
"""Exit code where no case was evaluated: a selector that matches nothing is no success."""


class Verdict(StrEnum):
    """What a gate says; nothing but PASS is a pass."""

    PASS = "PASS"  # noqa: S105  no password
    """The evidence says that it is good enough."""
    FAIL = "FAIL"
    """The evidence says that it is not."""
    INCONCLUSIVE = "INCONCLUSIVE"
    """The evidence says neither: more cases, or repeats, are needed."""
    INCOMPLETE = "INCOMPLETE"
    """More is missing than the error budget allows, so what is left is not to be judged."""

    @property
    def exit_code(self) -> int:
        """Of a command that ends with this verdict; those of pytest."""
        return _EXIT_CODES[self]


_EXIT_CODES: Final = {
    Verdict.PASS: 0,
    Verdict.FAIL: 1,
    Verdict.INCONCLUSIVE: 3,
    Verdict.INCOMPLETE: 4,
}

_FROM_THE_WORST: Final = (Verdict.FAIL, Verdict.INCOMPLETE, Verdict.INCONCLUSIVE)


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The verdict of several rules together: all must pass, and evidence against one decides.

    What is known to be bad stays bad whatever else is missing, so FAIL stands before INCOMPLETE.
    """
    seen = set(verdicts)
    return next((each for each in _FROM_THE_WORST if each in seen), Verdict.PASS)

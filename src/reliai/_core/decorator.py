"""A policy that is a decorator by itself: what the policies of reliai and its users are."""

from __future__ import annotations

from typing import TYPE_CHECKING, ParamSpec, TypeVar, cast

from reliai._core import policy
from reliai._core.binding import guard

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Policy"]

P = ParamSpec("P")
R = TypeVar("R")


class Policy(policy.Policy):
    """One concern of a call, written once for functions of every kind.

    A subclass implements `async def run(self, call, proceed)`. It awaits only `proceed(call)` and
    what `call.runtime` offers, so that the same coroutine can serve a synchronous function, where
    nothing may suspend. `bind` and `describe` may be replaced too.
    """

    def __call__(self, function: Callable[P, R], /) -> Callable[P, R]:
        """Guard `function` with this policy alone, or around the policies it already has."""
        return cast("Callable[P, R]", guard(function, (self,)))

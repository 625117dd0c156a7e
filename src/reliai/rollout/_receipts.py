"""Telling a state what was counted, once: also when its answer is lost on the way back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from reliai import clock
from reliai._core import ids
from reliai.state.base import Count, StateBusy, StateUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from reliai.state import State
    from reliai.state.base import Counted, Exchanged

__all__ = ["Receipts"]

_DAY: Final = 86_400.0
_KEPT: Final = 2
"""Days for which a receipt is kept."""


class Receipts:
    """Counts how often this process told something, in the same step as what it tells.

    Told twice, failures would be evidence out of nothing; left out, an outage would be. So when
    nobody knows whether something has arrived, the state is asked for the receipt before the next
    thing is told.

    Args:
        put_back: is given what has not arrived.
    """

    def __init__(self, put_back: Callable[[Any], None]) -> None:
        self._put_back = put_back
        self.renew()

    def renew(self) -> None:
        """In a forked child: what its parent told is its parent's."""
        self._key = f"told:{ids.as_text(ids.new(0.0))}"
        self._known: Counted = {}
        self._bucket = 0
        self._unsure: Any = None

    def exchange(
        self,
        state: State,
        take: Callable[[], tuple[Any, list[Count]]],
        keys: Sequence[str],
        within: float,
    ) -> Exchanged:
        """Tell the state what was counted, and ask it.

        Args:
            state: the state.
            take: gives what was counted, None for nothing, and the counts to tell and to ask for.
            keys: of the documents to ask for.
            within: seconds that the state has to answer.

        Raises:
            StateUnavailable: when it did not answer; what was counted is kept.
        """
        self._settle(state, within)
        taken, counts = take()
        told = taken is not None and state.shared
        try:
            exchanged = state.exchange(
                [*counts, self._signed()] if told else counts, keys, within=within
            )
        except StateUnavailable as error:
            if told and not isinstance(error, StateBusy):
                self._unsure = taken
            elif taken is not None:
                self._put_back(taken)
            raise
        if told:
            self._has_arrived(exchanged)
        return exchanged

    def _settle(self, state: State, within: float) -> None:
        """Find out what became of that which was not answered."""
        if self._unsure is None:
            return
        arrived = self._has_arrived(state.exchange([self._count(())], [], within=within))
        unsure, self._unsure = self._unsure, None
        if not arrived:
            self._put_back(unsure)

    def _signed(self) -> Count:
        self._bucket = int(clock.active().time() // _DAY)
        return self._count((1.0,))

    def _count(self, amounts: tuple[float, ...]) -> Count:
        return Count(self._key, self._bucket, _DAY, _KEPT, amounts)

    def _has_arrived(self, exchanged: Exchanged) -> bool:
        """Whether there are more receipts than before."""
        counted = exchanged.counted.get(self._key, {})
        new, old = (each.get(self._bucket, (0.0,)) for each in (counted, self._known))
        self._known = counted
        return new > old

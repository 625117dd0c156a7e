"""A retry budget with a name, kept in step with those of other processes through a shared state."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reliai._core.settings import settings
from reliai.decisions.fleet_window import BUCKETS, FleetWindow
from reliai.policies._sharing import given_state, state_in_use
from reliai.state import Count
from reliai.state.keeper import keeper_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from reliai.clock import Clock
    from reliai.decisions.retry_budget import RetryBudget
    from reliai.decisions.window import TimeWindow
    from reliai.state import Exchanged, State

__all__ = ["RetrySharing", "keep_in_step"]


def keep_in_step(budget: RetryBudget, time: Clock) -> None:
    """Share a budget from now on, where a state is set.

    Raises:
        ConfigurationError: when the state it was given is none.
    """
    state = state_in_use(given_state(budget.state))
    budget.seen = settings.state
    if state is None:
        budget.sharing = None
    elif budget.sharing is None or budget.sharing.state is not state:
        budget.sharing = RetrySharing(budget, state, time)


class RetrySharing:
    """One retry budget in step with other processes; a participant of the store's keeper.

    Args:
        budget: this process's.
        state: the store.
        time: the clock that calls go by.
    """

    def __init__(self, budget: RetryBudget, state: State, time: Clock) -> None:
        self.state = state
        self._budget = budget
        self._clock = time
        self._key = f"retries:{budget.name}:{budget.ttl:g}"
        self._keeper = keeper_of(state)
        self._keeper.join(self)

    def offer(self, now: float) -> tuple[Sequence[Count], Sequence[str]]:
        sums: dict[int, tuple[float, ...]] = {}

        def hand_over(window: FleetWindow) -> None:
            sums[int(now // window.width)] = ()
            sums.update(window.hand_over())

        width = self._on_window(hand_over).width
        return [Count(self._key, at, width, BUCKETS + 1, each) for at, each in sums.items()], ()

    def learn(self, exchanged: Exchanged, state: State) -> None:
        now = self._clock.monotonic()

        def hear(window: FleetWindow) -> None:
            window.ahead = exchanged.now - now
            window.hear(exchanged.counted[self._key], now)

        self._on_window(hear)

    def keep(self, counts: Sequence[Count]) -> None:
        self._on_window(FleetWindow.take_back)

    def _on_window(self, act: Callable[[FleetWindow], None]) -> FleetWindow:
        """Have `act` work on the budget's window, which is made the fleet's if it is not yet."""
        found: list[FleetWindow] = []

        def made(window: TimeWindow | FleetWindow) -> FleetWindow:
            if not isinstance(window, FleetWindow):
                now = self._clock.monotonic()
                calls, failures, _ = window.counts(now)
                window = FleetWindow(self._budget.ttl, self._keeper.now() - now)
                window.add(now, calls, failures, 0)
            act(window)
            found.append(window)
            return window

        self._budget.count_in(made)
        return found[0]

"""What a call takes from a bucket: one, a weight, or its tokens, corrected when they are known."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from reliai.decisions.estimates import Estimates
from reliai.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from reliai._core.call import Call, Proceed
    from reliai._core.outcome import Outcome
    from reliai.decisions.bucket import TokenBucket
    from reliai.providers import Response

__all__ = ["Weigher"]


class Weigher:
    """Weighs the calls of one limit.

    Args:
        cost, correct: as `RateLimit` takes them.
        most: the most a call can take; an estimate is never above it.

    Raises:
        ConfigurationError: when `cost` is nothing that can be a cost.

    Attributes:
        estimates: whether what is taken is an estimate, to be corrected.
    """

    def __init__(self, cost: Any, most: float, *, correct: bool) -> None:
        self._function: Callable[[Call], Any] | None = None
        self._most = most
        self._learned = Estimates()
        self.estimates = cost is not None and correct
        if callable(cost) and not isinstance(cost, type):
            self._function = cost
        elif cost not in {None, "tokens"}:
            message = f'RateLimit(cost={cost!r}): give "tokens", a function of the call, or None'
            raise ConfigurationError(message)
        if not correct and self._function is None:
            message = f"RateLimit(cost={cost!r}, correct=False): only a function's cost may stay"
            raise ConfigurationError(message)

    def weight(self, call: Call) -> float:
        """What a call takes.

        Raises:
            ConfigurationError: when the user's function gives no number of at least 0.
            Exception: what it raised.
        """
        if self._function is None:
            return self._tokens(call) if self.estimates else 1.0
        said = self._function(call)
        ok = isinstance(said, int | float) and not isinstance(said, bool)
        if not ok or not 0 <= said < math.inf:
            message = f"RateLimit(cost) gave {said!r} for {call.name}: must be a number from 0 up"
            raise ConfigurationError(message)
        return float(said)

    def _tokens(self, call: Call) -> float:
        known = self._learned.guess(call.name)
        if known is None:
            from reliai.policies._budget_estimate import tokens_by_text  # noqa: PLC0415  first calls

            _, tokens_in, tokens_out = tokens_by_text(call)
            known = tokens_in + tokens_out
        return float(min(self._most, known))

    async def settled(
        self, call: Call, proceed: Proceed, bucket: TokenBucket, weight: float
    ) -> Outcome:
        """Go on, and take from the bucket what the answer's tokens differ by from the estimate."""
        used = _Used()

        def done(_: Outcome) -> None:
            if used.tokens is not None:
                bucket.correct(call.clock.monotonic(), used.tokens - weight)
                self._learned.learn(call.name, used.tokens)

        return await call.metered(used).settle(proceed, done)


class _Used:
    """A meter of the tokens of one attempt; None while nothing was told."""

    def __init__(self) -> None:
        self.tokens: int | None = None

    def add(self, usd: float | None, tokens: int | None, response: Response) -> None:
        if tokens is not None:
            self.tokens = (self.tokens or 0) + tokens

    def unknown(self) -> None:
        """Nothing to correct by."""

"""Time that can be put forward: days of users in half a minute. A product needs nothing of it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from reliai import clock


class Hurried(clock.SystemClock):
    """The machine's clock, put forward from time to time."""

    ahead = 0.0

    def time(self) -> float:
        return time.time() + self.ahead

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead


@contextmanager
def hurried() -> Iterator[None]:
    before = clock.active()
    clock.install(Hurried())
    try:
        yield
    finally:
        clock.install(before)


def pass_time(seconds: float) -> None:
    """Put the clock forward."""
    now = clock.active()
    assert isinstance(now, Hurried)
    now.ahead += seconds

"""What a circuit is told: its thresholds and times, checked once when they are given."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, nan
from typing import TYPE_CHECKING, Final, Protocol, Self, cast

from reliai.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from reliai.decisions.window import Window

__all__ = ["CircuitSettings", "Detector"]

_WINDOW: Final = 60.0
_LONGEST: Final = 1e9  # seconds; far beyond any sense, and safe to double


class Detector(Protocol):
    """A change detector a circuit feeds with each recorded call; `reliai.Cusum` is one.

    `update` takes one call (True: it failed or was slow) and says whether the target changed. It
    runs under the circuit's lock: keep it quick, and call nothing of reliai from it. `copy` gives
    a fresh one with the same parameters, that has seen nothing.
    """

    def update(self, x: bool, /) -> bool: ...  # noqa: FBT001  the observation itself

    def copy(self) -> Self: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitSettings:
    """When a circuit opens, for how long, and what closes it again.

    Args:
        failure_rate: share of failed calls that opens it, in (0, 1]; reaching it is enough.
        consecutive: failures in a row that open it, whatever `min_calls` says; None: not looked at.
        slow_call: seconds above which a call is slow (exactly that long is not); None: none is.
        slow_rate: share of slow calls that opens it, in (0, 1]; needs `slow_call`.
        window: seconds the rates look back. Not together with `calls`.
        calls: rates over this many latest calls, however old, in place of `window`.
        min_calls: recorded calls in the window before the rates count, at least 1.
        open_for: seconds the first break lasts; each half-open attempt that fails doubles it.
        max_open_for: seconds no break exceeds, a rate limit's Retry-After included.
        probes: calls let through when half open, at least 1.
        detector: opens it on a change that no rate shows; each circuit feeds a copy.

    Raises:
        ConfigurationError: a value is out of its range, or two of them contradict each other.
    """

    failure_rate: float = 0.5
    consecutive: int | None = None
    slow_call: float | None = None
    slow_rate: float = 1.0
    window: float = _WINDOW
    calls: int | None = None
    min_calls: int = 10
    open_for: float = 30.0
    max_open_for: float = 300.0
    probes: int = 1
    detector: Detector | None = None

    def __post_init__(self) -> None:
        _share("failure_rate", self.failure_rate)
        _share("slow_rate", self.slow_rate)
        _count("min_calls", self.min_calls)
        _count("probes", self.probes)
        _seconds("window", self.window)
        _seconds("open_for", self.open_for)
        _seconds("max_open_for", self.max_open_for, highest=inf)
        if self.consecutive is not None:
            _count("consecutive", self.consecutive)
        if self.calls is not None:
            _count("calls", self.calls)
        if self.slow_call is not None:
            _seconds("slow_call", self.slow_call)
        self._check_together()
        _check_detector(self.detector)

    @property
    def slowest(self) -> float:
        """Seconds above which a call is slow; infinity where none is."""
        return inf if self.slow_call is None else self.slow_call

    def fresh_detector(self) -> Detector | None:
        """A detector that has seen nothing; None where there is none."""
        return None if self.detector is None else self.detector.copy()

    def tripped(self, window: Window, in_a_row: int) -> str | None:
        """Why a closed circuit opens with what its window holds; None: it stays closed.

        Args:
            window: what was counted.
            in_a_row: the latest failures without a success among them.
        """
        if self.consecutive is not None and in_a_row >= self.consecutive:
            return "consecutive"
        calls = window.calls
        if calls < self.min_calls:
            return None
        if window.failures / calls >= self.failure_rate:  # a quotient: 0.07 * 100 > 7
            return "failure_rate"
        if self.slow_call is not None and window.slow / calls >= self.slow_rate:
            return "slow_rate"
        return None

    def _check_together(self) -> None:
        if self.max_open_for < self.open_for:
            raise ConfigurationError(
                f"max_open_for={self.max_open_for!r} is below open_for={self.open_for!r}; "
                f"give max_open_for={self.open_for!r} or more"
            )
        if self.slow_call is None and self.slow_rate != 1.0:
            raise ConfigurationError(
                f"slow_rate={self.slow_rate!r} has no effect without slow_call; "
                "give slow_call= the seconds above which a call is slow"
            )
        if self.calls is None:
            return
        if self.min_calls > self.calls:
            raise ConfigurationError(
                f"min_calls={self.min_calls!r} can never be reached in a window of "
                f"calls={self.calls!r}; give min_calls={self.calls!r} or fewer"
            )
        if self.window != _WINDOW:
            raise ConfigurationError(
                f"window={self.window!r} (seconds) and calls={self.calls!r} exclude each other; "
                "give one of them"
            )


def _number(value: object) -> float:
    """The value if it is a number, else NaN, which is in no range."""
    return value if isinstance(value, int | float) and not isinstance(value, bool) else nan


def _share(name: str, value: object) -> None:
    if not 0.0 < _number(value) <= 1.0:
        raise ConfigurationError(
            f"{name}={value!r} must be a share in (0, 1]; give 0.5 for one call in two"
        )


def _count(name: str, value: object) -> None:
    if not (isinstance(value, int) and _number(value) >= 1):
        raise ConfigurationError(f"{name}={value!r} must be a whole number of calls, 1 or more")


def _seconds(name: str, value: object, *, highest: float = _LONGEST) -> None:
    if not 0.0 < _number(value) <= highest:
        raise ConfigurationError(f"{name}={value!r} must be seconds above 0 (at most 1e9)")


def _check_detector(detector: object) -> None:
    if detector is None:
        return
    update = getattr(detector, "update", None)
    copy = getattr(detector, "copy", None)
    if isinstance(detector, type) or not callable(update) or not callable(copy):
        raise ConfigurationError(
            f"detector={detector!r} must be an object with update(x) -> bool and copy(); "
            "give reliai.Cusum()"
        )
    try:
        cast("Callable[[], object]", copy)()
    except Exception as error:
        raise ConfigurationError(f"detector={detector!r}: its copy() raised {error!r}") from error

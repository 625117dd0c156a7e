"""Faults injected below all policies, into the very calls of the guarded functions.

What happens to a call is decided from a seed before the call is made (`Dice`); how it happens to a
function of any kind is in `_injection`. Outside of a `faults()` block and without the policy,
nothing stands in the way of a call.
"""

from __future__ import annotations

import random
import threading
from collections import Counter, OrderedDict, deque
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reliai._core.ambient import ambient, surroundings
from reliai._core.decorator import Policy
from reliai._core.forking import renew_after_fork
from reliai._core.policy import plain
from reliai.errors import ConfigurationError
from reliai.testing._errors import is_error
from reliai.testing._filters import with_faults
from reliai.testing._injection import ErrorLike, Fault, faulty
from reliai.testing._script import check_kind

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from reliai._core.call import Call, Proceed
    from reliai._core.outcome import Outcome
    from reliai._core.record import Attempt

__all__ = ["Dice", "Faults", "Injected", "faults"]

ERRORS: tuple[ErrorLike, ...] = ("rate_limited", "overloaded", "server", "timeout", "connection")
_MOST_CHUNKS = 4
_MOST_CALLS = 10_000


@dataclass(frozen=True, slots=True)
class Dice:
    """The rates, and the decision they lead to. Draws three numbers a call, whatever the rates.

    Attributes:
        error_rate, malformed, stall, cut: share of the calls, in [0, 1]; one call gets at most one.
        latency: seconds before each call that gets no error; a pair is a range drawn from evenly.
        errors: what is raised, each equally often: kinds as in `Status`, "timeout", "connection",
            exceptions or classes of them.
        stall_for: seconds of silence of a stall.
    """

    error_rate: float = 0.0
    latency: float | tuple[float, float] = 0.0
    malformed: float = 0.0
    stall: float = 0.0
    cut: float = 0.0
    errors: Sequence[ErrorLike] = ERRORS
    stall_for: float = 60.0

    def __post_init__(self) -> None:
        rates = {name: getattr(self, name) for name in ("error_rate", "malformed", "stall", "cut")}
        for name, rate in rates.items():
            _share(name, rate)
        if sum(rates.values()) > 1 + 1e-9:
            raise ConfigurationError(
                f"the rates {rates} add up to more than 1; a call gets one fault"
            )
        low, high = self._range()
        if not 0 <= low <= high:
            raise ConfigurationError(
                f"latency={self.latency!r} must be seconds, or a pair of them (least, most)"
            )
        if not self.errors:
            raise ConfigurationError("errors must not be empty; leave it out for the usual ones")
        for error in self.errors:
            _check(error)

    def _range(self) -> tuple[float, float]:
        return self.latency if isinstance(self.latency, tuple) else (self.latency, self.latency)

    @property
    def idle(self) -> bool:
        """Whether nothing can ever happen."""
        return not (self.error_rate or self.malformed or self.stall or self.cut or self._range()[1])

    def roll(self, source: random.Random) -> Fault:
        """Decide what happens to the next call."""
        which, detail, delay = source.random(), source.random(), source.random()
        low, high = self._range()
        fault = Fault(latency=low + (high - low) * delay, after=int(detail * _MOST_CHUNKS))
        if which < (edge := self.error_rate):
            return Fault("error", error=self.errors[int(detail * len(self.errors))])
        if which < (edge := edge + self.malformed):
            return fault._replace(kind="malformed")
        if which < (edge := edge + self.stall):
            return fault._replace(kind="stall", seconds=self.stall_for)
        return fault._replace(kind="cut") if which < edge + self.cut else fault


def _share(name: str, rate: float) -> float:
    if not 0 <= rate <= 1:
        raise ConfigurationError(f"{name}={rate!r} must be in [0, 1]")
    return rate


def _check(error: ErrorLike) -> None:
    if isinstance(error, str):
        if error != "connection":
            check_kind(error)
    elif not is_error(error):
        raise ConfigurationError(f"{error!r} is neither a kind of error nor an exception")


class Injected:
    """What was injected so far, and the source of what comes.

    Attributes:
        calls: calls of guarded functions, retries included.
        counts: how many of them got which fault ("error", "malformed", "stall", "cut").
    """

    def __init__(self, dice: Dice, seed: int | None) -> None:
        self.calls = 0
        self.counts: Counter[str] = Counter()
        self._dice = dice
        self._source = random.Random(seed)
        self._seed = seed
        self._lock = threading.Lock()
        self._recent: deque[Attempt] = deque(maxlen=256)
        renew_after_fork(self)

    def _renew(self) -> None:
        self._lock = threading.Lock()
        if self._seed is None:
            self._source.seed()

    def filter(self, call: Call, function: Callable[..., Any]) -> Callable[..., Any]:
        """Give `function`, or what is called in its place this time."""
        fault = self._decide(call)
        if fault is None or (fault.kind == "none" and fault.latency == 0):
            return function
        if fault.kind != "none":
            call.emit("fault_injected", fault=fault.kind)
        return faulty(function, fault, asynchronous=call.runtime.asynchronous)

    def _decide(self, call: Call) -> Fault | None:
        attempt = call.current_attempt()
        with self._lock:
            # A coroutine that returns a stream is asked for twice: called, and then opened.
            if call.runtime.asynchronous:
                if any(seen is attempt for seen in self._recent):
                    return None
                self._recent.append(attempt)
            fault = self._dice.roll(self._source)
            self.calls += 1
            if fault.kind != "none":
                self.counts[fault.kind] += 1
        return fault

    def __repr__(self) -> str:
        return f"<reliai.testing.Injected {dict(self.counts)} in {self.calls} calls>"


class Chosen:
    """Which calls may get faults: a share of them, drawn once for each."""

    def __init__(self, rate: float, seed: int | None) -> None:
        self._rate = rate
        self._source = random.Random(None if seed is None else f"calls {seed}")
        self._lock = threading.Lock()
        self._known: OrderedDict[str, bool] = OrderedDict()
        self._seed = seed
        renew_after_fork(self)

    def _renew(self) -> None:
        self._lock = threading.Lock()
        if self._seed is None:
            self._source.seed()

    def has(self, call_id: str) -> bool:
        """Whether a call is one of them; the same at all its attempts."""
        if self._rate >= 1:
            return True
        with self._lock:
            known = self._known.get(call_id)
            if known is None:
                known = self._known[call_id] = self._source.random() < self._rate
                if len(self._known) > _MOST_CALLS:
                    self._known.popitem(last=False)
        return known


@contextmanager
def faults(
    *,
    error_rate: float = 0.0,
    latency: float | tuple[float, float] = 0.0,
    malformed: float = 0.0,
    stall: float = 0.0,
    cut: float = 0.0,
    seed: int | None = None,
    errors: Sequence[ErrorLike] = ERRORS,
    stall_for: float = 60.0,
) -> Generator[Injected]:
    """Inject faults into each attempt of the guarded functions called inside, below all policies.

    A malformed text is cut in half; any other result is replaced by the error SDKs raise for an
    answer they cannot read. A cut raises a connection error: after the call, or within a stream.
    The innermost of nested blocks counts; one that injects nothing costs nothing.

    Args:
        error_rate: share of the attempts that raise instead of calling, in [0, 1].
        latency: seconds before each other attempt; a pair is a range drawn from evenly.
        malformed: share that gets an answer that cannot be read.
        stall: share that falls silent, for `stall_for` seconds.
        cut: share that loses its connection on the way.
        seed: makes the faults the same each time; None for different ones.
        errors: what is raised, each equally often: kinds as in `Status`, "timeout", "connection",
            exceptions or classes of them.
        stall_for: seconds of silence of a stall.

    Yields:
        What was injected so far.

    Raises:
        ConfigurationError: a rate is not in [0, 1], or they add up to more than 1.
    """
    dice = Dice(error_rate, latency, malformed, stall, cut, errors, stall_for)
    injected = Injected(dice, seed)
    filters = with_faults(ambient.get().leaf_filter, None if dice.idle else injected.filter)
    with surroundings(leaf_filter=filters):
        yield injected


class Faults(Policy):
    """The policy that does what `faults()` does, to one function.

    Where it stands makes no difference to what it does: every attempt inside it may get a fault.
    Faults around the call count instead of those of a `faults()` block. Under the mode "observe",
    the pipeline's or `RELIAI_MODE`, nothing is injected.

    Args:
        error_rate, latency, malformed, stall, cut, seed, errors, stall_for: as of `faults`.
        rate: share of the calls that may get faults at all, in [0, 1]: all attempts of such a
            call, and none of another. For faults in a few calls of a running service.
        enabled: a function of the call that says whether it may get faults; the call is left alone
            when it raises. Default: every call may.

    Attributes:
        injected: what was injected so far.

    Raises:
        ConfigurationError: a rate is not in [0, 1], the rates add up to more than 1, or `enabled`
            is no function.
    """

    def __init__(
        self,
        *,
        error_rate: float = 0.0,
        latency: float | tuple[float, float] = 0.0,
        malformed: float = 0.0,
        stall: float = 0.0,
        cut: float = 0.0,
        seed: int | None = None,
        errors: Sequence[ErrorLike] = ERRORS,
        stall_for: float = 60.0,
        rate: float = 1.0,
        enabled: Callable[[Call], object] | None = None,
    ) -> None:
        self._dice = Dice(error_rate, latency, malformed, stall, cut, errors, stall_for)
        self.seed = seed
        self.rate = _share("rate", rate)
        if enabled is not None and not callable(enabled):
            raise ConfigurationError(
                f"enabled={enabled!r}: give a function of the call, such as lambda call: …"
            )
        self.enabled = enabled
        self.injected = Injected(self._dice, seed)
        self._chosen = Chosen(self.rate, seed)

    async def run(self, call: Call, proceed: Proceed) -> Outcome:
        if self._dice.idle or call.observes(self) or not self._may_get_some(call):
            return await proceed(call)
        filters = with_faults(call.ambient.leaf_filter, self.injected.filter)
        here = call.ambient.but(leaf_filter=filters)
        return await proceed(call._copy(ambient=here, watched=True))  # noqa: SLF001

    def _may_get_some(self, call: Call) -> bool:
        if self.enabled is not None:
            try:
                if not self.enabled(call):
                    return False
            except Exception as error:  # noqa: BLE001  what injects faults must not be one
                call.emit("faults_not_enabled", error=type(error).__name__)
                return False
        return self._chosen.has(call.id)

    def describe(self) -> dict[str, Any]:
        dice = self._dice
        return {
            "error_rate": dice.error_rate,
            "latency": dice.latency,
            "malformed": dice.malformed,
            "stall": dice.stall,
            "cut": dice.cut,
            "stall_for": dice.stall_for,
            "errors": plain(dice.errors),
            "seed": self.seed,
            "rate": self.rate,
            "enabled": plain(self.enabled),
        }

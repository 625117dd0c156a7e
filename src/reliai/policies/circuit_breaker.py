"""Stops calling a target that is ill, and finds out when it is well again.

What it decides is `decisions.circuit`; here is what it does with a call.
"""

from __future__ import annotations

import copy
from dataclasses import fields
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from reliai import clock
from reliai._core.complaints import warn, warn_once
from reliai._core.decorator import Policy
from reliai._core.outcome import Outcome
from reliai._core.policy import plain
from reliai._core.settings import settings
from reliai.decisions.circuit import Circuit, CircuitSettings, Detector, Snapshot, State
from reliai.decisions.registry import gravest, together
from reliai.errors import BreakerVerdict, CircuitOpen, ConfigurationError, ErrorKind
from reliai.policies._circuit_home import (
    EVERYBODYS,
    CircuitHome,
    Registries,
    registry,
    replaced,
)
from reliai.policies._keys import check_key_fits, key_of
from reliai.state import shared_state

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from reliai._core.call import Call, Proceed
    from reliai._core.evaluation import Evaluation
    from reliai._core.site import Site
    from reliai.decisions.circuit import Change
    from reliai.decisions.registry import CircuitGroup
    from reliai.policies._circuit_sharing import CircuitSharing

__all__ = ["CircuitBreaker", "circuits"]

_SUCCESS, _NONE = BreakerVerdict.SUCCESS, BreakerVerdict.NONE


def circuits() -> list[Snapshot]:
    """Every circuit of the process as it is now, for a health page.

    One for each name, target and key: `.name`, `.target`, `.key`, `.state`, `.calls`, `.failures`,
    `.rate`, `.rejected`, `.retry_after` (seconds), … Counts are those of the circuit's window.
    """
    time = clock.active()
    now = time.monotonic()
    return [circuit.snapshot(now) for circuit in registry(time).circuits()]


class CircuitBreaker(Policy):
    """Refuses calls with `CircuitOpen` while their target is ill, so that nobody waits for it.

    It opens when, among the recorded calls of the window, the share of failures (or of slow calls)
    reaches its limit, or after `consecutive` failures in a row. After `open_for` seconds it lets
    `probes` calls through; their results close it, or open it for twice as long. A rate limit
    opens it for as long as its Retry-After says and no more. Cancelled calls, the caller's own
    mistakes and refusals of reliai's own teach it nothing. Inside `Retry` it counts attempts.

    A stream counts when it ends: a failure in the middle is a failure, one closed early teaches
    nothing. It is slow when its first chunk is.

    Args:
        name: one name is one circuit in the process; by default the guarded function's. A second
            definition with other settings keeps what was counted and replaces the settings.
        failure_rate: share of failed calls that opens it, in (0, 1].
        consecutive: failures in a row that open it, whatever `min_calls` says; None: not looked at.
        slow_call: seconds above which a call is slow, from where it left our own queues.
        slow_rate: share of slow calls that opens it, in (0, 1]; needs `slow_call`.
        window: seconds the rates look back.
        calls: rates over this many latest calls in place of `window`.
        min_calls: recorded calls in the window before the rates count.
        open_for: seconds the first break lasts.
        max_open_for: seconds no break exceeds.
        probes: calls let through when half open; the rates apply to them.
        detector: opens it on a rise no rate shows, such as `Cusum()` (*provisional*).
        key: keeps circuits apart: "subject", "tenant", "arg:NAME", a tuple of these, or a function
            of the call. At most 1000 are kept, besides those that are open.
        state: where processes share the circuit: "redis://…", "sqlite:///…", or a state; by
            default what `configure(state=)` says. `window` and `min_calls` then count the fleet's
            calls; `calls`, `consecutive` and `detector` count each process's own, and share only
            what they decide.
        mode: "enforce", or "observe" to only say what it would have refused.

    Raises:
        ConfigurationError: for a value out of its range, or values that contradict each other.
    """

    rank = 90

    def __init__(
        self,
        name: str | None = None,
        *,
        failure_rate: float = 0.5,
        consecutive: int | None = None,
        slow_call: float | None = None,
        slow_rate: float = 1.0,
        window: float = 60.0,
        calls: int | None = None,
        min_calls: int = 10,
        open_for: float = 30.0,
        max_open_for: float = 300.0,
        probes: int = 1,
        detector: Detector | None = None,
        key: Any = None,
        state: Any = None,
        mode: str = "enforce",
    ) -> None:
        self.name = _checked_name(name)
        self.settings = CircuitSettings(
            failure_rate=failure_rate,
            consecutive=consecutive,
            slow_call=slow_call,
            slow_rate=slow_rate,
            window=window,
            calls=calls,
            min_calls=min_calls,
            open_for=open_for,
            max_open_for=max_open_for,
            probes=probes,
            detector=detector,
        )
        if mode not in {"enforce", "observe"}:
            raise ConfigurationError(f"mode={mode!r} must be 'enforce' or 'observe'")
        self.key = key
        self.mode = mode
        self._key = key_of(key, "key")
        self._shared = None if state is None else shared_state(state)
        self._registries = EVERYBODYS
        self._home: CircuitHome | None = None
        self._bound: WeakSet[CircuitBreaker] = WeakSet()
        if name is not None:
            self._home = CircuitHome(name, self.settings, self._shared, self._registries)
            if self._home.join(clock.active()):
                warn(replaced(name))

    def bind(self, site: Site) -> CircuitBreaker:
        check_key_fits(self.key, site, "key")
        if self._home is not None:
            return self
        before = [p for p in site.outside() if isinstance(p, CircuitBreaker) and p.name is None]
        bound = copy.copy(self)
        bound.name = f"{site.name}#{len(before) + 1}" if before else site.name
        place = CircuitHome(bound.name, self.settings, self._shared, self._registries)
        bound._home = place  # noqa: SLF001  the copy is ours
        bound._bound = WeakSet()  # noqa: SLF001
        self._bound.add(bound)
        return bound

    def isolated(self, evaluation: Evaluation) -> CircuitBreaker:
        made = copy.copy(self)
        made._shared, made._bound = shared_state("memory"), WeakSet()  # noqa: SLF001  the copy is ours
        made._registries = evaluation.kept("circuits", registry, Registries)  # noqa: SLF001
        if self.name is not None:
            home = CircuitHome(self.name, self.settings, made._shared, made._registries)  # noqa: SLF001
            home.join(clock.active())
            made._home = home  # noqa: SLF001
        return made

    def describe(self) -> dict[str, Any]:
        limits = {each.name: getattr(self.settings, each.name) for each in fields(self.settings)}
        shared = None if self._shared is None else type(self._shared).__name__
        given = {"name": self.name, **limits, "key": self.key, "state": shared, "mode": self.mode}
        return {name: plain(value) for name, value in given.items()}

    async def run(self, call: Call, proceed: Proceed) -> Outcome:
        return await self.link(proceed)(call)

    def link(self, proceed: Proceed) -> Proceed:
        """`run` for the engine: a refusal needs no coroutine."""
        key = self._key

        def enter(call: Call) -> Awaitable[Outcome]:
            if call.ambient.attempts is not None:  # deactivated
                return proceed(call)
            home = self._home
            if home is None or home.clock is not call.clock or home.seen is not settings.state:
                home = self._move(call)
            if home.sharing is not None and home.sharing.waiting:
                return self._after_news(call, proceed, home.sharing)
            if key is None and call.primary:
                circuit = home.group.default
            else:
                circuit = self._circuit(call, home)
            permit = circuit.permit
            if permit:
                return self._admitted(call, proceed, circuit, permit)
            now = call.clock.monotonic()
            wait = circuit.refusal(now)
            if wait:
                return self._refused(call, circuit, wait) or proceed(call)
            if home.sharing is not None:
                return self._ask_fleet(call, proceed, circuit, home.sharing)
            return self._ask(call, proceed, circuit, now)

        return enter

    async def _after_news(self, call: Call, proceed: Proceed, sharing: CircuitSharing) -> Outcome:
        """Go on with what other processes and operators said before this call."""
        if not sharing.introduced:
            await sharing.introduce(call)
        while sharing.news:
            circuit, change = sharing.news.popleft()
            _say(call, circuit, change)
        return await self.link(proceed)(call)

    async def _ask_fleet(
        self, call: Call, proceed: Proceed, circuit: Circuit, sharing: CircuitSharing
    ) -> Outcome:
        """What a shared circuit says once a break is over: one process probes for all."""
        if circuit.state != "isolated" and not await sharing.may_probe(call, circuit):
            return self._refused(call, circuit, sharing.wait) or await proceed(call)
        return await self._ask(call, proceed, circuit, call.clock.monotonic())

    def _ask(
        self, call: Call, proceed: Proceed, circuit: Circuit, now: float
    ) -> Awaitable[Outcome]:
        """What a circuit that is not closed says once a break is over, or while it is isolated."""
        admission = circuit.admit(now)
        if admission.change is not None:
            _say(call, circuit, admission.change)
        if admission.permit:
            return self._admitted(call, proceed, circuit, admission.permit)
        return self._refused(call, circuit, admission.retry_after) or proceed(call)

    async def _admitted(
        self, call: Call, proceed: Proceed, circuit: Circuit, permit: int
    ) -> Outcome:
        timed = circuit.settings.slow_call is not None
        started = call.clock.monotonic() if timed else 0.0
        # From here on `call.settle` in so many words: a coroutine and a closure fewer a call.
        try:
            outcome = await proceed(call)
        except BaseException:
            circuit.record(permit, call.clock.monotonic(), _NONE)
            raise
        duration = _since_admitted(call, started) if timed else 0.0
        if outcome.streaming:  # how long it takes from here on is its consumer's affair
            outcome.value.on_end(partial(_record, call, circuit, permit, duration))
        elif outcome.error is None:
            change = circuit.record(permit, call.clock.monotonic(), _SUCCESS, duration)
            if change is not None:
                _say(call, circuit, change)
        else:
            _record(call, circuit, permit, duration, outcome)
        return outcome

    def _refused(self, call: Call, circuit: Circuit, wait: float | None) -> Outcome | None:
        """The refusal; None when it is only to be said."""
        if call.mode == "observe" or self.mode == "observe":
            call.emit("circuit_would_reject", circuit=circuit.label, retry_after=wait)
            return None
        call.emit("circuit_rejected", circuit=circuit.label, retry_after=wait)
        return Outcome(error=CircuitOpen(circuit.label, wait))

    def _circuit(self, call: Call, home: CircuitHome) -> Circuit:
        if self._key is None and call.primary:
            return home.group.default
        now = call.clock.monotonic()
        target = None if call.primary else call.target
        try:
            key = None if self._key is None else self._key(call)
            return home.group.circuit(now, target, key)
        except Exception as error:  # noqa: BLE001  a user's function, or what it gave, unhashable
            warn_once(
                f"circuit key:{home.name}",
                f"key={self.key!r} of circuit {home.name!r} gave none for a call ({error!r}); "
                "the call counts for the circuit without a key",
            )
            return home.group.circuit(now, target)

    def _move(self, call: Call) -> CircuitHome:
        """Go on under the clock of this call."""
        home = self._home or CircuitHome(call.name, self.settings, self._shared, self._registries)
        if home.join(call.clock):
            warn_once(f"circuit:{home.name}", replaced(home.name))
        return home

    @property
    def state(self) -> State:
        """What it does: "closed", "open", "half_open" or "isolated"; the gravest of several."""
        return gravest(home.group.state for home in self._homes() if home.clock is not None)

    def snapshot(self) -> Snapshot:
        """What it knows: `.state`, `.calls`, `.failures`, `.rate`, `.rejected`, `.late`.

        Calls, failures and rate are those of the window, added up when there are several targets
        or keys; the rate is None below `min_calls`.
        """
        seen = [
            home.group.snapshot(home.clock.monotonic())
            for home in self._homes()
            if home.clock is not None
        ]
        nothing = Circuit(self.name or "", self.settings).snapshot(0.0)
        return together(seen or [nothing], self.settings.min_calls)

    def isolate(self) -> None:
        """Refuse every call, of every target and key, until `close()`.

        Raises:
            ConfigurationError: when it has no name and guards no function yet.
        """
        for group in self._groups():
            group.isolate()
            if group.sharing is not None:
                group.sharing.isolate()

    def close(self) -> None:
        """Let calls through again at once, with nothing counted.

        Raises:
            ConfigurationError: when it has no name and guards no function yet.
        """
        for group in self._groups():
            group.close()
            if group.sharing is not None:
                group.sharing.close()

    def _homes(self) -> list[CircuitHome]:
        homes = [bound._home for bound in self._bound]  # noqa: SLF001  copies of this one
        return [home for home in (self._home, *homes) if home is not None]

    def _groups(self) -> list[CircuitGroup]:
        homes = self._homes()
        if not homes:
            raise ConfigurationError(
                "CircuitBreaker() has no circuit yet; give it a name, or put it on a function"
            )
        for home in homes:
            if home.clock is None or home.seen is not settings.state:
                home.join(clock.active())
        return [home.group for home in homes]


def _checked_name(name: object) -> str | None:
    if name is None or (isinstance(name, str) and name):
        return name
    raise ConfigurationError(
        f"name={name!r} must be a text that is not empty, or None for the function's name; "
        "as a decorator write @reliai.CircuitBreaker()"
    )


def _since_admitted(call: Call, started: float) -> float:
    """Seconds since the function was reached; since we began where a policy inside hides that."""
    return call.clock.monotonic() - max(getattr(call, "admitted_at", started), started)


def _record(call: Call, circuit: Circuit, permit: int, duration: float, outcome: Outcome) -> None:
    now = call.clock.monotonic()
    failure = None if outcome.error is None else outcome.failure
    if failure is None:
        change = circuit.record(permit, now, _SUCCESS, duration)
    elif failure.kind is ErrorKind.RATE_LIMITED and failure.retry_after:
        change = circuit.open_for_at_least(permit, now, failure.retry_after)
    else:
        change = circuit.record(permit, now, failure.verdict.breaker, duration)
    if change is not None:
        _say(call, circuit, change)


def _say(call: Call, circuit: Circuit, change: Change) -> None:
    kind, reason, rate, open_for = change
    attributes = {"circuit": circuit.label, "reason": reason, "rate": rate, "open_for": open_for}
    given = {name: value for name, value in attributes.items() if value is not None}
    call.emit(f"circuit_{kind}", **given)
    if circuit.changed is not None:
        circuit.changed()

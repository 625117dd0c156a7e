"""Answers calls with what equal calls were answered before, and makes equal calls only once."""

from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakSet

from reliai import clock
from reliai._core.complaints import parentheses
from reliai._core.decorator import Policy
from reliai._core.outcome import Outcome
from reliai.errors import ConfigurationError
from reliai.policies._cache_keys import NO_KEY, TENANT, key_maker, plain_tails
from reliai.policies._cache_serving import Desk
from reliai.policies._cache_shelf import Shelf
from reliai.policies._cache_switch import BYPASS, REFRESH, Switch, switched
from reliai.policies._keys import key_of
from reliai.state import shared_state

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable

    from reliai._core.call import Call, Proceed
    from reliai._core.evaluation import Evaluation
    from reliai._core.site import Site
    from reliai.clock import Clock
    from reliai.policies._cache_shared import SharedAnswers

__all__ = ["Cache", "CacheInfo"]


class CacheInfo(NamedTuple):
    """How a cache has answered so far, and what it holds."""

    hits: int
    """Calls answered from it."""
    misses: int
    """Calls that were made."""
    joined: int
    """Calls that waited for an equal one under way and got its answer."""
    stale: int
    """Calls that failed and were answered with an entry past its `ttl`."""
    size: int
    """Answers held, those past their `ttl` that were not yet removed included."""


class Cache(Policy):
    """Gives the answer of an equal call again, for a time, without calling the model.

    Two calls are equal when they are of the same function, for the same tenant, and have equal
    arguments of equal types. Each caller gets a copy. What is no good answer is not kept: failures,
    answers of stand-ins, answers that were cut off, refused or found invalid, streams that did not
    come to their end.

    Args:
        ttl: seconds an answer is good for, above 0.
        max_size: answers held for each function (>= 1); the one used longest ago goes first.
        key: what tells calls apart in place of all arguments: "subject", "tenant", "arg:NAME", a
            tuple of these, or a function of the call. The tenant always does.
        stale_if_error: seconds past `ttl` (>= 0) during which an answer still stands in for a call
            that fails for a reason that will pass; the call is then degraded.
        single_flight: whether a call waits for an equal one under way and takes its answer, for as
            long as its own deadline allows. Calls that give streams never wait.
        degraded: whether answers of stand-ins (a fallback, an `otherwise`) are kept too.
        shared: whether answers are shared with other processes, as JSON or as the `output` type.
            Those that are neither, and streams, stay in this process.
        state: where they are shared, a URL or a state; by default what `configure(state=)` says.

    Raises:
        ConfigurationError: for a value out of range, or a state without `shared=True`; when a
            function is decorated that has a parameter no key can be made of, or `effects="once"`.
    """

    rank = 20

    bypass = Switch(BYPASS, "Inside, calls are made as if there were no cache (of this object).")
    refresh = Switch(REFRESH, "Inside, calls are made, and their answers kept.")

    def __init__(
        self,
        ttl: float = 300.0,
        *,
        max_size: int = 1024,
        key: Any = None,
        stale_if_error: float = 0.0,
        single_flight: bool = True,
        degraded: bool = False,
        shared: bool = False,
        state: Any = None,
    ) -> None:
        self.ttl = _seconds("ttl", ttl, above=True)
        self.max_size = _checked_size(max_size)
        self.key = key
        self.stale_if_error = _seconds("stale_if_error", stale_if_error, above=False)
        self.single_flight = bool(single_flight)
        self.degraded = bool(degraded)
        self.shared = bool(shared)
        key_of(key, "Cache(key)")
        if state is not None and not shared:
            raise ConfigurationError(
                f"Cache(state={state!r}) is used with shared=True only; add it, or leave state out"
            )
        self.state = state
        self._state = None if state is None else shared_state(state)
        self._identity: object = self
        self._bound: WeakSet[Cache] = WeakSet()
        self._shelves: list[Shelf] = []
        self._desk: Desk | None = None
        self._keyed: Callable[[Call], Hashable] = _no_key
        self._tails: tuple[tuple[Hashable, ...] | None, ...] = ()

    def isolated(self, evaluation: Evaluation) -> None:
        return None

    def describe(self) -> dict[str, Any]:
        given = super().describe()
        if self.state is not None and not isinstance(self.state, str):
            given["state"] = type(self.state).__name__
        return given

    def bind(self, site: Site) -> Cache:
        if site.effects == "once":
            raise ConfigurationError(
                f"Cache: {site.name} has an effect (effects='once'), which a cached call would "
                "leave out; use Once, which tells calls apart by their idempotency key"
            )
        bound = copy.copy(self)
        bound._bound = WeakSet()  # noqa: SLF001  the copy is ours
        bound._shelves = []  # noqa: SLF001
        bound._keyed = key_maker(site, self.key, "Cache")  # noqa: SLF001
        bound._tails = plain_tails(site, self.key)  # noqa: SLF001
        bound._desk = Desk(  # noqa: SLF001
            site,
            ttl=self.ttl,
            stale_if_error=self.stale_if_error,
            degraded=self.degraded,
            single_flight=self.single_flight,
            shared=self._answers(site) if self.shared else None,
        )
        bound._shelf(clock.active())  # noqa: SLF001
        self._bound.add(bound)
        return bound

    def _answers(self, site: Site) -> SharedAnswers:
        from reliai.policies._cache_shared import SharedAnswers  # noqa: PLC0415  only if shared

        return SharedAnswers(site, self._state, self.ttl + self.stale_if_error)

    async def run(self, call: Call, proceed: Proceed) -> Outcome:
        return await self.link(proceed)(call)

    def link(self, proceed: Proceed) -> Proceed:  # noqa: C901  the hot path, in one piece
        """`run` for the engine: a hit needs no coroutine."""
        desk, keyed, tails = self._desk, self._keyed, self._tails
        ttl, identity, simple = self.ttl, self._identity, len(self._tails)
        assert desk is not None  # noqa: S101  bound by the engine
        first = self._shelves[0]
        hit, missed = desk.hit, desk.missed

        def enter(call: Call) -> Awaitable[Outcome]:
            time = call.clock
            shelf = first if first.clock is time else self._shelf(time)
            # The path of nearly every hit: arguments that are all text are their own key.
            args = call.args
            given = len(args)
            tail = tails[given] if given < simple and not call.kwargs else None
            key: Hashable = None
            if tail is not None and call.primary:
                for value in args:
                    if type(value) is not str:
                        break
                else:
                    key = args + tail if tail else args
                    tenant = call.ambient.tenant
                    if tenant is not None:
                        key = (TENANT, tenant, key)
            if key is None:
                try:
                    key = keyed(call)
                except Exception as error:  # noqa: BLE001  by a key function, or ours
                    return Outcome(error=error.with_traceback(None))
                if key is NO_KEY:
                    return proceed(call)
            switches = switched.get()
            how = _how(switches, identity) if switches else None
            if how is not None:
                return desk.passed_by(call, proceed, shelf, key, how)
            now = time.monotonic()
            entries = shelf.entries
            with shelf.lock:
                entry = entries.get(key)
                if entry is None or now - entry[0] >= ttl:
                    return missed(call, proceed, enter, shelf, key, entry, now)
                entries.move_to_end(key)
                shelf.hits += 1
            return hit(call, entry, now)

        return enter

    def clear(self) -> None:
        """Forget all answers; of calls under way too, which are made to their end."""
        for shelf in self._all_shelves():
            shelf.clear()

    def info(self) -> CacheInfo:
        """How it has answered so far, over all functions that it was put on."""
        shelves = self._all_shelves()
        counts = [(s.hits, s.misses, s.joined, s.stale, len(s.entries)) for s in shelves]
        return CacheInfo(*(sum(column) for column in zip(*counts, strict=True)))

    def _all_shelves(self) -> list[Shelf]:
        caches = self, *self._bound
        return [shelf for cache in caches for shelf in cache._shelves]  # noqa: SLF001  our own

    def _shelf(self, time: Clock) -> Shelf:
        """The shelf for a clock: a test's virtual one knows nothing of the machine's time."""
        for shelf in self._shelves:
            if shelf.clock is time:
                return shelf
        made = Shelf(time, self.max_size, self.ttl + self.stale_if_error)
        self._shelves = [*self._shelves[:1], made]  # the first one, and that of the last test
        return made


def _no_key(_call: Call) -> Hashable:
    return NO_KEY


def _how(switches: tuple[tuple[object, str], ...], identity: object) -> str | None:
    for cache, how in switches:
        if cache is None or cache is identity:
            return how
    return None


def _seconds(name: str, value: Any, *, above: bool) -> float:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if number and (0 < value < math.inf or (value == 0 and not above)):
        return float(value)
    least = "above 0" if above else "of at least 0"
    message = f"Cache({name}={value!r}): must be a number of seconds {least}"
    raise ConfigurationError(message + parentheses(value, "Cache"))


def _checked_size(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
        return value
    raise ConfigurationError(f"Cache(max_size={value!r}): must be a whole number of at least 1")

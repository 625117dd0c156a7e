"""Answers that processes share, through a state. A store that fails never fails a call.

It is asked within 50 ms, off the event loop, and not at all while it is away; it is written to by
the keeper's thread, so an answer reaches the others a moment after its caller.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from reliai._core.complaints import warn_once
from reliai.policies._cache_codec import Codec, encoded, namespace
from reliai.state import StateUnavailable, configured_state
from reliai.state.keeper import keeper_of

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from reliai._core.call import Call
    from reliai._core.site import Site
    from reliai.policies._cache_shelf import Kept
    from reliai.state import State

__all__ = ["SharedAnswers"]


class SharedAnswers:
    """The answers to the calls of one function that a store keeps.

    Args:
        site: the function.
        state: the store; None for the one that `configure(state=)` names.
        lifetime: seconds an answer is kept there.
    """

    def __init__(self, site: Site, state: State | None, lifetime: float) -> None:
        output = _output_of(site)
        self._codec = Codec(output)
        self._space = namespace(site, output)
        self._state = state
        self._lifetime = lifetime

    async def look(self, call: Call, key: Hashable) -> tuple[float, Kept] | None:
        """How old the answer in the store is, in seconds, and the answer."""
        state = self._store(call)
        if state is None:
            return None
        place = encoded(self._space, key)
        found: Any = await self._asked(call, state, partial(state.get, place))
        read = None if found is None else self._codec.loads(found.value)
        if read is None:
            return None
        at, kept = read
        return max(0.0, call.clock.time() - at), kept

    async def keep(self, call: Call, key: Hashable, kept: Kept) -> None:
        """Put an answer into the store, if it would come back as it is."""
        state = self._store(call)
        if state is None:
            return
        data = self._codec.dumps(kept, call.clock.time())
        if data is None:
            call.emit("cache_not_shared", reason="neither JSON nor the output type")
            return
        place = encoded(self._space, key)
        if state.shared:
            lifetime = self._lifetime
            keeper_of(state).later(lambda to: to.put(place, data, ttl=lifetime))
        else:
            state.put(place, data, ttl=self._lifetime)

    def _store(self, call: Call) -> State | None:
        state = self._state or configured_state()
        if state is None:
            warn_once(
                f"shared cache:{call.name}",
                f"Cache(shared=True) of {call.name} has no state to share answers through; give "
                "configure(state='redis://…') or Cache(state=…). Each process keeps its own",
            )
        return state

    async def _asked(self, call: Call, state: State, question: Callable[[], Any]) -> Any:
        """The store's answer; None when it gives none in time."""
        try:
            return await keeper_of(state).ask(call.runtime, question)
        except StateUnavailable:
            call.emit("cache_state_unavailable")
            return None


def _output_of(site: Site) -> Any:
    """The type of the answers: what the outermost Validate inside makes of them."""
    for policy in site.inside():
        output = getattr(policy, "output", None)
        if output is not None:
            return output
    return site.output

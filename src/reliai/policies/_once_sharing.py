"""The keys of one function's `Once`, shared by several processes through a state.

Who makes a call writes down that it runs, and holds a lease while it does. The others wait for what
comes of it. When the lease runs out and nothing was written down, the process that held it is gone
and nobody knows what it did: the key is in doubt, and is not run again.
"""

from __future__ import annotations

import json
import os
from itertools import islice
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from reliai._core.complaints import warn_once
from reliai._core.forking import renew_after_fork
from reliai.decisions.once import UNSHARED, Held, Word
from reliai.errors import ConfigurationError
from reliai.policies._cache_codec import Codec, encoded
from reliai.state import StateUnavailable
from reliai.state.keeper import keeper_of

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from reliai._core.call import Call
    from reliai._core.site import Site
    from reliai.decisions.once import Known
    from reliai.state import Count, Entry, Exchanged, State

__all__ = ["OnceSharing"]

LEASE: Final = 10.0
"""Seconds after which a process that does not prolong its lease is taken to be gone."""

POLL: Final = 0.05
"""Seconds between two looks for what another process is making."""

AT_ONCE: Final = 20
"""Keys whose end the keeper's thread tells at a time."""

MOST_PENDING: Final = 10_000
"""Keys whose end waits to be told while the store is away; the oldest are dropped."""

_VERSION: Final = 1


class _Told(NamedTuple):
    """What is to be written down of a key; None: it may run again."""

    data: bytes | None
    confirmed: bool


class OnceSharing:
    """One function's keys in step with other processes; a participant of the store's keeper.

    Args:
        site: the function.
        state: the store.
        ttl: seconds a key is remembered.
        strict: whether a type of result that cannot be shared is an error.

    Raises:
        ConfigurationError: when it is.
    """

    def __init__(self, site: Site, state: State, ttl: float, *, strict: bool) -> None:
        self.state = state
        self._name = site.name
        self._ttl = ttl
        self._codec = _codec_of(site, strict=strict)
        self._keeper = keeper_of(state)
        self._renew()
        renew_after_fork(self)
        self._keeper.join(self)

    def age(self, word: Word) -> float:
        """Seconds since a word was written."""
        return max(0.0, self._keeper.now() - word.at)

    def _renew(self) -> None:
        # What the parent of a forked child runs, it goes on running itself.
        self._owner = os.urandom(8).hex()
        self._lock = Lock()
        self._held: dict[str, float] = {}
        self._pending: dict[str, _Told] = {}

    def place(self, key: Hashable) -> str:
        """A key's place in the store: a digest, for keys may be personal."""
        return f"once:{encoded(f'once {self._name}', key)}"

    # On the path of a call

    async def claim(self, call: Call, key: Hashable) -> Held | Word | None:
        """Find out who makes the call; wait while another process does.

        Returns:
            Leave to make it, what came of it elsewhere, or None: the time of this call is up.
        """
        place = self.place(key)
        while True:
            try:
                answer: Held | Word | None = await self._keeper.ask(call.runtime, self._ask, place)
            except StateUnavailable:
                call.emit("once_unshared")
                answer = Held(place, confirmed=False)
            if isinstance(answer, Held):
                with self._lock:
                    self._held[place] = self._keeper.now()
            if answer is not None:
                return answer
            until = call.until
            left = POLL if until is None else until - call.clock.monotonic()
            if left <= 0:
                return None
            await call.runtime.sleep(min(POLL, left))

    def _ask(self, place: str) -> Held | Word | None:
        """Take the key, or see what became of it; None while another process makes the call."""
        state = self.state
        entry = state.get(place)
        word = self._read(entry)
        if word is not None:
            return word
        if state.lease(place, self._owner, LEASE) is None:
            return None
        if entry is None:
            running = self._written("running", owner=self._owner)
            if state.put(place, running, ttl=self._ttl, expected=0) is not None:
                return Held(place, confirmed=True)
        else:  # its process is gone, unless it has ended in between
            word = Word(self._keeper.now(), doubt="the end of the process that made the call")
            data = self._written("doubt", error=word.doubt)
            if state.put(place, data, ttl=self._ttl, expected=entry.version) is None:
                word = None
        state.release(place, self._owner)
        return word

    async def settle(self, call: Call, held: Held, known: Known | None) -> None:
        """Write down what came of a call; later, when the store does not answer."""
        told = self._told(held, known)
        try:
            await self._keeper.ask(call.runtime, self._tell, held.place, told)
        except StateUnavailable:
            self._tell_later(held.place, told)

    def settle_later(self, held: Held, known: Known | None) -> None:
        """Have the keeper's thread write down what came of a call that was interrupted."""
        self._tell_later(held.place, self._told(held, known))
        self._keeper.hurry()

    def forget(self, key: Hashable) -> None:
        """Let a key run again, in every process."""
        place, told = self.place(key), _Told(None, confirmed=True)
        try:
            self._tell(place, told)
        except StateUnavailable:
            self._tell_later(place, told)

    def _told(self, held: Held, known: Known | None) -> _Told:
        if known is None:
            return _Told(None, held.confirmed)
        if known.doubt is not None:
            return _Told(self._written("doubt", error=known.doubt), held.confirmed)
        data = self._codec.dumps(known.result, self._keeper.now())
        if data is None:
            self._warn_of(known.result[0])
        kept = None if data is None else data.decode()
        return _Told(self._written("done", kept=kept), held.confirmed)

    def _tell_later(self, place: str, told: _Told) -> None:
        with self._lock:
            self._pending[place] = told
            while len(self._pending) > MOST_PENDING:
                del self._pending[next(iter(self._pending))]

    def _tell(self, place: str, told: _Told) -> None:
        state, data = self.state, told.data
        if not told.confirmed:
            self._tell_unasked(place, data)
        elif data is None:
            state.delete(place)
        else:
            state.put(place, data, ttl=self._ttl)
        with self._lock:
            self._held.pop(place, None)
        if told.confirmed:
            state.release(place, self._owner)

    def _tell_unasked(self, place: str, data: bytes | None) -> None:
        """Write down what came of a call made without the store's leave, where it is the first."""
        state = self.state
        if data is not None and state.put(place, data, ttl=self._ttl, expected=0) is not None:
            return
        entry = state.get(place)
        if entry is None or not self._may_write(entry):
            return
        if data is None:
            state.delete(place)
        else:
            state.put(place, data, ttl=self._ttl, expected=entry.version)

    def _may_write(self, entry: Entry) -> bool:
        """Whether what stands there is no result of another process, nor a call that it makes."""
        said = _parsed(entry) or {}
        return said.get("is") == "doubt" or said.get("owner") == self._owner

    # By the keeper's thread

    def offer(self, now: float) -> tuple[Sequence[Count], Sequence[str]]:
        return (), ()

    def learn(self, exchanged: Exchanged, state: State) -> None:
        self._prolong(exchanged.now, state)
        with self._lock:
            pending = list(islice(self._pending.items(), AT_ONCE))
        for place, told in pending:
            self._tell(place, told)
            with self._lock:
                if self._pending.get(place) is told:
                    del self._pending[place]
        if self._pending:
            self._keeper.hurry()  # the others who share through the store have their turn first

    def _prolong(self, now: float, state: State) -> None:
        with self._lock:
            due = [place for place, at in self._held.items() if now - at > LEASE / 4]
        for place in due:
            state.lease(place, self._owner, LEASE)
            with self._lock:
                if place in self._held:
                    self._held[place] = now

    def keep(self, counts: Sequence[Count]) -> None:
        """Nothing is counted."""

    # What stands in the store

    def _written(self, what: str, **facts: Any) -> bytes:
        whole = {"v": _VERSION, "is": what, "at": self._keeper.now(), **facts}
        return json.dumps(whole).encode()

    def _read(self, entry: Entry | None) -> Word | None:
        """What an entry says; None when there is none, or the call runs."""
        said = _parsed(entry)
        if said is None or said.get("is") == "running":
            return None
        try:
            at = float(said["at"])
            if said["is"] == "doubt":
                return Word(at, doubt=str(said["error"]))
            if said["kept"] is None:
                return Word(at, doubt=UNSHARED)
            found = self._codec.loads(said["kept"].encode())
        except Exception:  # noqa: BLE001  anything at all may stand in a store
            return Word(self._keeper.now(), doubt="an entry that cannot be read")
        if found is None:
            return Word(at, doubt=UNSHARED)
        return Word(at, kept=found[1])

    def _warn_of(self, value: object) -> None:
        warn_once(
            f"once shared:{self._name}",
            f"Once: a result of {self._name} ({type(value).__name__}) is neither JSON nor of a "
            "type that can be read back, so other processes cannot give it again; they refuse its "
            "key with AmbiguousOutcome. Return JSON values or a pydantic model, with output= or "
            "the return annotation saying which",
        )


def _parsed(entry: Entry | None) -> dict[str, Any] | None:
    """What stands in an entry; what cannot be read is something, and never nothing."""
    if entry is None:
        return None
    try:
        said = json.loads(entry.value)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _codec_of(site: Site, *, strict: bool) -> Codec:
    """A codec for what the function gives: by `output=`, or by its return annotation.

    Raises:
        ConfigurationError: when a value of that type could not be read back, and `strict`.
    """
    output = site.output
    for policy in site.inside() if output is None else ():
        output = output or getattr(policy, "output", None)
    if output is None:
        output = _annotated(site)
    if output is None:
        return Codec(None)
    try:
        return Codec(output)
    except Exception as error:  # noqa: BLE001  whatever pydantic makes of a type
        if not strict:
            return Codec(None)
        message = (
            f"Once: {site.name} gives {getattr(output, '__name__', output)}, which cannot be "
            f"shared with other processes ({type(error).__name__}): return JSON values or a "
            "pydantic model, or leave the state out with Once(state='memory')"
        )
        raise ConfigurationError(message) from None


def _annotated(site: Site) -> Any:
    import inspect  # noqa: PLC0415  when decorating
    import typing  # noqa: PLC0415

    function = inspect.unwrap(getattr(site.function, "__func__", site.function))
    try:
        found = typing.get_type_hints(function).get("return")
    except Exception:  # noqa: BLE001  names that are not there at run time
        return None
    return None if found is typing.Any or isinstance(found, typing.TypeVar) else found

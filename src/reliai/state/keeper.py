"""Keeping this process in step with the others: one daemon thread for each store.

Who shares something joins as a `Participant`. A few times a second all that they counted goes to
the store and what the others did comes back, in one round trip. Decisions are made from what is
known locally meanwhile, so a call waits for nothing. When the store does not answer, the counts go
back to where they came from, calls go on by themselves, and it is asked again until it answers.
"""

from __future__ import annotations

import atexit
import os
import threading
import time
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar
from weakref import WeakKeyDictionary, WeakSet

from reliai import clock
from reliai._core.complaints import warn_once
from reliai._core.delivery import deliver
from reliai._core.forking import renew_after_fork
from reliai.state.base import PATIENT, StateBusy, StateUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from reliai._core.runtime import Runtime
    from reliai.state.base import Count, Exchanged, State

__all__ = ["INTERVAL", "Keeper", "Participant", "keeper_of"]

INTERVAL: Final = 0.2
"""Seconds between two exchanges: how far behind the others a process may be."""

SLOWEST: Final = 2.0
"""Seconds between two attempts to reach a store that is away, at most."""

LAST: Final = 0.2
"""Seconds that the store has when the program ends."""

MOST_WAITING: Final = 1_000
"""Writes that may wait for the thread; the oldest are dropped."""

_T = TypeVar("_T")


class Participant(Protocol):
    """Something that several processes share. Its methods are called by the keeper's thread."""

    def offer(self, now: float) -> tuple[Sequence[Count], Sequence[str]]:
        """What was counted since the last time, and the keys of the values to read.

        `now` is the store's time, as far as it is known. What is offered counts as sent.
        """
        ...

    def learn(self, exchanged: Exchanged, state: State) -> None:
        """What all processes together know now. May write to the store."""
        ...

    def keep(self, counts: Sequence[Count]) -> None:
        """The store is away: these counts were not sent, and are to be offered again."""
        ...


class Keeper:
    """Exchanges what the participants of this process share with one store.

    Attributes:
        state: the store.
        available: whether the store answered when it was asked last.
        exchanges: how often it answered.
        failures: how often it did not.
    """

    def __init__(self, state: State) -> None:
        self.state = state
        self._participants: WeakSet[Participant] = WeakSet()
        self.exchanges = self.failures = 0
        self._ahead = 0.0
        self._renew()
        renew_after_fork(self)

    def _renew(self) -> None:
        self.available = True
        self._lock = threading.Lock()
        self._stepping = threading.Lock()
        self._thread: threading.Thread | None = None
        self._wake = threading.Event()
        self._stopped = False
        self._later: deque[Callable[[State], object]] = deque(maxlen=MOST_WAITING)

    def join(self, participant: Participant) -> None:
        """Keep a participant in step from now on, as long as somebody holds it."""
        with self._lock:
            self._participants.add(participant)
        self.start()

    def start(self) -> None:
        """Have the thread run; nothing when it does. A forked child starts its own."""
        if self._thread is not None or not self.state.shared:
            return
        with self._lock:
            if self._thread is not None:
                return
            thread = threading.Thread(target=self._work, name="reliai-state", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # the interpreter is shutting down
                return
            self._thread = thread

    def hurry(self) -> None:
        """Exchange at once: something happened that the others should know."""
        self.start()
        self._wake.set()

    def later(self, write: Callable[[State], object]) -> None:
        """Have the thread write something soon; it is dropped while the store is away."""
        if self.available:
            self._later.append(write)
            self.hurry()

    def settled(self, seconds: float) -> bool:
        """Wait until what `later` was given is written; whether it was in time. For tests."""
        until = time.monotonic() + seconds
        while self._later:
            if time.monotonic() > until:
                return False
            time.sleep(0.001)
        return True

    def now(self) -> float:
        """The store's time, as far as it is known."""
        return clock.active().time() + self._ahead

    def step(self, within: float = PATIENT) -> bool:
        """Exchange once; the store has `within` seconds to answer.

        Returns:
            Whether it did.
        """
        if not self._stepping.acquire(timeout=within):
            return False
        try:
            return self._exchanged(within)
        finally:
            self._stepping.release()

    def _exchanged(self, within: float) -> bool:
        with self._lock:
            participants = list(self._participants)
        offered = [(each, *each.offer(self.now())) for each in participants]
        counts = [count for _, more, _ in offered for count in more]
        keys = list(dict.fromkeys(key for _, _, more in offered for key in more))
        try:
            exchanged = self.state.exchange(counts, keys, within=within)
        except StateUnavailable as error:
            for participant, more, _ in offered:
                participant.keep(more)
            self._lost(error)
            return False
        self._ahead = exchanged.now - clock.active().time()
        self.exchanges += 1
        self.available = True
        for participant in participants:
            deliver(participant, self._teach, participant, exchanged)
        return self.available

    def _write(self) -> None:
        try:
            while self._later:
                self._later[0](self.state)
                self._later.popleft()
        except StateBusy:
            return
        except StateUnavailable as error:
            self._later.clear()
            self._lost(error)

    def _teach(self, participant: Participant, exchanged: Exchanged) -> None:
        try:
            participant.learn(exchanged, self.state)
        except StateBusy:
            return  # it has another turn soon
        except StateUnavailable as error:
            self._lost(error)

    async def ask(self, runtime: Runtime, question: Callable[..., _T], *given: Any) -> _T:
        """Ask the store on the path of a call: off the event loop, and not when it is away.

        Raises:
            StateUnavailable: when it does not answer, or did not the last time; `StateBusy` when
                others kept it busy, so that it is not taken to be away.
        """
        if not self.available:
            message = "the store is away"
            raise StateUnavailable(message)
        try:
            if self.state.shared:
                answer: _T = await runtime.run(question, *given)
                return answer
            return question(*given)
        except StateBusy:
            raise
        except StateUnavailable as error:
            self._lost(error)
            raise

    def stop(self) -> None:
        """Exchange a last time and end the thread."""
        self._stopped = True
        self._wake.set()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout=SLOWEST)

    def _lost(self, error: StateUnavailable) -> None:
        self.failures += 1
        self.available = False
        self.start()
        warn_once(
            f"state:{id(self)}",
            f"the shared state does not answer ({error}); each process goes on by itself, and "
            "shares again as soon as it does",
        )

    def _work(self) -> None:
        pause = INTERVAL
        while not self._stopped:
            self._wake.wait(pause)
            self._wake.clear()
            pause = INTERVAL if self._stepped() else min(SLOWEST, 2 * pause)
        self._thread = None

    def _stepped(self) -> bool:
        try:
            if self.step():
                self._write()
        except Exception as error:  # noqa: BLE001  the thread must outlive whatever a store does
            self._lost(StateUnavailable(f"{type(error).__name__}: {error}"))
        return self.available


_keepers: WeakKeyDictionary[Any, Keeper] = WeakKeyDictionary()
_lock = threading.Lock()


def _renew() -> None:
    global _lock  # noqa: PLW0603  a lock that another thread held at the fork is never released
    _lock = threading.Lock()


os.register_at_fork(after_in_child=_renew)


def _say_goodbye() -> None:
    """Tell the others what was not told yet, when the program ends."""
    for keeper in list(_keepers.values()):
        if keeper.state.shared and keeper.available and keeper._thread is not None:  # noqa: SLF001
            with suppress(Exception):
                keeper.step(LAST)


atexit.register(_say_goodbye)


def keeper_of(state: State) -> Keeper:
    """The one keeper of a store in this process."""
    with _lock:
        known = _keepers.get(state)
        if known is None:
            known = _keepers[state] = Keeper(state)
        return known

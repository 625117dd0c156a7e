"""Vectors of texts: asked for in batches, each text once.

While one batch is under way, the texts that other cases need gather for the next one; so batches
grow with what is asked, and nobody waits for a clock.
"""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from reliai.providers import classify

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

__all__ = ["Vectors"]

_PASSING: Final = frozenset(("rate_limited", "overloaded", "timeout", "connection", "server"))
"""Kinds of errors that are not the fault of one text among many."""


class Vectors:
    """Gives the vector of a text, of length 1.

    Args:
        embed: of a list of texts, giving as many vectors; sync or async.
        asynchronous: whether it is async.
        batch: texts of one call at most.
        keep: vectors that are remembered at most; those that were not asked for the longest go.
    """

    def __init__(
        self, embed: Callable[[list[str]], Any], *, asynchronous: bool, batch: int, keep: int
    ) -> None:
        self.embed = embed
        self.asynchronous = asynchronous
        self.batch = batch
        self.keep = keep
        self._begin()

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[str, NDArray[Any]] = OrderedDict()
        self._flights: dict[asyncio.AbstractEventLoop, _Flight] = {}

    def __getstate__(self) -> dict[str, Any]:
        state = dict(self.__dict__)
        for name in ("_lock", "_known", "_flights"):
            del state[name]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._begin()

    async def of(self, texts: Sequence[str]) -> list[NDArray[Any]]:
        """The vectors of texts.

        Raises:
            ValueError: when `embed` gives no vectors; and whatever it raises.
        """
        found = [self._recall(text) for text in texts]
        if all(each is not None for each in found):
            return [each for each in found if each is not None]
        loop = asyncio.get_running_loop()
        with self._lock:  # no other task of this loop runs until all texts have been asked for
            flight = self._flights.get(loop)
            if flight is None:
                flight = self._flights[loop] = _Flight(self)
        waiting = [
            flight.asked(text) if known is None else None
            for text, known in zip(texts, found, strict=True)
        ]
        for place, future in enumerate(waiting):
            if future is not None:  # shared by all who ask for this text: nobody cancels it
                found[place] = await asyncio.shield(future)
        return [each for each in found if each is not None]

    def landed(self, flight: _Flight) -> None:
        """Forget a flight, and its loop with it."""
        with self._lock:
            for loop, known in list(self._flights.items()):
                if known is flight:
                    del self._flights[loop]

    def _recall(self, text: str) -> NDArray[Any] | None:
        with self._lock:
            found = self._known.get(text)
            if found is not None:
                self._known.move_to_end(text)
            return found

    def remember(self, text: str, vector: NDArray[Any]) -> None:
        """Keep a vector, and forget the oldest one when there are too many."""
        with self._lock:
            self._known[text] = vector
            self._known.move_to_end(text)
            while len(self._known) > self.keep:
                self._known.popitem(last=False)

    async def ask(self, texts: list[str]) -> list[NDArray[Any]]:
        """Call `embed`.

        Raises:
            ValueError: when it gives other than as many vectors; and whatever it raises.
        """
        if self.asynchronous:
            given = await self.embed(texts)
        else:
            given = await asyncio.to_thread(self.embed, texts)
        vectors = [_unit(each) for each in given]
        if len(vectors) != len(texts):
            raise ValueError(f"embed gave {len(vectors)} vectors of {len(texts)} texts")
        return vectors


class _Flight:
    """The batches of one event loop: one at a time."""

    def __init__(self, vectors: Vectors) -> None:
        self._vectors = vectors
        self._asked: dict[str, asyncio.Future[NDArray[Any]]] = {}
        self._task: asyncio.Task[None] | None = None

    def asked(self, text: str) -> asyncio.Future[NDArray[Any]]:
        """What will be the vector of a text."""
        future = self._asked.get(text)
        if future is None:
            loop = asyncio.get_running_loop()
            future = self._asked[text] = loop.create_future()
            if self._task is None or self._task.done():
                self._task = loop.create_task(self._fly())
        return future

    async def _fly(self) -> None:
        try:
            while self._asked:
                await asyncio.sleep(0)  # let others who are ready ask, too
                texts = list(self._asked)[: self._vectors.batch]
                await self._batch(texts)
        finally:
            self._vectors.landed(self)
            for future in self._asked.values():
                future.cancel()
            self._asked.clear()

    async def _batch(self, texts: list[str]) -> None:
        try:
            vectors = await self._vectors.ask(texts)
        except Exception as error:  # noqa: BLE001  those who asked are told
            if len(texts) > 1 and classify(error).kind not in _PASSING:
                for text in texts:  # one of them may be at fault, and only that one should fail
                    await self._batch([text])
                return
            for text in texts:
                self._fail(text, error)
            return
        for text, vector in zip(texts, vectors, strict=True):
            self._vectors.remember(text, vector)
            future = self._asked.pop(text)
            if not future.done():
                future.set_result(vector)

    def _fail(self, text: str, error: Exception) -> None:
        future = self._asked.pop(text)
        if not future.done():
            future.set_exception(error)
            future.exception()  # whoever asked may be gone


def _unit(vector: Any) -> NDArray[Any]:
    """A vector of length 1; one without a direction stays as it is.

    Raises:
        ValueError: when it is none.
    """
    made = np.asarray(vector, dtype=np.float64)
    if made.ndim != 1 or not made.size or not np.isfinite(made).all():
        raise ValueError("embed gave what is no vector of finite numbers")
    length = float(np.linalg.norm(made))
    return made / length if length else made

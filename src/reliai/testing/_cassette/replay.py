"""What a recorded attempt gives again: its answer, its error, or its stream chunk by chunk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from reliai import clock
from reliai._core.usage import first_sight, note_response, remember
from reliai.providers import Response
from reliai.testing._cassette.errors import decode_error
from reliai.testing._cassette.trouble import CassetteError

if TYPE_CHECKING:
    from reliai._core.call import Call
    from reliai._core.record import Attempt
    from reliai.testing._cassette.codec import Codec

__all__ = ["Replay"]


class Replay:
    """One recorded attempt.

    Args:
        entry: what the file says of it.
        call, attempt: what it answers.
        codec: builds the values.
        speed: how many times as fast as it was recorded; None for at once.
    """

    def __init__(
        self,
        entry: dict[str, Any],
        call: Call,
        attempt: Attempt,
        codec: Codec,
        speed: float | None,
    ) -> None:
        self._entry = entry
        self._call = call
        self._attempt = attempt
        self._codec = codec
        self._speed = speed

    def play(self) -> Any:
        """What the function gave, or raise what it raised."""
        if "stream" in self._entry:
            return self._opened(_ReplayedStream)
        _sleep(self._scaled(self._entry.get("seconds", 0.0)))
        return self._result()

    async def async_play(self, *, blocking_stream: bool) -> Any:
        """The same, where an event loop runs."""
        if "stream" in self._entry:
            return self._opened(_ReplayedStream if blocking_stream else _AsyncReplayedStream)
        await _async_sleep(self._scaled(self._entry.get("seconds", 0.0)))
        return self._result()

    def _result(self) -> Any:
        self.tell_usage()
        if "error" in self._entry:
            raise decode_error(self._codec, self._entry["error"])
        value = self._codec.decode(self._entry["answer"])
        if self._entry.get("read"):
            first_sight(self._call, value)  # it was counted when it was read
        return value

    def tell_usage(self) -> None:
        """Put on the record what the function had read and measured itself."""
        for usage in self._entry.get("usage", ()):
            note_response(self._call, self._attempt, Response(**usage))
        values = {name: self._codec.decode(v) for name, v in self._entry.get("values", {}).items()}
        record = self._call._record  # noqa: SLF001  the call's own
        if values and not record.ended:
            record.values = {**record.values, **values}

    def _opened(self, kind: type[_Position]) -> Any:
        if self._entry.get("read"):
            remember(self._call, _Read())
        return kind(self)

    # --- streams ---------------------------------------------------------------------------
    def wait(self, number: int) -> float:
        """Seconds to wait before a chunk."""
        waits = self._entry.get("waits", ())
        return self._scaled(waits[number]) if number < len(waits) else 0.0

    def chunk(self, number: int) -> tuple[bool, Any]:
        """Whether there is another chunk, and which."""
        chunks = self._entry["stream"]
        if number < len(chunks):
            return True, self._codec.decode(chunks[number])
        return False, None

    def end(self) -> None:
        """The end of the stream, after its last chunk: raises what it ended in."""
        self.tell_usage()
        if "error" in self._entry:
            raise decode_error(self._codec, self._entry["error"])
        if self._entry.get("closed"):
            raise CassetteError(
                f"the stream of {self._entry['call']} was closed after "
                f"{len(self._entry['stream'])} chunks when it was recorded, and is now read "
                "further; record it again"
            )

    def _scaled(self, seconds: float) -> float:
        return 0.0 if self._speed is None else seconds / self._speed


class _Read:
    """Stands for the stream that counted these chunks when they were recorded."""

    def gave(self, chunk: object) -> bool:
        """Whether it has counted a chunk."""
        return True


class _Position:
    """Where in its stream a reader is."""

    def __init__(self, replay: Replay) -> None:
        self._replay = replay
        self._number = 0
        self._open = True

    def _wait(self) -> float:
        return self._replay.wait(self._number) if self._open else 0.0

    def _next(self) -> tuple[bool, Any]:
        if not self._open:
            return False, None
        there, chunk = self._replay.chunk(self._number)
        self._number += 1
        if not there:
            self._open = False
            self._replay.end()
        return there, chunk


class _ReplayedStream(_Position):
    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Any:
        _sleep(self._wait())
        there, chunk = self._next()
        if not there:
            raise StopIteration
        return chunk

    def send(self, _: object) -> Any:
        return self.__next__()

    def close(self) -> None:
        self._open = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _AsyncReplayedStream(_Position):
    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        await _async_sleep(self._wait())
        there, chunk = self._next()
        if not there:
            raise StopAsyncIteration
        return chunk

    async def asend(self, _: object) -> Any:
        return await self.__anext__()

    async def aclose(self) -> None:
        self._open = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


def _sleep(seconds: float) -> None:
    if seconds > 0:
        clock.active().sleep(seconds)


async def _async_sleep(seconds: float) -> None:
    if seconds > 0:
        await clock.active().async_sleep(seconds)

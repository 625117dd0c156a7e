"""What goes wrong when: eight phases, each with a deck of faults dealt to its requests.

A deck holds exact shares, so that a run of ten seconds sees as large a part of failures as one of a
minute, whichever thread comes first.
"""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from reliai.testing import (
    Cut,
    InStreamError,
    Latency,
    Malformed,
    ReceivedRequest,
    Stall,
    Status,
    Truncated,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["OUTAGE", "Phase", "Schedule"]

OUTAGE = "outage"


@dataclass(frozen=True, slots=True)
class Phase:
    """A part of a run.

    Attributes:
        name: one or two words.
        share: part of the run it lasts, in [0, 1].
        story: what the server does, for a reader.
        deck: what each request gets, in shuffled order, over and over: a fault, None, or a
            function of the request.
        stream_deck: the same for requests that ask for a stream; None: as `deck`.
    """

    name: str
    share: float
    story: str
    deck: Sequence[Any]
    stream_deck: Sequence[Any] | None = None


def _fenced(request: ReceivedRequest, model: Callable[[dict[str, Any]], Any]) -> object:
    """The right answer as a chatty model gives it: in a code fence, with a comma too many."""
    text = model(request.json or {})
    is_object = isinstance(text, str) and text.startswith("{") and text.endswith("}")
    return f"```json\n{text[:-1]},}}\n```" if is_object else None


def _phases(stall: float) -> tuple[Phase, ...]:
    slow = [Latency(0.1), Latency(0.2), Latency(0.3)]
    broken = [Status(500), Status(500), Status(502), Status(503), Status(503), Status(504)]
    silent = [Stall(stall, keep_alive=0.25)] * 4 if stall else []
    return (
        Phase("healthy", 0.08, "every request is answered", [None]),
        Phase(OUTAGE, 0.19, "every request gets 503", [Status(503)]),
        Phase("recovery", 0.15, "every request is answered again", [None]),
        Phase("brownout", 0.15, "30 % get 5xx, others are slow", broken + slow * 2 + [None] * 8),
        Phase("rate limit", 0.13, "429 above a quota, Retry-After: 1", ["quota"]),
        Phase(
            "stalls, cuts",
            0.14,
            "answers fall silent, connections break",
            silent + [Cut()] * 2 + [None] * 14,
            [*silent, Cut(), Cut(how="end"), InStreamError(), Cut(after=3), *[None] * 17],
        ),
        Phase(
            "malformed",
            0.12,
            "HTML for JSON, half answers, wrong values",
            [
                *[Malformed("html"), Malformed("truncated"), Truncated()] * 2,
                *['{"digit": "seven", "topic": 7}', '{"digit": 42, "confidence": 1.0}'],
                *["I am quite sure that it is a seven.", _fenced, _fenced],
                *[None] * 9,
            ],
            [*[Malformed("html"), Malformed("json"), Malformed("empty")] * 2, *[None] * 12],
        ),
        Phase("healthy again", 0.04, "every request is answered", [None]),
    )


@dataclass(slots=True)
class Schedule:
    """The phases of a run of `seconds`; asked by the fault server for each request.

    Attributes:
        seconds: length of a run.
        rate: calls a second; the quota of the rate limit is 60 % of it.
        stall: seconds of silence of a stalled answer; 0: none stalls.
        model: the model behind the server.
        seed: shuffles the decks.
    """

    seconds: float
    rate: float
    stall: float
    model: Callable[[dict[str, Any]], Any]
    seed: int
    phases: tuple[Phase, ...] = ()
    _decks: dict[tuple[str, bool], list[Any]] = field(default_factory=dict[Any, Any])
    _random: random.Random = field(default_factory=random.Random)
    _tokens: float = 0.0
    _filled_at: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.phases = _phases(self.stall)
        self.rewind()

    def rewind(self) -> None:
        """Begin again, with the same decks."""
        with self._lock:
            self._random.seed(self.seed)
            self._decks.clear()
            self._tokens = self._filled_at = 0.0

    def span(self, name: str) -> tuple[float, float]:
        """The begin and the end of a phase, in seconds after the start of the run."""
        return next((begin, end) for phase, begin, end in self._spans() if phase.name == name)

    def at(self, elapsed: float) -> Phase:
        """The phase so many seconds after the start; the last one for ever."""
        found = (phase for phase, _, end in self._spans() if elapsed < end)
        return next(found, self.phases[-1])

    def _spans(self) -> Iterator[tuple[Phase, float, float]]:
        begin = 0.0
        for phase in self.phases:
            end = begin + phase.share * self.seconds
            yield phase, begin, end
            begin = end

    def __call__(self, elapsed: float, request: ReceivedRequest) -> object:
        """What a request gets in place of, or before, its answer."""
        phase = self.at(elapsed)
        with self._lock:
            item = self._deal(phase, request.stream)
            if item == "quota":
                return self._within_quota(elapsed)
        return item(request, self.model) if callable(item) else item

    def _deal(self, phase: Phase, stream: bool) -> Any:  # noqa: FBT001  a fact of the request
        separate = stream and phase.stream_deck is not None
        deck = self._decks.setdefault((phase.name, separate), [])
        if not deck:
            deck.extend(phase.stream_deck if separate and phase.stream_deck else phase.deck)
            self._random.shuffle(deck)
        return deck.pop()

    def _within_quota(self, elapsed: float) -> Status | None:
        quota = 0.6 * self.rate
        filled = self._tokens + (elapsed - self._filled_at) * quota
        self._tokens, self._filled_at = min(filled, 0.5 * quota), elapsed
        if self._tokens < 1:
            return Status(429, retry_after=1)
        self._tokens -= 1
        return None

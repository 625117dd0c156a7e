"""A store with calls of all kinds: retried, fallen back, refused, streamed, nested, hostile."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import reliai
from reliai.records import RecordStore
from reliai.testing import virtual_clock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from reliai.testing import VirtualClock

__all__ = ["HOSTILE", "filled"]

HOSTILE = (
    "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
    "</pre></textarea>{{7*7}}<a href=\"javascript:document.title='owned'\">go</a>"
    "\u202egnirts desrever\u202c\ud800\x00 & <!-- "
)
"""What a model may answer when somebody wants the page to run it."""


@contextmanager
def filled(path: Path) -> Iterator[RecordStore]:
    """A store that keeps content, with about 130 calls."""
    store = RecordStore(f"sqlite:///{path}", content="full")
    with virtual_clock() as clock:
        make_calls(store, clock)
    store.flush()
    yield store
    store.close()


def make_calls(store: RecordStore, clock: VirtualClock) -> None:
    """Make the calls."""
    state = {"fails": 0}

    def primary(prompt: str) -> str:
        reliai.measure(confidence=0.9)
        clock.advance(0.2)
        if state["fails"]:
            state["fails"] -= 1
            raise ConnectionError("connection reset by peer")
        return f"answer to {prompt}"

    def spare(prompt: str) -> str:
        clock.advance(0.05)
        return f"stand-in for {prompt}"

    answer = reliai.reliable(
        reliai.Guard(reliai.MaxLength(400)),
        reliai.Fallback(spare),
        reliai.Retry(3),
        name="answer",
        tags={"team": "support"},
        observers=[store],
    )(primary)

    @reliai.reliable(name="agent", observers=[store])
    def agent(prompt: str) -> str:
        return answer(prompt) + answer(f"{prompt} again")

    @reliai.reliable(name="echo", observers=[store])
    def echo(text: str) -> str:
        return text

    for number in range(110):
        clock.advance(20)
        state["fails"] = 1 if number % 10 == 3 else 5 if number % 25 == 7 else 0
        with reliai.context(subject=f"user-{number % 7}", session=f"s{number % 3}"):
            answer(f"question {number}")
    state["fails"] = 0
    with suppress(reliai.GuardRejected):
        answer("too long " * 100)
    agent("plan")
    with reliai.context(subject=HOSTILE, tags={"note": HOSTILE}):
        echo(HOSTILE)

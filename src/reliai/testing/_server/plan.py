"""From an item of a script to a plan: the steps of one answer, with its faults in their places."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard, cast

from reliai.errors import ConfigurationError
from reliai.testing._script import (
    Cut,
    Filtered,
    Hang,
    InStreamError,
    Latency,
    Malformed,
    Refusal,
    Refuse,
    Stall,
    Status,
    Truncated,
)
from reliai.testing._wire import Finish, words

__all__ = ["Plan", "plan"]

_Fault = Latency | Stall | Cut | InStreamError | Malformed | Truncated | Filtered
_FAULTS = (Latency, Stall, Cut, InStreamError, Malformed, Truncated, Filtered)
_BODIES = ("html", "empty", "schema")
"""Malformed answers of which nothing is left."""


@dataclass(slots=True)
class Plan:
    """What one request gets.

    Attributes:
        steps: the answer in order, maybe lazy: text, events as they are, faults in their places.
        finish: why the answer ends.
        wait: seconds before anything is sent.
        body: sent as JSON, streamed or not, in the place of an answer of ours.
        instead: no answer at all.
        source: closed when the answer ends early.
    """

    steps: Iterator[Any]
    finish: Finish = "stop"
    wait: float = 0.0
    body: Mapping[str, Any] | None = None
    instead: Status | Malformed | Hang | Refuse | None = None
    source: object = None

    def close(self) -> None:
        """Tell a model that streams that nobody listens any more."""
        close = getattr(self.source, "close", None)
        if close is not None:
            close()


def plan(item: object, *otherwise: Callable[[], object]) -> Plan:
    """Make the plan for `item`; where it leaves its answer open, the others are asked in turn.

    Raises:
        ConfigurationError: `item` is nothing a script may hold.
    """
    while item is None and otherwise:
        item, otherwise = otherwise[0](), otherwise[1:]
    if isinstance(item, _FAULTS) and not (isinstance(item, Malformed) and item.kind in _BODIES):
        return _spoil(plan(item.then, *otherwise), item)
    if isinstance(item, Status | Hang | Refuse | Malformed):
        return Plan(iter(()), instead=item)
    return _answer(item)


def _answer(item: object) -> Plan:
    match item:
        case None:
            made = Plan(iter(()))
        case str():
            made = Plan(iter(words(item)))
        case Refusal():
            made = Plan(iter(words(item.text)), finish="refusal")
        case Mapping():
            made = Plan(iter(()), body=cast("Mapping[str, Any]", item))
        case _ if _is_iterable(item):
            made = Plan(iter(item), source=item)
        case _:
            raise ConfigurationError(
                f"a script cannot hold {item!r}; use text, a list of chunks, a mapping, or a fault"
            )
    return made


def _is_iterable(item: object) -> TypeGuard[Iterable[Any]]:
    return isinstance(item, Iterable)


def _spoil(made: Plan, fault: _Fault) -> Plan:
    match fault:
        case Latency():
            made.wait += fault.seconds
        case Stall() if made.instead is not None:
            made.wait += fault.seconds
        case Truncated(after=None):
            chunks = list(made.steps)
            made.steps, made.finish = iter(chunks[: (len(chunks) + 1) // 2]), "length"
        case Truncated():
            made.steps, made.finish = itertools.islice(made.steps, fault.after), "length"
        case Filtered():
            made.steps, made.finish = itertools.islice(made.steps, fault.after), "content_filter"
        case _:
            made.steps = _with(made.steps, fault, fault.after)
    return made


def _with(steps: Iterator[Any], fault: object, after: int) -> Iterator[Any]:
    """Put `fault` after so many chunks, or at the end of a shorter answer."""
    chunks = 0
    waiting = True
    for step in steps:
        if waiting and chunks >= after:
            waiting = False
            yield fault
        yield step
        chunks += isinstance(step, str | Mapping)
    if waiting:
        yield fault

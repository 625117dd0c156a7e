"""Rows of streams that Validate judges on their way: what each chunk costs more than without it."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import reliai
from benchmarks._harness import Row, Target, Timing, per_round
from benchmarks._model import achunks, chunks
from benchmarks._reliai import KINDS, reading, wrapped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from benchmarks._harness import Kind

MANY_CHUNKS = 1_000
LENGTH = 1_000_000
WITHOUT = "without Validate"
PATTERN = r"(?i)\b(?:confidential|internal use only)\b"
WAYS: dict[str, Callable[[], tuple[Any, ...]]] = {
    WITHOUT: tuple,
    "MaxLength, nothing held": lambda: (reliai.MaxLength(LENGTH),),
    "a forbidden Pattern": lambda: (reliai.Pattern(PATTERN, forbid=True),),
    "three checks": lambda: (
        reliai.MaxLength(LENGTH),
        reliai.Pattern(PATTERN, forbid=True),
        reliai.Pattern("sk-[a-z0-9]{20}", forbid=True),
    ),
    "a function with a window": lambda: (reliai.check(passes, window=64),),
}


def passes(text: str) -> bool:
    """The cheapest check there is."""
    return "confidential" not in text


def held(kind: Kind, name: str) -> Target:
    """A guarded stream of many chunks, read to its end."""
    model = achunks(MANY_CHUNKS) if kind == "async" else chunks(MANY_CHUNKS)
    checks = WAYS[name]()
    policies = (reliai.Validate(*checks),) if checks else ()
    return reading(kind, wrapped(model, f"held-{kind}-{name}", *policies))


def holding_rows() -> Iterator[Row]:
    """The same stream without Validate and with checks of several sorts."""
    for kind in KINDS:
        for name in WAYS:
            yield Row("held", name, kind, functools.partial(held, kind, name))


def added(timings: Mapping[str, Timing], kind: Kind) -> dict[str, tuple[float, float]]:
    """Microseconds that a chunk costs more: the median over rounds, and between the fastest."""
    base = f"held/{WITHOUT} [{kind}]"
    return {
        name: per_round(timings, f"held/{name} [{kind}]", base, MANY_CHUNKS)
        for name in WAYS
        if name != WITHOUT and f"held/{name} [{kind}]" in timings
    }

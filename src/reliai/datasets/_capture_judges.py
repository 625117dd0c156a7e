"""Judges of ended calls with a memory: the slow tail, and what is unlike all before. Bounded."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final

from reliai._needs import needed
from reliai.decisions.quantile import MovingQuantile

if TYPE_CHECKING:
    from reliai.datasets._capture_calls import EndedCall

__all__ = ["NewInputs", "NewWords", "SlowTail"]

_MOST_NAMES: Final = 200
"""Functions whose durations are remembered."""

_PERMUTATIONS: Final = 64
_BANDS: Final = (21, 3)
"""Inputs that have half of their shingles in common share one of 21 bands of 3 in 94 of 100
cases; those that have a tenth in common, in 2."""


class SlowTail:
    """Whether a call took longer than the calls of its function before it."""

    def __init__(self, q: float, window: int, warmup: int) -> None:
        self._q, self._window, self._warmup = q, window, warmup
        self._durations: OrderedDict[str, MovingQuantile] = OrderedDict()

    def __call__(self, call: EndedCall) -> bool:
        duration = call.duration
        if duration is None or call.status not in {"success", "degraded"}:
            return False  # a refusal is fast, and an error has rules of its own
        seen = self._durations.get(call.name)
        if seen is None:
            seen = self._durations[call.name] = MovingQuantile(self._q, self._window)
            if len(self._durations) > _MOST_NAMES:
                self._durations.popitem(last=False)
        self._durations.move_to_end(call.name)
        slow = seen.count >= self._warmup and duration > seen.value()
        seen.add(duration)
        return slow


class NewWords:
    """Whether a tag or a measured word was never seen; the least recent ones are forgotten."""

    def __init__(self, kind: str, name: str, memory: int) -> None:
        self._kind, self._name, self._memory = kind, name, memory
        self._seen: OrderedDict[Any, None] = OrderedDict()

    def __call__(self, call: EndedCall) -> bool:
        held = call.tags if self._kind == "tag" else call.values
        word = held.get(self._name)
        if not isinstance(word, str | int | bool):
            return False
        new = word not in self._seen
        self._seen[word] = None
        self._seen.move_to_end(word)
        if len(self._seen) > self._memory:
            self._seen.popitem(last=False)
        return new


class NewInputs:
    """Whether inputs have little in common with those that are remembered."""

    def __init__(self, similarity: float, memory: int) -> None:
        self._similarity, self._memory = similarity, memory
        self._lsh: Any = needed("datasketch", "datasets", "novel()").MinHashLSH(
            num_perm=_PERMUTATIONS, params=_BANDS
        )
        self._sketches: OrderedDict[int, Any] = OrderedDict()
        self._next = 0

    def __call__(self, call: EndedCall) -> bool:
        from reliai.datasets.duplicates import minhash  # noqa: PLC0415  loads numpy

        held = call.held
        if held is None:
            return False
        sketch = minhash(held.text_of_inputs(), _PERMUTATIONS)
        for key in self._lsh.query(sketch):
            if self._sketches[key].jaccard(sketch) >= self._similarity:
                self._sketches.move_to_end(key)
                return False
        self._lsh.insert(self._next, sketch, check_duplication=False)
        self._sketches[self._next] = sketch
        self._next += 1
        if len(self._sketches) > self._memory:
            oldest, _ = self._sketches.popitem(last=False)
            self._lsh.remove(oldest)
        return True

"""How many calls are too young to be judged by what people say of them."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Final, NamedTuple

from reliai.state.base import Count

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from reliai.rollout._book import Phase
    from reliai.state.base import Counted

__all__ = ["Young", "is_mature", "mature_at"]

_PARTS: Final = 24
"""Parts of the time until a call is judged: its age is known to a part."""


def _width(mature: float) -> float:
    return mature / _PARTS


def is_mature(began: float, mature: float, now: float) -> bool:
    """Whether a call that began then is judged now."""
    if not mature:
        return True
    width = _width(mature)
    return began // width < now // width - _PARTS


def mature_at(began: float, mature: float) -> float:
    """When a call that began then is judged."""
    width = _width(mature)
    return (began // width + _PARTS + 1) * width


class _Place(NamedTuple):
    mature: float
    phase: int
    bucket: int


class Young:
    """Counts the calls of each arm by when they began, for as long as they are young.

    Args:
        matures: seconds after which calls are judged, each once.
    """

    def __init__(self, matures: Iterable[float]) -> None:
        self._matures = tuple(sorted({each for each in matures if each}))
        self._pending: dict[_Place, list[float]] = {}
        self._lock = Lock()

    @property
    def counts(self) -> bool:
        """Whether there is anything to count."""
        return bool(self._matures)

    def renew(self) -> None:
        """In a forked child: what was counted is its parent's to tell."""
        self._lock = Lock()
        self._pending = {}

    def note(self, phase: int, arm: int, began: float) -> None:
        """Count a call."""
        for mature in self._matures:
            place = _Place(mature, phase, int(began // _width(mature)))
            with self._lock:
                self._pending.setdefault(place, [0.0, 0.0])[arm] += 1

    def take(self) -> dict[_Place, list[float]]:
        """What was counted since the last time."""
        if not self._matures:
            return {}
        with self._lock:
            taken, self._pending = self._pending, {}
        return taken

    def put_back(self, taken: Mapping[_Place, list[float]]) -> None:
        """The others could not be told: tell them the next time."""
        with self._lock:
            for place, (base, ours) in taken.items():
                here = self._pending.setdefault(place, [0.0, 0.0])
                here[0] += base
                here[1] += ours

    def asked(
        self, key: str, phases: tuple[Phase, ...], taken: Mapping[_Place, list[float]], now: float
    ) -> list[Count]:
        """What to tell the state, and to ask it for: each phase that has young calls."""
        found = [
            Count(
                _key(key, *place[:2]), place.bucket, _width(place.mature), _PARTS + 1, tuple(sums)
            )
            for place, sums in taken.items()
        ]
        for mature in self._matures:
            bucket = int(now // _width(mature))
            ends = [each.since for each in phases[1:]]
            for phase, end in enumerate([*ends, now]):
                if not is_mature(end, mature, now):
                    found.append(
                        Count(_key(key, mature, phase), bucket, _width(mature), _PARTS + 1, ())
                    )
        return found

    def counted(
        self, key: str, phase: int, mature: float | None, counted: Mapping[str, Counted], now: float
    ) -> tuple[float, float]:
        """Calls of control and candidate in a phase that are still young."""
        if not mature:
            return 0.0, 0.0
        buckets = counted.get(_key(key, mature, phase), {})
        rows = [
            sums
            for bucket, sums in buckets.items()
            if sums and not is_mature(bucket * _width(mature), mature, now)
        ]
        return sum(row[0] for row in rows), sum(row[1] for row in rows)


def _key(key: str, mature: float, phase: int) -> str:
    return f"{key}:{phase}:young:{mature:g}"

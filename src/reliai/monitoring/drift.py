"""The slow detectors: windows of the traffic against a frozen reference.

The reference is what came in the first while (a day by default), in windows of their own. How far
these are from the whole of it shows how much healthy windows differ, by the hour of the day or
because records hang together; a later window has to be a quarter farther away than any of them,
besides being significant and large enough. Two windows in a row must be.
"""

from __future__ import annotations

import hashlib
import json
from math import sqrt
from typing import TYPE_CHECKING, Any, Final

from reliai.monitoring.findings import Finding
from reliai.monitoring.judges import ROWS, Measure, Measured, measure_for
from reliai.monitoring.levels import Level
from reliai.monitoring.windows import new_window

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from reliai.monitoring.fields import Tuning
    from reliai.monitoring.references import Reference
    from reliai.monitoring.signals import Signal

__all__ = ["Drift"]

WINDOW: Final = 500
"""Records in a window at least."""

BLOCK: Final = 100
"""Records in a block of the chart of the level at least."""

WINDOWS: Final = 96
"""Windows that a reference is made of at most: each lasts this part of it at least."""

FEWEST: Final = 20
"""Windows that a reference is made of at least."""

SLACK: Final = 1.25
"""How much farther a window must be than the farthest one in good health."""

FEW: Final = 5
"""Records of a minute whose mean counts."""

HISTORY: Final = 20
"""Minutes after which it can be told that one is far out."""

WEEK: Final = 604_800.0


class Drift:
    """Takes the values of a field in, learns the reference, judges windows and the level.

    Attributes:
        among: how many fields are watched beside each other: each gets that part of alpha.
        inflation: how much more the means of blocks scatter than those of independent records.
        ready: whether there is a reference.
        window: the one that records go into.
    """

    __slots__ = (
        "_alarms",
        "_alpha",
        "_block",
        "_blocks",
        "_ceiling",
        "_closed",
        "_hourly",
        "_kind",
        "_learn",
        "_learning",
        "_level",
        "_measures",
        "_rows",
        "_seen_as",
        "_since",
        "_spikes",
        "_until",
        "_version",
        "_window_began",
        "among",
        "inflation",
        "last",
        "ready",
        "window",
    )

    def __init__(
        self,
        signal: Signal,
        tuning: Tuning,
        reference: Reference | None,
        seen_as: Callable[[float], float] | None = None,
    ) -> None:
        self._kind = signal.kind
        self._alpha = tuning.alpha
        self._hourly = tuning.hours_of_week
        self._learn = max(tuning.learn, 2 * WEEK) if tuning.hours_of_week else tuning.learn
        self._seen_as = seen_as
        self.among = 1
        self.inflation = 1.0
        self.ready = False
        self.last: Measured | None = None
        self.window: Any = new_window(signal.kind)
        self._closed: Any = new_window(signal.kind)
        self._window_began: float | None = None
        self._learning: list[tuple[int, Any]] = []
        self._rows: list[Any] = []
        self._measures: dict[int, Measure] = {}
        self._ceiling = 0.0
        self._alarms = {"shape": 0, "new": 0}
        self._since = self._until = 0.0
        self._version = ""
        self._block = [0.0, 0.0, 0.0]
        self._blocks: list[tuple[int, float]] = []
        self._level: Any = None
        self._spikes = 0
        if reference is not None and reference.n >= FEWEST:
            self._given(reference)

    def total(self) -> Any:
        """The window since the start."""
        total = new_window(self._kind)
        total.merge(self._closed)
        total.merge(self.window)
        return total

    def begin(self, now: float) -> None:
        """A block of records begins."""
        if not self._block[0]:
            self._block[2] = now
        if self._window_began is None:
            self._start(now)

    def keep(self, vector: Any) -> None:
        """Keep a vector for the reference, as long as it is learnt."""
        if not self.ready and len(self._rows) < ROWS:
            self._rows.append(vector)

    def end(self, now: float, count: int, seen: float) -> list[Finding] | None:
        """A block of records has ended; what was found, if anything.

        Args:
            now: when; Unix seconds.
            count: records in it.
            seen: the sum of their numbers on the scale of the chart.
        """
        found = None
        if self._seen_as is not None:
            block = self._block
            block[0] += count
            block[1] += seen
            if now - block[2] >= self._least(2000):
                found = self._end_block(now)
        began = self._window_began
        if began is None or self.window.n < WINDOW:
            return found
        if now - began >= self._least(WINDOWS) or (self._hourly and now // 3600 != began // 3600):
            found = (found or []) + self._end_window(now)
        return found

    def absorb(self, window: Any, now: float) -> list[Finding] | None:
        """Add a window that another process counted."""
        self.begin(now)
        self.window.merge(window)
        return self._end_window(now) if self.window.n >= WINDOW else None

    def minute_ended(self, minutes: Sequence[list[float]]) -> list[Finding] | None:
        """A minute is over: whether it is far out of the hour before."""
        if self._kind not in {"number", "share"} or minutes[-1][1] < FEW:
            return None
        means = [row[3] / row[1] for row in minutes if row[1] >= FEW]
        n, value, history = minutes[-1][1], means[-1], means[:-1]
        if len(history) < HISTORY:
            return None
        from reliai.stats import robust_spike  # noqa: PLC0415  once a minute

        found = robust_spike(history, value, least=self._least_spread(history, n))
        sign = 0 if not found.is_spike else 1 if (found.score or 0.0) > 0 else -1
        was, self._spikes = self._spikes, sign if sign * self._spikes <= 0 else self._spikes + sign
        if abs(self._spikes) == 2 and abs(was) == 1:
            text = (
                f"two minutes {abs(found.score or 0.0):.1f} robust deviations from the hour before"
            )
            evidence = {"minute_score": found.score or 0.0, "minute_records": n}
            return [Finding("spike", firing=True, text=text, evidence=evidence)]
        if not sign and abs(was) >= 2:
            return [Finding("spike", firing=False)]
        return None

    def _least_spread(self, history: list[float], n: float) -> float:
        """Of means of so many records chance alone makes them spread so much."""
        middle = sum(history) / len(history)
        if self._kind == "share":
            # An hour without a failure may be one in which three are usual (the rule of three).
            share = min(max(middle, 3 / (len(history) * n)), 0.99)
            return sqrt(share * (1 - share) * self.inflation / n)
        return 0.02

    def described(self) -> dict[str, Any]:
        """How it stands, as plain data."""
        return {
            "state": "ok" if self.ready else "learning",
            "n": self.window.n,
            "reference": self._version,
            "reference_n": sum(m.reference.n for k, m in self._measures.items() if k == -1),
            "learnt_from": [self._since, self._until] if self.ready else None,
            "effect": None if self.last is None else self.last.effect,
            "limit": None if self.last is None else max(self.last.least, self._ceiling),
        }

    def _start(self, now: float) -> None:
        self._window_began = now
        if not self._learning and not self.ready:
            self._since = now

    def _least(self, parts: int) -> float:
        return self._learn / parts

    # The reference

    def _given(self, reference: Reference) -> None:
        """Cut what the user gave into windows, as if it had come in."""
        for place, value in enumerate(reference.values):
            self.window.add(value)
            if self._kind == "vector" and len(self._rows) < ROWS:
                self._rows.append(value)
            if self._seen_as is not None:
                self._block[0] += 1
                self._block[1] += self._seen_as(value)
                if self._block[0] >= BLOCK:
                    self._blocks.append((-1, self._block[1] / self._block[0]))
                    self._block = [0.0, 0.0, 0.0]
            if self.window.n >= WINDOW and len(reference.values) - place > WINDOW // 2:
                self._learning.append((-1, self.window))
                self.window = new_window(self._kind)
        self._learning.append((-1, self.window))
        self.window = new_window(self._kind)
        self._hourly, self._learn = False, 0.0
        self._freeze()

    def _freeze(self) -> None:
        whole = new_window(self._kind)
        for _, window in self._learning:
            whole.merge(window)
        parts = {-1: whole}
        if self._hourly:
            for hour, window in self._learning:
                parts.setdefault(hour, new_window(self._kind)).merge(window)
        self._measures = {
            hour: measure_for(part, self._rows)
            for hour, part in parts.items()
            if hour == -1 or part.n >= WINDOW
        }
        effects = [
            self._measure(hour).of(window, self._alpha, 1.0).effect
            for hour, window in self._learning
            if window.n >= WINDOW
        ]
        self._ceiling = SLACK * max(effects) if len(effects) > 3 else 0.0
        if self._blocks:
            self._level = Level(self._blocks, self._hourly)
        self._learning, self._blocks, self._rows = [], [], []
        written = json.dumps(whole.to_dict(), sort_keys=True)
        self._version = hashlib.sha256(written.encode()).hexdigest()[:12]
        self.ready = True

    def _measure(self, hour: int) -> Measure:
        return self._measures.get(hour) or self._measures[-1]

    # Windows

    def _hour(self, now: float) -> int:
        return int(now // 3600 % 168) if self._hourly else -1

    def _end_window(self, now: float) -> list[Finding]:
        window, self.window = self.window, new_window(self._kind)
        self._closed.merge(window)
        began = now if self._window_began is None else self._window_began
        self._window_began = now
        hour = self._hour(began)
        if not self.ready:
            self._learning.append((hour, window))
            self._thin()
            if now - self._since >= self._learn and len(self._learning) >= FEWEST:
                self._until = now
                self._freeze()
            return []
        alpha = max(self._alpha / self.among, 1e-7)
        self.last = found = self._measure(hour).of(window, alpha, self.inflation)
        out = found.significant and found.effect > max(found.least, self._ceiling)
        told = self._note("shape", found.text, found.evidence, out=out, wanted=2)
        return told + self._new_words(window)

    def _thin(self) -> None:
        """So that a long while of learning takes no more memory than a short one."""
        most = WINDOWS * 7 if self._hourly else 4 * WINDOWS
        if len(self._learning) > most:
            del self._learning[::2]

    def _new_words(self, window: Any) -> list[Finding]:
        if self._kind != "category":
            return []
        known = self._measures[-1].reference
        new = {
            name: count
            for name, count in window.counts.items()
            if count >= max(5, 0.01 * window.n) and name not in known.counts and known.n >= 1000
        }
        name = max(new, key=new.__getitem__) if new else ""
        text = f"{name!r} is new: {new.get(name, 0)} of {window.n} records"
        evidence: dict[str, float | str] = {"new": name, "new_records": new.get(name, 0)}
        return self._note("new", text, evidence, out=bool(new), wanted=1)

    def _note(
        self, name: str, text: str, evidence: Any, *, out: bool, wanted: int
    ) -> list[Finding]:
        """Count windows in a row: above 0 those that are out, below 0 the quiet ones after."""
        count = self._alarms[name]
        if out:
            self._alarms[name] = count = max(count, 0) + 1
            if count >= wanted:
                return [Finding(name, firing=True, text=text, evidence=evidence)]
            return []
        firing = count >= wanted or count < 0
        self._alarms[name] = count = (min(count, 0) - 1) if firing else 0
        if count <= -2:
            self._alarms[name] = 0
            return [Finding(name, firing=False)]
        return []

    # The level

    def _end_block(self, now: float) -> list[Finding] | None:
        count, total, began = self._block
        self._block = [0.0, 0.0, now]
        if self._hourly and now // 3600 != began // 3600:
            return None  # partly of an hour, partly of the next
        hour = self._hour(began)
        if not self.ready:
            self._blocks.append((hour, total / count))
            if len(self._blocks) > 8000:
                del self._blocks[::2]
            return None
        return None if self._level is None else self._level.take(hour, total / count)

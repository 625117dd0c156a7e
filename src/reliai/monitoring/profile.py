"""What values and texts look like: types, missing ones, ranges, how many differ, lengths.

A profile holds counts and sketches, never a value but the ends of numbers. Two of them can be
added, and one compared with another says what became of the data.
"""

from __future__ import annotations

import hashlib
import math
import threading
from bisect import insort
from collections.abc import Sized
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from reliai._core.content import content_of
from reliai._core.forking import renew_after_fork
from reliai.errors import ConfigurationError
from reliai.monitoring._checking import flag
from reliai.monitoring.windows import CategoryWindow, NumberWindow

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from reliai._core.record import CallRecord

__all__ = ["FieldProfile", "Profile"]

MOST_FIELDS: Final = 200
"""Fields of a function that are looked at."""

SKETCH: Final = 256
"""Hashes that are kept of each field: the number of different values is right to about 6 %."""

_FULL: Final = float(1 << 64)

_MOST: Final = 1e150
"""Of numbers: the squares of larger ones, and whole ones that are no floats, cannot be summed."""


class FieldProfile:
    """One value, argument or answer, over all calls.

    Attributes:
        n: calls that were looked at since it was first seen.
        missing: of them, those in which it was None, NaN or not there.
        types: how often each type came.
        numbers: of numbers; of arrays that were measured, their means.
        lengths: of texts, lists and dictionaries.
    """

    __slots__ = ("_hashes", "lengths", "missing", "n", "numbers", "types")

    def __init__(self) -> None:
        self.n = self.missing = 0
        self.types = CategoryWindow()
        self.numbers = NumberWindow()
        self.lengths = NumberWindow()
        self._hashes: list[int] = []

    def add(self, value: Any) -> None:
        """Look at a value."""
        self.n += 1
        if value is None or (isinstance(value, float) and math.isnan(value)):
            self.missing += 1
            return
        self.types.add(type(value).__name__)
        if isinstance(value, (bool, int, float)):
            if -_MOST < value < _MOST:
                self.numbers.add(float(value))
        elif isinstance(value, dict) and "count" in value and "missing" in value:
            mean = value.get("mean")  # the sketch of an array
            if mean is not None:
                self.numbers.add(float(mean))
        elif isinstance(value, Sized):
            with suppress(Exception):  # an array of numpy's without dimensions has none
                self.lengths.add(float(len(value)))
        with suppress(Exception):  # an object may not say what it is
            self._remember(value)

    def _remember(self, value: Any) -> None:
        """The smallest hashes tell how many values differ (Bar-Yossef et al. 2002, RANDOM)."""
        text = value if isinstance(value, str) else repr(value)
        digest = hashlib.blake2b(text[:10_000].encode("utf-8", "replace"), digest_size=8).digest()
        self._keep(int.from_bytes(digest, "big"))

    def _keep(self, number: int) -> None:
        hashes = self._hashes
        if len(hashes) >= SKETCH and number >= hashes[-1]:
            return
        if number in hashes:
            return
        insort(hashes, number)
        if len(hashes) > SKETCH:
            hashes.pop()

    @property
    def distinct(self) -> int:
        """How many values differ; exact below 256, then right to about 6 %."""
        hashes = self._hashes
        if len(hashes) < SKETCH:
            return len(hashes)
        return round((SKETCH - 1) / (hashes[-1] / _FULL))

    @property
    def constant(self) -> bool:
        """Whether it was the same in 20 calls or more."""
        return len(self._hashes) == 1 and self.n - self.missing >= 20

    def merge(self, other: FieldProfile) -> None:
        """Add another profile of the same field."""
        self.n += other.n
        self.missing += other.missing
        self.types.merge(other.types)
        self.numbers.merge(other.numbers)
        self.lengths.merge(other.lengths)
        for number in other._hashes:
            self._keep(number)

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "n": self.n,
            "missing": self.missing,
            "types": dict(self.types.counts),
            "distinct": self.distinct,
            "constant": self.constant,
            "numbers": _ends(self.numbers),
            "lengths": _ends(self.lengths),
            "sketch": list(self._hashes),
            "windows": [self.types.to_dict(), self.numbers.to_dict(), self.lengths.to_dict()],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> FieldProfile:
        """The profile that `to_dict` described."""
        from reliai.monitoring.windows import window_from  # noqa: PLC0415  rarely

        made = cls()
        made.n, made.missing = int(data["n"]), int(data["missing"])
        made.types, made.numbers, made.lengths = map(window_from, data["windows"])
        made._hashes = [int(each) for each in data["sketch"]]
        return made


class Profile:
    """Looks at what goes in and comes out of calls: an observer.

    Of each function it knows the values that were measured (`value:NAME`), and with `content=True`
    the arguments (`input:NAME`) and the answer (`output`; of a dictionary each of its keys,
    `output.KEY`). It keeps counts, ranges, and up to 256 hashes of each field's values, to count
    those that differ; whoever has a snapshot could try out whether a value that is
    easily guessed was among them.

    Args:
        content: whether arguments and answers are looked at, too.
        inline: whether records are looked at in the call path.

    Raises:
        ConfigurationError: for something that is neither True nor False.
    """

    def __init__(self, *, content: bool = False, inline: bool = False) -> None:
        self.reads_content = flag("content", content, "Profile")
        self.inline = flag("inline", inline, "Profile")
        self._renew()
        renew_after_fork(self)

    def _renew(self) -> None:
        """Begin anew; in a forked child: what was seen is the parent's to tell and merge."""
        self._fields: dict[str, dict[str, FieldProfile]] = {}
        self._lock = threading.RLock()

    def on_end(self, record: CallRecord) -> None:
        """Look at an ended call."""
        if record.duration is None or "shadow" in record.tags:
            return
        found = {f"value:{name}": value for name, value in record.values.items()}
        if self.reads_content:
            found.update(_content(record))
        with self._lock:
            fields = self._fields.setdefault(record.name, {})
            for name in (*fields, *(name for name in found if name not in fields)):
                if name not in fields and len(fields) >= MOST_FIELDS:
                    continue
                fields.setdefault(name, FieldProfile()).add(found.get(name))

    def of(self, name: str) -> Mapping[str, FieldProfile]:
        """The fields of a function; none when it was not seen."""
        with self._lock:
            return dict(self._fields.get(name, {}))

    def snapshot(self) -> dict[str, Any]:
        """All of it as plain data, for `merge` or to be kept as a reference."""
        with self._lock:
            return {
                name: {field: each.to_dict() for field, each in fields.items()}
                for name, fields in self._fields.items()
            }

    def merge(self, other: Profile | Mapping[str, Any]) -> None:
        """Add another profile, or its snapshot.

        Raises:
            ConfigurationError: when it is this one.
        """
        if other is self:
            raise ConfigurationError("Profile.merge: this is the same profile")
        data = other.snapshot() if isinstance(other, Profile) else other
        with self._lock:
            for name, fields in data.items():
                mine = self._fields.setdefault(name, {})
                for field, each in fields.items():
                    mine.setdefault(field, FieldProfile()).merge(FieldProfile.from_dict(each))

    def problems(self, reference: Profile | Mapping[str, Any] | None = None) -> list[str]:
        """What is odd, in words: constant fields, several types; against a reference, what changed.

        Args:
            reference: a profile in good health, or its snapshot: fields that came or went, missing
                more often, of another type, out of the range or the lengths that were seen.
        """
        data = reference.snapshot() if isinstance(reference, Profile) else reference
        found: list[str] = []
        with self._lock:
            for name, fields in self._fields.items():
                before = {
                    field: FieldProfile.from_dict(each)
                    for field, each in (data or {}).get(name, {}).items()
                }
                for field, each in fields.items():
                    known = before.get(field)
                    reasons = _alone(each) if known is None else _beside(each, known)
                    if data is not None and known is None:
                        reasons = ["was not there before", *reasons]
                    found += [f"{name}: {field} {reason}" for reason in reasons]
                gone = (field for field in before if field not in fields)
                found += [f"{name}: {field} is not there any more" for field in gone]
        return found

    def __repr__(self) -> str:
        return f"<reliai.monitoring.Profile of {len(self._fields)} functions>"


def _content(record: Any) -> dict[str, Any]:
    content = content_of(record)
    if content is None:
        return {}
    found = {f"input:{name}": value for name, value in content.inputs.items()}
    answer = content.answer
    if isinstance(answer, dict):
        found.update({f"output.{name}": value for name, value in answer.items()})
    else:
        found["output"] = answer
    return found


def _ends(window: NumberWindow) -> dict[str, float] | None:
    ends = window.ends
    if ends is None:
        return None
    return {"low": ends[0], "high": ends[1], "mean": window.mean, "median": window.quantile(0.5)}


def _alone(field: FieldProfile) -> Iterable[str]:
    if field.constant:
        yield "never changes"
    if len(field.types.counts) > 1 and set(field.types.counts) != {"int", "float"}:
        yield f"is of several types: {', '.join(sorted(field.types.counts))}"


def _beside(field: FieldProfile, before: FieldProfile) -> list[str]:
    found = []
    share, was = field.missing / field.n, before.missing / before.n
    from reliai.stats import two_proportion  # noqa: PLC0415  when somebody asks

    chance = two_proportion(before.missing, before.n, field.missing, field.n)
    if share > was and chance.p_value < 0.001:
        found.append(f"is missing in {share:.1%} of calls, before in {was:.1%}")
    new = sorted(set(field.types.counts) - set(before.types.counts))
    if new:
        found.append(f"is now of type {', '.join(new)}, before {', '.join(before.types.counts)}")
    if field.constant and not before.constant:
        found.append("never changes any more")
    for what, now, then in (
        ("", field.numbers, before.numbers),
        ("its length ", field.lengths, before.lengths),
    ):
        ends, known = now.ends, then.ends
        if ends is None or known is None:
            continue
        margin = 0.1 * (known[1] - known[0])
        if ends[0] < known[0] - margin or ends[1] > known[1] + margin:
            found.append(
                f"{what}goes from {ends[0]:g} to {ends[1]:g}, before {known[0]:g} to {known[1]:g}"
            )
    return found

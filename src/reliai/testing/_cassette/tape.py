"""What was recorded, by call: equal calls are given out in the order in which they were made."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict, deque
from typing import TYPE_CHECKING, Any, NamedTuple

from reliai.testing._cassette.file import canonical
from reliai.testing._cassette.trouble import CassetteMismatch

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Identity", "Tape"]

_MOST_SHOWN = 60
_MOST_NAMES = 8


class Identity(NamedTuple):
    """What a call is known by.

    Attributes:
        call: the guarded function's name.
        target: a stand-in's name, None for the function itself.
        arguments: as they are stored, with nothing secret in them.
        digest: of the arguments before redaction, where there is a key for it.
    """

    call: str
    target: str | None
    arguments: dict[str, Any]
    digest: str | None

    @property
    def place(self) -> tuple[str, str | None]:
        """Which function of which call it is."""
        return self.call, self.target

    @property
    def key(self) -> str:
        """Equal for calls that are the same."""
        return canonical([self.call, self.target, self.arguments])

    def entry(self) -> dict[str, Any]:
        """The beginning of its entry in the file."""
        entry: dict[str, Any] = {"call": self.call}
        if self.target is not None:
            entry["target"] = self.target
        entry["arguments"] = self.arguments
        if self.digest is not None:
            entry["digest"] = self.digest
        return entry


class Tape:
    """The entries of a file, each given out once."""

    def __init__(self, entries: list[dict[str, Any]]) -> None:
        self._lock = threading.Lock()
        self._left: defaultdict[str, deque[dict[str, Any]]] = defaultdict(deque)
        self._known = [_identity(entry) for entry in entries]
        self._counts = Counter(each.key for each in self._known)
        for identity, entry in zip(self._known, entries, strict=True):
            self._left[identity.key].append(entry)

    def take(self, identity: Identity) -> dict[str, Any] | None:
        """The next entry of a call; None when there is none left."""
        with self._lock:
            left = self._left.get(identity.key, ())
            for entry in left:
                digests = (entry.get("digest"), identity.digest)
                if None in digests or digests[0] == digests[1]:
                    self._left[identity.key].remove(entry)
                    return entry
        return None

    def unused(self) -> list[dict[str, Any]]:
        """The entries that nobody took."""
        with self._lock:
            return [entry for left in self._left.values() for entry in left]

    def mismatch(self, identity: Identity, path: Path) -> CassetteMismatch:
        """The error for a call that has no entry."""
        count = self._counts.get(identity.key, 0)
        name = _name(identity)
        if count and identity.digest is None:
            what = f"{path} holds {count} of these calls of {name}, and all were replayed"
        elif count:
            what = f"{path} holds calls of {name} that differ only in what was redacted"
        else:
            what = f"{path} holds no such call of {name}; {self._nearest(identity)}"
        return CassetteMismatch(
            f'{what}. Record it with mode="new" (pytest: --reliai-cassettes=new), or all anew with '
            '"record"'
        )

    def _nearest(self, identity: Identity) -> str:
        same = [each for each in self._known if each.place == identity.place]
        if not same:
            names = sorted({_name(each) for each in self._known})
            more = ", …" if len(names) > _MOST_NAMES else ""
            return f"it holds calls of: {', '.join(names[:_MOST_NAMES]) or 'nothing'}{more}"
        now = identity.arguments
        nearest = min(same, key=lambda each: _distance(each.arguments, now))
        differences = [
            _difference(name, nearest.arguments, now)
            for name in dict.fromkeys([*nearest.arguments, *now])
            if canonical(nearest.arguments.get(name)) != canonical(now.get(name))
        ]
        return f"the nearest one differs in {'; '.join(differences)}"


def _identity(entry: dict[str, Any]) -> Identity:
    return Identity(entry["call"], entry.get("target"), entry["arguments"], entry.get("digest"))


def _name(identity: Identity) -> str:
    return f"{identity.call} (target {identity.target})" if identity.target else identity.call


def _distance(one: dict[str, Any], other: dict[str, Any]) -> tuple[int, int]:
    """How many arguments differ, and how much of these is different."""
    texts = [(canonical(one.get(name)), canonical(other.get(name))) for name in {*one, *other}]
    unlike = [(first, second) for first, second in texts if first != second]
    return len(unlike), -sum(_common(first, second) for first, second in unlike)


def _common(one: str, other: str) -> int:
    for place, (first, second) in enumerate(zip(one, other, strict=False)):
        if first != second:
            return place
    return min(len(one), len(other))


def _difference(name: str, recorded: dict[str, Any], now: dict[str, Any]) -> str:
    if name not in recorded:
        return f"{name}: not recorded, now {_shown(canonical(now[name]), 0)}"
    if name not in now:
        return f"{name}: recorded {_shown(canonical(recorded[name]), 0)}, not there now"
    one, other = canonical(recorded[name]), canonical(now[name])
    start = max(0, _common(one, other) - _MOST_SHOWN // 3)
    return f"{name}: recorded {_shown(one, start)}, now {_shown(other, start)}"


def _shown(text: str, start: int) -> str:
    if len(text) <= _MOST_SHOWN:
        return text
    cut = text[start : start + _MOST_SHOWN]
    return f"{'…' if start else ''}{cut}{'…' if start + _MOST_SHOWN < len(text) else ''}"

"""What is different between two versions: cases that came, went and changed, and where. Floor 5."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from reliai.datasets._live import lookup
from reliai.datasets.case import MISSING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from reliai.datasets._live import Found
    from reliai.datasets._parts import Part, Parts
    from reliai.datasets.case import Case

__all__ = ["Change", "Diff", "differences", "different_fields"]

_MOST_SHOWN: Final = 50
"""Cases that `str()` names; the rest is counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A case that is not as it was.

    Attributes:
        key: what it is known by now.
        before: the case of the first version.
        after: that of the second.
        fields: what it was and is, by path, such as `inputs.messages[1].content`; `MISSING` where
            there was or is nothing.
    """

    key: str
    before: Case
    after: Case
    fields: Mapping[str, tuple[Any, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Diff:
    """What is different between two versions, by key.

    Attributes:
        before: the name of the first version, or None.
        after: that of the second.
        added: cases that only the second has.
        removed: cases that only the first has.
        changed: cases that both have, but not alike.
    """

    before: str | None
    after: str
    added: tuple[Case, ...]
    removed: tuple[Case, ...]
    changed: tuple[Change, ...]

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)

    def to_dict(self) -> dict[str, Any]:
        """JSON data: keys, and the paths of what changed; without content."""
        return {
            "before": self.before,
            "after": self.after,
            "added": [case.key for case in self.added],
            "removed": [case.key for case in self.removed],
            "changed": [{"key": each.key, "fields": list(each.fields)} for each in self.changed],
        }

    def __str__(self) -> str:
        begin = f"{self.before or 'nothing'} → {self.after}: {len(self.added)} added, "
        begin += f"{len(self.changed)} changed, {len(self.removed)} removed"
        lines = [f"+ {case.key}" for case in self.added]
        lines += [f"~ {each.key}  {', '.join(each.fields)}" for each in self.changed]
        lines += [f"- {case.key}" for case in self.removed]
        more = len(lines) - _MOST_SHOWN
        rest = [f"… and {more} more"] if more > 0 else []
        return "\n".join([begin, *lines[:_MOST_SHOWN], *rest])


def differences(
    parts: Parts, before: Sequence[Part], after: Sequence[Part]
) -> tuple[list[Case], list[Case], list[tuple[Case, Case]]]:
    """Cases added, removed, and changed with both their forms.

    Only rows of parts that one version has and the other has not are looked at.
    """
    keys = set(_keys(parts, set(before) ^ set(after)))
    old, new = lookup(parts, before, keys), lookup(parts, after, keys)
    added: list[Case] = []
    removed: list[Case] = []
    changed: list[tuple[Case, Case]] = []
    for key in sorted(keys):
        was, now = old.get(key), new.get(key)
        if was is None:
            added += [] if now is None else [parts.case(*now)]
        elif now is None:
            removed.append(parts.case(*was))
        elif _leaf(parts, was) != _leaf(parts, now):
            changed.append((parts.case(*was), parts.case(*now)))
    return _paired(added, removed, changed)


def _leaf(parts: Parts, found: Found) -> bytes:
    return parts.index(found.part).leaf(found.row)


def _keys(parts: Parts, only: set[Part]) -> Iterator[bytes]:
    for part in only:
        index = parts.index(part)
        yield from map(index.key, range(part.rows))


def _paired(
    added: list[Case], removed: list[Case], changed: list[tuple[Case, Case]]
) -> tuple[list[Case], list[Case], list[tuple[Case, Case]]]:
    """See a case that was edited, or got a name, as changed and not as gone and new."""
    gone = {case.key: case for case in removed}
    new: list[Case] = []
    for case in added:
        names = [case.digest]
        names += [each.id for each in case.sources if each.kind == "case" and each.id]
        was = next((gone.pop(name) for name in reversed(names) if name in gone), None)
        if was is None:
            new.append(case)
        else:
            changed.append((was, case))
    return new, list(gone.values()), changed


def different_fields(before: Case, after: Case) -> dict[str, tuple[Any, Any]]:
    """What is different between two cases, by path."""
    return dict(_different(before.to_dict(), after.to_dict(), ""))


def _different(was: Any, now: Any, path: str) -> Iterator[tuple[str, tuple[Any, Any]]]:
    if isinstance(was, Mapping) and isinstance(now, Mapping):
        for name in sorted({*was, *now}):
            inside = f"{path}.{name}" if path else str(name)
            yield from _different(was.get(name, MISSING), now.get(name, MISSING), inside)
    elif isinstance(was, list | tuple) and isinstance(now, list | tuple):
        for at in range(max(len(was), len(now))):
            left = was[at] if at < len(was) else MISSING
            right = now[at] if at < len(now) else MISSING
            yield from _different(left, right, f"{path}[{at}]")
    elif _unlike(was, now):
        yield path, (was, now)


def _unlike(was: Any, now: Any) -> bool:
    """Whether two values are different; true is not 1, though they are equal."""
    return bool(was != now) or isinstance(was, bool) != isinstance(now, bool)

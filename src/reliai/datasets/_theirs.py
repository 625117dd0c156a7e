"""The rows of somebody in the files of a dataset, and what was made of their cases. Floor 5."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from reliai.datasets._rows import case_of, key_hash

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from reliai.datasets._parts import Part, Parts
    from reliai.datasets._whose import Whose
    from reliai.datasets.case import Case

__all__ = ["TheirRow", "Theirs"]


class TheirRow(NamedTuple):
    """A row that is not to be read any more.

    Attributes:
        case: in it.
        left: the case without what is of them; None when nothing is left.
    """

    case: Case
    left: Case | None


class Theirs:
    """The rows that are somebody's, in all parts that were looked at.

    Args:
        parts: of the dataset.
        whose: cases.

    Attributes:
        gone: keys and digests of cases that are theirs alone, in whatever version: what was made
            of these is theirs as well.
    """

    def __init__(self, parts: Parts, whose: Whose) -> None:
        self._parts = parts
        self._whose = whose
        self._rows: dict[Part, dict[int, TheirRow]] = {}
        self._derived: dict[tuple[Part, int], Case] = {}
        self.gone: set[str] = set()

    def of(self, part: Part) -> Mapping[int, TheirRow]:
        """Theirs in a part, by row; nothing where it was not looked at."""
        return self._rows.get(part, {})

    def __contains__(self, part: Part) -> bool:
        return part in self._rows

    def __bool__(self) -> bool:
        return any(self._rows.values())

    def look(self, parts: Iterable[Part]) -> None:
        """Look at parts; at those that were looked at already not again."""
        new = [part for part in dict.fromkeys(parts) if part not in self._rows]
        for part in new:
            self._rows[part] = {}
            self._read(part)
        if new:
            self._follow()

    def _read(self, part: Part) -> None:
        data, index = self._parts.data(part), self._parts.index(part)
        for at in range(part.rows):
            start, end = index.span(at)
            line = self._parts.checked(part, at, data[start:end])
            if index.gone(at):
                continue
            case = case_of(line, index.digest(at))
            self._judge(part, at, case)
            if any(source.kind == "case" for source in case.sources):
                self._derived[part, at] = case

    def _judge(self, part: Part, at: int, case: Case) -> None:
        left = self._whose.left_of(case, self.gone)
        if left is not case:
            self._rows[part][at] = TheirRow(case, left)

    def _follow(self) -> None:
        """Find what was made of cases that are theirs alone, and of that in turn."""
        known = -1
        while known < len(self.gone):
            known = len(self.gone)
            alone = {
                key
                for rows in self._rows.values()
                for row in rows.values()
                if row.left is None
                for key in (row.case.key, row.case.digest)
            }
            self.gone |= {key for key in alone - self.gone if not self._is_of_others(key)}
            for (part, at), case in self._derived.items():
                self._judge(part, at, case)

    def _is_of_others(self, key: str) -> bool:
        """Whether, in some version, a case of that key or content is not theirs alone."""
        hashed = key_hash(key)
        digest = bytes.fromhex(key.removeprefix("sha256:")) if key.startswith("sha256:") else None
        for part, rows in self._rows.items():
            index = self._parts.index(part)
            named = () if digest is None else index.find_named(digest)
            for at in (index.find(hashed), *named):
                if at is None or index.gone(at):
                    continue
                row = rows.get(at)
                if row is None or row.left is not None:
                    return True
        return False

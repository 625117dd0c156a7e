"""Which cases are of somebody: by the calls they are from, their group, or their name. Floor 5."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from reliai.datasets._capture_candidates import CORRECTION
from reliai.datasets.weights import inclusion_of

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from reliai.datasets.case import Case, Source

__all__ = ["Whose"]

_FROM_CALLS: Final = frozenset({"call", "feedback"})


@dataclass(frozen=True, slots=True)
class Whose:
    """What somebody is known by.

    Attributes:
        calls: ids of calls that were made for them.
        said: ids of calls of which they said something.
        groups: groups of cases that are theirs alone, such as their sessions.
        keys: ids or digests of cases.
    """

    calls: AbstractSet[str]
    said: AbstractSet[str]
    groups: AbstractSet[str]
    keys: AbstractSet[str]

    def left_of(self, case: Case, gone: AbstractSet[str]) -> Case | None:
        """The case without what is of them: itself, a case with less, or None for nothing.

        A case that others asked for too stays, without the sources and the metadata, since of the
        latter nobody knows whose they are.

        Args:
            case: of the dataset.
            gone: keys of cases that were theirs: what was made of these is theirs as well.
        """
        theirs = [source for source in case.sources if self._is_theirs(source, gone)]
        grouped = case.group is not None and case.group in self.groups
        if self._is_all_theirs(case):
            return None
        if not theirs and not grouped:
            return case
        sources = tuple(source for source in case.sources if source not in theirs)
        asked = any(source.kind in {"call", "file"} for source in sources)
        if not asked or not theirs:  # of a group alone, nobody knows which calls are of others
            return None
        chance = inclusion_of(sources)
        return replace(
            case,
            sources=sources,
            group=None if grouped else case.group,
            metadata={},
            inclusion_probability=case.inclusion_probability if chance is None else chance,
        )

    def _is_theirs(self, source: Source, gone: AbstractSet[str]) -> bool:
        if source.kind == "case":
            return source.id in gone
        if source.kind not in _FROM_CALLS or source.id is None:
            return False
        return source.id in self.calls or (source.kind == "feedback" and source.id in self.said)

    def _is_all_theirs(self, case: Case) -> bool:
        if case.digest in self.keys or case.id in self.keys:
            return True
        return any(map(self._is_correction, case.sources))

    def _is_correction(self, source: Source) -> bool:
        """Whether what is expected are their words."""
        named: Any = source.detail.get("name")
        return source.kind == "feedback" and source.id in self.said and named == CORRECTION

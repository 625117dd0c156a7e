"""What is left of a version of which rows were forgotten. Floor 5."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reliai.datasets._live import lookup
from reliai.datasets._set_hash import SetHash

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reliai.datasets._index import Index
    from reliai.datasets._manifest import Manifest
    from reliai.datasets._parts import Part, Parts

__all__ = ["Leftovers"]


class Leftovers:
    """Tells of versions what is left of them; each part is looked at once.

    Args:
        parts: of the dataset.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._keys: dict[Part, frozenset[bytes]] = {}

    def of(self, manifest: Manifest, within: Sequence[Part]) -> tuple[int, str]:
        """How many cases of a version were forgotten, and one hash of those that were not.

        Args:
            manifest: the version.
            within: its parts, or those that stand for them.
        """
        keys = frozenset[bytes]().union(*(self._forgotten_in(part) for part in within))
        sums, gone = SetHash(manifest.sums), 0
        for found in lookup(self._parts, within, keys, forgotten=True).values():
            index = self._parts.index(found.part)
            if _is_forgotten(index, found.row):
                sums.remove(index.leaf(found.row))
                gone += 1
        return gone, sums.root() if gone else manifest.root

    def _forgotten_in(self, part: Part) -> frozenset[bytes]:
        """The hashes of keys whose rows in a part were forgotten."""
        if not part.removed:
            return frozenset()
        if part not in self._keys:
            index = self._parts.index(part)
            rows = (row for row in range(part.rows) if _is_forgotten(index, row))
            self._keys[part] = frozenset(map(index.key, rows))
        return self._keys[part]


def _is_forgotten(index: Index, row: int) -> bool:
    return index.gone(row) and not index.removes(row)

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

__all__ = ["left_of"]


def left_of(parts: Parts, manifest: Manifest, within: Sequence[Part]) -> tuple[int, str]:
    """How many cases of a version were forgotten, and one hash of those that were not.

    Args:
        parts: of the dataset.
        manifest: the version.
        within: its parts, or those that stand for them.
    """
    keys: set[bytes] = set()
    for part in within:
        if part.removed:
            index = parts.index(part)
            keys.update(index.key(row) for row in range(part.rows) if _forgotten(index, row))
    sums, gone = SetHash(manifest.sums), 0
    for found in lookup(parts, within, keys, forgotten=True).values():
        index = parts.index(found.part)
        if _forgotten(index, found.row):
            sums.remove(index.leaf(found.row))
            gone += 1
    return gone, sums.root()


def _forgotten(index: Index, row: int) -> bool:
    return index.gone(row) and not index.removes(row)

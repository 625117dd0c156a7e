"""What another branch of the project committed to a dataset, on top of what this one did. Floor 5.

Two branches that commit both make, say, version 5. git keeps the parts of both, for their names are
hashes, and stops at the version's file: one of the two is kept, and the changes of the other are
made again as the next version.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from reliai.datasets._live import lookup
from reliai.datasets._manifest import newest_manifest, parsed, read_manifest
from reliai.datasets._staging import Added, Removed
from reliai.datasets.failures import DatasetError

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    from reliai.datasets._manifest import Manifest
    from reliai.datasets._parts import Part, Parts
    from reliai.datasets._staging import Operation
    from reliai.datasets.version import Version

__all__ = ["changes_of"]


def changes_of(
    parts: Parts, theirs: str | os.PathLike[str], base: Version | None
) -> list[Operation]:
    """What a version of another branch changed.

    Args:
        parts: of the dataset, with the parts of both branches.
        theirs: the file of the version.
        base: what it was made from; None: it is looked for among the versions that are here.

    Raises:
        DatasetError: when the file is none, or its base is not here.
    """
    path = Path(theirs)
    try:
        made = parsed(path.read_bytes(), str(path))
    except OSError as error:
        raise DatasetError(f"cannot be read: {error.strerror}", path=str(path)) from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        if isinstance(error, DatasetError):
            raise
        raise DatasetError("is no version of a dataset", path=str(path)) from error
    before = _base(parts, made, str(path)) if base is None else base.manifest
    return list(_changes(parts, () if before is None else before.parts, made.parts))


def _base(parts: Parts, made: Manifest, path: str) -> Manifest | None:
    if made.parent is None:
        return None
    newest = newest_manifest(parts.storage)
    parent = read_manifest(parts.storage, made.parent) if newest is not None else None
    if parent is None or parent.seal != made.parent_seal:
        raise DatasetError(
            f"was made from a v{made.parent} that is not here: give base=, the last version that "
            f"both branches have",
            path=path,
        )
    return parent


def _changes(
    parts: Parts, before: tuple[Part, ...], after: tuple[Part, ...]
) -> Iterator[Operation]:
    keys: set[bytes] = set()
    for part in set(before) ^ set(after):
        keys.update(map(parts.index(part).key, range(part.rows)))
    was, now = lookup(parts, before, keys), lookup(parts, after, keys)
    for key in sorted(keys):
        old, new = was.get(key), now.get(key)
        if new is None:
            if old is not None:
                yield Removed(parts.case(*old).key)
        elif old is None or parts.index(old.part).leaf(old.row) != parts.index(new.part).leaf(
            new.row
        ):
            row = parts.row(new.part, new.row, parts.line(new.part, new.row))
            yield Added(row, whole=old is not None)

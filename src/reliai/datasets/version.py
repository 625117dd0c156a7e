"""Versions of a dataset, and views of them: cases in a stable order, with one hash of all. Floor 5.

The order is that of the hashes of the keys. It does not depend on how the version came about, new
cases do not change the order of old ones, and any beginning of it is like a random sample.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from reliai.datasets._live import lookup, lookup_named
from reliai.datasets._reading import Stored, rows_with_data
from reliai.datasets._rows import case_of, key_hash
from reliai.datasets.failures import CaseNotFound
from reliai.datasets.views import Divisible

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reliai.datasets._manifest import Manifest
    from reliai.datasets._parts import Parts
    from reliai.datasets._storage import Storage
    from reliai.datasets.case import Case
    from reliai.datasets.views import Placed

__all__ = ["Cases", "Version"]


@runtime_checkable
class Cases(Protocol):
    """What an experiment runs on: a version, a view of one, or a list of cases by `listed`."""

    @property
    def root(self) -> str:
        """One hash of all the cases, whatever their order."""
        ...

    @property
    def reference(self) -> str | None:
        """The text by which `resolve` finds it again, or None."""
        ...

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[Case]: ...


class Version(Divisible):
    """One version of a dataset; never changes, but that cases of it can be forgotten.

    Cases are read when they are asked for.

    Attributes:
        number: 1 for the first.
        message: what was said when it was committed.
        at: when, in Unix seconds.
        root: `sha256:` and one hash of all cases with everything that belongs to them.
        added: cases with keys that the parent did not have.
        changed: cases that are not as in the parent.
        removed: keys of the parent that are gone.
        manifest: what its file says.
    """

    def __init__(self, parts: Parts, manifest: Manifest) -> None:
        self._parts = parts
        self.manifest = manifest
        self.number = manifest.version
        self.message = manifest.message
        self.at = manifest.at
        self.root = manifest.root_left
        self.added = manifest.added
        self.changed = manifest.changed
        self.removed = manifest.removed

    @property
    def name(self) -> str:
        """For example `v3`."""
        return f"v{self.number}"

    @property
    def dataset(self) -> str:
        """The name of its dataset."""
        return name_of(self._parts.storage)

    @property
    def parent(self) -> str | None:
        """The name of the version that it was made from; None for the first."""
        return None if self.manifest.parent is None else f"v{self.manifest.parent}"

    @property
    def reference(self) -> str:
        """The text by which `resolve` finds it again, for example `support-refunds@v3`."""
        return f"{self._parts.storage.url}@{self.name}"

    def __len__(self) -> int:
        return self.manifest.cases_left

    def __iter__(self) -> Iterator[Case]:
        parts = self._parts
        for part, row, index, data in rows_with_data(parts, self.manifest.parts):
            yield case_of(parts.checked(part, row, data.line(row)), index.digest(row))

    def placed(self) -> Iterator[Placed]:
        """Each case with its hashes, before it is read."""
        for part, row, index, data in rows_with_data(self._parts, self.manifest.parts):
            yield Stored(self._parts, part, row, index, data)

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self._found(key) is not None

    def keys(self) -> Iterator[str]:
        """The keys of its cases, in their order."""
        return (case.key for case in self)

    def case(self, key: str) -> Case:
        """The case with this id or digest.

        Raises:
            CaseNotFound: when there is none.
        """
        found = self._found(key)
        if found is None:
            raise CaseNotFound(f"{self.reference} has no case {key!r}")
        return self._parts.case(found.part, found.row)

    def _found(self, key: str) -> Any:
        hashed, within = key_hash(key), self.manifest.parts
        found = lookup(self._parts, within, [hashed]).get(hashed)
        if found is not None or not key.startswith("sha256:"):
            return found
        try:
            digest = bytes.fromhex(key.removeprefix("sha256:"))
        except ValueError:
            return None
        return lookup_named(self._parts, within, [digest]).get(digest)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Version):
            return NotImplemented
        mine, its = self.manifest, other.manifest
        return (mine.nonce, mine.version, mine.root) == (its.nonce, its.version, its.root)

    def __hash__(self) -> int:
        return hash((self.manifest.nonce, self.number, self.root))

    def __repr__(self) -> str:
        return f"<reliai Version {self.reference} of {len(self)} cases, root {self.root[:19]}…>"

    def __reduce__(self) -> tuple[Any, ...]:
        return Version, (self._parts, self.manifest)


def name_of(storage: Storage) -> str:
    """A dataset's name: the last part of where it is."""
    return storage.url.replace("\\", "/").rstrip("/").rpartition("/")[2]

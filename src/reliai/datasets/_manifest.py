"""The file of a version: which parts it has, what came before, and one hash of it all. Floor 5.

`versions/v12.json` is created once and never changed. Who finds the number taken has lost the
race, reads that version and tries the next number.
"""

from __future__ import annotations

import json
import re
import secrets
from dataclasses import dataclass, field, fields
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from reliai import clock
from reliai.datasets._parts import Part
from reliai.datasets.failures import DatasetDamaged, DatasetError

if TYPE_CHECKING:
    from reliai.datasets._storage import Storage

__all__ = [
    "Manifest",
    "create_manifest",
    "later_manifest",
    "newest_manifest",
    "parsed",
    "read_manifest",
    "version_path",
]

FORMAT: Final = 1
_NAMED: Final = re.compile(r"v([1-9][0-9]*)\.json")
_SEALED: Final = b'  "seal": "'
_LOOKS: Final = 50
"""So often a file that is being written in place is read again, 20 ms apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a version's file says. Times are Unix seconds.

    Attributes:
        version: its number, from 1.
        parent: the number of the version that it was made from, or None.
        message: of who committed it.
        at: when.
        cases: that it holds.
        added: cases more than in the parent, of new keys.
        changed: keys whose case is another than in the parent.
        removed: keys of the parent that are gone.
        root: one hash of all rows.
        nonce: tells two commits with the same content apart.
        parts: of rows, the oldest layer first.
        sums: from which the next version's root is made.
        parent_seal: the seal of the parent's file, so that no version can be changed unseen.
    """

    version: int
    parent: int | None
    message: str
    at: float
    cases: int
    added: int
    changed: int
    removed: int
    root: str
    nonce: str = field(default_factory=lambda: secrets.token_hex(8))
    parts: tuple[Part, ...]
    sums: str
    parent_seal: str | None = None

    def to_bytes(self) -> bytes:
        """The file: JSON with a part in each line, so that changes can be reviewed."""
        lines = [f'  "format": {FORMAT}']
        for each in fields(self):
            value = getattr(self, each.name)
            lines.append(
                f'  "{each.name}": ' + (_listed(value) if each.name == "parts" else _text(value))
            )
        above = "{\n" + ",\n".join(lines) + ",\n"
        return f'{above}  "seal": "{_seal(above.encode())}"\n}}\n'.encode()

    @property
    def seal(self) -> str:
        """The hash of the file but for its last line, where it stands."""
        return _seal(self.to_bytes().rpartition(_SEALED)[0])


def _seal(above: bytes) -> str:
    return "sha256:" + sha256(above).hexdigest()


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _listed(parts: tuple[Part, ...]) -> str:
    if not parts:
        return "[]"
    return "[\n" + ",\n".join("    " + _text(part.to_dict()) for part in parts) + "\n  ]"


def version_path(number: int) -> str:
    """Where a version's file is."""
    return f"versions/v{number}.json"


def parsed(data: bytes, path: str) -> Manifest:
    """Read a version's file.

    Raises:
        DatasetError: when it was written by a later reliai.
        ValueError: when it is none.
    """
    found = json.loads(data)
    if not isinstance(found, dict):
        raise ValueError("no object")  # noqa: TRY004  as for any other file that is none
    if found.pop("format", None) != FORMAT:
        raise DatasetError("was written by another reliai: this one reads format 1", path=path)
    if found.pop("seal") != _seal(data.rpartition(_SEALED)[0]):
        raise ValueError("not as it was written")
    parts = tuple(Part.from_dict(part) for part in found.pop("parts"))
    return Manifest(**found, parts=parts)


def read_manifest(storage: Storage, number: int) -> Manifest | None:
    """A version's file, or None when there is none.

    Raises:
        DatasetDamaged: when it is no version's file.
    """
    path = version_path(number)
    for look in range(_LOOKS):
        try:
            data = storage.read(path)
        except FileNotFoundError:
            return None
        try:
            return parsed(data, path)
        except DatasetError:
            raise
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            # Where a store has no hard links the file is written in place: it ends with "}".
            if data.endswith(b"}\n") or look + 1 == _LOOKS:
                message = "is not the version's file that was written"
                raise DatasetDamaged(message, path=path) from error
        clock.active().sleep(0.02)
    return None


def newest_manifest(storage: Storage, known: int = 0) -> Manifest | None:
    """The newest version's file, or None when there is no version.

    Args:
        storage: of the dataset.
        known: a version that was there: listing all of them can be left out if it still is.
    """
    found = read_manifest(storage, known) if known else None
    if found is None:
        named = map(_NAMED.fullmatch, storage.names("versions"))
        number = max((int(match[1]) for match in named if match), default=0)
        found = read_manifest(storage, number) if number else None
    return later_manifest(storage, found)


def later_manifest(storage: Storage, known: Manifest | None) -> Manifest | None:
    """The newest of the versions that came since."""
    while True:
        number = 1 if known is None else known.version + 1
        later = read_manifest(storage, number)
        if later is None:
            return known
        known = later


def create_manifest(storage: Storage, manifest: Manifest) -> bool:
    """Create a version's file; False when another writer took the number."""
    try:
        storage.create(version_path(manifest.version), manifest.to_bytes())
    except FileExistsError:
        return False
    return True

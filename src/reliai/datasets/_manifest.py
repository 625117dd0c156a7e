"""The file of a version: which parts it has, what came before, and one hash of it all. Floor 5.

`versions/v12.json` is created once. Who finds the number taken has lost the race, reads that
version and tries the next number. Nothing of it is changed later: when cases of it are forgotten,
what is left is said below its seal, with a seal of its own.
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
    "Left",
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
_SEALED_AGAIN: Final = b'  "forgotten_seal": "'
_LOOKS: Final = 50
"""So often a file that is being written in place is read again, 20 ms apart."""


@dataclass(frozen=True, slots=True)
class Left:
    """What is left of a version of which cases were forgotten.

    Attributes:
        gone: cases that were forgotten.
        root: one hash of the rows that are left.
        written: the parts that the version was written with; some of them are no longer there.
    """

    gone: int
    root: str
    written: tuple[Part, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a version's file says. Times are Unix seconds.

    Attributes:
        version: its number, from 1.
        parent: the number of the version that it was made from, or None.
        message: of who committed it.
        at: when.
        cases: that it was written with.
        added: cases more than in the parent, of new keys.
        changed: keys whose case is another than in the parent.
        removed: keys of the parent that are gone.
        root: one hash of all rows that it was written with.
        nonce: tells two commits with the same content apart.
        parts: of rows, the oldest layer first, as they are now.
        sums: from which the next version's root is made.
        parent_seal: the seal of the parent's file, so that no version can be changed unseen.
        left: what is left of it; None: nothing was forgotten.
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
    left: Left | None = None

    def to_bytes(self) -> bytes:
        """The file: JSON with a part in each line, so that changes can be reviewed."""
        above = self._written()
        sealed = f'{above}  "seal": "{_seal(above.encode())}"'
        if self.left is None:
            return f"{sealed}\n}}\n".encode()
        said = f'"cases": {self.left.gone}, "root": {_text(self.left.root)}'
        said = f'{sealed},\n  "forgotten": {{{said}, "parts": {_listed(self.parts)}}},\n'
        return f'{said}  "forgotten_seal": "{_seal(said.encode())}"\n}}\n'.encode()

    def _written(self) -> str:
        lines = [f'  "format": {FORMAT}']
        for each in fields(self):
            if each.name == "left":
                continue
            value = getattr(self, each.name)
            if each.name == "parts":
                lines.append(f'  "parts": {_listed(self.written)}')
            else:
                lines.append(f'  "{each.name}": {_text(value)}')
        return "{\n" + ",\n".join(lines) + ",\n"

    @property
    def written(self) -> tuple[Part, ...]:
        """The parts that it was written with."""
        return self.parts if self.left is None else self.left.written

    @property
    def seal(self) -> str:
        """The hash of the file above the line where it stands."""
        return _seal(self._written().encode())

    @property
    def cases_left(self) -> int:
        """Cases that it holds."""
        return self.cases - (0 if self.left is None else self.left.gone)

    @property
    def root_left(self) -> str:
        """One hash of the rows that it holds."""
        return self.root if self.left is None else self.left.root


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
    parts = _parts_of(found)
    said = found.pop("forgotten", None)
    if said is None:
        return Manifest(**found, parts=parts)
    if found.pop("forgotten_seal") != _seal(data.rpartition(_SEALED_AGAIN)[0]):
        raise ValueError("not as it was written")
    left = Left(said["cases"], said["root"], parts)
    return Manifest(**found, parts=_parts_of(said), left=left)


def _parts_of(found: dict[str, Any]) -> tuple[Part, ...]:
    return tuple(Part.from_dict(part) for part in found.pop("parts"))


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

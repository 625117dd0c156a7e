"""Tags: names of versions that people choose. The only files that may be replaced. Floor 5."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

from reliai.datasets.failures import DatasetDamaged, DatasetError

if TYPE_CHECKING:
    from reliai.datasets._storage import Storage
    from reliai.datasets.version import Version

__all__ = ["move_tag", "read_tag", "tag_root", "tags_of"]

_NAME: Final = re.compile(r"(?!v[0-9]+$|latest$)[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def _path(name: str) -> str:
    return f"tags/{name}.json"


def read_tag(storage: Storage, name: str) -> str | None:
    """The name of the version that has a tag, or None."""
    found = _read(storage, name)
    return None if found is None else found["version"]


def tag_root(storage: Storage, name: str) -> str | None:
    """The root of the version that was given a tag, or None."""
    found = _read(storage, name)
    return None if found is None else found["root"]


def _read(storage: Storage, name: str) -> dict[str, str] | None:
    if not _NAME.fullmatch(name):
        return None
    try:
        data = storage.read(_path(name))
    except FileNotFoundError:
        return None
    try:
        found = json.loads(data)
        return {each: str(found[each]) for each in ("version", "root")}
    except (ValueError, TypeError, KeyError) as error:
        raise DatasetDamaged("is no tag", path=_path(name)) from error


def tags_of(storage: Storage) -> dict[str, str]:
    """The names of versions by tag."""
    names = [name.removesuffix(".json") for name in storage.names("tags")]
    found = {name: read_tag(storage, name) for name in sorted(names)}
    return {name: version for name, version in found.items() if version is not None}


def move_tag(storage: Storage, name: str, version: Version, *, move: bool) -> None:
    """Give a version a tag.

    Raises:
        DatasetError: when the name cannot be one, or another version has it and may keep it.
    """
    if not _NAME.fullmatch(name):
        raise DatasetError(
            f"{name!r} cannot be a tag: use letters, digits, '.', '_' and '-', and no name that "
            f"a version has, such as v3 or latest"
        )
    data = json.dumps({"version": version.name, "root": version.root}, indent=1).encode() + b"\n"
    if move:
        storage.write(_path(name), data)
        return
    try:
        storage.create(_path(name), data)
    except FileExistsError as error:
        held = read_tag(storage, name)
        if held != version.name:
            message = f"the tag {name!r} is {held}'s: say move=True to give it to {version.name}"
            raise DatasetError(message) from error

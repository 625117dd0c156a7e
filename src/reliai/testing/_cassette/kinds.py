"""From a class to the words it is stored under, and back. Classes are imported, nothing else is."""

from __future__ import annotations

import importlib
from typing import Any, cast

from reliai.testing._cassette.trouble import CassetteError

__all__ = ["find", "name_of", "path_of", "public_name"]


def path_of(kind: type[Any]) -> str | None:
    """`module:Class`, or None for a class that cannot be imported again under that path."""
    generic = _generic_path(kind)
    if generic is not None:
        return generic
    path = f"{kind.__module__}:{kind.__qualname__}"
    try:
        return path if find(path) is kind else None
    except CassetteError:
        return None


def name_of(kind: type[Any]) -> str:
    """`module:Class` for a class that need not be imported again."""
    return _generic_path(kind) or f"{kind.__module__}:{kind.__qualname__}"


def public_name(kind: type[Any]) -> str:
    """The class as messages name it: `module.Class`, without `builtins`."""
    name = kind.__qualname__.removeprefix("<locals>.")
    return name if kind.__module__ == "builtins" else f"{kind.__module__}.{name}"


def _generic_path(kind: type[Any]) -> str | None:
    """A parametrized pydantic class, such as `ParsedResponse[Answer]`, by its parts."""
    metadata: Any = getattr(kind, "__pydantic_generic_metadata__", None)
    if not metadata or metadata.get("origin") is None:
        return None
    parts = [metadata["origin"], *metadata["args"]]
    if not all(isinstance(part, type) for part in parts):
        return path_of(metadata["origin"])
    origin, *arguments = [path_of(cast("type[Any]", part)) for part in parts]
    if origin is None or None in arguments:
        return None
    return f"{origin}[{','.join(str(each) for each in arguments)}]"


def find(path: str) -> type[Any]:
    """The class that is stored as `path`.

    Raises:
        CassetteError: there is no such module, or no such class in it.
    """
    outer, bracket, inner = path.partition("[")
    kind = _import(outer)
    if not bracket:
        return kind
    arguments: list[Any] = [find(each) for each in _split(inner.removesuffix("]"))]
    made: type[Any] = cast("Any", kind)[tuple(arguments)]
    return made


def _import(path: str) -> type[Any]:
    module, _, qualname = path.partition(":")
    try:
        found: Any = importlib.import_module(module)
        for name in qualname.split("."):
            found = getattr(found, name)
    except (ImportError, AttributeError, ValueError) as error:
        raise CassetteError(
            f"the cassette holds a {path.replace(':', '.')}, which cannot be imported ({error}); "
            "install it, or record the cassette again"
        ) from error
    if not isinstance(found, type):
        raise CassetteError(f"the cassette names {path!r}, which is no class")
    return found


def _split(arguments: str) -> list[str]:
    """The parts between the commas that stand in no bracket."""
    parts, depth = [""], 0
    for letter in arguments:
        depth += (letter == "[") - (letter == "]")
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return parts

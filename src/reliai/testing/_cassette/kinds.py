"""From a class to the words it is stored under, and back. Classes are imported, nothing else is."""

from __future__ import annotations

import importlib
from typing import Any, TypeVar, cast

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
    origin = path_of(metadata["origin"])
    arguments = [_argument_path(part) for part in metadata["args"]]
    if origin is None or None in arguments:
        return origin
    return f"{origin}[{','.join(str(each) for each in arguments)}]"


def _argument_path(part: Any) -> str | None:
    """A class, or a variable in the place of one, as an SDK leaves it that was given no class."""
    if isinstance(part, type):
        return path_of(cast("type[Any]", part))
    if not isinstance(part, TypeVar):
        return None
    path = f"{part.__module__}:{part.__name__}"
    try:
        return path if _import(path, TypeVar) is part else None
    except CassetteError:
        return None


def find(path: str) -> type[Any]:
    """The class that is stored as `path`.

    Raises:
        CassetteError: there is no such module, or no such class in it.
    """
    outer, bracket, inner = path.partition("[")
    kind: type[Any] = _import(outer, type)
    if not bracket:
        return kind
    arguments = [
        find(each) if "[" in each else _import(each, type, TypeVar)
        for each in _split(inner.removesuffix("]"))
    ]
    made: type[Any] = cast("Any", kind)[tuple(arguments)]
    return made


def _import(path: str, *kinds: type[Any]) -> Any:
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
    if not isinstance(found, kinds):
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

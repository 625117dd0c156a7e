"""Plain data as YAML, enough for files of rules: texts are quoted as in JSON, which YAML reads."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["yaml_text"]


def yaml_text(value: Any, about: str = "") -> str:
    """Write it.

    Args:
        value: mappings, lists, texts, numbers.
        about: a comment for its beginning.
    """
    lines = [f"# {line}".rstrip() for line in about.splitlines()]
    return "\n".join([*lines, *_lines(value)]) + "\n"


def _lines(value: Any) -> Iterator[str]:
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _entry(f"{_key(key)}:", item)
    elif isinstance(value, list) and value:
        for item in value:
            first, *rest = _lines(item)
            yield f"- {first}"
            yield from (f"  {line}" for line in rest)
    else:
        yield _scalar(value)


def _entry(key: str, item: Any) -> Iterator[str]:
    if isinstance(item, dict | list) and item:
        yield key
        yield from (f"  {line}" for line in _lines(item))
    else:
        yield f"{key} {_scalar(item)}"


def _scalar(value: Any) -> str:
    if isinstance(value, str) and '"' in value and value.isprintable():
        doubled = value.replace("'", "''")
        return f"'{doubled}'"  # an expression is full of double quotes
    return json.dumps(value, ensure_ascii=False)


def _key(key: str) -> str:
    return key if key.replace("_", "").isalnum() and key.isascii() else json.dumps(key)

"""Answers and keys as bytes, for a cache that processes share: JSON, or the `output` type.

Never pickle: what is in a store was put there by whoever can write to it, so it is parsed and
validated, and never run.
"""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Final

from reliai._core.policy import plain
from reliai.policies._cache_keys import TARGET, TENANT
from reliai.policies._cache_shelf import Facts
from reliai.policies._cache_values import is_immutable

if TYPE_CHECKING:
    from collections.abc import Hashable

    from reliai._core.site import Site
    from reliai.policies._cache_shelf import Kept

__all__ = ["Codec", "encoded", "namespace"]

_VERSION: Final = 1

_SHAPE_NOTHING: Final = frozenset(
    """AdaptiveLimit AdaptiveThrottle Budget Bulkhead CircuitBreaker Hedge Once RateLimit Retry
    Shadow Timeout""".split()
)
"""Policies that decide whether an answer comes, and never what it is."""


class Codec:
    """Writes and reads answers.

    Args:
        output: the type of the answers, when one was asked for.
    """

    def __init__(self, output: Any) -> None:
        self._adapter: Any = None
        if output is not None:
            from pydantic import TypeAdapter  # noqa: PLC0415  only with output=

            self._adapter = TypeAdapter(output)

    def dumps(self, kept: Kept, at: float) -> bytes | None:
        """An answer as bytes; None for one that would not come back as it was.

        Args:
            kept: the answer.
            at: when it came, in Unix seconds.
        """
        value, facts = kept
        if facts is not None and facts.stream:
            return None
        written = self._written(value)
        if written is None:
            return None
        degraded, target = (False, None) if facts is None else (facts.degraded, facts.target)
        whole = {"v": _VERSION, "at": at, **written, "degraded": degraded, "target": target}
        return json.dumps(whole).encode()

    def _written(self, value: Any) -> dict[str, Any] | None:
        if _is_json(value):
            return {"json": value}
        if self._adapter is None:
            return None
        try:
            text = self._adapter.dump_json(value).decode()
            same = self._adapter.validate_json(text) == value
        except Exception:  # noqa: BLE001  a serializer of the user's
            return None
        return {"output": text} if same else None

    def loads(self, data: bytes) -> tuple[float, Kept] | None:
        """When an answer came, and the answer; None for what this version did not write."""
        try:
            whole = json.loads(data)
            if whole["v"] != _VERSION:
                return None
            value = (
                self._adapter.validate_json(whole["output"]) if "output" in whole else whole["json"]
            )
            at, degraded, target = float(whole["at"]), bool(whole["degraded"]), whole["target"]
        except Exception:  # noqa: BLE001  anything at all may stand in a store
            return None
        fixed = is_immutable(value)
        if fixed and not degraded:
            return at, (value, None)
        return at, (value, Facts(fixed=fixed, degraded=degraded, target=target))


def _is_json(value: Any, depth: int = 0) -> bool:
    """Whether JSON gives the very same back: no tuples, no keys that are no text."""
    kind = type(value)
    if kind in {str, int, bool, type(None)}:
        return True
    if kind is float:
        return bool(value - value == 0)
    if depth > 50:
        return False
    if kind is list:
        return all(_is_json(item, depth + 1) for item in value)
    if kind is dict:
        return all(type(k) is str and _is_json(v, depth + 1) for k, v in value.items())
    return False


# --- keys ---------------------------------------------------------------------------------
def namespace(site: Site, output: Any) -> str:
    """What tells the answers of a function from those of others, and of itself before a change.

    Its name, the type of its answers, and the policies that shape them; not the code of its body.
    """
    function: Any = site.function
    while isinstance(function, partial):
        function = function.func
    home = f"{getattr(function, '__module__', '')}.{getattr(function, '__qualname__', site.name)}"
    shaping = [
        plain(policy) for policy in site.inside() if type(policy).__name__ not in _SHAPE_NOTHING
    ]
    return repr((home, _type_name(output), shaping))


def encoded(space: str, token: Hashable) -> str:
    """A key for the store: a digest of what tells the call apart."""
    digest = hashlib.sha256(space.encode())
    digest.update(_bytes_of(token))
    return f"cache:{digest.hexdigest()[:48]}"


def _bytes_of(token: Any) -> bytes:  # noqa: PLR0911  a case each
    """A token as bytes, different for different ones, the same in every process."""
    if token is None:
        return b"n"
    if isinstance(token, str):
        return _sized(b"s", token.encode("utf-8", "surrogatepass"))
    if isinstance(token, bytes):
        return _sized(b"b", token)
    if isinstance(token, int):
        return _sized(b"i", b"%d" % token)
    if isinstance(token, tuple):
        return _sized(b"(", b"".join(map(_bytes_of, token)))
    if isinstance(token, frozenset):
        return _sized(b"{", b"".join(sorted(map(_bytes_of, token))))
    if isinstance(token, type):
        return _sized(b"t", _type_name(token).encode())
    if token is TENANT or token is TARGET:
        return b"T" if token is TENANT else b"G"
    return _sized(b"r", repr(token).encode())


def _sized(mark: bytes, data: bytes) -> bytes:
    return b"%b%d:%b" % (mark, len(data), data)


@lru_cache(maxsize=512)
def _type_name(kind: Any) -> str:
    """A type by name, and a model by its schema too: what is asked for when it is passed on."""
    name = f"{getattr(kind, '__module__', '')}.{getattr(kind, '__qualname__', repr(kind))}"
    schema = getattr(kind, "model_json_schema", None)
    if not isinstance(kind, type) or not callable(schema):
        return name
    try:
        return f"{name} {json.dumps(schema(), sort_keys=True)}"
    except Exception:  # noqa: BLE001  a model that has no schema
        return name

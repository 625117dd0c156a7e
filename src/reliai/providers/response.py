"""Telling a provider's answer from other values, and reading it. Never raises."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

from reliai.providers.reading import dig

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reliai.providers.answer import Response

__all__ = ["looks_like_response", "read_response"]


def read_response(value: object) -> Response | None:
    """The answer in one form, or None for a value that is no provider's complete answer.

    Never raises and changes nothing. The chunks of a stream are no answers, but for Google's, which
    have the form of one.

    Args:
        value: an object of a provider's SDK, of litellm, pydantic-ai or LangChain, or the JSON of
            one as a dictionary.
    """
    from reliai.providers import shapes  # noqa: PLC0415  only programs with such answers need it

    try:
        for recognise, read in shapes.SHAPES:
            if recognise(value):
                return read(value)
    except Exception:  # noqa: BLE001  whatever the value's own attributes do, the call must go on
        return None
    return None


_KEYS: Final = frozenset(
    """choices candidates stop_reason stopReason prompt_feedback promptFeedback response_metadata
    finish_reason object kind""".split()
)
_MARKS: Final = (
    {"choices"},
    {"candidates"},
    {"stop_reason"},
    {"stopReason"},
    {"response_metadata"},
    {"kind", "parts"},
    {"object", "output"},
    {"finish_reason", "message"},
)
_MOST: Final = 1024  # every Mock has a class of its own
_types: dict[type, bool] = {}


def looks_like_response(value: Any) -> bool:
    """Whether it is worth asking `read_response`; a fifth of a microsecond, asked of every value.

    It looks at the keys of a dictionary, and otherwise only at the type, once for each.
    """
    kind = type(value)
    if kind is dict:
        return not value.keys().isdisjoint(_KEYS)
    known = _types.get(kind)
    if known is None:
        if len(_types) >= _MOST:
            _types.clear()
        known = _types[kind] = _could_be(kind)
    return known


def _could_be(kind: type) -> bool:
    if kind.__module__ == "builtins":
        return False
    if issubclass(kind, (dict, SimpleNamespace)) or kind.__module__ == "unittest.mock":
        return True
    names = set(_declared(kind))
    if "__wrapped__" in names:  # a proxy, as tracers put around an answer
        return True
    return any(mark <= names for mark in _MARKS)


def _declared(kind: type) -> Iterator[str]:
    """The names a class gives its instances, as far as it tells."""
    for each in kind.__mro__[:-1]:
        yield from vars(each)
        for table in ("__annotations__", "__dataclass_fields__", "__pydantic_fields__"):
            names = dig(each, table)
            if isinstance(names, dict):
                yield from names
        code = dig(vars(each).get("__init__"), "__code__", "co_names")
        if isinstance(code, tuple):
            yield from code

"""What tells one call of a function from another: its arguments, as far as they are data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from reliai.errors import ConfigurationError
from reliai.testing._cassette.kinds import public_name
from reliai.testing._cassette.trouble import CassetteError

if TYPE_CHECKING:
    from reliai._core.call import Call
    from reliai.testing._cassette.codec import Codec

__all__ = ["Match", "checked_match", "describe"]

Match: TypeAlias = "Callable[[Call], Any] | Iterable[str]"
"""The names of the parameters that count, or a function of the call that gives what counts."""

_OWNERS = frozenset({"self", "cls"})


def checked_match(match: object) -> Any:
    """`match` as a function, a tuple of names, or None.

    Raises:
        ConfigurationError: it is something else.
    """
    if match is None or callable(match):
        return match
    if isinstance(match, str):
        return (match,)
    if isinstance(match, list | tuple | set | frozenset):
        names = tuple(cast("Iterable[object]", match))
        if names and all(isinstance(name, str) for name in names):
            return names
    raise ConfigurationError(
        f"match={match!r}: give names of parameters, or a function of the call"
    )


def describe(call: Call, match: Any, codec: Codec) -> dict[str, Any]:
    """The arguments of a call by name, as JSON.

    Raises:
        CassetteError: the function has none of the parameters that `match` names.
    """
    if callable(match):
        found: Any = match(call)
        if not isinstance(found, Mapping):
            return {"match": codec.encode(found)}
        return {str(name): codec.encode(value) for name, value in found.items()}
    arguments = _arguments(call)
    if match is not None:
        kept = {name: value for name, value in arguments.items() if name in match}
        if not kept:
            raise CassetteError(
                f"match={match!r}: {call.name} has no such parameter; "
                f"its parameters are: {', '.join(arguments) or 'none'}"
            )
        arguments = kept
    return {
        name: _owner(value) if place == 0 and name in _OWNERS else codec.encode(value)
        for place, (name, value) in enumerate(arguments.items())
    }


def _owner(value: Any) -> dict[str, str]:
    """The object whose method it is: what it is, not how it is at this moment."""
    return {"$opaque": public_name(cast("Any", value if isinstance(value, type) else type(value)))}


def _arguments(call: Call) -> Mapping[str, Any]:
    try:
        return _flat(call, call.arguments)
    except TypeError:  # a stand-in with parameters of its own
        return {"args": list(call.args), **call.kwargs}


def _flat(call: Call, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The keywords that a `**parameter` took in, under their own names."""
    flat: dict[str, Any] = {}
    for name, value in arguments.items():
        if name in call._site.parameters or isinstance(value, tuple):  # noqa: SLF001  as told
            flat[name] = value
        else:
            flat.update(value)
    return flat

"""The key of a call in a cache: its arguments by parameter name, with their types, and its tenant.

What cannot be a part of a key is found when the function is decorated where annotations tell, and
otherwise with the first call.
"""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from reliai.errors import ConfigurationError
from reliai.policies._cache_tokens import Opaque, is_opaque, token
from reliai.policies._cache_values import is_immutable
from reliai.policies._keys import check_key_fits, key_of

if TYPE_CHECKING:
    from reliai._core.call import Call
    from reliai._core.site import Site

__all__ = ["NO_KEY", "TARGET", "TENANT", "key_maker", "plain_tails"]

NO_KEY: Hashable = object()
"""In place of a key: the arguments do not fit the function, which will say so itself."""

TENANT: Hashable = object()
TARGET: Hashable = object()
_MISSING: Any = object()
_POSITIONAL = {inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.POSITIONAL_ONLY}
_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def plain_tails(site: Site, key: Any) -> tuple[tuple[Hashable, ...] | None, ...]:
    """What the key of a call has besides its arguments, by the number of those, if all are text.

    They are passed by position, and the defaults of the others make up the tail. None, or nothing
    at that place, where it is not as simple as that.
    """
    parameters = list(site.signature.parameters.values())
    kinds = {parameter.kind for parameter in parameters}
    if key is not None or not kinds <= _POSITIONAL:
        return ()
    tails: list[tuple[Hashable, ...] | None] = [()]
    for parameter in reversed(parameters):
        after, default = tails[0], parameter.default
        if after is None or default is parameter.empty or not is_immutable(default):
            tails.insert(0, None)
            continue
        try:
            tails.insert(0, (token(default), *after))
        except Opaque:
            tails.insert(0, None)
    return tuple(tails)


def key_maker(site: Site, key: Any, what: str) -> Callable[[Call], Hashable]:
    """What gives the key of a call of this function.

    It raises `ConfigurationError` naming the parameter that can be no part of a key, and gives
    `NO_KEY` for arguments that do not fit.

    Args:
        site: the function.
        key: as the user gave it; None for all arguments.
        what: names the policy in errors.

    Raises:
        ConfigurationError: for a parameter that is known to be no part of a key.
    """
    if key is None:
        _check_parameters(site, what)
        tokens = _all_arguments(site, what)
    else:
        check_key_fits(key, site, f"{what}(key=…)")
        tokens = _given_key(site, key, what)

    def made(call: Call) -> Hashable:
        found = tokens(call)
        if found is NO_KEY:
            return NO_KEY
        if not call.primary:
            found = (TARGET, call.target, found)
        tenant = call.ambient.tenant
        return found if tenant is None else (TENANT, tenant, found)

    return made


def _given_key(site: Site, key: Any, what: str) -> Callable[[Call], Hashable]:
    asked = key_of(key, f"{what}(key)")
    assert asked is not None  # noqa: S101  `key` is not None

    def tokens(call: Call) -> Hashable:
        given = asked(call)
        try:
            return token(given)
        except Opaque as opaque:
            raise ConfigurationError(
                f"{what}(key=…) of {site.name} gave {opaque.what}, whose content cannot be "
                "compared; give text, numbers, or containers of them"
            ) from None

    return tokens


def _all_arguments(site: Site, what: str) -> Callable[[Call], Hashable]:
    """Tokens by the order of the parameters, so that it does not matter how each was passed."""
    places = [(p.name, p.kind, p.default) for p in site.signature.parameters.values()]
    empty = inspect.Parameter.empty
    only_names = frozenset(name for name, kind, _ in places if kind not in _VARIADIC)

    def tokens(call: Call) -> Hashable:
        args, kwargs = call.args, call.kwargs
        found: list[Hashable] = []
        name, used = "", 0
        try:
            for place, (name, kind, default) in enumerate(places):
                if kind is inspect.Parameter.VAR_POSITIONAL:
                    found.append((kind, tuple([token(each) for each in args[place:]])))
                    args = args[:place]
                    continue
                if kind is inspect.Parameter.VAR_KEYWORD:
                    rest = {key: value for key, value in kwargs.items() if key not in only_names}
                    used += len(rest)
                    found.append((kind, _extra(rest)))
                    continue
                if place < len(args) and kind is not inspect.Parameter.KEYWORD_ONLY:
                    value = args[place]
                elif name in kwargs and kind is not inspect.Parameter.POSITIONAL_ONLY:
                    value = kwargs[name]
                    used += 1
                elif default is empty:
                    return NO_KEY
                else:
                    value = default
                found.append(value if type(value) is str else token(value))
        except Opaque as opaque:
            raise ConfigurationError(_cannot(site, what, name, opaque.what)) from None
        if used < len(kwargs) or len(args) > len(places):
            return NO_KEY
        return tuple(found)

    return tokens


def _extra(given: Mapping[str, Any]) -> Hashable:
    """Arguments that `**kwargs` took in: None is what a missing one is."""
    return frozenset((name, token(value)) for name, value in given.items() if value is not None)


def _cannot(site: Site, what: str, parameter: str, opaque: str) -> str:
    return (
        f"{what}: argument {parameter!r} of {site.name} is {_article(opaque)}, whose content "
        f"cannot be compared, so it can be no part of a key. Name what tells two calls apart: "
        f'{what}(key="arg:NAME"), a tuple of these, or key=lambda call: …'
    )


def _article(name: str) -> str:
    return f"an object of {name}" if name.isidentifier() else name


# --- what the signature tells -------------------------------------------------------------
def _check_parameters(site: Site, what: str) -> None:
    hints = _hints(site)
    for place, name in enumerate(site.signature.parameters):
        if place == 0 and name in {"self", "cls"}:
            raise ConfigurationError(
                f"{what}: {site.name} is a method, and {name!r} can be no part of a key: two "
                "objects may answer differently, and nobody can see whether they do. Name what "
                f'tells two calls apart: {what}(key="arg:NAME"), a tuple of these, or '
                "key=lambda call: …"
            )
        found = _opaque_part(hints.get(name, Any))
        if found is not None:
            raise ConfigurationError(_cannot(site, what, name, found))


def _hints(site: Site) -> Mapping[str, Any]:
    function: Any = inspect.unwrap(site.function)
    function = getattr(function, "func", function)
    try:
        return typing.get_type_hints(function)
    except Exception:  # noqa: BLE001  names that are not there yet; the first call will tell
        return {}


def _opaque_part(annotation: Any) -> str | None:  # noqa: PLR0911  a case each
    """The name of a class, in an annotation, of which no argument could be in a key."""
    origin = typing.get_origin(annotation)
    if origin is None:
        if annotation is Callable or annotation is types.FunctionType:
            return "function"
        known = isinstance(annotation, type) and annotation not in {Any, type(None)}
        return annotation.__name__ if known and is_opaque(annotation) else None
    if origin is Callable:
        return "function"
    if origin is typing.Literal or origin is type:
        return None
    parts = typing.get_args(annotation)
    if origin is typing.Annotated:
        return _opaque_part(parts[0])
    found = [_opaque_part(part) for part in parts if part is not type(None) and part is not ...]
    if origin is typing.Union or origin is types.UnionType:
        return found[0] if found and all(found) else None  # one of them will do
    return next(_named(found), None) or _opaque_part(origin)


def _named(found: list[str | None]) -> Iterator[str]:
    return (name for name in found if name is not None)

"""Finding the SDK clients a function uses, and how often each retries by itself.

Looked at once, when a function is decorated: retries inside retries multiply. Nothing is called and
no property of a user's object is read; a client reached in a way the code does not show is missed.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Mapping
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Final, NamedTuple, TypeGuard, TypeVar

from reliai.providers.reading import amount, attribute, count, dig
from reliai.providers.taxonomy import PROVIDERS

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["WRAPPED", "InnerClient", "inner_retries", "keeps_time"]

WRAPPED: Final = "_reliai_wrapped"
"""The attribute that a wrapped client has: it keeps to the time its guarded call has left."""

_T = TypeVar("_T")
_DEEP: Final = 4  # a helper of a helper of the function, with its fields
_MOST: Final = 500  # values looked at
_STAINLESS: Final = frozenset({"SyncAPIClient", "AsyncAPIClient"})
_COHERE: Final = frozenset({"BaseCohere", "AsyncBaseCohere"})
_BOTO_RETRIES: Final = {"legacy": 4}  # by mode, when none are set; 2 in all others
_MODULE_USES: Final = frozenset({"chat", "responses", "completions", "embeddings"})
_HOLDERS: Final = ("_client", "root_client", "root_async_client")


class InnerClient(NamedTuple):
    """A client of a provider's SDK found in reach of a function."""

    description: str
    """Its class and where it was found, such as "openai.OpenAI 'client'"."""
    max_retries: int
    """How many requests it may send by itself after the first one failed."""
    timeout: float | None
    """Seconds it waits for an answer; None when it waits for ever or does not say."""
    wrapped: bool = False
    """Whether it waits no longer than `reliai.remaining()`, as wrapped clients do."""
    blocks: bool = False
    """Whether it is a synchronous client itself, and not an object that may hold one of each."""


def inner_retries(function: object) -> list[InnerClient]:
    """The SDK clients in reach of a function: its globals, closure, defaults, `self`, arguments.

    Clients of OpenAI, Anthropic and the other SDKs made from the same mould (Azure and the
    asynchronous ones included), Cohere and boto are known. Never raises.

    Args:
        function: any callable; partials, methods and decorated functions are opened.
    """
    found: dict[int, InnerClient] = {}
    module: list[InnerClient] = []
    try:
        for name, value in _reachable(function):
            if _is(value, ModuleType):
                module = [_of_module(value)]
                continue
            client = _client_behind(value)
            if client is not None and id(client) not in found:
                known = _describe(name, client)
                found[id(client)] = known._replace(blocks=client is value and _blocks(client))
    except Exception:  # noqa: BLE001  a warning is not worth a failed import of the user's module
        return list(found.values())
    return list(found.values()) or module


def keeps_time(function: object) -> bool:
    """Whether a function waits for wrapped clients only, as far as its code shows."""
    clients = inner_retries(function)
    return bool(clients) and all(client.wrapped for client in clients)


def _is(value: object, kind: type[_T]) -> TypeGuard[_T]:
    """`isinstance`, but by the true type: it asks a value nothing, not even for its class."""
    return issubclass(type(value), kind)


def _reachable(function: object) -> Iterator[tuple[str, object]]:
    waiting: list[tuple[str, object, int]] = [("", function, 0)]
    seen: set[int] = set()
    while waiting and len(seen) < _MOST:
        name, value, depth = waiting.pop(0)
        if id(value) in seen:
            continue
        seen.add(id(value))
        yield name, value
        if depth < _DEEP:
            waiting.extend((n, v, depth + 1) for n, v in _inside(name, value, first=depth == 0))


def _inside(name: str, value: object, *, first: bool) -> Iterator[tuple[str, object]]:
    """What a callable holds, by name."""
    if _is(value, functools.partial):
        yield name, value.func
        yield from (("an argument", each) for each in value.args)
        yield from value.keywords.items()
    elif _is(value, MethodType):
        yield name, value.__func__
        yield from _fields("self", value.__self__)
    elif _is(value, FunctionType):
        if first or _is_users(value):
            yield from _of_function(value)
    elif first:
        yield name, attribute(type(value), "__call__")
        yield from _fields("self", value)
    yield from ((name, each) for key, each in _fields("", value) if key == ".__wrapped__")


def _is_users(function: FunctionType) -> bool:
    root = (function.__module__ or "").partition(".")[0]
    return root not in sys.stdlib_module_names and root not in PROVIDERS


def _of_function(function: FunctionType) -> Iterator[tuple[str, object]]:
    code = function.__code__
    if _pins_retries(code):
        return
    names = list(dict.fromkeys(name for each in _codes(code) for name in each.co_names))
    held = [
        (name, attribute(cell, "cell_contents"))  # an empty cell raises
        for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=False)
    ]
    variables = function.__globals__
    held += [(name, variables[name]) for name in _globals_of(code) if name in variables]
    for name, value in held:
        if not _is(value, ModuleType) or _is_used_as_client(value, names):
            yield name, value
        yield from ((f"{name}.{key}", each) for key, each in _named(value, names))
    yield from (("a default", each) for each in function.__defaults__ or ())
    yield from (function.__kwdefaults__ or {}).items()


def _is_used_as_client(module: ModuleType, names: list[str]) -> bool:
    return module.__name__ == "openai" and not _MODULE_USES.isdisjoint(names)


def _codes(code: CodeType) -> Iterator[CodeType]:
    """The code of a function and of the functions written inside it."""
    yield code
    for each in code.co_consts:
        if _is(each, CodeType):
            yield from _codes(each)


def _globals_of(code: CodeType) -> list[str]:
    """The global names the code reads; `co_names` has those of attributes among them."""
    from dis import get_instructions  # noqa: PLC0415  decorating only

    return list(
        dict.fromkeys(
            str(each.argval)
            for inner in _codes(code)
            for each in get_instructions(inner)
            if each.opname in ("LOAD_GLOBAL", "LOAD_NAME")
        )
    )


def _pins_retries(code: CodeType) -> bool:
    """The function sets the number of retries itself, as `client.with_options(max_retries=0)`."""
    return any(
        isinstance(const, tuple) and "max_retries" in const
        for each in _codes(code)
        if "with_options" in each.co_names
        for const in each.co_consts
    )


def _fields(name: str, value: object) -> Iterator[tuple[str, object]]:
    fields = attribute(value, "__dict__")
    if isinstance(fields, dict):
        yield from ((f"{name}.{key}", each) for key, each in list(fields.items())[:_MOST])


def _named(value: object, names: list[str]) -> Iterator[tuple[str, object]]:
    """The fields of a module or an object that the code names, as in `settings.client`."""
    fields = attribute(value, "__dict__")
    if isinstance(fields, Mapping):
        for key in names:
            if key in fields and not _is(fields[key], ModuleType):
                yield key, fields[key]


def _client_behind(value: object) -> object:
    """The client a value is, or belongs to: `client.chat.completions.create` leads to `client`."""
    if _is(value, MethodType):
        value = value.__self__
    fields = attribute(value, "__dict__")
    held = (dig(fields, name) for name in _HOLDERS) if isinstance(fields, dict) else ()
    return next((each for each in (value, *held) if _is_client(each)), None)


def _is_client(value: object) -> bool:
    names = {each.__name__ for each in type(value).__mro__}
    return not names.isdisjoint(_STAINLESS | _COHERE) or _is_boto(value)


def _blocks(client: object) -> bool:
    names = {each.__name__ for each in type(client).__mro__}
    return _is_boto(client) or "SyncAPIClient" in names or "BaseCohere" in names


def _is_boto(value: object) -> bool:
    return type(value).__module__ == "botocore.client" and dig(value, "meta", "config") is not None


def _describe(name: str, client: object) -> InnerClient:
    kind = type(client)
    where = f"{kind.__module__.partition('.')[0]}.{kind.__name__}"
    description = f"{where} {name!r}" if name else where
    if _is_boto(client):
        return InnerClient(description, *_of_boto(dig(client, "meta", "config")))
    wrapper = attribute(client, "_client_wrapper")
    if wrapper is not None:
        retries, timeout = dig(wrapper, "_max_retries"), dig(wrapper, "_timeout")
    else:
        retries, timeout = dig(client, "max_retries"), dig(client, "timeout")
    kept = dig(attribute(client, "__dict__"), WRAPPED) is True
    return InnerClient(description, count(retries) or 0, _seconds(timeout), kept)


def _of_boto(config: object) -> tuple[int, float | None]:
    attempts = count(dig(config, "retries", "total_max_attempts"))
    mode = dig(config, "retries", "mode")
    retries = _BOTO_RETRIES.get(str(mode), 2) if attempts is None else max(0, attempts - 1)
    return retries, amount(dig(config, "read_timeout"))


def _of_module(module: ModuleType) -> InnerClient:
    """`openai.chat…` without a client of one's own: the module makes one from its settings."""
    retries, timeout = dig(module, "max_retries"), dig(module, "timeout")
    return InnerClient(f"the module {module.__name__}", count(retries) or 0, _seconds(timeout))


def _seconds(timeout: object) -> float | None:
    """A number, or the longest wait of an httpx timeout: that for the answer."""
    found = amount(timeout)
    return amount(attribute(timeout, "read")) if found is None else found

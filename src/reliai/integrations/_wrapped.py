"""How a client of an SDK made from the common mould (OpenAI, Anthropic, Groq, ...) is wrapped.

Every request of such a client goes through its method `request`. A wrapped client is a copy, with
the connections of the original, on which that one method is another one; its class stays what it
was. The original is left alone, and so is everything that other clients share.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

from reliai._core.ambient import current
from reliai._core.complaints import warn
from reliai.errors import ConfigurationError
from reliai.integrations._request import keep_in_time, prepared, timed_out
from reliai.providers.clients import WRAPPED
from reliai.providers.reading import attribute

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from reliai._core.call import Call
    from reliai.integrations._request import Ways

__all__ = ["Mould", "wrapped"]

T = TypeVar("T")


class Mould(NamedTuple):
    """What `wrap` of one module takes.

    Attributes:
        function: its name, for messages.
        accepts: whether a client is meant whose classes come from these packages.
        example: how a client is made, for messages.
        elsewhere: who takes the others, for messages.
    """

    function: str
    accepts: Callable[[set[str]], bool]
    example: str
    elsewhere: str


def wrapped(client: T, mould: Mould, ways: Ways) -> T:
    """A copy of `client` that serves guarded calls.

    Raises:
        ConfigurationError: for anything but a client of the mould.
    """
    made: Any = client
    if hasattr(made, "__dict__") and vars(made).get(WRAPPED) is not None:
        return client
    asynchronous = _check(made, mould)
    made = _twin(made)
    _equip(made, ways, asynchronous=asynchronous)
    return cast("T", made)


def _twin(client: Any) -> Any:
    """A copy without retries that shares the connections."""
    try:
        return client.with_options(max_retries=0)
    except TypeError:  # a class of the user's own, which is made in a way of its own
        twin = copy.copy(client)
    twin.max_retries = 0
    for name, value in list(vars(twin).items()):
        if attribute(value, "_client") is client:  # `chat`, `responses`: they ask the original
            delattr(twin, name)
    return twin


def _check(client: Any, mould: Mould) -> bool:
    """Whether the client is asynchronous, when it is one at all."""
    names = {each.__name__ for each in type(client).__mro__}
    packages = {each.__module__.partition(".")[0] for each in type(client).__mro__}
    if names.isdisjoint({"SyncAPIClient", "AsyncAPIClient"}):
        message = (
            f"{mould.function}({type(client).__qualname__}): this is no client; "
            f"give one, such as {mould.example}"
        )
        raise ConfigurationError(message)
    if not mould.accepts(packages):
        message = (
            f"{mould.function}() does not take a {type(client).__qualname__}; use {mould.elsewhere}"
        )
        raise ConfigurationError(message)
    return "AsyncAPIClient" in names


def _equip(client: Any, ways: Ways, *, asynchronous: bool) -> None:
    """Put the methods of a wrapped client on a fresh copy."""
    client.request = (_asynchronous if asynchronous else _synchronous)(client.request, client, ways)
    if hasattr(client, "_prepare_request"):  # the SDK's place for changes to a request that is made
        prepare = client._prepare_request  # noqa: SLF001  as above
        client._prepare_request = (_apreparing if asynchronous else _preparing)(prepare)  # noqa: SLF001
    client.copy = client.with_options = _copying(client.copy, ways, asynchronous=asynchronous)
    vars(client)[WRAPPED] = True


def _copying(copied: Callable[..., Any], ways: Ways, *, asynchronous: bool) -> Callable[..., Any]:
    def wrapped_copy(**changes: Any) -> Any:
        """A copy with other options, wrapped as the original is."""
        asked = changes.get("max_retries")
        if isinstance(asked, int) and asked > 0:
            warn(
                f"a wrapped client never retries by itself, so max_retries={asked} is ignored; "
                "use reliai.Retry around the function"
            )
            changes["max_retries"] = 0
        made = copied(**changes)
        _equip(made, ways, asynchronous=asynchronous)
        return made

    return wrapped_copy


def _preparing(prepare: Callable[[Any], None]) -> Callable[[Any], None]:
    def prepare_in_time(request: Any) -> None:
        keep_in_time(request, _guarded())
        prepare(request)

    return prepare_in_time


def _apreparing(prepare: Callable[[Any], Awaitable[None]]) -> Callable[[Any], Awaitable[None]]:
    async def prepare_in_time(request: Any) -> None:
        keep_in_time(request, _guarded())
        await prepare(request)

    return prepare_in_time


def _guarded() -> Call | None:
    """The guarded call this request is made in, while it runs."""
    call = current.get()
    return None if call is None or call._record.ended else call  # noqa: SLF001  a task may outlive its call


def _synchronous(request: Callable[..., Any], client: Any, ways: Ways) -> Callable[..., Any]:
    def guarded_request(cast_to: Any, options: Any, **how: Any) -> Any:
        """Send a request in the time that the guarded call has left, and read its answer."""
        call = _guarded()
        if call is None:
            return request(cast_to, options, **how)
        asked = prepared(call, client, ways, options, stream=bool(how.get("stream")))
        try:
            return request(cast_to, asked, **how)
        except Exception as error:
            late = timed_out(call, error)
            if late is None:
                raise
            raise late from error

    return guarded_request


def _asynchronous(request: Callable[..., Any], client: Any, ways: Ways) -> Callable[..., Any]:
    async def guarded_request(cast_to: Any, options: Any, **how: Any) -> Any:
        """Send a request in the time that the guarded call has left, and read its answer."""
        call = _guarded()
        if call is None:
            return await request(cast_to, options, **how)
        asked = prepared(call, client, ways, options, stream=bool(how.get("stream")))
        try:
            return await request(cast_to, asked, **how)
        except Exception as error:
            late = timed_out(call, error)
            if late is None:
                raise
            raise late from error

    return guarded_request

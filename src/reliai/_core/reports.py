"""What a guarded function tells of its call: a response it got, what that used, numbers about it.

All of it goes on the record of the call that the code runs in, in whatever thread or task: the
context says which. Outside of any call `read` and `measure` do nothing; what `usage` and `measure`
were told is lost there, so they warn, once.
"""

from __future__ import annotations

import inspect
import warnings
from typing import TYPE_CHECKING, Any, TypeVar, cast

from reliai._core.ambient import current
from reliai._core.sketches import sketched
from reliai._core.usage import first_sight, note_response, own_attempt
from reliai._core.values import PLAIN
from reliai.errors import ConfigurationError, ReliaiWarning

if TYPE_CHECKING:
    from collections.abc import Awaitable

__all__ = ["measure", "read", "usage"]

_T = TypeVar("_T")

MOST_WARNINGS = 100
"""Warnings about values that `read` can make nothing of; beyond, it is silent."""

_warned: set[object] = set()
"""What was warned of already."""


def read(response: _T) -> _T:
    """Put on the record what a provider's response says of itself, and give the response back.

    For functions that return something made from the response. It is counted once, however often
    it is read and wherever it is returned.

    Args:
        response: a response of any provider's SDK, its JSON, or a stream of one. What comes back
            for a stream gives the same events, has the same attributes, and is closed and used in
            `with` the same way; its sum goes on the record when it ends.

    Raises:
        InStreamError: by the stream, where an event reports an error that the SDK does not raise.
        IncompleteStream: by the stream, when it ends without the event that all answers end with.
    """
    call = current.get()
    if call is None:
        return response
    if type(response) in PLAIN:
        _nothing_in(response)
        return response
    if inspect.isawaitable(response):
        return cast("_T", _awaited(response))
    from reliai._core.stream_reading import read_stream  # noqa: PLC0415  only where it is used

    stream = read_stream(call, response)
    if stream is not None:
        return cast("_T", stream)
    from reliai.providers import looks_like_response, read_response  # noqa: PLC0415  rarely needed

    found = read_response(response) if looks_like_response(response) else None
    if found is None:
        _nothing_in(response)
    elif first_sight(call, response):
        note_response(call, own_attempt(call), found)
    return response


async def _awaited(response: Awaitable[Any]) -> Any:
    return read(await response)


def _nothing_in(response: object) -> None:
    kind = type(response)
    _warn_once(
        kind,
        f"reliai.read(): nothing can be read off a {kind.__qualname__}; tell what the response "
        "used with reliai.usage(model=…, input_tokens=…, output_tokens=…)",
        depth=4,
    )


def usage(
    model: str | None = None,
    input_tokens: int | None = None,
    output_tokens: int | None = None,
    cost_usd: float | None = None,
) -> None:
    """Put on the record what a response used that `read` cannot read. Each call of it adds up.

    Args:
        model: the model that answered; with it and the tokens the price is looked up.
        input_tokens: a whole number from 0, those read from a cache included; None where unknown.
        output_tokens: a whole number from 0, reasoning included; None where unknown.
        cost_usd: the price in US dollars, from 0, where you know it.

    Raises:
        ConfigurationError: when nothing is told, or a number is out of its range.
    """
    if model is None and input_tokens is None and output_tokens is None and cost_usd is None:
        message = "usage() tells nothing; give model, input_tokens, output_tokens or cost_usd"
        raise ConfigurationError(message)
    if model is not None and not isinstance(model, str):
        message = f"usage(model={model!r}): model must be a text"
        raise ConfigurationError(message)
    for name, tokens in (("input_tokens", input_tokens), ("output_tokens", output_tokens)):
        _check_tokens(name, tokens)
    _check_cost(cost_usd)
    call = current.get()
    if call is None:
        _warn_once("usage", "reliai.usage() outside of any guarded call tells nobody anything")
        return
    from reliai.providers import Response  # noqa: PLC0415  rarely needed

    told = Response(
        model=model, input_tokens=input_tokens, output_tokens=output_tokens, cost_usd=cost_usd
    )
    note_response(call, own_attempt(call), told)


def _check_tokens(name: str, tokens: Any) -> None:
    if tokens is None or (isinstance(tokens, int) and not isinstance(tokens, bool) and tokens >= 0):
        return
    message = f"usage({name}={tokens!r}): must be a whole number from 0, or None"
    raise ConfigurationError(message)


def _check_cost(cost: Any) -> None:
    number = isinstance(cost, int | float) and not isinstance(cost, bool)
    if cost is None or (number and 0 <= cost < float("inf")):
        return
    message = f"usage(cost_usd={cost!r}): must be a number of US dollars from 0, or None"
    raise ConfigurationError(message)


def measure(**values: Any) -> None:
    """Put numbers, texts or arrays on the record, as `values`; a name told twice is overwritten.

    Args:
        **values: a number, a text (its first 200 characters are kept), or a one-dimensional array,
            series or list of these, of which only a sketch is kept: count, mean, minimum, maximum
            and quantiles, or how often the most frequent texts occur. None and NaN are missing.

    Raises:
        ConfigurationError: naming the value that is none of these.
    """
    kept = sketched(values)
    call = current.get()
    if call is None:
        _warn_once("measure", "reliai.measure() outside of any guarded call tells nobody anything")
        return
    record = call._record  # noqa: SLF001  the engine fills the record
    if not record.ended:
        record.values = {**record.values, **kept}


def _warn_once(what: object, message: str, depth: int = 3) -> None:
    if what not in _warned and len(_warned) < MOST_WARNINGS:
        _warned.add(what)
        warnings.warn(message, ReliaiWarning, stacklevel=depth)

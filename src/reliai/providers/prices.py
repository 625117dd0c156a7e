"""What tokens cost in US dollars: by a bundled table, or as the user says; never by the network.

The table is that of `genai-prices` (extra `reliai[prices]`), as installed. Looking a model up there
takes long and importing it longer, so what a model costs is worked out once and kept.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from reliai import clock
from reliai.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["any_price_set", "price_of", "prices_installed", "set_price"]

_PER: Final = 1_000_000  # the table's prices are for so many tokens
_PER_REQUESTS: Final = 1_000
_MOST_MODELS: Final = 1_000
_KEYS: Final = {
    "input": "input_mtok",
    "output": "output_mtok",
    "cached": "cache_read_mtok",
    "written": "cache_write_mtok",
}


class _Band(NamedTuple):
    """Dollars per million tokens, for requests with more than `above` tokens; None: no price."""

    above: float
    input: float | None
    output: float | None
    cached: float | None
    written: float | None
    request: float


_Bands = tuple[_Band, ...]
"""The highest first; the last one is for every request."""

_Rates = tuple[tuple["Callable[[float], bool] | None", _Bands], ...]
"""Bands and when they hold (by Unix time; None: always). The first that holds counts."""

_said: dict[tuple[str | None, str], _Rates] = {}
"""What `set_price` was told; kept apart, for it is never forgotten."""

_known: dict[tuple[str | None, str], _Rates | None] = {}
"""What was found out; None for a model that nobody knows the price of."""


def price_of(  # noqa: PLR0917  in the order in which a response tells them
    provider: str | None,
    model: str | None,
    input_tokens: int | None,
    output_tokens: int | None,
    cached_tokens: int | None = None,
    cache_write_tokens: int | None = None,
) -> float | None:
    """What a request costs, in US dollars; None when that is not known, and never 0 instead.

    Args:
        provider: who served it, by any name it goes by; None to go by the model's name alone.
        model: the model's name, as the provider or a proxy writes it; dates and regions included.
        input_tokens: all tokens of the request, those read from and written to a cache included.
        output_tokens: all tokens of the answer, reasoning included; None for a model that gives
            none, such as one for embeddings.
        cached_tokens: those of `input_tokens` that were read from a cache.
        cache_write_tokens: those of `input_tokens` that were written to a cache.
    """
    if not model:
        return None
    try:
        rates = _known[provider, model]
    except KeyError:
        rates = _find(provider, model)
    if rates is None or input_tokens is None:
        return None
    return _price(rates, input_tokens, output_tokens, cached_tokens or 0, cache_write_tokens or 0)


def _price(
    rates: _Rates, input_tokens: int, output_tokens: int | None, cached: int, written: int
) -> float | None:
    bands = rates[0][1] if rates[0][0] is None else _in_force(rates)
    band = bands[0]
    if len(bands) > 1:
        band = next((each for each in bands if input_tokens > each.above), bands[-1])
    _, input_price, output_price, cached_price, written_price, request = band
    if output_tokens is None:
        if output_price is not None:
            return None
        output_tokens = 0
    total = 0.0
    plain = input_tokens
    if cached_price is not None:  # where they have no price of their own, they are like others
        plain -= cached
        total += cached * cached_price
    if written_price is not None:
        plain -= written
        total += written * written_price
    if plain < 0 or min(cached, written, output_tokens) < 0:
        return None  # numbers that cannot be
    for tokens, price in ((plain, input_price), (output_tokens, output_price)):
        if price is not None:
            total += tokens * price
        elif tokens:
            return None
    return total / _PER + request


def _in_force(rates: _Rates) -> _Bands:
    now = clock.active().time()
    return next((bands for holds, bands in rates if holds is None or holds(now)), rates[-1][1])


def prices_installed() -> bool:
    """Whether the table of prices can be used; loads it, so that no call has to."""
    return _table() is not None


def any_price_set() -> bool:
    """Whether `set_price` was ever called."""
    return bool(_said)


def set_price(
    model: str,
    *,
    input: float,  # noqa: A002  the word the field uses
    output: float,
    cached: float | None = None,
    provider: str | None = None,
) -> None:
    """Say what a model costs, in US dollars per million tokens; holds from the next answer on.

    Goes before the bundled table, and is the only way to price a model of your own.

    Args:
        model: the name by which answers call it; compared exactly, case aside.
        input: dollars for a million tokens of requests (>= 0).
        output: dollars for a million tokens of answers (>= 0).
        cached: dollars for a million request tokens that were read from a cache; by default as any.
        provider: for answers of this provider only; by default whoever serves the model.

    Raises:
        ConfigurationError: for a price that is no number of 0 or more, or an empty name.

    Example:
        >>> set_price("our-own-7b", input=0.20, output=0.60)
        >>> price_of(None, "our-own-7b", 1_000_000, 500_000)
        0.5
    """
    for name, text in (("model", model), ("provider", provider)):
        if not (isinstance(text, str) and text) and not (name == "provider" and text is None):
            message = f"set_price({name}={text!r}): must be a name"
            raise ConfigurationError(message)
    band = _Band(
        above=-1.0,
        input=_checked("input", input),
        output=_checked("output", output),
        cached=None if cached is None else _checked("cached", cached),
        written=None,
        request=0.0,
    )
    _said[_place(provider, model)] = ((None, (band,)),)
    _known.clear()


def _checked(name: str, price: float) -> float:
    """A price as a float.

    Raises:
        ConfigurationError: when it is no number of 0 or more.
    """
    try:
        number = math.nan if isinstance(price, bool | str) else float(price)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not 0.0 <= number < math.inf:
        message = (
            f"set_price({name}={price!r}): must be US dollars per million tokens, a number of 0 or "
            "more"
        )
        raise ConfigurationError(message)
    return number


def _place(provider: str | None, model: str) -> tuple[str | None, str]:
    return (None if provider is None else provider.lower(), model.lower())


def _find(provider: str | None, model: str) -> _Rates | None:
    """The prices of a model, found out and kept."""
    said = _price_said(provider, model)
    rates = _in_table(provider, model) if said is None else said
    if len(_known) >= _MOST_MODELS:  # names come from outside; real ones are soon found again
        _known.clear()
    _known[provider, model] = rates
    if _price_said(provider, model) is not said:  # by another thread, in between
        _known.pop((provider, model), None)
    return rates


def _price_said(provider: str | None, model: str) -> _Rates | None:
    return _said.get(_place(provider, model)) or _said.get(_place(None, model))


@cache
def _table() -> Any:
    """The bundled table, as genai-prices holds it; None when it is not installed."""
    try:
        from genai_prices.data import providers  # noqa: PLC0415  takes 0.4 s
        from genai_prices.data_snapshot import DataSnapshot  # noqa: PLC0415
    except ImportError:
        return None
    # A snapshot of our own: one that a program has fetched is none of ours.
    return DataSnapshot(providers=providers, from_auto_update=False)


def _in_table(provider: str | None, model: str) -> _Rates | None:
    table = _table()
    if table is None:
        return None
    model = model.removeprefix("models/")  # as Google writes them
    found = _looked_up(table, provider, model)
    if found is None and provider in _COPIED:
        # Whose SDK it was says little: half the world is spoken to with OpenAI's.
        found = _looked_up(table, None, model)
    return None if found is None else _rates(found.prices)


_COPIED: Final = frozenset({"openai"})


def _looked_up(table: Any, provider: str | None, model: str) -> Any:
    try:
        # Without a provider a prefix of the name may say it, as in "anthropic/claude-…"; it is by
        # the name of the proxy which writes them so that the table is asked to look.
        _, found = table.find_provider_model(model, None, provider or "litellm", None)
    except LookupError:
        return None
    return found


def _rates(prices: Any) -> _Rates | None:
    if not isinstance(prices, list):
        bands = _bands(prices)
        return None if bands is None else ((None, bands),)
    found: list[tuple[Callable[[float], bool] | None, _Bands]] = []
    for each in reversed(prices):  # the last one that holds counts
        bands = _bands(each.prices)
        if bands is None:
            return None
        found.append((None if each.constraint is None else _when(each.constraint), bands))
    return tuple(found)


def _when(constraint: Any) -> Callable[[float], bool]:
    day = getattr(constraint, "start_date", None)
    if day is not None:
        start = datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()
        return lambda now: now >= start
    return lambda now: bool(constraint.active(datetime.fromtimestamp(now, UTC)))


def _bands(prices: Any) -> _Bands | None:
    """Prices of tokens; None for a model that is paid for otherwise: by the page, by the hour."""
    given = {name: getattr(prices, key, None) for name, key in _KEYS.items()}
    if given["input"] is None and given["output"] is None:
        return None
    starts = {tier.start for price in given.values() for tier in getattr(price, "tiers", ())}
    request = float(getattr(prices, "requests_kcount", None) or 0) / _PER_REQUESTS
    return tuple(
        _Band(above, **{name: _at(price, above) for name, price in given.items()}, request=request)
        for above in (*sorted(starts, reverse=True), -1.0)
    )


def _at(price: Any, above: float) -> float | None:
    """A price for requests of more than `above` tokens: the tier applies to all of them."""
    if price is None or not hasattr(price, "tiers"):
        return None if price is None else float(price)
    reached = [tier.price for tier in price.tiers if tier.start <= above]
    return float(reached[-1] if reached else price.base)

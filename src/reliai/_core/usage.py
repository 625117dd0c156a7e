"""What attempts used: tokens and dollars, summed on the record and told to meters.

A response is counted once, on the innermost call that read it. What cannot be known stays None:
an unknown price or an unknown number of tokens is never 0.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Protocol

from reliai._core.delivery import deliver

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from reliai._core.call import Call
    from reliai._core.record import Attempt, CallRecord
    from reliai.providers import Response

    PriceOf: TypeAlias = Callable[
        [str | None, str, int | None, int | None, int | None], float | None
    ]

__all__ = ["Meter", "joined", "note_request", "note_response", "note_value", "tell_unknown"]

MOST_SEEN = 64
"""Responses that a running call remembers as counted, its nested calls' included."""


class Meter(Protocol):
    """Something that adds up what calls use: a budget, an agent's run.

    Its methods are called from any thread; what they raise changes no call.
    """

    def add(self, usd: float | None, tokens: int | None, response: Response) -> None:
        """A response was counted: its price in US dollars and its tokens, None where unknown."""

    def unknown(self) -> None:
        """An attempt that reached the provider has ended, and nothing is known of its usage."""


def joined(inherited: tuple[Meter, ...], ambient: tuple[Meter, ...]) -> tuple[Meter, ...]:
    """The meters of an enclosing call and of its surroundings, each once."""
    if not ambient or inherited == ambient:
        return inherited
    return (*inherited, *(meter for meter in ambient if meter not in inherited))


def note_request(call: Call, model: str | None) -> None:
    """Put the model that was asked for on the record; the first one stays."""
    record = call._record  # noqa: SLF001  the engine fills the record
    if model is not None and record.model_requested is None and not record.ended:
        record.model_requested = model


def note_value(call: Call, attempt: Attempt, value: object) -> None:
    """Read what an attempt returned, when it is a provider's response that nobody has read."""
    from reliai.providers import looks_like_response, read_response  # noqa: PLC0415  rarely needed

    response = read_response(value) if looks_like_response(value) else None
    if response is None:
        if call.meters:
            tell_unknown(call, attempt)
    elif first_sight(call, value):
        note_response(call, attempt, response)


def first_sight(call: Call, thing: object) -> bool:
    """Whether neither this call nor one inside it has counted `thing`; from now on it has."""
    record = call._record  # noqa: SLF001  the engine fills the record
    seen = record._seen  # noqa: SLF001
    if seen is not None and any(each is thing for each in seen):
        return False
    above: Call | None = call
    while above is not None:
        record = above._record  # noqa: SLF001
        if not record.ended:
            if record._seen is None:  # noqa: SLF001
                record._seen = deque(maxlen=MOST_SEEN)  # noqa: SLF001
            record._seen.append(thing)  # noqa: SLF001
        above = above.parent
    return True


def note_response(call: Call, attempt: Attempt, response: Response) -> None:
    """Count a response: on the attempt, on the record, and on every meter of the call."""
    record = call._record  # noqa: SLF001  the engine fills the record
    usd = _price(response)
    if not record.ended:
        _fill_attempt(attempt, response)
        _fill_record(call, record, response, usd)
    tokens = _sum(response.input_tokens, response.output_tokens)
    for meter in call.meters:
        deliver(meter, meter.add, usd, tokens, response)


def tell_unknown(call: Call, attempt: Attempt) -> None:
    """Tell the meters that an attempt has ended of whose usage nothing is known."""
    if attempt.input_tokens is None and attempt.output_tokens is None:
        for meter in call.meters:
            deliver(meter, meter.unknown)


def _fill_attempt(attempt: Attempt, response: Response) -> None:
    attempt.model = response.model or attempt.model
    attempt.input_tokens = _sum(attempt.input_tokens, response.input_tokens)
    attempt.output_tokens = _sum(attempt.output_tokens, response.output_tokens)


def _fill_record(call: Call, record: CallRecord, response: Response, usd: float | None) -> None:
    record.provider = response.provider or record.provider
    record.model_served = response.model or record.model_served
    record.finish_reason = response.finish_reason or record.finish_reason
    if response.input_tokens is None and response.output_tokens is None and usd is None:
        return
    record.input_tokens = _sum(record.input_tokens, response.input_tokens)
    record.output_tokens = _sum(record.output_tokens, response.output_tokens)
    record.usage_state = "measured"
    if usd is not None:
        record.cost_usd = (record.cost_usd or 0.0) + usd


def _sum(one: int | None, other: int | None) -> int | None:
    if one is None or other is None:
        return other if one is None else one
    return one + other


_price_of: Any = None


def _price(response: Response) -> float | None:
    """What a response cost, in US dollars; None where nobody knows."""
    global _price_of  # noqa: PLW0603  loaded with the first response that has no price
    if response.cost_usd is not None:
        return float(response.cost_usd)
    if response.model is None or (response.input_tokens is None and response.output_tokens is None):
        return None
    if _price_of is None:
        from reliai.providers.prices import price_of  # noqa: PLC0415  a table, rarely needed

        _price_of = price_of
    try:
        found: float | None = _price_of(
            response.provider,
            response.model,
            response.input_tokens,
            response.output_tokens,
            response.cached_tokens,
        )
    except Exception:  # noqa: BLE001  a broken price never fails a call
        return None
    return found

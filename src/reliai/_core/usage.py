"""What attempts used: tokens and dollars, on the attempt, on the record, and told to meters.

A response is counted once, on the innermost call that read it. What cannot be known stays None:
an unknown price or an unknown number of tokens is never 0.
"""

from __future__ import annotations

import os
from collections import deque
from dataclasses import replace
from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from reliai._core.delivery import deliver
from reliai._core.record import Attempt
from reliai._core.usage_sums import may_be_billed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from reliai._core.call import Call
    from reliai._core.record import CallRecord
    from reliai.providers import Failure, Response
    from reliai.providers.streams import StreamReader

__all__ = [
    "Meter",
    "first_sight",
    "joined",
    "note_failure",
    "note_nothing",
    "note_request",
    "note_response",
    "note_stream",
    "note_value",
    "own_attempt",
    "reading_of",
    "remember",
    "settle_readings",
    "tell_unknown",
    "was_given",
]

MOST_SEEN = 64
"""Responses that a running call remembers as counted, its nested calls' included."""

BYTES_PER_TOKEN = 4
"""Of text in UTF-8; for the tokens of an answer that was cut before its provider counted them."""

_adding = Lock()
"""Held while sums are changed: a function may read responses in several threads."""


def _renew() -> None:
    """In a forked child, where nobody is there to release it."""
    global _adding  # noqa: PLW0603  as said
    _adding = Lock()


os.register_at_fork(after_in_child=_renew)


class Meter(Protocol):
    """Something that adds up what calls use: a budget, an agent's run.

    Its methods are called from any thread; what they raise changes no call.
    """

    def add(self, usd: float | None, tokens: int | None, response: Response) -> None:
        """A response was counted: its price in US dollars and its tokens, None where unknown."""

    def unknown(self) -> None:
        """An attempt that may have been billed has ended, and nothing is known of its usage."""


def joined(inherited: tuple[Meter, ...], ambient: tuple[Meter, ...]) -> tuple[Meter, ...]:
    """The meters of an enclosing call and of its surroundings, each once."""
    if inherited == ambient:
        return inherited
    return (*inherited, *(meter for meter in ambient if meter not in inherited))


def own_attempt(call: Call) -> Attempt:
    """The attempt that a call's function is running in; one aside when there is none yet."""
    attempt: Attempt | None = getattr(call, "own", None)
    if attempt is not None:
        return attempt
    record = call._record  # noqa: SLF001  the engine fills the record
    attempts = record.written_attempts()
    if attempts:
        return attempts[-1]
    if record._aside is None:  # noqa: SLF001
        record._aside = Attempt()  # noqa: SLF001
    return record._aside  # noqa: SLF001


def note_request(call: Call, model: str | None) -> None:
    """Put the model that was asked for on the record; the first one stays."""
    record = call._record  # noqa: SLF001  the engine fills the record
    if model is None or record.ended:
        return
    if record.model_requested is None:
        record.model_requested = model[:200]
    attempt: Attempt | None = getattr(call, "own", None)
    if attempt is not None:
        attempt.model_requested = model[:200]


def note_value(call: Call, attempt: Attempt, value: object) -> None:
    """Read what an attempt returned, when it is a provider's response that nobody has read."""
    if type(value) is str:
        note_nothing(call, attempt)
        return
    from reliai.providers import looks_like_response, read_response  # noqa: PLC0415  rarely needed

    response = read_response(value) if looks_like_response(value) else None
    if response is None:
        note_nothing(call, attempt)
        return
    if first_sight(call, value) and not known_id(call, attempt, response.id):
        note_response(call, attempt, response)
    with _adding:
        if not call._record.ended:  # noqa: SLF001  or it would hold the response for good
            _remember(call._record, _Reading(attempt, value, response))  # noqa: SLF001


class _Reading(NamedTuple):
    """What was read from the value of an attempt, for the policies that look at it next."""

    attempt: Attempt
    value: object
    response: Response


def reading_of(call: Call, value: object) -> Response | None:
    """What the last attempt's value said, when it is this one and was read; None otherwise."""
    seen = call._record._seen  # noqa: SLF001  the engine fills the record
    last = seen[-1] if seen else None
    if type(last) is not _Reading or last.value is not value:
        return None
    attempts = call._record.written_attempts()  # noqa: SLF001
    return last.response if attempts and attempts[-1] is last.attempt else None


def note_nothing(call: Call, attempt: Attempt) -> None:
    """An attempt has ended, and nothing was read from what it gave; from inside it, perhaps."""
    if not call.meters:
        return
    if call._record._told:  # noqa: SLF001  a stream that was left half read is counted first
        settle_readings(call._record, attempt)  # noqa: SLF001
    tell_unknown(call, attempt)


def first_sight(call: Call, thing: object) -> bool:
    """Whether neither this call nor one inside it has counted `thing`; from now on it has."""
    with _adding:
        seen = call._record._seen  # noqa: SLF001  the engine fills the record
        if seen is not None and any(each is thing or _gave(each, thing) for each in seen):
            return False
        for above in _from_here_up(call):
            _remember(above._record, thing)  # noqa: SLF001
    return True


def known_id(call: Call, attempt: Attempt, response_id: str | None) -> bool:
    """Whether a response of this id was counted in this attempt: JSON and object are one response.

    Asked of what a function returns only. In another attempt the same id is another response, as
    the servers of tests give one id to all.
    """
    seen = call._record._seen  # noqa: SLF001  the engine fills the record
    if seen is None or response_id is None:
        return False
    with _adding:
        return any(type(each) is _Id and each.of(attempt, response_id) for each in seen)


class _Id(NamedTuple):
    """A response that was counted in an attempt."""

    attempt: Attempt
    response_id: str

    def of(self, attempt: Attempt, response_id: str) -> bool:
        return self.attempt is attempt and self.response_id == response_id


def was_given(call: Call, chunk: object) -> bool:
    """Whether a stream that is counted already, by `read` or by a call inside, gave this chunk."""
    seen = call._record._seen  # noqa: SLF001  the engine fills the record
    if seen is None:
        return False
    with _adding:
        return any(_gave(each, chunk) for each in seen)


def remember(call: Call, thing: object) -> None:
    """Have this call and those around it know what was counted."""
    with _adding:
        for above in _from_here_up(call):
            _remember(above._record, thing)  # noqa: SLF001


def _from_here_up(call: Call) -> Iterator[Call]:
    """A call and those around it that have not ended."""
    here: Call | None = call
    while here is not None:
        if not here._record.ended:  # noqa: SLF001  the engine's own
            yield here
        here = here.parent


def _remember(record: CallRecord, thing: object) -> None:
    record._told = True  # noqa: SLF001  the engine fills the record
    if record._seen is None:  # noqa: SLF001
        record._seen = deque(maxlen=MOST_SEEN)  # noqa: SLF001
    record._seen.append(thing)  # noqa: SLF001


@lru_cache(1024)  # a model of pydantic's takes 4 µs to say that it has no such method
def _methods(kind: type) -> tuple[Callable[..., Any] | None, Callable[..., Any] | None]:
    """How what was counted tells what it has delivered, and takes in that its call has ended."""
    return getattr(kind, "gave", None), getattr(kind, "left", None)


def _gave(seen: object, chunk: object) -> bool:
    """Whether what was counted is a stream that has just delivered a chunk."""
    gave = _methods(type(seen))[0]  # type: ignore[arg-type]
    return gave is not None and bool(gave(seen, chunk))


def note_response(
    call: Call, attempt: Attempt, response: Response, *, state: str = "measured"
) -> None:
    """Count a response: on the attempt, for the record, and on every meter of the call.

    Args:
        call: the call that read it.
        attempt: the attempt that it answers.
        response: what it says of itself.
        state: "estimated" when its tokens were reckoned.
    """
    record = call._record  # noqa: SLF001  the engine fills the record
    usd = _price(response)
    tokens = _sum(response.input_tokens, response.output_tokens)
    if tokens is None and usd is None:
        state = "unknown"
    with _adding:
        if not record.ended:
            _fill(attempt, response, usd, state)
            record.provider = response.provider or record.provider
            record.model_served = response.model or record.model_served
            record.finish_reason = response.finish_reason or record.finish_reason
            record._told = True  # noqa: SLF001
        if response.id is not None:
            for above in _from_here_up(call):
                its = attempt if above is call else own_attempt(above)
                _remember(above._record, _Id(its, response.id))  # noqa: SLF001
    for meter in call.meters:
        if state == "unknown":
            deliver(meter, meter.unknown)
        else:
            deliver(meter, meter.add, usd, tokens, response)
    _mark(call, attempt)


def _fill(attempt: Attempt, response: Response, usd: float | None, state: str) -> None:
    before = attempt.usage_state
    attempt.model = response.model or attempt.model
    attempt.finish_reason = response.finish_reason or attempt.finish_reason
    attempt.provider = response.provider or attempt.provider
    attempt.response_id = response.id or attempt.response_id
    attempt.cached_tokens = _sum(attempt.cached_tokens, response.cached_tokens)
    attempt.cache_write_tokens = _sum(attempt.cache_write_tokens, response.cache_write_tokens)
    attempt.input_tokens = _sum(attempt.input_tokens, response.input_tokens)
    attempt.output_tokens = _sum(attempt.output_tokens, response.output_tokens)
    attempt.usage_state = state if before in (None, state) else "estimated"
    if usd is None:
        attempt.unpriced, attempt.cost_usd = True, None
    elif not attempt.unpriced:
        attempt.cost_usd = (attempt.cost_usd or 0.0) + usd


def note_stream(call: Call, attempt: Attempt, reader: StreamReader) -> None:
    """Count what a stream that has ended said; of one that was cut, reckon what it had written."""
    response, state = reader.response(), "measured"
    if not reader.settled:
        if response.input_tokens is None:  # half of it would look like all
            response = replace(response, output_tokens=None)
        else:
            written = -(-reader.written() // BYTES_PER_TOKEN)
            response = replace(response, output_tokens=max(response.output_tokens or 0, written))
            state = "estimated"
    note_response(call, attempt, response, state=state)


def settle_readings(record: CallRecord, attempt: Attempt | None = None) -> None:
    """Count the streams that a call, or one attempt of it, was still reading when it ended."""
    for each in tuple(record._seen or ()):  # noqa: SLF001  the engine's own
        left = _methods(type(each))[1]  # type: ignore[arg-type]
        if left is not None:
            left(each, record, attempt)


def note_failure(call: Call, attempt: Attempt, failure: Failure | None) -> None:
    """An attempt failed: what it read by then counts, or else its usage may be unknown."""
    attempt.failure = failure
    record = call._record  # noqa: SLF001  the engine fills the record
    if record._told:  # noqa: SLF001
        settle_readings(record, attempt)
    if call.meters and attempt.usage_state is None and may_be_billed(failure):
        tell_unknown(call, attempt)


def tell_unknown(call: Call, attempt: Attempt) -> None:
    """Tell the meters that an attempt has ended of whose usage nothing is known; once for each."""
    if attempt.told or not call.meters:
        return
    for meter in call.meters:
        deliver(meter, meter.unknown)
    _mark(call, attempt)


def _mark(call: Call, attempt: Attempt) -> None:
    """The meters were told of an attempt; the calls around it need not tell them again."""
    attempt.told = True
    if call.parent is not None:
        for above in _from_here_up(call.parent):
            own_attempt(above).told = True


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
            response.cache_write_tokens,
        )
    except Exception:  # noqa: BLE001  a broken price never fails a call
        return None
    return found

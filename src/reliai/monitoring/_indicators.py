"""What makes a call a good one, for each indicator of an objective; None where it says nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, cast

from reliai._core.record_schema import RECORD_FIELDS
from reliai.errors import ConfigurationError

if TYPE_CHECKING:
    from reliai._core.record import CallRecord

__all__ = [
    "INDICATORS",
    "Indicator",
    "Judge",
    "check_threshold",
    "checked_calls",
    "chosen",
    "indicator_of",
]

Judge: TypeAlias = "Callable[[CallRecord], bool | None]"

_ANSWERED = ("success", "degraded")

LEAST = "least value"
"""The unit of a threshold that good calls are above, as scores are."""


class Indicator(NamedTuple):
    """How an objective looks at calls.

    Attributes:
        make: gives the judge of a call, for a threshold.
        unit: of the threshold; None for an indicator that takes none.
        bad: what a bad call is, in words that follow "2 % of calls".
    """

    make: Callable[[float], Judge]
    unit: str | None
    bad: str


def _success(_: float) -> Judge:
    def judge(record: CallRecord) -> bool | None:
        if record.status in _ANSWERED:
            return True
        if record.status not in {"error", "rejected"} or _guarded(record):
            return None  # the caller left, or sent what must not be answered
        return False

    return judge


def _full(_: float) -> Judge:
    def judge(record: CallRecord) -> bool | None:
        return record.status == "success" if record.status in _ANSWERED else None

    return judge


def _latency(threshold: float) -> Judge:
    def judge(record: CallRecord) -> bool | None:
        if record.duration is None or record.status not in _ANSWERED:
            return None
        return record.duration <= threshold

    return judge


def _first_chunk(threshold: float) -> Judge:
    def judge(record: CallRecord) -> bool | None:
        seconds = record.time_to_first_chunk
        return None if seconds is None else seconds <= threshold

    return judge


def _cost(threshold: float) -> Judge:
    def judge(record: CallRecord) -> bool | None:
        return None if record.cost_usd is None else record.cost_usd <= threshold

    return judge


def _tokens(threshold: float) -> Judge:
    def judge(record: CallRecord) -> bool | None:
        known = [n for n in (record.input_tokens, record.output_tokens) if n is not None]
        return sum(known) <= threshold if known else None

    return judge


_INVALID = {"output_invalid", "output_would_reject"}
_GUARD = {"guard_rejected", "guard_would_reject"}


def _validation(_: float) -> Judge:
    def judge(record: CallRecord) -> bool | None:
        if _happened(record, _INVALID) or _failed_with(record, "invalid_output"):
            return False
        return True if record.status in _ANSWERED else None

    return judge


def _guard(_: float) -> Judge:
    return lambda record: not (_guarded(record) or _happened(record, _GUARD))


def _refusal(_: float) -> Judge:
    def judge(record: CallRecord) -> bool | None:
        if record.finish_reason == "content_filter" or _failed_with(record, "content_filter"):
            return False
        return True if record.status in _ANSWERED else None

    return judge


def _guarded(record: CallRecord) -> bool:
    error = record.error
    return error is not None and error.type.rpartition(".")[2] == "GuardRejected"


def _happened(record: CallRecord, kinds: set[str]) -> bool:
    return any(event.kind in kinds for event in record.events)


def _failed_with(record: CallRecord, kind: str) -> bool:
    return record.error is not None and record.error.kind == kind


INDICATORS = {
    "success": Indicator(_success, None, "failed"),
    "full_quality": Indicator(_full, None, "got a stand-in"),
    "latency": Indicator(_latency, "seconds", "took longer"),
    "first_chunk": Indicator(_first_chunk, "seconds", "began to answer later"),
    "cost": Indicator(_cost, "US dollars", "cost more"),
    "tokens": Indicator(_tokens, "tokens", "took more tokens"),
    "validation": Indicator(_validation, None, "gave an invalid answer"),
    "guard": Indicator(_guard, None, "were stopped by a guard"),
    "refusal": Indicator(_refusal, None, "were refused by the model"),
}


def indicator_of(given: Any) -> Indicator:
    """The indicator of a name, of "score:NAME", or of a function of the record.

    Raises:
        ConfigurationError: for another thing.
    """
    if callable(given):
        return Indicator(lambda _: cast("Judge", given), None, "were bad")
    if isinstance(given, str):
        kind, colon, score = given.partition(":")
        if kind == "score" and colon and score:
            return Indicator(lambda least: _score(score, least), LEAST, "scored less")
        if given in INDICATORS:
            return INDICATORS[given]
    known = ", ".join(map(repr, INDICATORS))
    raise ConfigurationError(
        f"SLO({given!r}): is no indicator; use one of {known}, 'score:NAME', or a function that "
        "says of a record whether the call was good (None: it does not count)"
    )


def check_threshold(given: Any, kind: Indicator, threshold: float | None) -> None:
    """Refuse a threshold that every call, or none, lies beyond.

    Raises:
        ConfigurationError: for one below 0, where only scores may be, or an infinite one.
    """
    if threshold is None:
        return
    below = threshold < 0 and kind.unit != LEAST
    if below or abs(threshold) == float("inf"):
        range_of = "a number" if kind.unit == LEAST else f"{kind.unit}, from 0 up"
        raise ConfigurationError(f"SLO({given!r}, threshold={threshold!r}): must be {range_of}")


def checked_calls(given: Any) -> tuple[str, ...] | None:
    """The names of the functions that an objective is about; None for all.

    Raises:
        ConfigurationError: for what names none.
    """
    if given is None:
        return None
    found = (given,) if isinstance(given, str) or not isinstance(given, Iterable) else tuple(given)
    if not found or not all(isinstance(name, str) and name for name in found):
        raise ConfigurationError(
            f"SLO(calls={given!r}): give the name of a function, or a list of names, or leave it "
            "out for all"
        )
    return found


def _score(name: str, least: float) -> Judge:
    def judge(record: CallRecord) -> bool | None:
        value = record.values.get(name)
        if isinstance(value, Mapping):
            value = value.get("mean")
        return float(value) >= least if isinstance(value, int | float) else None

    return judge


def chosen(calls: Iterable[str] | str | None, where: Any) -> Callable[[CallRecord], bool]:
    """Whether a call is one of those that an objective is about.

    Raises:
        ConfigurationError: for conditions that are neither a mapping of what records have nor a
            function.
    """
    if isinstance(calls, str):
        calls = (calls,)
    names = None if calls is None else frozenset(calls)
    if where is not None and not callable(where) and not isinstance(where, Mapping):
        raise ConfigurationError(
            f"SLO(where={where!r}): give a mapping such as {{'tag:team': 'support'}}, or a "
            "function of the record"
        )
    conditions = where.items() if isinstance(where, Mapping) else ()
    for key, _ in conditions:
        if key not in RECORD_FIELDS and not str(key).startswith(("tag:", "value:")):
            known = ", ".join(RECORD_FIELDS)
            raise ConfigurationError(
                f"SLO(where={{{key!r}: …}}): use tag:NAME, value:NAME or one of {known}"
            )

    def matches(record: CallRecord) -> bool:
        if names is not None and record.name not in names:
            return False
        if callable(where):
            return bool(where(record))
        return all(_has(record, key, wanted) for key, wanted in conditions)

    return matches


def _has(record: CallRecord, key: str, wanted: Any) -> bool:
    kind, colon, name = key.partition(":")
    if colon and kind == "tag":
        found: Any = record.tags.get(name)
    elif colon and kind == "value":
        found = record.values.get(name)
    else:
        found = getattr(record, key, None)
    return (
        found in wanted if isinstance(wanted, list | tuple | set | frozenset) else found == wanted
    )

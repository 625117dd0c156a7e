"""Telling what went wrong, whichever library raised it, without importing any of them.

Errors are known by the names in their type's resolution order, by their attributes and by the
bodies they carry; when an error says nothing, its causes are asked. `classify` raises for no
exception, whatever it is like.
"""

from __future__ import annotations

from functools import partial
from itertools import islice
from typing import Final

from reliai import clock
from reliai.errors import ConfigurationError, ErrorKind, ReliaiError, Verdict, verdicts
from reliai.providers.evidence import Evidence, status_in
from reliai.providers.failure import NOTHING, Failure
from reliai.providers.judging import judge, was_in_stream, was_sent
from reliai.providers.links import alone, chain, members
from reliai.providers.ours import read_ours
from reliai.providers.taxonomy import KINDS, Rank
from reliai.providers.traits import Special, Traits, settled, traits_of

__all__ = ["classify"]

_UNKNOWN: Final = ErrorKind.UNKNOWN
_JUMPS: Final = {
    Special.CONTROL_FLOW: Failure(ErrorKind.UNKNOWN, control_flow=True),
    Special.PROGRAMMING: Failure(ErrorKind.UNKNOWN, programming=True),
}


def classify(error: BaseException, now: float | None = None) -> Failure:
    """Say what kind of failure an error is, and what the policies do about it.

    Args:
        error: any exception; it is neither changed nor kept.
        now: Unix time in seconds, against which a date in a Retry-After header is held; by
            default the time of reliai's clock.

    Raises:
        ConfigurationError: when `error` is no exception.
    """
    known = settled.get(type(error))
    if known is not None and alone(error):
        return _with_verdict(known)
    if not isinstance(error, BaseException):
        message = (
            f"classify(an object of {type(error).__name__}): give the exception that was raised; "
            "its body is read from it"
        )
        raise ConfigurationError(message)
    try:
        found = _classify(error, now)
        if traits_of(type(error)).fixed and alone(error):
            settled[type(error)] = found
    except Exception:  # noqa: BLE001  whatever an error's own attributes do, the call must go on
        return _with_verdict(Failure(_UNKNOWN))
    return found


def _with_verdict(failure: Failure) -> Failure:
    """The failure with what the table says now: anyone may assign to it at any time."""
    verdict = verdicts.get(failure.kind, NOTHING)
    if failure.verdict is verdict or failure.programming or failure.control_flow:
        return failure
    return failure._replace(verdict=verdict)


def _classify(error: BaseException, now: float | None) -> Failure:
    for each in members(error) if isinstance(error, BaseExceptionGroup) else (error,):
        special = traits_of(type(each)).special
        if special is Special.CANCELLED:
            return _with_verdict(Failure(ErrorKind.CANCELLED))
        if special is not Special.NONE:
            return _JUMPS[special]
    first, settles = _look_at(error, now)
    if settles:
        return first
    for each in islice(chain(error), 1, None):
        found, settles = _look_at(each, now)
        if settles:
            return found
    return first


def _look_at(error: BaseException, now: float | None) -> tuple[Failure, bool]:
    """What one error says, its causes left aside, and whether these need not be asked."""
    if isinstance(error, ReliaiError):
        ours = read_ours(error, partial(classify, now=now))
        if ours is not None:
            return ours, True
    traits = traits_of(type(error))
    if traits.special is not Special.NONE:
        # behind another error a jump or a cancellation is not what failed
        return _with_verdict(Failure(_UNKNOWN)), False
    found = _read(error, traits, now)
    return found, found.kind is not _UNKNOWN


def _read(error: BaseException, traits: Traits, now: float | None) -> Failure:
    evidence = Evidence(error)
    codes: list[str] = []
    rank = judge(error, evidence, traits, codes)
    if rank is Rank.NOTHING and traits.sent is None and not codes:
        return _with_verdict(Failure(_UNKNOWN))
    sure = rank <= Rank.SURE_MALFORMED  # the status of such an error means nothing
    status = None if sure else evidence.status or next(filter(None, map(status_in, codes)), None)
    in_stream = was_in_stream(error, evidence, traits, rank)
    kind = KINDS.get(rank, _UNKNOWN)
    return Failure(
        kind=kind,
        status=status,
        code=next((each for each in codes if status_in(each) is None), codes[0] if codes else None),
        retry_after=evidence.retry_after(clock.active().time if now is None else lambda: now),
        in_stream=in_stream,
        sent=in_stream or _was_answered(evidence, traits, rank) or was_sent(error, traits),
        verdict=_verdict(kind, rank),
    )


def _was_answered(evidence: Evidence, traits: Traits, rank: Rank) -> bool:
    """Some server answered, so the request had left."""
    if rank <= Rank.SURE_CONNECTION:
        return False
    by_status = evidence.status is not None and not traits.invents
    return by_status or evidence.began_well or rank <= Rank.SURE_MALFORMED


def _verdict(kind: ErrorKind, rank: Rank) -> Verdict:
    verdict = verdicts.get(kind, NOTHING)
    if rank is Rank.TRUNCATED:
        return verdict._replace(retry=False)
    if rank is Rank.SPENT:
        return verdict._replace(retry=False, fall_back=False)
    return verdict

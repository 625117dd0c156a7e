"""From what an error shows to what it is: the lowest rank among all its signs decides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from reliai.providers.evidence import status_in
from reliai.providers.links import alone, direct_causes
from reliai.providers.reading import attribute, count, word
from reliai.providers.taxonomy import (
    BARE_STREAM_ERRORS,
    CODE_ENDINGS,
    CODES,
    PHRASES,
    STATUSES,
    Rank,
)
from reliai.providers.traits import UNSENT_NUMBERS, traits_of

if TYPE_CHECKING:
    from reliai.providers.evidence import Evidence
    from reliai.providers.traits import Traits

__all__ = ["judge", "rank_of_status", "was_in_stream", "was_sent"]

_SAID: Final = frozenset({Rank.AUTH, Rank.NOT_FOUND})
_PHRASED: Final = frozenset({None, 400, 413, 422})
_PHASES: Final = {"pool": False, "connect": False, "read": True}  # pydantic-ai's word for it
_SERVER_ERROR: Final = 500


def judge(error: BaseException, evidence: Evidence, traits: Traits, codes: list[str]) -> Rank:
    """The rank of one error, its causes left aside.

    Args:
        error: the error.
        evidence: what it shows.
        traits: what its type tells.
        codes: filled with the provider's words for it, where they may be believed.
    """
    rank, status = traits.rank, evidence.status
    if rank <= Rank.SURE_MALFORMED:
        return rank
    if status is not None:
        rank = min(rank, rank_of_status(status))
    if status is not None or traits.provider or evidence.began_well:
        codes.extend(evidence.codes())
        for code in codes:
            rank = min(rank, _rank_of_code(code))
        if rank > Rank.RATE_LIMITED and rank not in _SAID:
            rank = min(rank, _rank_of_phrases(evidence))
    if rank is Rank.NOTHING and _never_left(error):
        rank = Rank.TRANSPORT_CONNECTION
    return rank


def rank_of_status(status: int) -> Rank:
    """The rank of an HTTP status from 400 to 599."""
    found = STATUSES.get(status)
    if found is not None:
        return found
    return Rank.SERVER if status >= _SERVER_ERROR else Rank.BAD_REQUEST


def _rank_of_code(code: str) -> Rank:
    code = code.lower()
    found = CODES.get(code)
    if found is not None:
        return found
    if (status := status_in(code)) is not None:
        return rank_of_status(status)
    return Rank.QUOTA if code.endswith(CODE_ENDINGS) else Rank.NOTHING


def _rank_of_phrases(evidence: Evidence) -> Rank:
    status = evidence.status
    server = status is None or status >= _SERVER_ERROR
    if not server and status not in _PHRASED:
        return Rank.NOTHING
    message = evidence.message()
    for rank, phrases in PHRASES:
        if (server or rank is not Rank.OVERLOADED) and any(each in message for each in phrases):
            return rank
    return Rank.NOTHING


def _never_left(error: BaseException) -> bool:
    return isinstance(error, OSError) and count(error.errno) in UNSENT_NUMBERS


def was_in_stream(error: BaseException, evidence: Evidence, traits: Traits, rank: Rank) -> bool:
    """Whether the provider reported it inside a stream that had begun well."""
    if traits.in_stream or attribute(error, "in_stream") is True:
        return True
    if rank <= Rank.SURE_MALFORMED or rank is Rank.MALFORMED:
        return False
    bare = evidence.status is None and type(error).__name__ in BARE_STREAM_ERRORS
    return bare or evidence.began_well


def was_sent(error: BaseException, traits: Traits) -> bool | None:
    """Whether a failure of the network came after the request had left; None when nobody knows.

    It is proof only for an error that speaks of the first request its SDK sent: of the earlier
    ones, when it repeats by itself, the last error tells nothing.
    """
    sent = _told(error, traits)
    if sent is None and not alone(error):
        causes = direct_causes(error)
        told = (_told(each, traits_of(type(each))) for each in causes)
        sent = next((each for each in told if each is not None), None)
    if sent is False and (traits.sdk_retries or _was_repeated(error)):
        return None
    return sent


def _told(error: BaseException, traits: Traits) -> bool | None:
    if traits.sent is not None:
        return traits.sent
    phase = word(attribute(error, "phase"))
    if phase is not None:
        return _PHASES.get(phase)
    return False if _never_left(error) else None


def _was_repeated(error: BaseException) -> bool:
    """OpenAI's and Anthropic's SDKs number their requests in a header."""
    headers = attribute(attribute(error, "request"), "headers")
    get = attribute(headers, "get")
    if not callable(get):
        return False
    try:
        return get("x-stainless-retry-count") not in (None, "0")
    except Exception:  # noqa: BLE001  a request of any make
        return False

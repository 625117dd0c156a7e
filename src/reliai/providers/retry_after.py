"""How long a provider asks to wait: the headers and bodies in which it says so."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from reliai.providers.reading import amount, attribute, dig

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["headers_of", "read_retry_after", "seconds_of"]

_MOST_HEADERS = 256
_LONGEST = 64  # characters of a header worth reading: the longest date form has 33


def read_retry_after(
    error: object, headers: object, body: object, now: Callable[[], float]
) -> float | None:
    """Seconds to wait, the first that can be read of: attribute, headers, body; else None.

    Args:
        error: its `retry_after` attribute is believed first.
        headers: a mapping of any spelling of the names, or None.
        body: the decoded body of the answer, in which Google puts it.
        now: gives the Unix time; called only for a date.
    """
    found = seconds_of(attribute(error, "retry_after"), now)
    if found is None and headers is not None:
        found = _from_headers(_lowered(headers), now)
    if found is None and body is not None:
        found = _from_body(body)
    return found


def headers_of(error: object, response: object) -> object:
    """The headers that came with an error, wherever its SDK keeps them, or None."""
    for holder, path in (
        (response, ("headers",)),
        (error, ("headers",)),
        (error, ("raw_response", "headers")),
        (error, ("litellm_response_headers",)),
        (response, ("ResponseMetadata", "HTTPHeaders")),
    ):
        if holder is not None and _is_mapping(found := dig(holder, *path)):
            return found
    return None


def seconds_of(value: object, now: Callable[[], float]) -> float | None:
    """Seconds in a number, a string of a number or an HTTP date, which in the past is 0.

    None for NaN, infinity, less than 0 and whatever cannot be read.
    """
    if isinstance(value, str):
        return _in_words(value, now)
    return amount(value)


def _from_headers(headers: object, now: Callable[[], float]) -> float | None:
    for name in ("retry-after-ms", "x-ms-retry-after-ms"):
        value = _header(headers, name)
        if value is not None and (milliseconds := _number(value)) is not None:
            return milliseconds / 1000
    if (value := _header(headers, "retry-after")) is not None:
        found = _in_words(value, now)
        if found is not None:
            return found
    # cohere: the Unix time at which the limit is lifted
    if (value := _header(headers, "x-ratelimit-reset")) is not None:
        moment = _number(value)
        if moment is not None and moment > _ANY_DELAY:
            return max(0.0, moment - now())
    return None


_ANY_DELAY = 1_000_000_000.0  # others put a delay there; below this it cannot be a Unix time


def _header(headers: Any, name: str) -> str | None:
    try:
        if name not in headers:  # cheaper by half than a get that fails
            return None
        value = headers[name]
    except Exception:  # noqa: BLE001  headers are somebody else's class
        return None
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, (int, float)):
        return str(value)
    return value if isinstance(value, str) else None


def _lowered(headers: object) -> object:
    """Plain dictionaries, unlike the classes made for headers, mind the spelling of a name."""
    if type(headers) is not dict:
        return headers
    few = islice(headers.items(), _MOST_HEADERS)
    return {key.lower(): value for key, value in few if isinstance(key, str)}


def _is_mapping(value: object) -> bool:
    return isinstance(value, dict) or hasattr(type(value), "__contains__")


def _number(value: str) -> float | None:
    if len(value) > _LONGEST:
        return None
    try:
        return amount(float(value))
    except ValueError:
        return None


def _in_words(value: str, now: Callable[[], float]) -> float | None:
    if len(value) > _LONGEST:
        return None
    try:
        return amount(float(value))
    except ValueError:
        moment = _date(value)
    return None if moment is None else max(0.0, moment - now())


def _date(value: str) -> float | None:
    """The Unix time of an HTTP date in any of its three forms; one without a zone is UTC."""
    from email.utils import mktime_tz, parsedate_tz  # noqa: PLC0415  10 ms, and seldom needed

    try:
        parts = parsedate_tz(value)
        if parts is None:
            return None
        return float(mktime_tz((*parts[:9], parts[9] or 0)))
    except Exception:  # noqa: BLE001  a year or a zone out of range
        return None


def _from_body(body: object) -> float | None:
    """Google: an entry of type google.rpc.RetryInfo with a `retryDelay` such as "34s"."""
    error = dig(body, "error")
    details = dig(error if isinstance(error, dict) else body, "details")
    if not isinstance(details, (list, tuple)):
        return None
    for each in details[:16]:
        delay = dig(each, "retryDelay")
        if isinstance(delay, str) and delay.endswith("s"):
            return _number(delay[:-1])
    return None

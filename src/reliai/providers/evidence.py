"""What one error object shows of itself: status, codes, message. Reads, judges nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reliai.providers.reading import attribute, dig
from reliai.providers.retry_after import headers_of, read_retry_after

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Evidence", "fault", "status_in"]

_ATTRIBUTES = ("code", "provider_error_code", "type", "provider_error_type", "status", "error_code")
_BODY_KEYS = ("code", "type", "status")
_MOST_BODY = 65_536  # bytes of a raw body worth parsing
_MOST_TEXT = 2_000  # characters of a message worth searching
_OK = range(200, 300)
_FAULT = range(400, 600)
_FAULT_WORDS = frozenset(map(str, _FAULT))


class Evidence:
    """The facts of one error, each read when it is first asked for."""

    __slots__ = ("_body", "_body_read", "_error", "_response", "began_well", "status")

    def __init__(self, error: BaseException) -> None:
        self._error = error
        self._body: object = None
        self._body_read = False
        self._response = attribute(error, "response")
        self.began_well = False
        """The answer began with a good status, so the error came inside a stream."""
        self.status = self._read_status()

    def _read_status(self) -> int | None:
        error, response = self._error, self._response
        said = attribute(error, "status_code")
        if said is None and isinstance(response, dict):  # botocore
            said = dig(response, "ResponseMetadata", "HTTPStatusCode")
        if (found := fault(said)) is not None:
            return found
        answered = attribute(response, "status_code") if said is None else said
        self.began_well = isinstance(answered, int) and answered in _OK
        for holder, names in (
            (response, ("status_code", "status")),
            (attribute(error, "raw_response"), ("status_code",)),
            (error, ("code", "status")),
        ):
            if holder is not None:
                for name in names:
                    if (found := fault(attribute(holder, name))) is not None:
                        return found
        return None

    def codes(self) -> list[str]:
        """The provider's words for the error, the most telling first, as they were spelt."""
        found: list[str] = []
        error = self._error
        for name in _ATTRIBUTES:
            _add(found, attribute(error, name))
        if isinstance(self._response, dict):
            _add(found, dig(self._response, "Error", "Code"))
        body = self.body()
        if isinstance(body, dict):
            _add_codes(found, body)
            # mistral wraps an error inside a stream in the event it came with
            for inner in (body.get("error"), body.get("data"), dig(body, "data", "error")):
                if type(inner) is dict:
                    _add_codes(found, inner)
        return found

    def message(self) -> str:
        """What it says, lower-cased and cut short; empty when it says nothing."""
        body = self.body()
        for found in (
            dig(body, "error", "message") if isinstance(body, dict) else body,
            dig(body, "message"),
            dig(body, "error"),
            dig(body, "detail"),
            dig(self._response, "Error", "Message"),
            attribute(self._error, "message"),
            dig(self._error, "args", 0),
        ):
            if isinstance(found, str) and (plain := str.__str__(found)):
                return plain[:_MOST_TEXT].lower()
        return ""

    def body(self) -> object:
        """The decoded body of the answer: a mapping or a string, or None."""
        if not self._body_read:
            self._body_read = True
            body = self._read_body()
            # JSON gives no other types; a class of somebody's own could break when it is read
            self._body = body if type(body) in (dict, str) else None
        return self._body

    def _read_body(self) -> object:
        error = self._error
        for found in (attribute(error, "body"), attribute(error, "details")):
            if isinstance(found, (dict, list, str, bytes)) and found:
                return _decoded(found)
        if isinstance(self._response, dict):
            return None
        # a raw httpx or requests error: only what was downloaded already, never `.content`, which
        # would go to the network
        return _decoded(attribute(self._response, "_content"))

    def retry_after(self, now: Callable[[], float]) -> float | None:
        """Seconds the provider asked to wait, or None."""
        answered = self.status is not None or self.began_well or self._response is not None
        headers = headers_of(self._error, self._response) if answered else None
        return read_retry_after(self._error, headers, self._body, now)


def fault(value: object) -> int | None:
    """`value` when it is an HTTP status of an error, else None."""
    if isinstance(value, int) and not isinstance(value, bool) and value in _FAULT:
        return int(value)
    return None


def status_in(code: str) -> int | None:
    """The status of an error which a provider wrote where its code belongs, else None."""
    return fault(int(code)) if code in _FAULT_WORDS else None


def _add(found: list[str], value: object) -> None:
    if isinstance(value, str) and (plain := str.__str__(value)):  # enumerations are strings too
        found.append(plain)


def _add_codes(found: list[str], body: dict[object, object]) -> None:
    for key in _BODY_KEYS:
        value = body.get(key)
        # OpenRouter and others put the status where the code belongs
        _add(found, str(value) if fault(value) is not None else value)
    # azure: the filter that stopped it; google: the reason behind a plain 400
    if "innererror" in body:
        _add(found, dig(body, "innererror", "code"))
    details = body.get("details")
    if isinstance(details, (list, tuple)):
        for each in details[:16]:
            _add(found, dig(each, "reason"))


def _decoded(body: object) -> object:
    if isinstance(body, list):
        return body[0] if body else None
    if isinstance(body, (str, bytes)):
        return _parsed(body)
    return body


def _parsed(body: str | bytes) -> object:
    if len(body) <= _MOST_BODY and body.lstrip()[:1] in ("{", b"{", "[", b"["):
        import json  # noqa: PLC0415  3 ms, and only raw bodies need it

        try:
            value = json.loads(body)
        except ValueError:
            pass
        else:
            return value[0] if isinstance(value, list) and value else value
    return body if isinstance(body, str) else body[:_MOST_TEXT].decode("utf-8", "replace")

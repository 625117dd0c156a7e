"""What a wrapped client changes in a request: its time, its key, and what happens to its answer."""

from __future__ import annotations

import zlib
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from reliai._core.ambient import remaining
from reliai._core.attempts import attempt_limit
from reliai._core.limits import overrun
from reliai._core.usage import note_request, own_attempt
from reliai.errors import ErrorKind
from reliai.integrations._answer import reading
from reliai.providers import classify
from reliai.providers.reading import amount, attribute, text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reliai._core.call import Call

__all__ = ["TimeLeft", "Ways", "keep_in_time", "limited", "prepared", "timed_out"]

SHORTEST = 0.001
"""Seconds that a request gets in any case: with 0 a socket would not wait at all."""

SPARE = 1.0
"""Seconds that a stream's connection outlasts the limits of its call."""

EARLY = 0.005
"""Seconds by which a socket may wake up before the time it was given."""

MOST_CALLS = 1024
"""Calls whose first request is remembered."""

_NUMBERS: Final = {
    "max_tokens": "max_tokens",
    "max_completion_tokens": "max_tokens",
    "max_output_tokens": "max_tokens",
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "seed": "seed",
    "frequency_penalty": "frequency_penalty",
    "presence_penalty": "presence_penalty",
    "n": "choice_count",
}
_PORTS: Final = {"http": 80, "https": 443}
_PHASES = ("connect", "read", "write", "pool")
_first_requests: dict[str, int] = {}


class Ways(NamedTuple):
    """What an API can do.

    Attributes:
        idempotency_header: the header in which it takes a key; None when it takes none.
        stream_usage: whether to ask for the usage of streams that do not tell it unasked.
    """

    idempotency_header: str | None = None
    stream_usage: bool = False


def prepared(call: Call, client: Any, ways: Ways, options: Any, *, stream: bool) -> Any:
    """The options of a request as they are to be sent inside a guarded call: a changed copy.

    Args:
        call: the guarded call.
        client: the client that sends it.
        ways: what its API can do.
        options: the SDK's `FinalRequestOptions`.
        stream: whether a stream is asked for.
    """
    body: Any = options.json_data
    changes: dict[str, Any] = {}
    if isinstance(body, dict):
        note_request(call, text(body.get("model")))
        own_attempt(call).request = _told(client, body)
    left, given = remaining(), _timeout_of(client, options)
    if left is not None:
        changes["timeout"] = _shorter(given, left)
    if ways.idempotency_header is not None and options.method.lower() == "post":
        changes["headers"] = _with_key(call, client, options, ways.idempotency_header)
    hide = ways.stream_usage and stream and _usage_unasked(options)
    if hide:
        changes["json_data"] = {**body, "stream_options": {"include_usage": True}}
    patience = _patience(call, given) if stream else None
    changes["post_parser"] = reading(call, options.post_parser, patience, hide_usage=hide)
    return options.model_copy(update=changes)


def _told(client: Any, body: Mapping[str, Any]) -> dict[str, Any]:
    """What telemetry tells of a request besides its model: numbers and where it goes, no text."""
    found: dict[str, Any] = {}
    for name, key in _NUMBERS.items():
        number = body.get(name)
        if type(number) is int or type(number) is float:
            found[key] = number
    url: Any = attribute(client, "base_url")
    host, port = attribute(url, "host"), attribute(url, "port")
    if isinstance(host, str) and host:
        found["server_address"] = host
        found["server_port"] = (
            port if isinstance(port, int) else _PORTS.get(str(attribute(url, "scheme")), 443)
        )
    return found


def _patience(call: Call, given: Any) -> float | None:
    """Seconds of silence that no limit of the call allows a stream, with a second to spare.

    The limits themselves are held to by the call. This only ends a connection that nobody waits for
    any more; so it must never be the shorter one. What the request itself was given stays in force.
    """
    left, idle = call.remaining(), call.idle
    if idle is not None:
        left = max(idle, remaining() or idle)
    if left is None:
        return None
    own = attribute(given, "read") if hasattr(given, "read") else given
    return limited(own, left + SPARE)


# --- time ------------------------------------------------------------------------------------
def _timeout_of(client: Any, options: Any) -> Any:
    """What the request would be given: a number, None, or an object with a limit a phase."""
    for given in (options.timeout, client.timeout):
        if given is None or amount(given) is not None or hasattr(given, "read"):
            return given
    return None


def _shorter(given: Any, left: float) -> Any:
    if hasattr(given, "read"):
        phases = {name: limited(attribute(given, name), left) for name in _PHASES}
        return type(given)(**phases)
    return limited(given, left)


def limited(seconds: Any, left: float) -> float:
    """`seconds`, but no more than are left; never 0."""
    known = amount(seconds)
    return max(SHORTEST, left if known is None else min(known, left))


class TimeLeft(dict[str, Any]):
    """The limits of a request's phases, as a transport asks for them when each phase begins.

    Waiting for a connection, connecting and waiting for the answer come one after the other; each
    gets what the call has left by then, so that all of them together take no longer.
    """

    def get(self, key: str, default: Any = None, /) -> Any:
        own, left = super().get(key, default), remaining()
        return own if left is None else limited(own, left)


def keep_in_time(request: Any, call: Call | None) -> None:
    """Have the phases of a request share what the call has left; its own limits stay in force."""
    phases: Any = request.extensions.get("timeout")
    if call is not None and isinstance(phases, dict) and remaining() is not None:
        request.extensions["timeout"] = TimeLeft(phases)


def timed_out(call: Call, error: Exception) -> Exception | None:
    """The call's own timeout, when the SDK's came because the call's time had run out.

    So it is told apart from a provider that is slow: a deadline that a caller set proves nothing
    about the provider.
    """
    left = remaining()
    if left is None or left > EARLY or classify(error).kind is not ErrorKind.TIMEOUT:
        return None
    limit = attempt_limit(call, call.admitted_at)
    if limit is None or limit[0] - call.clock.monotonic() > EARLY:
        return None
    return overrun(call, limit)


# --- the key -----------------------------------------------------------------------------------
def _with_key(call: Call, client: Any, options: Any, header: str) -> Any:
    """The request's headers, with a key that is the same on all attempts."""
    given: Any = options.headers
    headers: dict[str, Any] = dict(given) if hasattr(given, "keys") else {}
    names = {*headers, *_default_headers(client)}
    if header.lower() in {str(name).lower() for name in names}:
        return given
    own = text(attribute(options, "idempotency_key"))
    return {**headers, header: own or _key(call, options)}


def _default_headers(client: Any) -> Mapping[str, Any]:
    custom: Any = attribute(client, "_custom_headers")
    return custom if isinstance(custom, dict) else {}


def _key(call: Call, options: Any) -> str:
    """The call's key; of another request within the same call, one derived from its content.

    A server must never take a second question, or a question that tells the model what was wrong
    with its answer, for a repetition of the first.
    """
    content = zlib.crc32(repr((options.url, options.json_data)).encode("utf-8", "replace"))
    first = _first_requests.setdefault(call.id, content)
    if len(_first_requests) > MOST_CALLS:
        with suppress(RuntimeError):  # another thread has just done so
            _first_requests.pop(next(iter(_first_requests), ""), None)
    key = call.idempotency_key
    return key if first == content else f"{key}-{content:08x}"


# --- the usage of streams ----------------------------------------------------------------------
def _usage_unasked(options: Any) -> bool:
    """Whether it is a chat stream whose usage the user neither asked for nor declined."""
    if not str(options.url).endswith("/completions") or not isinstance(options.json_data, dict):
        return False
    extra: Any = attribute(options, "extra_json")
    said = extra if isinstance(extra, dict) else {}
    return "stream_options" not in options.json_data and "stream_options" not in said

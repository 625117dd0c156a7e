"""The parts of HTTP that errors carry: responses and requests, with nothing secret in them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from reliai.providers.reading import attribute
from reliai.testing._cassette.kinds import find, path_of
from reliai.testing._cassette.trouble import CassetteError

__all__ = ["decode_message", "encode_message", "validation_details", "validation_error"]

_HEADERS = (
    "retry-after",
    "x-ms-retry-after",
    "x-should-retry",
    "x-ratelimit-",
    "anthropic-ratelimit-",
    "content-type",
    "request-id",
    "x-request-id",
    "x-stainless-retry-count",
)
"""How the headers begin that are kept: those a policy or a reader of logs asks for."""

_WAITS = ("retry-after-ms", "x-ms-retry-after-ms", "retry-after")

_MESSAGES = ("Response", "Request")
_PACKAGES = ("httpx", "httpx2", "requests")
_MOST_BODY = 65_536  # characters


def encode_message(name: str, value: Any, retry_after: float | None) -> dict[str, Any] | None:
    """What an error carries of HTTP: a response, a request, or headers; None for anything else.

    Args:
        name: the attribute it stands under.
        value: any value.
        retry_after: what the error asks for, in seconds; written in the place of a date.
    """
    if name.endswith("headers"):
        return {"$headers": _headers(value, retry_after)} if value else None
    headers: Any = attribute(value, "headers")
    if headers is None or isinstance(value, dict):
        return None
    kind = type(value)
    known = kind.__module__.partition(".")[0] in _PACKAGES and kind.__name__.endswith(_MESSAGES)
    path = path_of(kind) if known else None
    status = attribute(value, "status_code") or attribute(value, "status")
    if isinstance(status, int):
        return _encode_response(value, path, status, _headers(headers, retry_after))
    if path is None:
        return None
    return {"$request": path, **_line(value), "headers": _headers(headers, None)}


def _encode_response(
    value: Any, path: str | None, status: int, headers: dict[str, str]
) -> dict[str, Any]:
    response: dict[str, Any] = {"$response": path, "status": status, "headers": headers}
    if path is None:
        return response
    body = _body(value)
    if body is not None:
        response["body"] = body
    request = _request_of(value)
    return response if request is None else {**response, "request": _line(request)}


def _headers(headers: Any, retry_after: float | None) -> dict[str, str]:
    kept = {
        str(name).lower(): str(value)
        for name, value in dict(headers).items()
        if str(name).lower().startswith(_HEADERS)
    }
    if retry_after is not None and not any(_is_number(kept.get(name, "")) for name in _WAITS):
        kept["retry-after"] = str(round(retry_after, 3))  # a date means another wait each day
    return kept


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _line(request: Any) -> dict[str, str]:
    url = str(request.url).partition("?")[0]  # a query may hold a key
    scheme, _, rest = url.partition("://")
    place, slash, path = rest.partition("/")
    host = place.rpartition("@")[2]
    return {"method": str(request.method), "url": f"{scheme}://{host}{slash}{path}"}


def _request_of(response: Any) -> Any:
    try:
        return response.request
    except RuntimeError:  # httpx: none was set
        return None


def _body(response: Any) -> str | None:
    """What was downloaded already; `.text` would go to the network."""
    content = vars(response).get("_content")
    if not isinstance(content, bytes) or len(content) > _MOST_BODY:
        return None
    return content.decode("utf-8", "replace")


def decode_message(data: Any) -> Any:
    """The response, the request or the headers that are stored as `data`; None for the rest."""
    if not isinstance(data, dict):
        return None
    stored = cast("dict[str, Any]", data)
    if "$response" in stored:
        return _response(stored)
    if "$headers" in stored:
        return stored["$headers"]
    if "$request" in stored:
        return _request(stored["$request"], stored, stored["headers"])
    return None


def _known(path: str) -> Any:
    """A class of one of the packages whose messages are stored."""
    if path.partition(":")[0].partition(".")[0] not in _PACKAGES:
        raise CassetteError(f"the cassette holds {path} as an HTTP message, which it is not")
    return find(path)


def _response(data: dict[str, Any]) -> Any:
    if data["$response"] is None:
        return SimpleNamespace(status_code=data["status"], headers=data["headers"])
    kind = _known(data["$response"])
    body = data.get("body", "").encode()
    if data["$response"].startswith("requests"):
        made = kind()
        made.status_code, made._content = data["status"], body  # noqa: SLF001  as its adapters do
        made.headers.update(data["headers"])
        return made
    request = data.get("request")
    path = data["$response"].removesuffix("Response") + "Request"
    headers = {name: text for name, text in data["headers"].items() if name != "content-length"}
    return kind(
        data["status"],
        headers=headers,
        content=body,
        request=None if request is None else _request(path, request, {}),
    )


def _request(path: str, line: dict[str, str], headers: dict[str, str]) -> Any:
    made = _known(path)
    if path.startswith("requests"):
        return made()
    return made(line["method"], line["url"], headers=headers)


# --- pydantic's own error, which has no constructor -----------------------------------------
def validation_details(error: BaseException) -> dict[str, Any] | None:
    """What a pydantic `ValidationError` says; None for another error."""
    kind = type(error)
    if kind.__name__ != "ValidationError" or kind.__module__ != "pydantic_core._pydantic_core":
        return None
    problem: Any = error
    errors = problem.errors(include_url=False, include_context=False)
    kept = [{name: each[name] for name in ("type", "loc", "msg")} for each in errors]
    return {"title": problem.title, "errors": kept}


def validation_error(details: dict[str, Any]) -> BaseException:
    """The `ValidationError` with those details; the rejected input itself is not kept."""
    from pydantic_core import PydanticCustomError, ValidationError  # noqa: PLC0415  only for these

    lines: Any = [
        {"type": PydanticCustomError(each["type"], _verbatim(each["msg"])), "loc": each["loc"]}
        for each in details["errors"]
    ]
    try:
        return ValidationError.from_exception_data(details["title"], lines)
    except (TypeError, ValueError) as error:
        raise CassetteError(f"the recorded ValidationError cannot be built: {error}") from error


def _verbatim(text: str) -> Any:
    """A message template that means the text itself."""
    return text.replace("{", "{{").replace("}", "}}") if "{" in text else text

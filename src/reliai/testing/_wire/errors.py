"""The providers' error bodies, by kind. One table a provider; the words are theirs."""

from __future__ import annotations

from typing import Any, NamedTuple

__all__ = ["KINDS", "ProviderError", "anthropic_error", "openai_error"]


class ProviderError(NamedTuple):
    """An HTTP error as a provider sends it."""

    status: int
    body: dict[str, Any]


class _OpenAI(NamedTuple):
    status: int
    type: str
    code: str | None
    message: str
    param: str | None = None


class _Anthropic(NamedTuple):
    status: int
    type: str
    message: str


_OPENAI = {
    "rate_limited": _OpenAI(
        429,
        "requests",
        "rate_limit_exceeded",
        "Rate limit reached for requests per min (RPM): Limit 500, Used 500, Requested 1. "
        "Please try again in 120ms.",
    ),
    "quota": _OpenAI(
        429,
        "insufficient_quota",
        "insufficient_quota",
        "You exceeded your current quota, please check your plan and billing details.",
    ),
    "server": _OpenAI(
        500,
        "server_error",
        None,
        "The server had an error while processing your request. Sorry about that!",
    ),
    "overloaded": _OpenAI(
        503,
        "service_unavailable_error",
        "server_is_overloaded",
        "Our servers are currently overloaded. Please try again later.",
    ),
    "unavailable": _OpenAI(503, "server_error", None, "The service is temporarily unavailable."),
    "bad_gateway": _OpenAI(502, "server_error", None, "Bad gateway."),
    "timeout": _OpenAI(504, "server_error", None, "The upstream took too long to answer."),
    "request_timeout": _OpenAI(408, "invalid_request_error", None, "The request timed out."),
    "conflict": _OpenAI(
        409, "invalid_request_error", None, "Another request changed the same resource."
    ),
    "context_length": _OpenAI(
        400,
        "invalid_request_error",
        "context_length_exceeded",
        "This model's maximum context length is 128000 tokens. However, your messages resulted in "
        "150000 tokens. Please reduce the length of the messages.",
        "messages",
    ),
    "content_filter": _OpenAI(
        400,
        "invalid_request_error",
        "content_filter",
        "The response was filtered due to the prompt triggering the content management policy. "
        "Please modify your prompt and retry.",
        "prompt",
    ),
    "bad_request": _OpenAI(
        400, "invalid_request_error", None, "Invalid value in the request.", "messages"
    ),
    "unprocessable": _OpenAI(
        422, "invalid_request_error", None, "The request could not be processed."
    ),
    "too_large": _OpenAI(413, "invalid_request_error", None, "The request body is too large."),
    "auth": _OpenAI(
        401, "invalid_request_error", "invalid_api_key", "Incorrect API key provided: sk-***."
    ),
    "permission": _OpenAI(
        403, "invalid_request_error", None, "You do not have access to this project."
    ),
    "not_found": _OpenAI(
        404,
        "invalid_request_error",
        "model_not_found",
        "The requested model does not exist or you do not have access to it.",
        "model",
    ),
}

_ANTHROPIC = {
    "rate_limited": _Anthropic(
        429, "rate_limit_error", "This request would exceed your organization's rate limit."
    ),
    "quota": _Anthropic(
        400, "invalid_request_error", "Your credit balance is too low to access the Anthropic API."
    ),
    "billing": _Anthropic(402, "billing_error", "Your organization's billing needs attention."),
    "server": _Anthropic(500, "api_error", "Internal server error"),
    "overloaded": _Anthropic(529, "overloaded_error", "Overloaded"),
    "unavailable": _Anthropic(503, "api_error", "The service is temporarily unavailable."),
    "bad_gateway": _Anthropic(502, "api_error", "Bad gateway."),
    "timeout": _Anthropic(504, "timeout_error", "The request took too long to process."),
    "request_timeout": _Anthropic(408, "timeout_error", "The request timed out."),
    "conflict": _Anthropic(
        409, "invalid_request_error", "Another request changed the same resource."
    ),
    "context_length": _Anthropic(
        400, "invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum"
    ),
    "content_filter": _Anthropic(
        400, "invalid_request_error", "Output blocked by content filtering policy"
    ),
    "bad_request": _Anthropic(400, "invalid_request_error", "messages: Field required"),
    "unprocessable": _Anthropic(
        422, "invalid_request_error", "The request could not be processed."
    ),
    "too_large": _Anthropic(
        413, "request_too_large", "Request exceeds the maximum allowed number of bytes."
    ),
    "auth": _Anthropic(401, "authentication_error", "invalid x-api-key"),
    "permission": _Anthropic(
        403,
        "permission_error",
        "Your API key does not have permission to use the specified resource.",
    ),
    "not_found": _Anthropic(404, "not_found_error", "model: no-such-model"),
}

_BY_STATUS = {
    400: "bad_request",
    401: "auth",
    402: "billing",
    403: "permission",
    404: "not_found",
    408: "request_timeout",
    409: "conflict",
    413: "too_large",
    422: "unprocessable",
    429: "rate_limited",
    500: "server",
    502: "bad_gateway",
    503: "unavailable",
    504: "timeout",
    529: "overloaded",
}

_ALIASES = {
    "billing_error": "billing",
    "context_length_exceeded": "context_length",
    "insufficient_quota": "quota",
    "invalid_api_key": "auth",
    "model_not_found": "not_found",
    "overloaded_error": "overloaded",
    "rate_limit_error": "rate_limited",
    "rate_limit_exceeded": "rate_limited",
    "server_error": "server",
    "api_error": "server",
    "server_is_overloaded": "overloaded",
}

KINDS = frozenset(_OPENAI) | frozenset(_ANTHROPIC) | frozenset(_ALIASES)
"""Every word that `Status` and `InStreamError` understand."""


def openai_error(
    code: int | str, kind: str | None = None, message: str | None = None
) -> ProviderError:
    """Build the error OpenAI sends for a status or a kind, or a status with another kind's body."""
    status, kind = _read(code, kind)
    shape = _OPENAI.get("quota" if kind == "billing" else kind, _OPENAI["server"])
    error: dict[str, Any] = {
        "message": message or shape.message,
        "type": shape.type,
        "param": shape.param,
        "code": shape.code,
    }
    if kind == "content_filter":
        # the form Azure OpenAI sends
        error["innererror"] = {"code": "ResponsibleAIPolicyViolation"}
    return ProviderError(status or shape.status, {"error": error})


def anthropic_error(
    code: int | str, kind: str | None = None, message: str | None = None
) -> ProviderError:
    """Build the error Anthropic sends for a status or a kind, or a status with another's body."""
    status, kind = _read(code, kind)
    shape = _ANTHROPIC.get(kind, _ANTHROPIC["server"])
    error = {"type": shape.type, "message": message or shape.message}
    return ProviderError(status or shape.status, {"type": "error", "error": error})


def _read(code: int | str, kind: str | None) -> tuple[int | None, str]:
    if isinstance(code, str):
        return None, _ALIASES.get(code, code)
    if kind is None:
        kind = _BY_STATUS.get(code, "server" if code >= 500 else "bad_request")
    return code, _ALIASES.get(kind, kind)

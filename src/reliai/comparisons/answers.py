"""What there is to compare of an answer: its text, its tool calls, or the value itself."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from reliai.comparisons.values import plain, same
from reliai.providers import Response, looks_like_response, read_response

__all__ = ["Exact", "content_of", "text_of"]


class Content(NamedTuple):
    """What a model's answer says."""

    text: str
    tools: tuple[tuple[str, Any], ...]


def content_of(value: Any) -> Content | None:
    """What a provider's answer says; None for a value that is none."""
    response = value if isinstance(value, Response) else None
    if response is None and looks_like_response(value):
        response = read_response(value)
    if response is None:
        return None
    tools = tuple((tool.name, _decoded(tool.arguments)) for tool in response.tool_calls)
    return Content(response.text or response.refusal or "", tools)


def text_of(value: Any) -> str | None:
    """The text of an answer; None for a value that has none."""
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    content = content_of(value)
    return None if content is None else content.text


def _decoded(arguments: Any) -> Any:
    if not isinstance(arguments, str):
        return arguments
    try:
        return json.loads(arguments)
    except (ValueError, RecursionError):
        return arguments


class Exact:
    """The same value: of providers' answers the same text and the same tool calls.

    Arrays and tables are compared by content, NaN is the same as NaN, and True is not 1. Objects
    are the same when they say so themselves.
    """

    def __call__(self, primary: Any, candidate: Any) -> bool | str:
        one, other = content_of(primary), content_of(candidate)
        if one is None and other is None:
            return same(plain(primary), plain(candidate))
        one = one or _as_content(primary)
        other = other or _as_content(candidate)
        if one is None or other is None:
            return "only one of the two is a model's answer"
        if one.text != other.text:
            return "the texts differ"
        return same(one.tools, other.tools) or "the tool calls differ"

    def __repr__(self) -> str:
        return "reliai.comparisons.Exact()"


def _as_content(value: Any) -> Content | None:
    text = text_of(value)
    return None if text is None else Content(text, ())

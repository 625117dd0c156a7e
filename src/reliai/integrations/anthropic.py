"""Clients of the Anthropic SDK inside guarded calls."""

from __future__ import annotations

from typing import TypeVar

from reliai.integrations._request import Ways
from reliai.integrations._wrapped import Mould, wrapped

__all__ = ["wrap"]

T = TypeVar("T")

_MOULD = Mould(
    function="reliai.integrations.anthropic.wrap",
    accepts=lambda packages: "anthropic" in packages,
    example="anthropic.Anthropic()",
    elsewhere="reliai.integrations.openai.wrap",
)


def wrap(client: T) -> T:
    """A copy of an Anthropic client that leaves retries, time and records to reliai.

    It shares the connections of the original, which is not changed, and has its type. It never
    retries by itself. Inside a guarded call each request

    - gets as its timeout what the call has left (`reliai.remaining()`), or the shorter one that it
      was given; so `Timeout` needs no thread for a function that gives one value;
    - leaves its model, usage and finish reason on the record, streams too;
    - fails where the SDK would not: a stream that ends without its last event.

    Outside any guarded call it is a plain client without retries.

    Args:
        client: an `Anthropic`, `AsyncAnthropic`, `AnthropicBedrock`, `AnthropicVertex` or other
            client of the SDK, synchronous or asynchronous.

    Raises:
        ConfigurationError: for anything else.
    """
    return wrapped(client, _MOULD, Ways())

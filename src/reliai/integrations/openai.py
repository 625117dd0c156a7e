"""Clients of the OpenAI SDK, and of the SDKs made from the same mould, inside guarded calls."""

from __future__ import annotations

from typing import TypeVar

from reliai.integrations._request import Ways
from reliai.integrations._wrapped import Mould, wrapped

__all__ = ["wrap"]

T = TypeVar("T")

_MOULD = Mould(
    function="reliai.integrations.openai.wrap",
    accepts=lambda packages: "anthropic" not in packages,
    example="openai.OpenAI()",
    elsewhere="reliai.integrations.anthropic.wrap",
)


def wrap(client: T, *, stream_usage: bool = True) -> T:
    """A copy of an OpenAI client that leaves retries, time and records to reliai.

    It shares the connections of the original, which is not changed, and has its type. It never
    retries by itself. Inside a guarded call each request

    - gets as its timeout what the call has left (`reliai.remaining()`), or the shorter one that it
      was given; so `Timeout` needs no thread for a function that gives one value;
    - carries the call's `idempotency_key`, the same on all attempts, as `Idempotency-Key`;
    - leaves its model, usage and finish reason on the record, streams too: of a chat stream the
      usage is asked for, and the chunk that holds nothing else is not shown;
    - fails where the SDK would not: a stream that ends without its last event, and an error that
      comes as an event.

    Outside any guarded call it is a plain client without retries.

    Args:
        client: an `OpenAI`, `AsyncOpenAI`, `AzureOpenAI` or other client of the same mould (Groq,
            Together, Cerebras, ...), synchronous or asynchronous.
        stream_usage: whether to ask for the usage of chat streams (`stream_options`) where the
            request does not say; False for servers that do not know the option.

    Raises:
        ConfigurationError: for anything else.
    """
    return wrapped(client, _MOULD, Ways("Idempotency-Key", stream_usage=stream_usage))

"""Rows of what an answer costs: read from what a function returns, or by a wrapped client.

The clients are the SDK's own over a transport that answers at once, so the request is built, sent
and parsed as ever, and no network is in between.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import reliai
from benchmarks import _reliai as rel
from benchmarks._harness import PROMPT, Row, load
from benchmarks._model import REPLY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks._harness import Kind, Target

READING, REQUEST, POLICY = "reading", "request", "policy"
TEXT = "returns text"
PLAIN, GUARDED = "plain client", "plain client in a guarded function"
WRAPPED = "wrapped client in a guarded function"
BODY = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1_700_000_000,
    "model": "gpt-4o-mini-2024-07-18",
    "choices": [
        {
            "index": 0,
            "finish_reason": "stop",
            "message": {"role": "assistant", "content": REPLY, "refusal": None},
        }
    ],
    "usage": {"prompt_tokens": 12, "completion_tokens": 9, "total_tokens": 21},
}


def answered() -> Any:
    """One answer, as the SDK gives it."""
    load("openai")
    return load("openai.types.chat").ChatCompletion.model_validate(BODY)


def reading(kind: Kind, way: str) -> Target:
    """A guarded function that gives an answer in one of several ways."""
    answer = answered()

    def returns_object(_: str) -> Any:
        return answer

    def returns_text(_: str) -> Any:
        return answer.choices[0].message.content

    def reads(_: str) -> Any:
        return reliai.read(answer).choices[0].message.content

    def says(_: str) -> Any:
        reliai.usage(input_tokens=12, output_tokens=9, model="gpt-4o-mini")
        return answer.choices[0].message.content

    ways = {TEXT: returns_text, **dict(zip(WAYS, (returns_object, reads, says), strict=True))}
    return rel.wrapped(_of_kind(kind, ways[way]), f"{way}-{kind}")


WAYS = ("returns the object", "reliai.read(object), returns text", "reliai.usage(…), returns text")


def _of_kind(kind: Kind, function: Target) -> Target:
    async def later(prompt: str) -> Any:
        return function(prompt)

    return later if kind == "async" else function


def openai_client(kind: Kind) -> Any:
    """A client of OpenAI's whose transport answers at once."""
    openai = load("openai")
    base = openai._base_client
    httpx: Any = getattr(base, "httpx2", None) or base.httpx

    def answer(_: Any) -> Any:
        return httpx.Response(200, json=BODY)

    async def later(request: Any) -> Any:
        return answer(request)

    asynchronous = kind == "async"
    http = (httpx.AsyncClient if asynchronous else httpx.Client)(
        transport=httpx.MockTransport(later if asynchronous else answer)
    )
    client = openai.AsyncOpenAI if asynchronous else openai.OpenAI
    return client(api_key="none", base_url="http://127.0.0.1/v1", http_client=http)


def request(kind: Kind, way: str) -> Target:
    """One request."""
    client = openai_client(kind)
    if way == WRAPPED:
        client = load("reliai.integrations.openai").wrap(client)
    asked = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": PROMPT}]}

    def ask(_: str) -> Any:
        return client.chat.completions.create(**asked).choices[0].message.content

    async def aask(_: str) -> Any:
        return (await client.chat.completions.create(**asked)).choices[0].message.content

    function: Target = aask if kind == "async" else ask
    return function if way == PLAIN else rel.wrapped(function, f"{way}-{kind}")


MONEY: dict[str, Callable[[], tuple[Any, ...]]] = {
    "no policy": tuple,
    "Budget(tokens=…), usage learned": lambda: (reliai.Budget(tokens=10**15),),
    "Budget(usd=…, estimate=…)": lambda: (reliai.Budget(usd=1e9, estimate=1e-3),),
    "RateLimit(cost='tokens')": lambda: (reliai.RateLimit(1e12, cost="tokens"),),
    "Once, a new key each time": lambda: (reliai.Once(key=_new_key),),
}
NO_POLICY = "no policy"
_keys = iter(range(10**15))


def _new_key(_: Any) -> int:
    return next(_keys)


def policy(kind: Kind, name: str) -> Target:
    """A function that says what it used, behind one policy."""

    def says(_: str) -> str:
        reliai.usage(input_tokens=12, output_tokens=9, model="gpt-4o-mini", cost_usd=1e-5)
        return REPLY

    async def asays(prompt: str) -> str:
        return says(prompt)

    function: Target = asays if kind == "async" else says
    return rel.wrapped(function, f"{name}-{kind}", *MONEY[name]())


def rows() -> Iterator[Row]:
    """All of them, in both kinds."""
    for kind in rel.KINDS:
        for way in (TEXT, *WAYS):
            yield Row(READING, way, kind, functools.partial(reading, kind, way))
        for way in (PLAIN, GUARDED, WRAPPED):
            yield Row(REQUEST, way, kind, functools.partial(request, kind, way))
        for name in MONEY:
            yield Row(POLICY, name, kind, functools.partial(policy, kind, name))

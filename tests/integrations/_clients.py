"""Real SDK clients, wrapped, against a fault server; and one way to ask each API of them."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import anthropic
import openai
import pytest

import reliai
from reliai.integrations.anthropic import wrap as wrap_anthropic
from reliai.integrations.openai import wrap as wrap_openai
from reliai.testing import fault_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from reliai.testing import FaultServer

APIS = ["chat", "responses", "messages"]
KINDS = ["sync", "async"]

every_api = pytest.mark.parametrize("api", APIS)
every_kind = pytest.mark.parametrize("kind", KINDS)

QUESTION: Any = [{"role": "user", "content": "How are you"}]


@dataclass
class Api:
    """One API of an SDK: what makes a request, and how text is read from its answers."""

    create: Callable[..., Any]
    text: Callable[[Any], str]
    delta: Callable[[Any], str | None]


def _chat_delta(chunk: Any) -> str | None:
    text: str | None = chunk.choices[0].delta.content  # as everybody writes it
    return text


def _responses_delta(event: Any) -> str | None:
    return event.delta if event.type == "response.output_text.delta" else None


def _messages_delta(event: Any) -> str | None:
    if event.type == "content_block_delta" and event.delta.type == "text_delta":
        return str(event.delta.text)
    return None


class Asking:
    """Guarded functions that ask a fault server through a wrapped client.

    Attributes:
        client: the wrapped client.
        server: the server it asks.
    """

    record: reliai.CallRecord

    def __init__(self, server: FaultServer, api: str, kind: str = "sync", **options: Any) -> None:
        self.server, self.api, self.kind = server, api, kind
        self.client = client_of(server, api, kind, **options)
        self._loop = asyncio.Runner()

    def one(self, *policies: Any, **more: Any) -> Callable[[], Any]:
        """A guarded function that gives the text of a whole answer."""
        api = api_of(self.client, self.api)

        def ask() -> str:
            return api.text(api.create(**more))

        async def ask_async() -> str:
            return api.text(await api.create(**more))

        return self._called(ask if self.kind == "sync" else ask_async, policies)

    def streamed(self, *policies: Any, **more: Any) -> Callable[[], Any]:
        """A guarded generator function that gives the text of a stream, piece by piece."""
        api = api_of(self.client, self.api)

        def ask() -> Iterator[str]:
            for event in api.create(stream=True, **more):
                if text := api.delta(event):
                    yield text

        async def ask_async() -> Any:
            async for event in await api.create(stream=True, **more):
                if text := api.delta(event):
                    yield text

        return self._called(ask if self.kind == "sync" else ask_async, policies)

    def raw_stream(self, *policies: Any, **more: Any) -> Callable[[], Any]:
        """A guarded function that returns the SDK's own stream object."""
        api = api_of(self.client, self.api)

        def ask() -> Any:
            return api.create(stream=True, **more)

        async def ask_async() -> Any:
            return await api.create(stream=True, **more)

        return self._called(ask if self.kind == "sync" else ask_async, policies)

    def guarded(self, function: Any, *policies: Any) -> Callable[[], Any]:
        """Any function, guarded; one that gives an awaitable is awaited."""

        async def awaited() -> Any:
            answer = function()
            return await answer if hasattr(answer, "__await__") else answer

        return self._called(function if self.kind == "sync" else awaited, policies)

    def answer(self, function: Any) -> Any:
        """The value of a function of this kind, as it is; of a stream, the list of its chunks."""
        if self.kind == "async":
            return self._loop.run(_awaited(function))
        answer = function()
        return list(answer) if hasattr(answer, "__next__") else answer

    def close(self) -> None:
        """Give back the connections, in the loop that has them."""
        if self.kind == "async":
            self._loop.run(self.client.close())
        else:
            self.client.close()
        self._loop.close()

    def _called(self, function: Any, policies: tuple[Any, ...]) -> Callable[[], Any]:
        guarded = reliai.reliable(*policies, name="ask")(function)

        def called() -> Any:
            with reliai.collect() as calls:
                try:
                    return self.answer(guarded)
                finally:
                    if calls:
                        self.record = calls[0]

        return called


async def _awaited(function: Any) -> Any:
    answer = function()
    if hasattr(answer, "__await__"):
        answer = await answer
    return [chunk async for chunk in answer] if hasattr(answer, "__anext__") else answer


def client_of(server: FaultServer, api: str, kind: str = "sync", **options: Any) -> Any:
    """A wrapped client of the SDK that has the API."""
    return _wrapped(plain_client(server, api, kind), api, **options)


def _wrapped(client: Any, api: str, **options: Any) -> Any:
    return wrap_anthropic(client) if api == "messages" else wrap_openai(client, **options)


def plain_client(server: FaultServer, api: str, kind: str = "sync", **options: Any) -> Any:
    """A client as its SDK makes it, but for the certificates, which take 130 ms to read."""
    sdk: Any = anthropic if api == "messages" else openai
    url = server.url if api == "messages" else f"{server.url}/v1"
    base = sdk._base_client
    client: Any = sdk.Client if kind == "sync" else sdk.AsyncClient
    http = base.SyncHttpxClientWrapper if kind == "sync" else base.AsyncHttpxClientWrapper
    options.setdefault("http_client", http(verify=False, base_url=url, timeout=600))
    return client(api_key="none", base_url=url, **options)


def api_of(client: Any, api: str) -> Api:
    """How one API of a client is asked."""

    def create(**more: Any) -> Any:
        asked = {**request_of(api), **more}
        if api == "chat":
            return client.chat.completions.create(**asked)
        if api == "responses":
            return client.responses.create(**asked)
        return client.messages.create(**asked)

    if api == "chat":
        return Api(create, lambda answer: answer.choices[0].message.content, _chat_delta)
    if api == "responses":
        return Api(create, lambda answer: str(answer.output_text), _responses_delta)
    return Api(create, lambda answer: str(answer.content[0].text), _messages_delta)


def request_of(api: str) -> dict[str, Any]:
    """The smallest request of an API."""
    if api == "responses":
        return {"model": "m-1", "input": "How are you"}
    more = {"max_tokens": 100} if api == "messages" else {}
    return {"model": "m-1", "messages": QUESTION, **more}


@contextmanager
def asking(api: str, kind: str, script: Any, **server: Any) -> Iterator[Asking]:
    """A server with a script, and a wrapped client that asks it."""
    with fault_server(script, **server) as running:
        made = Asking(running, api, kind)
        try:
            yield made
        finally:
            made.close()

"""A prompt sent to a fault server through a wrapped client, in every way a function can do it."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

import reliai
from reliai.testing import fault_server
from tests.integrations._clients import APIS, KINDS, api_of, client_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from reliai.testing import FaultServer

FORMS = ["whole", "texts", "events"]


class Way(NamedTuple):
    """How a model is asked.

    Attributes:
        api: "chat", "responses" or "messages".
        kind: "sync" or "async".
        form: the function returns the response ("whole"), is a generator of its texts ("texts"),
            or returns the SDK's own stream ("events").
    """

    api: str
    kind: str
    form: str

    def __str__(self) -> str:
        return " ".join(self)


WAYS = [Way(api, kind, form) for api in APIS for kind in KINDS for form in FORMS]
STREAMS = [way for way in WAYS if way.form != "whole"]

every_way = pytest.mark.parametrize("way", WAYS, ids=str)
every_stream = pytest.mark.parametrize("way", STREAMS, ids=str)


class Asked(NamedTuple):
    """What came of one call: the text that was delivered, what was raised, and the record."""

    text: str
    error: BaseException | None
    record: reliai.CallRecord


class Asker:
    """A guarded `ask(prompt)` of one way.

    Attributes:
        server: what it asks.
        function: the guarded function.
    """

    def __init__(self, way: Way, server: FaultServer, *policies: Any, **facts: Any) -> None:
        self.way, self.server = way, server
        self.client = client_of(server, way.api, way.kind)
        self._api = api_of(self.client, way.api)
        facts.setdefault("name", "ask")
        self.function = reliai.reliable(*policies, **facts)(self._bare())
        self._loop = asyncio.Runner()

    def __call__(self, prompt: str, *, chunks: int | None = None) -> Asked:
        """Ask, and read the answer: of a stream so many chunks with text, and close it then."""
        pieces: list[str] = []
        error: BaseException | None = None
        with reliai.collect() as calls:
            try:
                if self.way.kind == "sync":
                    self._read(self.function(prompt), pieces, chunks)
                else:
                    reading = self._read_later(prompt, pieces, chunks)
                    self._loop.run(reading, context=copy_context())
            except Exception as raised:
                error = raised
        return Asked("".join(pieces), error, calls[0])

    def close(self) -> None:
        """Close the connections."""
        if self.way.kind == "sync":
            self.client.close()
        else:
            self._loop.run(self.client.close())
        self._loop.close()

    def _bare(self) -> Callable[[str], Any]:
        returns, texts = self._sync() if self.way.kind == "sync" else self._async()
        return texts if self.way.form == "texts" else returns

    def _request(self, prompt: str) -> dict[str, Any]:
        more: dict[str, Any] = {"stream": True} if self.way.form != "whole" else {}
        if self.way.api == "responses":
            return {"input": prompt, **more}
        return {"messages": [{"role": "user", "content": prompt}], **more}

    def _sync(self) -> tuple[Callable[[str], Any], Callable[[str], Any]]:
        create, delta = self._api.create, self._api.delta

        def returns(prompt: str) -> Any:
            return create(**self._request(prompt))

        def texts(prompt: str) -> Iterator[str]:
            for event in create(**self._request(prompt)):
                if text := delta(event):
                    yield text

        return returns, texts

    def _async(self) -> tuple[Callable[[str], Any], Callable[[str], Any]]:
        create, delta = self._api.create, self._api.delta

        async def returns(prompt: str) -> Any:
            return await create(**self._request(prompt))

        async def texts(prompt: str) -> AsyncIterator[str]:
            async for event in await create(**self._request(prompt)):
                if text := delta(event):
                    yield text

        return returns, texts

    def _text(self, chunk: Any) -> str:
        if isinstance(chunk, str):
            return chunk
        if hasattr(chunk, "choices") and not chunk.choices:  # the usage
            return ""
        return self._api.delta(chunk) or ""

    def _read(self, answer: Any, pieces: list[str], chunks: int | None) -> None:
        if not hasattr(answer, "__next__"):
            pieces.append(answer if isinstance(answer, str) else self._api.text(answer))
            return
        for chunk in answer:
            if text := self._text(chunk):
                pieces.append(text)
            if len(pieces) == chunks:
                answer.close()
                return

    async def _read_later(self, prompt: str, pieces: list[str], chunks: int | None) -> None:
        answer = self.function(prompt)
        if hasattr(answer, "__await__"):
            answer = await answer
        if not hasattr(answer, "__anext__"):
            pieces.append(answer if isinstance(answer, str) else self._api.text(answer))
            return
        async for chunk in answer:
            if text := self._text(chunk):
                pieces.append(text)
            if len(pieces) == chunks:
                await answer.aclose()
                return


@contextmanager
def asking(way: Way, script: Any, *policies: Any, **facts: Any) -> Iterator[Asker]:
    """A guarded function that asks a server with a script."""
    with fault_server(script) as server:
        made = Asker(way, server, *policies, **facts)
        try:
            yield made
        finally:
            made.close()

"""What an SDK's stream offers besides its events passes through all policies as well."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai.testing import fault_server
from tests.integrations._clients import QUESTION, client_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SAID = [
    "a harmless beginning that is long, ",
    "to <EMAIL",
    "_1>, then for",
    "bid",
    "den phr",
    "ase",
]
FORBIDDEN = reliai.Pattern("forbidden phrase", forbid=True)
HARMLESS = reliai.Pattern("something else", forbid=True)
HIDE = reliai.Guard(reliai.Pii("pseudonymize"))

LAYERS: dict[str, list[Any]] = {
    "nothing": [],
    "cache": [reliai.Cache()],
    "held": [reliai.Validate(HARMLESS)],
    "all": [reliai.Cache(), reliai.Budget(tokens=1000, estimate=1), reliai.Validate(HARMLESS)],
}

every_layer = pytest.mark.parametrize("layers", LAYERS)
every_kind = pytest.mark.parametrize("kind", ["sync", "async"])


class Chat:
    """A guarded function that returns the stream of a helper of Anthropic's SDK."""

    def __init__(self, client: Any, kind: str, *policies: Any) -> None:
        self.kind = kind

        def ask(prompt: str) -> Any:
            asked = [{"role": "user", "content": prompt}]
            return client.messages.stream(model="m", max_tokens=9, messages=asked).__enter__()

        async def ask_later(prompt: str) -> Any:
            asked = [{"role": "user", "content": prompt}]
            manager = client.messages.stream(model="m", max_tokens=9, messages=asked)
            return await manager.__aenter__()

        bare: Callable[..., Any] = ask if kind == "sync" else ask_later
        self.client = client
        self.function = reliai.reliable(*policies, name="ask")(bare)

    def texts(self, prompt: str = "hello") -> tuple[list[str], Exception | None, Any]:
        """What `text_stream` gives, what it ends with, and the record."""
        got: list[str] = []
        error: Exception | None = None

        async def read() -> None:
            async for text in (await self.function(prompt)).text_stream:
                got.append(text)  # noqa: PERF401  the same
            await self.client.close()

        with reliai.collect() as calls:
            try:
                if self.kind == "async":
                    asyncio.run(read())
                else:
                    for text in self.function(prompt).text_stream:
                        got.append(text)  # noqa: PERF402  what came before an error counts
            except reliai.StreamInterrupted as raised:
                error = raised
        return got, error, calls[0]

    def final(self, prompt: str = "hello") -> str:
        """What `get_final_text` gives."""

        async def read() -> str:
            try:
                return str(await (await self.function(prompt)).get_final_text())
            finally:
                await self.client.close()

        if self.kind == "async":
            return asyncio.run(read())
        return str(self.function(prompt).get_final_text())


@contextmanager
def chat(kind: str, *policies: Any) -> Iterator[Chat]:
    with fault_server([SAID]) as server:
        client = client_of(server, "messages", kind)
        yield Chat(client, kind, *policies)
        if kind == "sync":
            client.close()


@every_kind
@every_layer
def test_texts_come_through_every_layer(layers: str, kind: str) -> None:
    with chat(kind, *LAYERS[layers]) as asked:
        got, error, record = asked.texts()
    assert (got, error) == (SAID, None)
    assert record.status == "success"
    assert record.usage_state == "measured"


@every_kind
@every_layer
def test_the_final_text_comes_through_every_layer(layers: str, kind: str) -> None:
    with chat(kind, *LAYERS[layers]) as asked:
        assert asked.final() == "".join(SAID)


@every_kind
def test_no_helper_gives_what_is_forbidden(kind: str) -> None:
    """19, 27: nothing depends on which way the events are read."""
    with chat(kind, reliai.Validate(FORBIDDEN)) as asked:
        got, error, record = asked.texts()
        assert "".join(SAID).startswith("".join(got))
        assert "for" not in "".join(got)
        assert isinstance(error, reliai.StreamInterrupted)
        assert isinstance(error.__cause__, reliai.OutputInvalid)
        assert record.status == "error"
    with chat(kind, reliai.Validate(FORBIDDEN)) as asked, pytest.raises(reliai.StreamInterrupted):
        asked.final()


@every_kind
def test_texts_have_the_callers_own_data(kind: str) -> None:
    """50"""
    with chat(kind, HIDE, reliai.Cache(), reliai.Validate(HARMLESS)) as asked:
        got, error, _ = asked.texts("write to bob@example.com")
    assert "".join(got) == "".join(SAID).replace("<EMAIL_1>", "bob@example.com")
    assert error is None


def test_the_helpers_of_openai_come_through_too() -> None:
    with fault_server([SAID] * 2) as server:
        client = client_of(server, "chat")

        def ask(number: int) -> Any:
            return client.chat.completions.stream(model="m", messages=QUESTION).__enter__()

        fine = reliai.reliable(reliai.Validate(HARMLESS))(ask)
        final = fine(1).get_final_completion()
        assert final.choices[0].message.content == "".join(SAID)
        bad = reliai.reliable(reliai.Validate(FORBIDDEN))(ask)
        with pytest.raises(reliai.StreamInterrupted):
            bad(2).get_final_completion()
        client.close()

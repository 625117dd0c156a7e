"""The real SDKs, each API synchronous and asynchronous, behind one face."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import anthropic
import httpx2
import openai

PROMPT = "two words"
_MESSAGES = [{"role": "user", "content": PROMPT}]
_REQUESTS: dict[str, dict[str, Any]] = {
    "chat": {"model": "m", "messages": _MESSAGES},
    "responses": {"model": "m", "input": PROMPT},
    "messages": {"model": "m", "max_tokens": 99, "messages": _MESSAGES},
}


@dataclass
class Streamed:
    """What came out of a stream, and what ended it."""

    events: list[Any] = field(default_factory=list[Any])
    error: Exception | None = None
    text: str = ""

    @property
    def types(self) -> list[str]:
        return [event.type for event in self.events]


@dataclass(frozen=True)
class Caller:
    """One API of one SDK, with the SDK's own retries off."""

    api: str
    asynchronous: bool

    def __str__(self) -> str:
        return f"{'async' if self.asynchronous else 'sync'}-{self.api}"

    @property
    def provider(self) -> str:
        return "anthropic" if self.api == "messages" else "openai"

    def call(self, url: str, timeout: float = 20.0, **extra: Any) -> Any:
        """Ask for an answer in one piece."""
        if self.asynchronous:
            return asyncio.run(self._async_call(url, timeout, extra))
        with self._client(url, timeout) as client:
            return self._create(client, **extra)

    def stream(self, url: str, timeout: float = 20.0, **extra: Any) -> Streamed:
        """Read a stream to its end, or to its error."""
        if self.asynchronous:
            return asyncio.run(self._async_stream(url, timeout, extra))
        seen = Streamed()
        with self._client(url, timeout) as client:
            try:
                for event in self._create(client, stream=True, **extra):
                    self._note(seen, event)
            except Exception as error:
                seen.error = error
        return seen

    async def _async_call(self, url: str, timeout: float, extra: dict[str, Any]) -> Any:  # noqa: ASYNC109
        async with self._client(url, timeout) as client:
            return await self._create(client, **extra)

    async def _async_stream(
        self,
        url: str,
        timeout: float,  # noqa: ASYNC109
        extra: dict[str, Any],
    ) -> Streamed:
        seen = Streamed()
        async with self._client(url, timeout) as client:
            try:
                async for event in await self._create(client, stream=True, **extra):
                    self._note(seen, event)
            except Exception as error:
                seen.error = error
        return seen

    def _client(self, url: str, timeout: float) -> Any:
        # making a TLS context costs more than a call
        http = (httpx2.AsyncClient if self.asynchronous else httpx2.Client)(verify=False)
        settings: dict[str, Any] = {
            "api_key": "key",
            "max_retries": 0,
            "timeout": timeout,
            "http_client": http,
        }
        if self.provider == "openai":
            kind = openai.AsyncOpenAI if self.asynchronous else openai.OpenAI
            return kind(base_url=url + "/v1", **settings)
        other = anthropic.AsyncAnthropic if self.asynchronous else anthropic.Anthropic
        return other(base_url=url, **settings)

    def _create(self, client: Any, **extra: Any) -> Any:
        create = {
            "chat": lambda: client.chat.completions.create,
            "responses": lambda: client.responses.create,
            "messages": lambda: client.messages.create,
        }[self.api]()
        return create(**_REQUESTS[self.api], **extra)

    def _note(self, seen: Streamed, event: Any) -> None:
        seen.events.append(event)
        if self.api == "chat":
            seen.text += "".join(choice.delta.content or "" for choice in event.choices)
        elif self.api == "responses":
            seen.text += event.delta if event.type == "response.output_text.delta" else ""
        elif event.type == "content_block_delta":
            seen.text += event.delta.text

    def text(self, answer: Any) -> str | None:
        """The text of an answer in one piece."""
        if self.api == "chat":
            content: str | None = answer.choices[0].message.content
            return content
        if self.api == "responses":
            return str(answer.output_text)
        return "".join(block.text for block in answer.content)


SYNC = [Caller(api, asynchronous=False) for api in _REQUESTS]
ALL = SYNC + [Caller(api, asynchronous=True) for api in _REQUESTS]

MIXED = [*SYNC[:1], ALL[4], *SYNC[2:]]
"""Each API once, for what the shape of the call has no part in."""

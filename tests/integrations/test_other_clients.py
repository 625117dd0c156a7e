"""What docs/providers.md says of clients that are not wrapped: how they keep to the time."""

from __future__ import annotations

import importlib
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import anthropic
import cohere
import httpx2
import openai
import pytest
from google import genai
from google.genai import types
from mistralai.client import Mistral

import reliai
from tests.integrations._clients import QUESTION, request_of
from tests.providers.wire import Reply, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

boto3: Any = importlib.import_module("boto3")  # carries no types
config: Any = importlib.import_module("botocore.config")

LIMIT = 0.4


def left() -> float:
    seconds = reliai.remaining()
    assert seconds is not None
    return seconds


def milliseconds() -> int:
    return max(1, int(left() * 1000))


@contextmanager
def with_openai(url: str) -> Iterator[Callable[[], Any]]:
    with openai.OpenAI(api_key="x", base_url=url, max_retries=0) as client:
        create = client.chat.completions.create
        yield lambda: create(**request_of("chat"), timeout=left())


@contextmanager
def with_anthropic(url: str) -> Iterator[Callable[[], Any]]:
    with anthropic.Anthropic(api_key="x", base_url=url, max_retries=0) as client:
        create = client.messages.create
        yield lambda: create(**request_of("messages"), timeout=left())


@contextmanager
def with_google(url: str) -> Iterator[Callable[[], Any]]:
    options = types.HttpOptions(base_url=url)
    with genai.Client(api_key="x", http_options=options) as client:
        ask: Any = client.models.generate_content
        yield lambda: ask(
            model="m", contents="x", config={"http_options": {"timeout": milliseconds()}}
        )


@contextmanager
def with_mistral(url: str) -> Iterator[Callable[[], Any]]:
    with Mistral(api_key="x", server_url=url) as client:
        ask: Any = client.chat.complete
        yield lambda: ask(model="m", messages=QUESTION, timeout_ms=milliseconds())


@contextmanager
def with_cohere(url: str) -> Iterator[Callable[[], Any]]:
    client: Any = cohere.ClientV2(api_key="x", base_url=url, max_retries=0)
    with client:
        yield lambda: client.chat(model="m", messages=QUESTION, request_options={"timeout": left()})


@contextmanager
def with_boto(url: str) -> Iterator[Callable[[], Any]]:
    client = boto3.client(
        "bedrock-runtime",
        region_name="us-east-1",
        endpoint_url=url,
        aws_access_key_id="a",
        aws_secret_access_key="b",  # noqa: S106  nobody checks it
        config=config.Config(retries={"total_max_attempts": 1}, read_timeout=LIMIT),
    )
    with closing(client):
        yield lambda: client.converse(modelId="m", messages=[])


@contextmanager
def with_httpx(url: str) -> Iterator[Callable[[], Any]]:
    with httpx2.Client() as client:
        yield lambda: client.post(url, json={}, timeout=left())


@pytest.mark.parametrize(
    "opened",
    [
        with_openai,
        with_anthropic,
        with_google,
        with_mistral,
        with_cohere,
        with_boto,
        with_httpx,
    ],
)
def test_a_client_that_is_passed_the_time_left_keeps_to_it(opened: Any) -> None:
    with serving() as wire, opened(wire.place(Reply(silent=True))) as ask:
        out = reliai.execute(reliai.reliable(reliai.Timeout(LIMIT), cooperative=True)(ask))
    assert out.record is not None
    assert out.record.error is not None
    assert out.record.error.kind == "timeout"

"""What each SDK raises when a server does not answer in time."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import anthropic
import cohere
import httpx
import httpx2
import openai
import pytest
import requests
from google import genai
from google.genai import types
from mistralai.client import Mistral

from reliai.errors import ErrorKind
from reliai.providers import classify
from tests.providers.rows import caught
from tests.providers.wire import Reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.providers.wire import Wire

boto3: Any = importlib.import_module("boto3")  # carries no types
config: Any = importlib.import_module("botocore.config")

SAY: Any = [{"role": "user", "content": "x"}]
SOON = 0.05


def with_openai(url: str) -> object:
    with openai.OpenAI(api_key="x", base_url=url, max_retries=0, timeout=SOON) as sdk:
        return sdk.chat.completions.create(model="m", messages=SAY)


def with_anthropic(url: str) -> object:
    with anthropic.Anthropic(api_key="x", base_url=url, max_retries=0, timeout=SOON) as sdk:
        return sdk.messages.create(model="m", max_tokens=9, messages=SAY)


def with_google(url: str) -> object:
    options = types.HttpOptions(base_url=url, timeout=int(SOON * 1000))
    with genai.Client(api_key="x", http_options=options) as sdk:
        models: Any = sdk.models
        return models.generate_content(model="m", contents="x")


def with_mistral(url: str) -> object:
    with Mistral(api_key="x", server_url=url, timeout_ms=int(SOON * 1000)) as sdk:
        chat: Any = sdk.chat
        return chat.complete(model="m", messages=SAY)


def with_cohere(url: str) -> object:
    sdk: Any = cohere.ClientV2(api_key="x", base_url=url, max_retries=0, timeout=SOON)
    with sdk:
        return sdk.chat(model="m", messages=SAY)


def with_boto(url: str) -> object:
    once = config.Config(retries={"total_max_attempts": 1}, read_timeout=SOON)
    sdk = boto3.client(
        "bedrock-runtime",
        region_name="us-east-1",
        endpoint_url=url,
        aws_access_key_id="a",
        aws_secret_access_key="b",  # noqa: S106  nobody checks it
        config=once,
    )
    try:
        return sdk.converse(modelId="m", messages=[])
    finally:
        sdk.close()


def with_httpx(url: str) -> object:
    return httpx.post(url, timeout=SOON)


def with_httpx2(url: str) -> object:
    return httpx2.post(url, timeout=SOON)


def with_requests(url: str) -> object:
    return requests.post(url, timeout=SOON)


@pytest.mark.parametrize(
    "ask",
    [
        with_openai,
        with_anthropic,
        with_google,
        with_mistral,
        with_cohere,
        with_boto,
        with_httpx,
        with_httpx2,
        with_requests,
    ],
)
def test_a_server_that_does_not_answer_is_a_timeout_after_the_request(
    wire: Wire, ask: Callable[[str], object]
) -> None:
    failure = classify(caught(lambda: ask(wire.place(Reply(silent=True)))))
    assert (failure.kind, failure.sent, failure.status) == (ErrorKind.TIMEOUT, True, None)

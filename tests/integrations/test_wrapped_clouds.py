"""Clients for the clouds, and for servers that speak as OpenAI does, wrapped like any other."""

from __future__ import annotations

import asyncio
import importlib.util
from typing import TYPE_CHECKING, Any

import anthropic
import openai
import pytest
from anthropic.lib.bedrock import AnthropicBedrock
from anthropic.lib.vertex import AnthropicVertex

import reliai
from reliai.integrations.anthropic import wrap as wrap_anthropic
from reliai.integrations.openai import wrap as wrap_openai
from reliai.testing import Status, fault_server
from tests.integrations._clients import QUESTION

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reliai.testing import FaultServer


def azure(server: FaultServer) -> Any:
    return openai.AzureOpenAI(
        api_key="none", api_version="2025-04-01-preview", azure_endpoint=server.url
    )


def azure_by_deployment(server: FaultServer) -> Any:
    return openai.AzureOpenAI(
        api_key="none",
        api_version="2025-04-01-preview",
        azure_endpoint=server.url,
        azure_deployment="m-1",
    )


def vertex(server: FaultServer) -> Any:
    return AnthropicVertex(
        region="europe-west1",
        project_id="p",
        access_token="none",  # noqa: S106  nobody checks it
        base_url=f"{server.url}/v1",
    )


def bedrock(server: FaultServer) -> Any:
    return AnthropicBedrock(
        aws_access_key="a",
        aws_secret_key="b",  # noqa: S106  nobody checks it
        aws_region="eu-west-1",
        base_url=server.url,
    )


def ask_openai(client: Any) -> str:
    answer = client.chat.completions.create(model="m-1", messages=QUESTION)
    return str(answer.choices[0].message.content)


def ask_anthropic(client: Any) -> str:
    answer = client.messages.create(model="m-1", max_tokens=9, messages=QUESTION)
    return str(answer.content[0].text)


CLOUDS = [
    pytest.param(azure, wrap_openai, ask_openai, id="azure"),
    pytest.param(azure_by_deployment, wrap_openai, ask_openai, id="azure by deployment"),
    pytest.param(vertex, wrap_anthropic, ask_anthropic, id="vertex"),
    pytest.param(
        bedrock,
        wrap_anthropic,
        ask_anthropic,
        id="bedrock",
        marks=pytest.mark.skipif(importlib.util.find_spec("boto3") is None, reason="signs with it"),
    ),
]


@pytest.mark.parametrize(("make", "wrap", "ask"), CLOUDS)
def test_one_request_an_attempt_in_the_time_of_the_call(make: Any, wrap: Any, ask: Any) -> None:
    with fault_server([Status(500), Status(500), "I am fine"]) as server:
        client = wrap(make(server))

        @reliai.reliable(reliai.Timeout(30), reliai.Retry(3, wait=0))
        def guarded() -> str:
            text: str = ask(client)
            return text

        with reliai.collect() as calls, client:
            assert guarded() == "I am fine"
        assert len(server.requests) == 3
        timeouts = [float(each.headers["x-stainless-read-timeout"]) for each in server.requests]
        assert max(timeouts) <= 30
        assert (calls[0].model_requested, calls[0].output_tokens) == ("m-1", 3)


@pytest.mark.parametrize(("make", "wrap", "ask"), CLOUDS)
def test_the_clouds_client_keeps_its_class_and_its_place(make: Any, wrap: Any, ask: Any) -> None:
    with fault_server("fine") as server:
        original = make(server)
        wrapped = wrap(original)
        assert type(wrapped) is type(original)
        assert wrapped.base_url == original.base_url
        with original:
            ask(original)
            ask(wrapped)
        first, second = server.requests
        assert first.path == second.path


def test_azure_is_asked_at_its_own_address() -> None:
    with fault_server("fine") as server, wrap_openai(azure(server)) as client:
        ask_openai(client)
        assert server.requests[0].path == "/openai/deployments/m-1/chat/completions"


def test_a_stream_of_azure_is_read() -> None:
    with fault_server([["a ", "b"]]) as server, wrap_openai(azure(server)) as client:

        @reliai.reliable(reliai.Timeout(30, idle=5))
        def ask() -> Iterator[str]:
            for chunk in client.chat.completions.create(
                model="m-1", messages=QUESTION, stream=True
            ):
                yield chunk.choices[0].delta.content or ""

        with reliai.collect() as calls:
            assert "".join(ask()) == "a b"
        assert calls[0].output_tokens == 2


def test_an_asynchronous_client_of_azure() -> None:
    with fault_server([Status(500), "I am fine"]) as server:
        client = wrap_openai(
            openai.AsyncAzureOpenAI(api_key="none", api_version="1", azure_endpoint=server.url)
        )

        @reliai.reliable(reliai.Retry(2, wait=0))
        async def ask() -> Any:
            return await client.chat.completions.create(model="m-1", messages=QUESTION)

        async def asked() -> Any:
            async with client:
                return await ask()

        assert asyncio.run(asked()).choices[0].message.content == "I am fine"
        assert len(server.requests) == 2


def test_a_client_class_of_the_users_own_is_wrapped() -> None:
    class Ours(openai.OpenAI):
        """A company's own client."""

    with fault_server("fine") as server:
        client = wrap_openai(Ours(api_key="none", base_url=f"{server.url}/v1"))
        with client:
            assert type(client) is Ours
            assert reliai.reliable()(ask_openai)(client) == "fine"


def test_a_client_class_that_is_made_in_a_way_of_its_own_is_wrapped() -> None:
    class Ours(openai.OpenAI):
        """It cannot be copied by the SDK, which would call it with other arguments."""

        def __init__(self, server: FaultServer) -> None:
            super().__init__(api_key="none", base_url=f"{server.url}/v1")

    with fault_server([Status(500), "fine"]) as server, Ours(server) as original:
        original.chat.completions  # noqa: B018  made and kept by the original
        client = wrap_openai(original)

        @reliai.reliable(reliai.Timeout(30), reliai.Retry(2, wait=0))
        def ask() -> str:
            return ask_openai(client)

        with reliai.collect() as calls:
            assert ask() == "fine"
        assert calls[0].model_requested == "m-1"
        assert len(server.requests) == 2
        assert original.max_retries == 2


def test_a_custom_client_of_anthropic_with_extra_headers_keeps_them() -> None:
    with fault_server("fine") as server:
        original = anthropic.Anthropic(
            api_key="none", base_url=server.url, default_headers={"x-team": "support"}
        )
        with wrap_anthropic(original) as client:
            ask_anthropic(client)
        assert server.requests[0].headers["x-team"] == "support"

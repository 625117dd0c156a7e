"""`format_for` through the SDKs: they take it, and send it as it is."""

from __future__ import annotations

import importlib
import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import cohere
import jsonschema
import pytest
from google import genai
from google.genai import types
from mistralai.client import Mistral
from pydantic import BaseModel, Field

import reliai
from reliai import format_for
from reliai.testing import fault_server
from tests.integrations._clients import QUESTION, asking, plain_client, request_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from reliai.testing import FaultServer

boto3: Any = importlib.import_module("boto3")  # carries no types


class Part(BaseModel):
    name: str = Field(min_length=1)


class Answer(BaseModel):
    number: int
    parts: list[Part] = []


GOOD = {"number": 3, "parts": [{"name": "a"}]}


def with_chat(server: FaultServer, arguments: dict[str, Any]) -> Any:
    with plain_client(server, "chat") as client:
        client.chat.completions.create(**request_of("chat"), **arguments)
    return _sent(server)["response_format"]["json_schema"]["schema"]


def with_responses(server: FaultServer, arguments: dict[str, Any]) -> Any:
    with plain_client(server, "responses") as client:
        client.responses.create(**request_of("responses"), **arguments)
    return _sent(server)["text"]["format"]["schema"]


def with_messages(server: FaultServer, arguments: dict[str, Any]) -> Any:
    with plain_client(server, "messages") as client:
        client.messages.create(**request_of("messages"), **arguments)
    return _sent(server)["output_config"]["format"]["schema"]


def with_google(server: FaultServer, arguments: dict[str, Any]) -> Any:
    options = types.HttpOptions(base_url=server.url)
    with genai.Client(api_key="x", http_options=options) as client, suppress(Exception):
        models: Any = client.models
        models.generate_content(model="m", contents="x", **arguments)
    return _sent(server)["generationConfig"]["responseJsonSchema"]


def with_mistral(server: FaultServer, arguments: dict[str, Any]) -> Any:
    with Mistral(api_key="x", server_url=server.url) as client:
        chat: Any = client.chat
        chat.complete(model="m", messages=QUESTION, **arguments)
    return _sent(server)["response_format"]["json_schema"]["schema"]


def with_cohere(server: FaultServer, arguments: dict[str, Any]) -> Any:
    client: Any = cohere.ClientV2(api_key="x", base_url=server.url, max_retries=0)
    with client, suppress(Exception):
        client.chat(model="m", messages=QUESTION, **arguments)
    return _sent(server)["response_format"]["json_schema"]


def with_bedrock(server: FaultServer, arguments: dict[str, Any]) -> Any:
    client = boto3.client(
        "bedrock-runtime",
        region_name="us-east-1",
        endpoint_url=server.url,
        aws_access_key_id="a",
        aws_secret_access_key="b",  # noqa: S106  nobody checks it
    )
    with suppress(Exception):
        client.converse(modelId="m", messages=[], **arguments)
    client.close()
    structure = _sent(server)["outputConfig"]["textFormat"]["structure"]
    return json.loads(structure["jsonSchema"]["schema"])


def _sent(server: FaultServer) -> Any:
    return server.requests[0].json


@pytest.mark.parametrize(
    ("provider", "send"),
    [
        ("openai", with_chat),
        ("openai-responses", with_responses),
        ("anthropic", with_messages),
        ("google", with_google),
        ("mistral", with_mistral),
        ("cohere", with_cohere),
        ("bedrock", with_bedrock),
    ],
)
def test_the_sdk_sends_the_schema(provider: str, send: Callable[..., Any]) -> None:
    with fault_server("fine") as server:
        schema = send(server, format_for(Answer, provider))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(GOOD, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"number": "three"}, schema)


@pytest.mark.parametrize("api", ["chat", "responses", "messages"])
def test_what_is_asked_for_is_what_validate_reads(api: str) -> None:
    provider = {"chat": "openai", "messages": "anthropic"}.get(api, "openai-responses")
    with asking(api, "sync", ['{"number": "x"}', json.dumps(GOOD)]) as it:
        form = format_for(Answer, provider)
        ask = it.one(reliai.Validate(output=Answer, reask_with=_again, reask=1), **form)
        assert ask() == Answer(number=3, parts=[Part(name="a")])
        assert len(it.server.requests) == 2


def _again(call: Any, error: Any, raw: Any) -> Any:
    return call

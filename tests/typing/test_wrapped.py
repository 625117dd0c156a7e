"""A wrapped client has the type of the original; mypy and pyright check this file too."""

from __future__ import annotations

from typing import assert_type

import anthropic
import openai

from reliai.integrations.anthropic import wrap as wrap_anthropic
from reliai.integrations.openai import wrap as wrap_openai


def test_the_type_of_the_client_is_kept() -> None:
    with openai.OpenAI(api_key="x") as plain, anthropic.Anthropic(api_key="x") as other:
        assert_type(wrap_openai(plain), openai.OpenAI)
        assert_type(wrap_anthropic(other), anthropic.Anthropic)


def test_the_types_of_other_clients_are_kept_too() -> None:
    azure = openai.AsyncAzureOpenAI(api_key="x", api_version="1", azure_endpoint="http://nowhere")
    assert_type(wrap_openai(azure, stream_usage=False), openai.AsyncAzureOpenAI)
    assert_type(wrap_anthropic(anthropic.AsyncAnthropic(api_key="x")), anthropic.AsyncAnthropic)

"""Telling wrapped clients from others: what decides whether a function needs a thread."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import anthropic
import openai
import pytest

from reliai.integrations.anthropic import wrap as wrap_anthropic
from reliai.integrations.openai import wrap as wrap_openai
from reliai.providers import inner_retries, keeps_time

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

plain: Any = openai.OpenAI(api_key="x", base_url="http://nowhere", max_retries=0)
wrapped: Any = wrap_openai(plain)
other: Any = wrap_anthropic(anthropic.Anthropic(api_key="x", base_url="http://nowhere"))


@pytest.fixture(scope="module", autouse=True)
def closed() -> Iterator[None]:
    """Close what the module opened."""
    yield
    plain.close()
    other.close()


class Service:
    def __init__(self, client: Any) -> None:
        self.client = client

    def ask(self, prompt: str) -> Any:
        return self.client.responses.create(model="m", input=prompt)


def ask_wrapped(prompt: str) -> Any:
    return wrapped.responses.create(model="m", input=prompt)


def ask_both(prompt: str) -> Any:
    return wrapped.responses.create(model="m", input=prompt), other.messages


def ask_plain(prompt: str) -> Any:
    return plain.responses.create(model="m", input=prompt)


def ask_a_mixture(prompt: str) -> Any:
    return plain, wrapped


def ask_nobody(prompt: str) -> str:
    return prompt


def by_argument(client: Any, prompt: str) -> Any:
    return client.responses.create(model="m", input=prompt)


@pytest.mark.parametrize(
    "function",
    [
        ask_wrapped,
        ask_both,
        wrapped.responses.create,
        Service(wrapped).ask,
        functools.partial(by_argument, wrapped),
        lambda prompt: wrapped.with_options(timeout=3).responses.create(input=prompt),
    ],
)
def test_a_function_with_wrapped_clients_only_keeps_to_the_time(
    function: Callable[..., Any],
) -> None:
    assert keeps_time(function)


@pytest.mark.parametrize(
    "function",
    [
        ask_plain,
        ask_a_mixture,
        ask_nobody,
        plain.responses.create,
        Service(plain).ask,
        functools.partial(by_argument, plain),
        len,
    ],
)
def test_a_function_with_any_other_client_or_none_does_not(function: Callable[..., Any]) -> None:
    assert not keeps_time(function)


def test_a_wrapped_client_never_retries_by_itself() -> None:
    (found,) = inner_retries(ask_wrapped)
    assert (found.max_retries, found.wrapped) == (0, True)

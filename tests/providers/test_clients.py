"""Finding the clients a function uses, and how often each retries by itself."""

from __future__ import annotations

import functools
import importlib
import types
from typing import TYPE_CHECKING, Any

import anthropic
import cohere
import openai
import pytest

from reliai.providers import inner_retries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

boto3: Any = importlib.import_module("boto3")  # neither of the two carries types
botocore: Any = importlib.import_module("botocore.config")
session: Any = importlib.import_module("botocore.session").Session()
USUAL_MODE = session.get_config_variable("retry_mode")
"""boto's, which is not the same in each of its versions."""

client: Any = openai.OpenAI(api_key="x", base_url="http://nowhere")
settings = types.SimpleNamespace(model=anthropic.Anthropic(api_key="x", max_retries=5, timeout=9))
module = types.ModuleType("app")
module.__dict__["client"] = client


@pytest.fixture(scope="module", autouse=True)
def closed() -> Iterator[None]:
    """Close what the module opened."""
    yield
    client.close()
    settings.model.close()


def found(function: object) -> list[tuple[str, int, float | None]]:
    return [(each.description, each.max_retries, each.timeout) for each in inner_retries(function)]


OPENAI = ("openai.OpenAI 'client'", 2, 600.0)


# --- where a client is found --------------------------------------------------------------------


def by_global(prompt: str) -> Any:
    return client.responses.create(model="m", input=prompt)


async def by_global_async(prompt: str) -> Any:
    return client.responses.create(model="m", input=prompt)


def by_stream(prompt: str) -> Any:
    yield from client.responses.create(model="m", input=prompt, stream=True)


def by_inner_function(prompt: str) -> Any:
    return [each for each in map(lambda p: client.responses.create(input=p), [prompt])]  # noqa: C416, C417


def by_helper(prompt: str) -> Any:
    return by_global(prompt)


def by_module(prompt: str) -> Any:
    return module.client.responses.create(model="m", input=prompt)


@pytest.mark.parametrize(
    "function",
    [by_global, by_global_async, by_stream, by_inner_function, by_helper],
    ids=lambda function: function.__name__,
)
def test_a_client_named_in_the_code_is_found(function: Callable[..., object]) -> None:
    """Case 1: two retries and 600 s, which nobody asked for."""
    assert found(function) == [OPENAI]


def test_a_client_in_a_module_or_an_object_is_found_by_the_name_the_code_uses() -> None:
    def ask() -> Any:
        return settings.model.messages

    assert found(by_module) == [("openai.OpenAI 'module.client'", 2, 600.0)]
    assert found(ask) == [("anthropic.Anthropic 'settings.model'", 5, 9.0)]


def test_a_client_in_a_closure_is_found_once() -> None:
    sdk, again = client, client

    def ask() -> Any:
        return sdk.chat, again.chat

    assert found(ask) == [("openai.OpenAI 'again'", 2, 600.0)]


def test_a_client_given_as_a_default_or_an_argument_is_found() -> None:
    def ask(prompt: str, sdk: Any = client, *, other: Any = settings.model) -> None: ...

    def plain(sdk: Any, other: Any = None) -> None: ...

    assert [name for name, *_ in found(ask)] == [
        "openai.OpenAI 'a default'",
        "anthropic.Anthropic 'other'",
    ]
    assert [name for name, *_ in found(functools.partial(plain, client, other=settings.model))] == [
        "openai.OpenAI 'an argument'",
        "anthropic.Anthropic 'other'",
    ]


class Service:
    """An object of the application that holds a client."""

    def __init__(self) -> None:
        self.sdk = client

    def ask(self) -> Any:
        return self.sdk.chat

    def __call__(self) -> Any:
        return self.sdk.chat


def test_a_client_of_the_object_a_method_belongs_to_is_found() -> None:
    assert found(Service().ask) == [("openai.OpenAI 'self.sdk'", 2, 600.0)]
    assert found(Service()) == [("openai.OpenAI 'self.sdk'", 2, 600.0)]


def test_a_method_of_a_client_leads_to_it() -> None:
    create = client.chat.completions.create
    assert found(create) == [("openai.OpenAI", 2, 600.0)]

    def ask() -> Any:
        return create()

    assert found(ask) == [("openai.OpenAI 'create'", 2, 600.0)]


def test_a_decorated_function_is_opened() -> None:
    @functools.cache
    def cached(prompt: str) -> Any:
        return client.chat

    @functools.wraps(by_global)
    def wrapper(*args: Any) -> Any: ...

    assert found(cached) == [OPENAI]
    assert found(wrapper) == [OPENAI]


def test_a_client_that_a_framework_holds_is_found() -> None:
    model = types.SimpleNamespace(root_client=client)

    def ask() -> Any:
        return model.invoke("x")

    assert found(ask) == [("openai.OpenAI 'model'", 2, 600.0)]


def test_the_module_itself_is_a_client_where_it_is_used_as_one() -> None:
    def ask(prompt: str) -> Any:
        return openai.chat.completions.create(model="m", messages=[])

    def make() -> Any:
        return openai.OpenAI

    assert found(ask) == [("the module openai", 2, 600.0)]
    assert found(make) == []


def test_a_name_that_is_not_there_yet_is_no_client() -> None:
    def ask() -> Any:
        return later, unbound  # type: ignore[name-defined]  # noqa: F821  # pyright: ignore[reportUndefinedVariable]

    later: Any
    assert found(ask) == []


def test_a_function_that_sets_its_own_retries_needs_no_warning() -> None:
    """Case 1: what is pinned to 0 is not multiplied."""

    def ask() -> Any:
        return client.with_options(max_retries=0).chat.completions.create()

    def elsewhere() -> Any:
        return client.with_options(timeout=3).chat.completions.create()

    assert found(ask) == []
    assert found(elsewhere) == [OPENAI]


# --- what a client says -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (lambda: openai.OpenAI(api_key="x", max_retries=0, timeout=3), (0, 3.0)),
        (lambda: openai.OpenAI(api_key="x", timeout=None), (2, None)),
        (lambda: openai.AsyncOpenAI(api_key="x"), (2, 600.0)),
        (
            lambda: openai.AsyncAzureOpenAI(
                api_key="x", azure_endpoint="http://nowhere", api_version="v", max_retries=4
            ),
            (4, 600.0),
        ),
        (lambda: anthropic.AsyncAnthropic(api_key="x"), (2, 600.0)),
        (lambda: cohere.ClientV2(api_key="x"), (2, 300.0)),
        (lambda: cohere.AsyncClient(api_key="x", max_retries=7, timeout=4), (7, 4.0)),
    ],
    ids=[str(number) for number in range(7)],
)
def test_how_often_a_client_retries(
    made: Callable[[], Any], expected: tuple[int, float | None]
) -> None:
    """Case 1."""
    sdk = made()

    def ask() -> Any:
        return sdk.chat

    assert [each[1:] for each in found(ask)] == [expected]


def test_an_inner_count_of_a_stranger_is_not_believed() -> None:
    stranger = types.SimpleNamespace(max_retries=9, timeout=1)

    def ask() -> Any:
        return stranger.chat

    assert found(ask) == []


@pytest.mark.parametrize(
    ("retries", "expected"),
    [
        ({"mode": "standard"}, 2),
        ({"mode": "legacy"}, 4),
        ({"max_attempts": 0}, 0),
        ({"total_max_attempts": 6}, 5),
        (None, 4 if USUAL_MODE == "legacy" else 2),
    ],
    ids=str,
)
def test_how_often_boto_retries(retries: dict[str, Any] | None, expected: int) -> None:
    """Case 1."""
    sdk = boto3.client(
        "bedrock-runtime",
        region_name="us-east-1",
        aws_access_key_id="a",
        aws_secret_access_key="b",  # noqa: S106  nobody checks it
        config=botocore.Config(retries=retries, read_timeout=11),
    )

    def ask() -> Any:
        return sdk.converse(modelId="m")

    assert found(ask) == [("botocore.BedrockRuntime 'sdk'", expected, 11.0)]
    assert [each[1:] for each in found(sdk.converse)] == [(expected, 11.0)]


# --- what does no harm --------------------------------------------------------------------------


class Shy:
    """An object none of whose attributes may be read."""

    def __getattribute__(self, name: str) -> object:
        raise RuntimeError(name)


@pytest.mark.parametrize(
    "function",
    [len, int, str.upper, functools.partial(len), 7, None, types.SimpleNamespace(), Shy],
    ids=str,
)
def test_what_holds_no_client_gives_none(function: object) -> None:
    assert found(function) == []


def test_an_object_that_may_not_be_read_is_passed_over() -> None:
    shy = Shy()

    def ask() -> Any:
        return shy, client

    assert ("openai.OpenAI 'client'", 2, 600.0) in found(ask)
    assert found(shy) == []


def test_no_property_of_an_object_is_read() -> None:
    class Lazy:
        @property
        def _client(self) -> Any:
            raise AssertionError("read")

        @functools.cached_property
        def client(self) -> Any:
            raise AssertionError("made")

    lazy = Lazy()

    def ask() -> Any:
        return lazy.client

    assert found(ask) == []
    assert vars(lazy) == {}


class Secretive(type):
    """A class that will not say its name."""

    @property
    def __name__(cls) -> str:  # type: ignore[override]  # pyright: ignore[reportIncompatibleVariableOverride]
        raise RuntimeError


def test_a_class_that_will_not_say_its_name_stops_the_search_only() -> None:
    nameless = Secretive("x", (), {})()

    def ask() -> Any:
        return client, nameless

    assert found(ask) in ([], [OPENAI])


def test_a_client_behind_very_many_helpers_is_missed() -> None:
    def wrapped(inner: Callable[[], Any]) -> Callable[[], Any]:
        return lambda: inner()  # noqa: PLW0108  a function of its own

    def ask() -> Any:
        return client.chat

    function = ask
    for _ in range(3):
        function = wrapped(function)
    assert found(function) == [OPENAI]
    assert found(wrapped(wrapped(function))) == []


def test_functions_that_call_each_other_end() -> None:
    def one() -> Any:
        return two()

    def two() -> Any:
        return one(), client

    assert found(one) == [OPENAI]

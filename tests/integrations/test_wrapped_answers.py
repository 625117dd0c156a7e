"""What a wrapped client leaves on the record of the call, from every way of asking an SDK."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import openai
import pytest
from pydantic import BaseModel

import reliai
from reliai.integrations.openai import wrap
from reliai.testing import Filtered, Refusal, Status, Truncated, fault_server
from tests.integrations._clients import (
    QUESTION,
    api_of,
    asking,
    every_api,
    every_kind,
    plain_client,
    request_of,
)

if TYPE_CHECKING:
    from tests.integrations._clients import Asking


class Answer(BaseModel):
    number: int


def usage(it: Asking) -> tuple[int | None, int | None]:
    return it.record.input_tokens, it.record.output_tokens


@every_api
@every_kind
def test_model_usage_and_ending_are_on_the_record(api: str, kind: str) -> None:
    with asking(api, kind, "I am fine") as it:
        assert it.one()() == "I am fine"
        record = it.record
        assert usage(it) == (3, 3)
        assert (record.model_requested, record.model_served) == ("m-1", "m-1")
        assert record.provider == ("anthropic" if api == "messages" else "openai")
        assert (record.finish_reason, record.usage_state) == ("stop", "measured")


@every_api
@every_kind
def test_a_response_that_is_returned_too_is_counted_once(api: str, kind: str) -> None:
    with asking(api, kind, "I am fine") as it:
        it.guarded(api_of(it.client, api).create)()
        assert usage(it) == (3, 3)


@every_api
def test_two_requests_of_a_call_add_up(api: str) -> None:
    with asking(api, "sync", ["one", "two words"]) as it:
        one = api_of(it.client, api)

        def twice() -> str:
            return one.text(one.create()) + one.text(one.create())

        assert it.guarded(twice)() == "onetwo words"
        assert usage(it) == (6, 3)


@every_api
def test_what_failed_attempts_used_is_counted_too(api: str) -> None:
    with asking(api, "sync", ["no number", '{"number": 3}']) as it:
        one = api_of(it.client, api)

        @reliai.reliable(reliai.Retry(2, wait=0, on_result=lambda text: text[0] != "{"))
        def ask() -> str:
            return one.text(one.create())

        with reliai.collect() as calls:
            ask()
        assert [attempt.output_tokens for attempt in calls[0].attempts] == [2, 2]
        assert calls[0].output_tokens == 4


@every_api
def test_a_known_model_has_a_price(api: str) -> None:
    model = "claude-haiku-4-5" if api == "messages" else "gpt-4o-mini"
    with asking(api, "sync", "I am fine") as it:
        one = api_of(it.client, api)
        it.guarded(lambda: one.text(one.create(model=model)))()
        assert it.record.cost_usd is not None
        assert it.record.cost_usd > 0


@every_api
def test_an_unknown_model_has_no_price_and_not_a_price_of_nothing(api: str) -> None:
    with asking(api, "sync", "I am fine") as it:
        it.one()()
        assert it.record.cost_usd is None


@every_api
@every_kind
@pytest.mark.parametrize(
    ("item", "finish"),
    [
        (Refusal("I cannot"), "refusal"),
        (Truncated(after=1, then="a b c"), "length"),
        (Filtered(), "content_filter"),
    ],
    ids=["refusal", "truncated", "filtered"],
)
def test_an_answer_that_ended_otherwise_says_so(
    api: str, kind: str, item: Any, finish: str
) -> None:
    with asking(api, kind, item) as it:
        one = api_of(it.client, api)

        def ask() -> str:
            one.create()
            return "done"

        async def ask_async() -> str:
            await one.create()
            return "done"

        it.guarded(ask if kind == "sync" else ask_async)()
        expected = "refusal" if (api, finish) == ("messages", "content_filter") else finish
        assert it.record.finish_reason == expected


# --- other ways of asking ------------------------------------------------------------------------
@every_api
@every_kind
def test_a_raw_response_is_read_when_it_is_parsed(api: str, kind: str) -> None:
    with asking(api, kind, "I am fine") as it:
        raw = _resource(it.client, api).with_raw_response.create

        def ask() -> Any:
            parsed = raw(**request_of(api)).parse()
            assert parsed is not None
            return "done"

        async def ask_async() -> Any:
            answer = await raw(**request_of(api))
            parsed = answer.parse()
            if hasattr(parsed, "__await__"):
                parsed = await parsed
            return "done"

        it.guarded(ask if kind == "sync" else ask_async)()
        assert usage(it) == (3, 3)


def test_a_raw_response_that_is_parsed_twice_is_counted_once() -> None:
    class Smaller(openai.BaseModel):
        id: str
        choices: list[object]

    with asking("chat", "sync", "I am fine") as it:
        raw = it.client.chat.completions.with_raw_response.create

        def ask() -> str:
            answer = raw(**request_of("chat"))
            return str(answer.parse().id == answer.parse(to=Smaller).id)

        assert it.guarded(ask)() == "True"
        assert usage(it) == (3, 3)


@every_api
@every_kind
def test_a_response_that_is_read_piece_by_piece_is_counted_when_it_is_parsed(
    api: str, kind: str
) -> None:
    with asking(api, kind, "I am fine") as it:
        opened = _resource(it.client, api).with_streaming_response.create

        def ask() -> str:
            with opened(**request_of(api)) as answer:
                answer.parse()
            return "done"

        async def ask_async() -> str:
            async with opened(**request_of(api)) as answer:
                await answer.parse()
            return "done"

        it.guarded(ask if kind == "sync" else ask_async)()
        assert usage(it) == (3, 3)


def _resource(client: Any, api: str) -> Any:
    found = {"chat": lambda: client.chat.completions, "responses": lambda: client.responses}
    return found.get(api, lambda: client.messages)()


@every_kind
def test_a_parsed_chat_completion_is_counted_once(kind: str) -> None:
    with asking("chat", kind, '{"number": 3}') as it:
        parse = it.client.chat.completions.parse

        def ask() -> Any:
            return parse(model="m-1", messages=QUESTION, response_format=Answer)

        answer = it.guarded(ask, reliai.Validate(output=Answer))()
        assert answer == Answer(number=3)
        assert usage(it) == (3, 2)


@every_kind
def test_a_parsed_answer_of_the_responses_api_is_counted_once(kind: str) -> None:
    with asking("responses", kind, '{"number": 3}') as it:
        parse = it.client.responses.parse

        def ask() -> Any:
            return parse(model="m-1", input="How are you", text_format=Answer)

        answer = it.guarded(ask, reliai.Validate(output=Answer))()
        assert answer == Answer(number=3)
        assert usage(it) == (3, 2)


@every_kind
def test_a_parsed_message_is_counted_once(kind: str) -> None:
    with asking("messages", kind, '{"number": 3}') as it:
        parse = it.client.messages.parse

        def ask() -> Any:
            return parse(model="m-1", max_tokens=9, messages=QUESTION, output_format=Answer)

        answer = it.guarded(ask, reliai.Validate(output=Answer))()
        assert answer == Answer(number=3)
        assert usage(it) == (3, 2)


def test_the_beta_of_anthropic_is_read_too() -> None:
    with asking("messages", "sync", "I am fine") as it:
        create = it.client.beta.messages.create

        def ask() -> str:
            answer = create(model="m-1", max_tokens=9, messages=QUESTION)
            return str(answer.content[0].text)

        assert it.guarded(ask)() == "I am fine"
        assert usage(it) == (3, 3)


def test_what_embeddings_use_is_counted() -> None:
    body = {
        "object": "list",
        "model": "text-embedding-3-small",
        "data": [{"object": "embedding", "index": 0, "embedding": [0.5]}],
        "usage": {"prompt_tokens": 7, "total_tokens": 7},
    }
    with asking("chat", "sync", [body]) as it:
        create = it.client.embeddings.create

        def ask() -> Any:
            made = create(model="text-embedding-3-small", input="x", encoding_format="float")
            return made.data[0].embedding

        assert it.guarded(ask)() == [0.5]
        assert usage(it) == (7, None)


def test_an_asynchronous_list_is_paged_as_before() -> None:
    with asking("chat", "async", "fine") as it:

        async def names() -> list[str]:
            return [model.id async for model in it.client.models.list()]

        assert it.guarded(names)() == ["scripted-large", "scripted-small"]


def test_a_list_of_models_costs_nothing() -> None:
    with asking("chat", "sync", "fine") as it:
        it.guarded(lambda: [model.id for model in it.client.models.list()])()
        assert usage(it) == (None, None)


# --- where nothing is to be read ----------------------------------------------------------------
@every_api
@every_kind
def test_outside_a_guarded_call_answers_are_what_they_were(api: str, kind: str) -> None:
    with asking(api, kind, "I am fine") as it:
        one = api_of(it.client, api)
        assert one.text(it.answer(one.create)) == "I am fine"


@every_api
def test_an_error_with_a_status_uses_nothing(api: str) -> None:
    with asking(api, "sync", [Status(500), "I am fine"]) as it:
        it.one(reliai.Retry(2, wait=0))()
        assert usage(it) == (3, 3)
        assert it.record.usage_state == "measured"


def test_plain_text_in_the_place_of_an_answer_passes_through() -> None:
    """Some proxies answer 200 with a page; the SDK then gives a string."""
    with asking("chat", "sync", Status(200, b"hello")) as it:
        create = api_of(it.client, "chat").create
        assert it.guarded(create)() == "hello"
        assert usage(it) == (None, None)


# --- what the types say -------------------------------------------------------------------------
def test_type_checkers_see_the_type_of_the_client() -> None:
    with fault_server("fine") as server:
        client: openai.OpenAI = wrap(openai.OpenAI(api_key="x", base_url=server.url))
        same: Any = plain_client(server, "chat")
        assert type(client) is type(same)


@every_api
def test_a_warning_that_comes_from_inside_the_sdk_points_at_the_users_line(api: str) -> None:
    with asking(api, "sync", "I am fine") as it:
        one = api_of(it.client, api)

        @reliai.reliable(reliai.Budget(usd=1), name=f"warned-{api}")
        def ask() -> str:
            return one.text(one.create())

        with pytest.warns(reliai.ReliaiWarning, match="knows no price of model") as caught:
            ask()
        assert "tests/integrations" in caught[0].filename

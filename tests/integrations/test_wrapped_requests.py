"""What a wrapped client sends: one request an attempt, the call's time, the call's key."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import anthropic
import httpx2
import openai
import pytest

import reliai
from reliai.integrations.anthropic import wrap as wrap_anthropic
from reliai.integrations.openai import wrap as wrap_openai
from reliai.testing import Hang, Status, fault_server
from tests.integrations._clients import (
    QUESTION,
    api_of,
    asking,
    client_of,
    every_api,
    every_kind,
    plain_client,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


def read_timeouts(server: Any) -> list[float]:
    return [float(each.headers["x-stainless-read-timeout"]) for each in server.requests]


# --- retries ---------------------------------------------------------------------------------
@every_api
@every_kind
def test_a_server_that_always_fails_gets_one_request_an_attempt(api: str, kind: str) -> None:
    with asking(api, kind, Status(500)) as it:
        with pytest.raises((openai.InternalServerError, anthropic.InternalServerError)):
            it.one(reliai.Retry(4, wait=0))()
        assert len(it.server.requests) == 4
        assert len(it.record.attempts) == 4


@every_api
@every_kind
def test_outside_a_guarded_call_there_are_no_retries_either(api: str, kind: str) -> None:
    with asking(api, kind, Status(500)) as it:
        with pytest.raises((openai.InternalServerError, anthropic.InternalServerError)):
            it.answer(api_of(it.client, api).create)
        assert len(it.server.requests) == 1


@every_api
def test_retry_finds_nothing_to_warn_of(api: str) -> None:
    with asking(api, "sync", "fine") as it:
        it.one(reliai.Retry(3))()  # warnings are errors here


def test_a_copy_that_would_retry_is_warned_of_and_does_not() -> None:
    with fault_server(Status(500)) as server:
        client = client_of(server, "chat")
        with pytest.warns(reliai.ReliaiWarning, match="max_retries=5 is ignored"):
            eager = client.with_options(max_retries=5)
        assert eager.max_retries == 0


# --- the original, and copies ------------------------------------------------------------------
@every_api
@every_kind
def test_the_original_client_is_left_as_it_was(api: str, kind: str) -> None:
    with fault_server("fine") as server:
        original = plain_client(server, api, kind, max_retries=7)
        before = dict(vars(original))
        wrapped = (wrap_anthropic if api == "messages" else wrap_openai)(original)
        assert vars(original) == before
        assert original.max_retries == 7
        assert wrapped.max_retries == 0


@every_api
@every_kind
def test_the_wrapped_client_has_the_same_type_and_connections(api: str, kind: str) -> None:
    with fault_server("fine") as server:
        original = plain_client(server, api, kind)
        wrapped = (wrap_anthropic if api == "messages" else wrap_openai)(original)
        assert type(wrapped) is type(original)
        assert wrapped._client is original._client


@every_api
@every_kind
@pytest.mark.parametrize("how", ["with_options", "copy"])
def test_a_copy_of_a_wrapped_client_is_wrapped(api: str, kind: str, how: str) -> None:
    with asking(api, kind, "fine") as it:
        it.client = getattr(getattr(it.client, how)(timeout=9), how)()
        it.one(reliai.Timeout(50))()
        assert it.record.model_requested == "m-1"
        assert read_timeouts(it.server) == [9]


def test_a_copy_with_middleware_is_wrapped() -> None:
    seen: list[str] = []

    def middleware(request: Any, call_next: Any) -> Any:
        seen.append("asked")
        return call_next(request)

    with asking("messages", "sync", "fine") as it:
        it.client = it.client.with_middleware(middleware)
        it.one()()
        assert it.record.model_requested == "m-1"
        assert seen == ["asked"]


def test_to_wrap_twice_changes_nothing() -> None:
    with fault_server("fine") as server:
        once = client_of(server, "chat")
        assert wrap_openai(once) is once


@pytest.mark.parametrize(
    ("wrap", "given", "told"),
    [
        (wrap_openai, object(), r"this is no client; give one, such as openai\.OpenAI\(\)"),
        (wrap_openai, openai, r"no client"),
        (wrap_openai, openai.OpenAI, r"no client"),
        (wrap_anthropic, None, r"anthropic\.Anthropic\(\)"),
        (wrap_openai, anthropic.Anthropic(api_key="x"), r"integrations\.anthropic\.wrap"),
        (wrap_anthropic, openai.OpenAI(api_key="x"), r"integrations\.openai\.wrap"),
    ],
)
def test_what_is_no_client_of_the_sdk_is_an_error(wrap: Any, given: Any, told: str) -> None:
    with pytest.raises(reliai.ConfigurationError, match=told):
        wrap(given)


# --- time --------------------------------------------------------------------------------------
@every_api
@every_kind
def test_a_request_gets_what_the_attempt_has_left(api: str, kind: str) -> None:
    with asking(api, kind, "fine") as it:
        it.one(reliai.Timeout(100), reliai.Retry(2), reliai.Timeout(7))()
        assert 6 < read_timeouts(it.server)[0] <= 7


@every_api
@every_kind
def test_a_request_after_another_gets_what_is_left_of_the_call(api: str, kind: str) -> None:
    with asking(api, kind, [Status(500), "fine"]) as it:
        it.one(reliai.Timeout(30), reliai.Retry(2, wait=0))()
        first, second = read_timeouts(it.server)
        assert second < first <= 30


@every_api
@every_kind
def test_a_shorter_timeout_of_the_users_own_is_kept(api: str, kind: str) -> None:
    with asking(api, kind, "fine") as it:
        it.one(reliai.Timeout(30), timeout=3)()
        assert read_timeouts(it.server) == [3]


@every_api
def test_a_longer_timeout_of_the_users_own_is_cut_short(api: str) -> None:
    with asking(api, "sync", "fine") as it:
        it.one(reliai.Timeout(30), timeout=300)()
        assert 29 < read_timeouts(it.server)[0] <= 30


@every_api
def test_of_limits_by_phase_each_is_kept_where_it_is_shorter(api: str) -> None:
    with asking(api, "sync", "fine") as it:
        it.one(reliai.Timeout(30), timeout=httpx2.Timeout(300, read=4))()
        assert read_timeouts(it.server) == [4]


@every_api
def test_no_timeout_of_the_users_own_is_the_calls(api: str) -> None:
    with asking(api, "sync", "fine") as it:
        it.one(reliai.Timeout(30), timeout=None)()
        assert 29 < read_timeouts(it.server)[0] <= 30


@every_api
@every_kind
def test_a_call_without_a_limit_leaves_the_timeout_alone(api: str, kind: str) -> None:
    with asking(api, kind, "fine") as it:
        it.one(reliai.Retry(2))()
        assert read_timeouts(it.server) == [600]


@every_api
@every_kind
def test_outside_a_guarded_call_the_timeout_is_left_alone(api: str, kind: str) -> None:
    with asking(api, kind, "fine") as it:
        it.answer(api_of(it.client, api).create)
        assert read_timeouts(it.server) == [600]


@every_api
def test_a_deadline_from_outside_is_passed_down_too(api: str) -> None:
    with asking(api, "sync", "fine") as it:
        ask = it.one()
        with reliai.deadline(20):
            ask()
        assert 19 < read_timeouts(it.server)[0] <= 20


@every_api
@every_kind
def test_a_server_that_never_answers_is_the_calls_own_timeout(api: str, kind: str) -> None:
    with asking(api, kind, Hang()) as it:
        with pytest.raises(reliai.CallTimeout) as caught:
            it.one(reliai.Timeout(0.3))()
        assert (caught.value.layer, caught.value.seconds) == ("total", 0.3)


@every_api
def test_the_sdks_own_timeout_stays_what_it_is(api: str) -> None:
    with asking(api, "sync", Hang()) as it:
        with pytest.raises((openai.APITimeoutError, anthropic.APITimeoutError)):
            it.one(reliai.Timeout(30), timeout=0.1)()
        assert it.record.error is not None
        assert it.record.error.kind == "timeout"


@every_api
def test_an_attempt_that_runs_out_of_its_time_is_tried_again(api: str) -> None:
    with asking(api, "sync", [Hang(), "fine"]) as it:
        ask = it.one(reliai.Timeout(30), reliai.Retry(2, wait=0), reliai.Timeout(0.3))
        assert ask() == "fine"
        first, second = it.record.attempts
        assert (first.status, second.status) == ("error", "success")


@every_api
def test_the_deadline_of_a_caller_teaches_the_breaker_nothing(api: str) -> None:
    with asking(api, "sync", Hang()) as it:
        breaker = reliai.CircuitBreaker(f"impatient {api}", consecutive=1)
        ask = it.one(reliai.Retry(3), breaker, reliai.Timeout(30))
        with reliai.deadline(0.2), pytest.raises(reliai.CallTimeout) as caught:
            ask()
        assert caught.value.layer == "inherited"
        assert breaker.state == "closed"
        assert len(it.server.requests) == 1


@every_api
def test_waiting_for_a_connection_and_for_the_answer_share_the_time(api: str) -> None:
    """One connection, which another request holds for most of the time."""
    with fault_server([Hang()]) as server:
        limits = httpx2.Limits(max_connections=1)
        http_client: Any = httpx2.Client(limits=limits)
        client: Any = plain_client(server, api, http_client=http_client)
        wrap: Any = wrap_anthropic if api == "messages" else wrap_openai
        wrapped = wrap(client)

        @reliai.reliable(reliai.Timeout(0.4))
        def ask() -> Any:
            with reliai.deadline(0.2), pytest.raises(reliai.CallTimeout):
                inner()
            return api_of(wrapped, api).create()

        @reliai.reliable(name="inner")
        def inner() -> Any:
            return api_of(wrapped, api).create()

        with pytest.raises(reliai.CallTimeout) as caught:
            ask()
        assert caught.value.layer == "total"
        http_client.close()


# --- threads -------------------------------------------------------------------------------------
def enforced(function: Any) -> list[str]:
    described = reliai.pipeline_of(function).describe()
    return [policy["enforce"] for policy in described["policies"]]


def test_a_function_with_a_wrapped_client_needs_no_thread() -> None:
    client = wrap_openai(openai.OpenAI(api_key="x"))

    @reliai.reliable(reliai.Timeout(5))
    def ask(prompt: str) -> Any:
        return client.chat.completions.create(model="m", messages=QUESTION)

    assert enforced(ask) == ["deadline"]


def test_a_method_of_a_client_by_itself_is_found_too() -> None:
    client = wrap_anthropic(anthropic.Anthropic(api_key="x"))
    assert enforced(reliai.reliable(reliai.Timeout(5))(client.messages.create)) == ["deadline"]


def test_a_client_that_is_not_wrapped_needs_a_thread() -> None:
    client = openai.OpenAI(api_key="x", max_retries=0)

    @reliai.reliable(reliai.Timeout(5))
    def ask(prompt: str) -> Any:
        return client.chat.completions.create(model="m", messages=QUESTION)

    assert enforced(ask) == ["thread"]


def test_a_second_client_that_is_not_wrapped_needs_a_thread() -> None:
    client = wrap_openai(openai.OpenAI(api_key="x"))
    other = anthropic.Anthropic(api_key="x", max_retries=0)

    @reliai.reliable(reliai.Timeout(5))
    def ask(prompt: str) -> Any:
        return client, other

    assert enforced(ask) == ["thread"]


def test_what_the_user_says_counts_more() -> None:
    client = wrap_openai(openai.OpenAI(api_key="x"))

    @reliai.reliable(reliai.Timeout(5, enforce="thread"))
    def ask(prompt: str) -> Any:
        return client.chat.completions.create(model="m", messages=QUESTION)

    assert enforced(ask) == ["thread"]


def test_a_stream_is_read_on_a_thread_because_its_limits_change_on_the_way() -> None:
    client = wrap_openai(openai.OpenAI(api_key="x"))

    @reliai.reliable(reliai.Timeout(5, idle=1))
    def ask(prompt: str) -> Iterator[Any]:
        yield from client.chat.completions.create(model="m", messages=QUESTION, stream=True)

    assert enforced(ask) == ["thread"]


def test_a_stand_in_without_a_wrapped_client_is_held_to_the_time_by_a_thread() -> None:
    from threading import Event, current_thread

    client = wrap_openai(openai.OpenAI(api_key="x", base_url="http://127.0.0.1:9"))
    threads: list[Any] = []
    never = Event()

    def stand_in(prompt: str) -> Any:
        threads.append(current_thread())
        never.wait(20)

    @reliai.reliable(reliai.Timeout(0.3), reliai.Fallback(stand_in))
    def ask(prompt: str) -> Any:
        threads.append(current_thread())
        return client.chat.completions.create(model="m", messages=QUESTION)

    with pytest.raises(reliai.CallTimeout):
        ask("hello")
    never.set()
    assert threads[0] is current_thread()
    assert threads[1] is not current_thread()


def test_a_pipelines_check_does_not_ask_for_the_timeout_it_passes() -> None:
    client = wrap_openai(openai.OpenAI(api_key="x"))

    @reliai.reliable(reliai.Timeout(5))
    def ask(prompt: str) -> Any:
        return client.chat.completions.create(model="m", messages=QUESTION)

    assert reliai.pipeline_of(ask).check() == []


# --- the key -------------------------------------------------------------------------------------
def keys(server: Any) -> list[str | None]:
    return [each.headers.get("idempotency-key") for each in server.requests]


@pytest.mark.parametrize("api", ["chat", "responses"])
@every_kind
def test_all_attempts_carry_the_calls_key(api: str, kind: str) -> None:
    with asking(api, kind, [Status(500), Status(500), "fine"]) as it:
        it.one(reliai.Retry(3, wait=0))()
        assert keys(it.server) == [it.record.id] * 3


def test_the_key_is_the_argument_that_was_named() -> None:
    with fault_server("fine") as server:
        client = client_of(server, "chat")

        @reliai.reliable(idempotency_key="order")
        def ask(order: str) -> Any:
            return client.chat.completions.create(model="m", messages=QUESTION)

        ask("order-7")
        assert keys(server) == ["order-7"]


def test_another_request_in_the_same_call_gets_another_key() -> None:
    with fault_server("fine") as server:
        client = client_of(server, "chat")

        @reliai.reliable(idempotency_key="order")
        def ask(order: str) -> Any:
            client.chat.completions.create(model="m", messages=QUESTION)
            client.chat.completions.create(model="other", messages=QUESTION)
            return client.chat.completions.create(model="m", messages=QUESTION)

        ask("order-8")
        first, second, third = keys(server)
        assert first == third == "order-8"
        assert second is not None
        assert second.startswith("order-8-")


def test_a_question_that_tells_what_was_wrong_gets_another_key() -> None:
    with fault_server(["no json", '{"number": 3}']) as server:
        client = client_of(server, "chat")

        @reliai.reliable(reliai.Validate(output=dict[str, int], reask=1))
        def ask(messages: list[Any]) -> Any:
            return client.chat.completions.create(model="m", messages=messages)

        assert ask(QUESTION) == {"number": 3}
        first, second = keys(server)
        assert first != second


def test_a_key_of_the_users_own_is_kept() -> None:
    with asking("chat", "sync", "fine") as it:
        it.one(extra_headers={"idempotency-key": "mine"})()
        assert keys(it.server) == ["mine"]


def test_a_default_key_of_the_clients_is_kept() -> None:
    with asking("chat", "sync", "fine") as it:
        it.client = it.client.with_options(default_headers={"Idempotency-Key": "theirs"})
        it.one()()
        assert keys(it.server) == ["theirs"]


def test_other_headers_are_sent_beside_the_key() -> None:
    with asking("chat", "sync", "fine") as it:
        it.one(extra_headers={"x-team": "support"})()
        assert keys(it.server) == [it.record.id]
        assert it.server.requests[0].headers["x-team"] == "support"


def test_a_request_that_changes_nothing_carries_no_key() -> None:
    with fault_server("fine") as server:
        client = client_of(server, "chat")
        reliai.reliable()(client.models.list)()
        assert keys(server) == [None]


def test_an_api_that_takes_no_key_gets_none() -> None:
    with asking("messages", "sync", "fine") as it:
        it.one()()
        assert keys(it.server) == [None]


def test_outside_a_guarded_call_no_key_is_sent() -> None:
    with fault_server("fine") as server:
        client_of(server, "chat").chat.completions.create(model="m", messages=QUESTION)
        assert keys(server) == [None]


# --- what calls are inside of ------------------------------------------------------------------
def test_a_request_belongs_to_the_innermost_call() -> None:
    with fault_server("fine") as server:
        client = client_of(server, "chat")

        @reliai.reliable(name="inner")
        def inner() -> Any:
            return client.chat.completions.create(model="m", messages=QUESTION)

        @reliai.reliable(name="outer")
        def outer() -> Any:
            return inner()

        with reliai.collect() as calls:
            outer()
        by_name = {call.name: call for call in calls}
        assert keys(server) == [by_name["inner"].id]
        assert by_name["inner"].input_tokens == 3


@every_api
def test_calls_in_many_tasks_are_told_apart(api: str) -> None:
    with asking(api, "async", lambda request: f"number {request.number}") as it:
        one = api_of(it.client, api)

        @reliai.reliable()
        async def ask() -> str:
            return one.text(await one.create())

        async def all_of_them() -> list[str]:
            return list(await asyncio.gather(*(ask() for _ in range(10))))

        with reliai.collect() as calls:
            answers = it.answer(all_of_them)
        assert len(set(answers)) == 10
        assert [call.output_tokens for call in calls] == [2] * 10


@every_api
def test_calls_in_many_threads_are_told_apart(api: str) -> None:
    with asking(api, "sync", lambda request: f"number {request.number}") as it:
        one = api_of(it.client, api)

        @reliai.reliable(reliai.Timeout(30), reliai.Retry(2))
        def ask() -> str:
            return one.text(one.create())

        with ThreadPoolExecutor(8) as pool:
            outcomes = list(pool.map(lambda _: reliai.execute(ask), range(24)))
        assert len({out.value for out in outcomes}) == 24
        assert [out.record and out.record.output_tokens for out in outcomes] == [2] * 24

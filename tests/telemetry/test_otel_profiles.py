"""What each dialect makes of the same calls: metrics, attributes, usage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai.telemetry.names import PROFILES
from reliai.testing import virtual_clock
from tests.telemetry._collected import Collected, told

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reliai.providers import Response


def cached_answer(model: str = "gpt-x") -> dict[str, Any]:
    """An answer as OpenAI's chat API gives it, part of its request read from a cache."""
    return {
        "id": "r1",
        "object": "chat.completion",
        "model": model,
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"content": "a"}}],
        "usage": {
            "prompt_tokens": 100,
            "completion_tokens": 5,
            "prompt_tokens_details": {"cached_tokens": 40},
        },
    }


def written_answer() -> dict[str, Any]:
    """An answer as Anthropic gives it, part of its request written to a cache."""
    return {
        "id": "m1",
        "type": "message",
        "role": "assistant",
        "model": "claude-x",
        "content": [{"type": "text", "text": "a"}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 10, "cache_creation_input_tokens": 30, "output_tokens": 5},
    }


def asked(profile: str) -> Collected:
    """What a profile tells of a plain call, and of a stream."""
    seen = Collected(profile)

    @reliai.reliable(name="ask", observers=[seen.observer])
    def ask(model: str) -> Any:
        return cached_answer()

    @reliai.reliable(name="write", observers=[seen.observer])
    def write(model: str) -> Any:
        return written_answer()

    @reliai.reliable(name="stream", observers=[seen.observer])
    def stream(model: str) -> Iterator[str]:
        yield from "abc"
        reliai.usage(model="gpt-x", input_tokens=1, output_tokens=1)

    ask("gpt-x")
    write("claude-x")
    list(stream("gpt-x"))
    return seen


@pytest.mark.parametrize("name", PROFILES)
def test_the_metrics_told_are_those_of_the_profile(name: str) -> None:
    told_names = set(asked(name).metrics())
    assert told_names <= {metric.name for metric in PROFILES[name].metrics.values()}
    expected = {m.name for m in PROFILES[name].metrics.values() if m.name.startswith("gen_ai.")}
    assert {each for each in told_names if each.startswith("gen_ai.")} == expected


@pytest.mark.parametrize("name", PROFILES)
def test_units_and_buckets_are_those_of_the_profile(name: str) -> None:
    seen = asked(name)
    assert reliai.flush(60)
    data = seen._reader.get_metrics_data()
    assert data is not None
    table = {metric.name: metric for metric in PROFILES[name].metrics.values()}
    for metric in data.resource_metrics[0].scope_metrics[0].metrics:
        expected = table[metric.name]
        assert metric.unit == expected.unit
        assert metric.description == expected.description
        if expected.buckets:
            point: Any = metric.data.data_points[0]
            assert tuple(point.explicit_bounds) == expected.buckets


@pytest.mark.parametrize(
    ("name", "read", "written"),
    [
        (
            "v1_41",
            "gen_ai.usage.cache_read.input_tokens",
            "gen_ai.usage.cache_creation.input_tokens",
        ),
        ("latest", "gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_write.input_tokens"),
        (
            "langfuse",
            "gen_ai.usage.cache_read.input_tokens",
            "gen_ai.usage.cache_creation.input_tokens",
        ),
        ("sentry", "gen_ai.usage.input_tokens.cached", "gen_ai.usage.input_tokens.cache_write"),
        (
            "openinference",
            "llm.token_count.prompt_details.cache_read",
            "llm.token_count.prompt_details.cache_write",
        ),
    ],
)
def test_tokens_of_a_cache_have_one_name_each(name: str, read: str, written: str) -> None:
    seen = asked(name)
    by_name = {str(told(span).get("reliai.call.name")): told(span) for span in seen.spans()}
    assert by_name["ask"][read] == 40
    assert by_name["write"][written] == 30
    wrote = [key for key in by_name["write"] if "cache_creation" in key or "cache_write" in key]
    assert wrote == [written]


def test_the_sum_of_langfuses_generations_is_the_providers_bill() -> None:
    seen = Collected("langfuse")
    billed: list[Response] = []

    class Bill:
        """A meter that adds up all that providers said was used."""

        def add(self, usd: float | None, tokens: int | None, response: Response) -> None:
            billed.append(response)

        def unknown(self) -> None:
            pass

    def small(prompt: str) -> Any:
        return written_answer()

    failures = iter([True, True, True])

    @reliai.reliable(
        _Metered(Bill()), reliai.Fallback(small), reliai.Retry(3), observers=[seen.observer]
    )
    def ask(prompt: str) -> Any:
        reliai.read(cached_answer())
        if next(failures):
            raise ConnectionError("cut")
        return "a"

    with virtual_clock():
        ask("…")
    usage = [told(s) for s in seen.spans() if "gen_ai.usage.input_tokens" in told(s)]
    assert len(usage) == 2
    for key, field in (
        ("gen_ai.usage.input_tokens", "input_tokens"),
        ("gen_ai.usage.output_tokens", "output_tokens"),
    ):
        assert sum(each[key] for each in usage) == sum(getattr(each, field) for each in billed)
    keys = {key for each in usage for key in each if key.startswith("gen_ai.usage.")}
    assert not [key for key in keys if "cache_write" in key or "text" in key or "audio" in key]


class _Metered(reliai.Policy):
    """Adds a meter to its calls, as a budget does."""

    def __init__(self, meter: Any) -> None:
        self._meter = meter

    async def run(self, call: reliai.Call, proceed: Any) -> reliai.Outcome:
        outcome: reliai.Outcome = await proceed(call.metered(self._meter))
        return outcome


def test_langfuse_is_told_the_cost_of_generations_and_not_of_the_call_around_them_again() -> None:
    seen = Collected("langfuse")

    def small(prompt: str) -> str:
        reliai.usage(model="m", input_tokens=1, cost_usd=0.5)
        return "a"

    @reliai.reliable(reliai.Fallback(small), observers=[seen.observer])
    def ask(prompt: str) -> str:
        raise ConnectionError("down")

    ask("…")
    costs = [
        told(span)["gen_ai.usage.cost"]
        for span in seen.spans()
        if "gen_ai.usage.cost" in told(span)
    ]
    assert costs == [0.5]


def test_sentry_gets_its_operation() -> None:
    seen = asked("sentry")
    by_name = {str(told(span).get("reliai.call.name")): told(span) for span in seen.spans()}
    assert by_name["ask"]["sentry.op"] == "gen_ai.chat"
    assert by_name["ask"]["gen_ai.usage.total_tokens"] == 105
    assert by_name["stream"]["gen_ai.response.streaming"] is True


def test_openinference_gets_its_own_words_and_none_of_the_others() -> None:
    seen = asked("openinference")
    call = next(told(s) for s in seen.spans() if told(s).get("reliai.call.name") == "ask")
    assert call["openinference.span.kind"] == "LLM"
    assert call["llm.model_name"] == "gpt-x"
    assert call["llm.token_count.prompt"] == 100
    assert call["llm.token_count.total"] == 105
    assert not [key for key in call if key.startswith("gen_ai.usage")]


def test_a_profile_is_chosen_by_a_word_alone() -> None:
    assert "gen_ai.client.operation.duration" in asked("v1_41").metrics()
    assert "gen_ai.client.inference.duration" in asked("latest").metrics()


def test_scopes_say_which_conventions_they_follow() -> None:
    (span, *_) = asked("v1_41").spans()
    assert span.instrumentation_scope is not None
    assert span.instrumentation_scope.name == "reliai"
    assert span.instrumentation_scope.schema_url == "https://opentelemetry.io/schemas/1.41.0"

"""Equal calls are answered once: what is kept, for how long, and what is never kept."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pydantic
import pytest

import reliai
from reliai.testing import virtual_clock
from tests.policies._guarded import (
    Guarded,
    as_delivered,
    every_kind,
    every_one_value,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from reliai.testing import VirtualClock


@pytest.fixture
def clock() -> Iterator[VirtualClock]:
    with virtual_clock() as made:
        yield made


def failing_with(*answers: Any) -> Callable[[str], Any]:
    """A function that goes through answers, raising those that are errors."""
    left = list(answers)

    def answer(_prompt: str) -> Any:
        given = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(given, Exception):
            raise given
        return given

    return answer


def response(finish: str = "stop", refusal: str | None = None) -> dict[str, Any]:
    """A provider's answer, as JSON."""
    message = {"role": "assistant", "content": "Paris", "refusal": refusal}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": "gpt-x",
        "choices": [{"index": 0, "finish_reason": finish, "message": message}],
        "usage": {"prompt_tokens": 5, "completion_tokens": 1, "total_tokens": 6},
    }


# --- a hit --------------------------------------------------------------------------------
@every_kind
def test_an_equal_call_is_answered_without_calling_the_function(kind: str) -> None:
    ask = Guarded(kind, reliai.Cache(), answer=lambda prompt: prompt * 2)
    assert ask("a") == ask("a")
    assert ask.prompts == ["a"]


@every_kind
def test_another_argument_is_another_call(kind: str) -> None:
    ask = Guarded(kind, reliai.Cache())
    ask("a")
    ask("b")
    assert ask.prompts == ["a", "b"]


@every_kind
def test_a_hit_is_a_record_without_attempt_that_tells_the_age(
    kind: str, clock: VirtualClock
) -> None:
    ask = Guarded(kind, reliai.Cache())
    ask("a")
    assert ask.events == ["cache_miss"]
    clock.advance(7)
    ask("a")
    assert ask.record.status == "success"
    assert ask.record.attempts == ()
    assert ask.event("cache_hit") == {"age": 7}


@every_one_value
def test_a_hit_uses_nothing_which_is_known(kind: str) -> None:
    ask = Guarded(kind, reliai.Cache(), answer=lambda _: response())
    ask("a")
    assert ask.record.input_tokens == 5
    ask("a")
    assert ask.record.input_tokens is None
    assert ask.record.cost_usd == 0
    assert ask.record.usage_state == "measured"


def test_a_call_around_a_hit_does_not_count_its_tokens_again() -> None:
    inner = reliai.Cache()(lambda prompt: response())
    outer = reliai.reliable()(lambda: inner("a"))
    with reliai.collect() as calls:
        outer()
        outer()
    assert [call.input_tokens for call in calls] == [None, 5, None, None]


def test_a_deactivated_call_is_answered_from_the_cache_all_the_same() -> None:
    ask = Guarded("sync", reliai.Cache())
    with reliai.deactivated():
        ask("a")
        ask("a")
    assert ask.prompts == ["a"]


@every_kind
def test_a_mode_of_off_passes_by_the_cache(kind: str) -> None:
    ask = Guarded(kind, reliai.Cache())
    with reliai.mode("off"):
        ask("a")
        ask("a")
    assert ask.prompts == ["a", "a"]


# --- for how long, and how many -----------------------------------------------------------
@every_kind
@pytest.mark.parametrize(("seconds", "calls"), [(9.99, 1), (10.0, 2)])
def test_an_answer_is_good_until_its_ttl(
    kind: str, seconds: float, calls: int, clock: VirtualClock
) -> None:
    ask = Guarded(kind, reliai.Cache(10))
    ask("a")
    clock.advance(seconds)
    ask("a")
    assert len(ask.prompts) == calls


def test_using_an_answer_does_not_make_it_younger(clock: VirtualClock) -> None:
    ask = Guarded("sync", reliai.Cache(10))
    ask("a")
    clock.advance(6)
    ask("a")
    clock.advance(6)
    ask("a")
    assert len(ask.prompts) == 2


@every_kind
def test_the_answer_used_longest_ago_goes_when_there_are_too_many(kind: str) -> None:
    ask = Guarded(kind, reliai.Cache(max_size=2))
    for prompt in ("a", "b", "a", "c", "a", "b"):
        ask(prompt)
    assert ask.prompts == ["a", "b", "c", "b"]


def test_what_has_expired_is_removed_although_nobody_asks_for_it(clock: VirtualClock) -> None:
    cache = reliai.Cache(10, max_size=1000)
    ask = cache(lambda prompt: prompt)
    for number in range(100):
        ask(f"old {number}")
    clock.advance(11)
    for number in range(60):
        ask(f"new {number}")
    assert cache.info().size == 60


def test_time_of_a_test_is_not_that_of_the_machine() -> None:
    ask = Guarded("sync", reliai.Cache())
    ask("a")
    with virtual_clock():
        ask("a")
        ask("a")
    ask("a")
    assert len(ask.prompts) == 2


# --- copies -------------------------------------------------------------------------------
class Answer(pydantic.BaseModel):
    cities: list[str]


@every_one_value
@pytest.mark.parametrize("around", [lambda c: c, lambda c: (c,), lambda c: {0: c}], ids="lt{")
def test_no_caller_changes_what_another_gets(kind: str, around: Callable[[Any], Any]) -> None:
    ask = Guarded(kind, reliai.Cache(), answer=lambda _: around({0: ["Paris"]}))
    for _ in range(3):
        given = ask("a")
        assert given == around({0: ["Paris"]})
        inner = given[0] if isinstance(given[0], list) else given[0][0]
        inner.append("Rome")
    assert ask.prompts == ["a"]


@every_one_value
def test_a_model_is_handed_out_as_a_deep_copy(kind: str) -> None:
    ask = Guarded(kind, reliai.Cache(), answer=lambda _: Answer(cities=["Paris"]))
    for _ in range(3):
        given = ask("a")
        assert given == Answer(cities=["Paris"])
        given.cities.append("Rome")


def test_an_immutable_answer_is_handed_out_as_it_is() -> None:
    answer = ("Paris", frozenset({1}), 2.5, b"x")
    ask = Guarded("sync", reliai.Cache(), answer=lambda _: answer)
    assert ask("a") is answer
    assert ask("a") is answer


@every_one_value
def test_an_answer_that_cannot_be_copied_is_delivered_and_not_kept(kind: str) -> None:
    import threading

    ask = Guarded(kind, reliai.Cache(), answer=lambda _: [threading.Lock()])
    assert len(ask("a")) == 1
    assert ask.event("cache_not_kept") == {"reason": "cannot be copied"}
    ask("a")
    assert len(ask.prompts) == 2


class CopiedOnce:
    """Can be copied once, and its copy cannot."""

    def __init__(self, copies: int = 1) -> None:
        self.copies = copies

    def __deepcopy__(self, _memo: Any) -> CopiedOnce:
        if not self.copies:
            raise TypeError("cannot be copied")
        return CopiedOnce(self.copies - 1)


def test_an_answer_whose_copy_cannot_be_copied_is_an_error_that_says_so() -> None:
    ask = Guarded("sync", reliai.Cache(), answer=lambda _: CopiedOnce())
    ask("a")
    with pytest.raises(reliai.ConfigurationError, match="CopiedOnce that can be copied once"):
        ask("a")


# --- what is not kept ---------------------------------------------------------------------
@every_kind
def test_a_failure_is_not_kept(kind: str) -> None:
    ask = Guarded(kind, reliai.Cache(), answer=failing_with(ConnectionError("down"), "b"))
    with pytest.raises(ConnectionError):
        ask("a")
    assert ask("a") == as_delivered(kind, "b")
    assert len(ask.prompts) == 2


@every_one_value
@pytest.mark.parametrize("finish", ["length", "content_filter"])
def test_an_answer_cut_off_or_refused_is_not_kept(kind: str, finish: str) -> None:
    """40"""
    ask = Guarded(kind, reliai.Cache(), answer=lambda _: response(finish))
    ask("a")
    assert ask.event("cache_not_kept") == {"reason": "incomplete"}
    ask("a")
    assert len(ask.prompts) == 2


@every_one_value
def test_a_refusal_in_words_is_not_kept(kind: str) -> None:
    """40"""
    ask = Guarded(kind, reliai.Cache(), answer=lambda _: response(refusal="I cannot"))
    ask("a")
    ask("a")
    assert len(ask.prompts) == 2


@every_one_value
def test_text_read_from_an_answer_that_was_cut_off_is_not_kept(kind: str) -> None:
    """40"""

    def answer(_prompt: str) -> str:
        reliai.read(response("length"))
        return "Pari"

    ask = Guarded(kind, reliai.Cache(), answer=answer)
    ask("a")
    ask("a")
    assert len(ask.prompts) == 2


@every_one_value
def test_an_answer_is_kept_although_an_earlier_attempt_was_cut_off(kind: str) -> None:
    finishes = ["length", "stop"]

    def answer(_prompt: str) -> str:
        finish = finishes.pop(0)
        reliai.read(response(finish))
        return "Pari" if finish == "length" else "Paris"

    policies = reliai.Cache(), reliai.Retry(2, wait=0, on_result=lambda text: text != "Paris")
    ask = Guarded(kind, *policies, answer=answer)
    assert [ask("a"), ask("a")] == ["Paris", "Paris"]


@every_one_value
def test_an_invalid_answer_is_not_kept(kind: str) -> None:
    """40"""
    policies = reliai.Cache(), reliai.Validate(reliai.MaxLength(3))
    ask = Guarded(kind, *policies, answer=failing_with("too long", "ok"))
    with pytest.raises(reliai.OutputInvalid):
        ask("a")
    assert ask("a") == "ok"
    assert ask("a") == "ok"
    assert len(ask.prompts) == 2


@every_one_value
def test_an_invalid_answer_that_was_only_observed_is_not_kept(kind: str) -> None:
    """40"""
    policies = reliai.Cache(), reliai.Validate(reliai.MaxLength(3), mode="observe")
    ask = Guarded(kind, *policies, answer=failing_with("too long", "ok"))
    assert ask("a") == "too long"
    assert ask("a") == "ok"


@every_one_value
def test_a_retry_inside_asks_the_function_and_not_the_cache(kind: str) -> None:
    """40"""
    policies = reliai.Cache(), reliai.Retry(3, wait=0, on_result=lambda value: value == "bad")
    ask = Guarded(kind, *policies, answer=failing_with("bad", "good"))
    assert ask("a") == "good"
    assert ask("a") == "good"
    assert len(ask.prompts) == 2


@every_kind
def test_an_answer_of_a_fallback_is_not_given_for_the_function(kind: str) -> None:
    """37"""
    policies = reliai.Cache(), reliai.Fallback(reliai.Value("stand-in"))
    ask = Guarded(kind, *policies, answer=failing_with(ConnectionError("down"), "own"))
    assert ask("a") == as_delivered(kind, "stand-in")
    assert ask.record.status == "degraded"
    assert ask("a") == as_delivered(kind, "own") or ask("a") == list("own")
    assert ask.record.status == "success"
    assert len(ask.prompts) == 2


def test_an_answer_of_a_guarded_fallback_is_kept_by_its_own_cache() -> None:
    """37"""
    other = Guarded("sync", reliai.Cache(), answer=lambda _: "other")
    ask = Guarded(
        "sync",
        reliai.Cache(),
        reliai.Fallback(other.function),
        answer=lambda _: exec("raise ConnectionError('down')"),  # noqa: S102
    )
    assert [ask("a"), ask("a")] == ["other", "other"]
    assert len(ask.prompts) == 2
    assert len(other.prompts) == 1


def test_a_cache_inside_a_fallback_keeps_the_targets_apart() -> None:
    """37"""
    asked: list[str] = []

    def down(prompt: str) -> str:
        asked.append("down")
        raise ConnectionError(prompt)

    def up(prompt: str) -> str:
        asked.append("up")
        return prompt

    ask = reliai.reliable(reliai.Fallback(up), reliai.Cache())(down)
    assert [ask("a"), ask("a")] == ["a", "a"]
    assert asked == ["down", "up", "down"]


@every_one_value
def test_answers_of_stand_ins_are_kept_when_asked_for_and_stay_degraded(kind: str) -> None:
    policies = reliai.Cache(degraded=True), reliai.Fallback(reliai.Value("stand-in"))
    ask = Guarded(kind, *policies, answer=failing_with(ConnectionError("down")))
    ask("a")
    assert ask("a") == "stand-in"
    assert ask.record.status == "degraded"
    assert ask.record.target == "value"
    assert len(ask.prompts) == 1


@every_one_value
def test_an_otherwise_is_not_kept(kind: str) -> None:
    policies = (
        reliai.Cache(),
        reliai.Validate(reliai.MaxLength(3), otherwise=lambda *_: "sorry"),
    )
    ask = Guarded(kind, *policies, answer=failing_with("too long", "ok"))
    assert [ask("a"), ask("a")] == ["sorry", "ok"]


# --- stale --------------------------------------------------------------------------------
@every_kind
def test_an_old_answer_stands_in_for_a_failure_that_will_pass(
    kind: str, clock: VirtualClock
) -> None:
    answer = failing_with("old", ConnectionError("down"))
    ask = Guarded(kind, reliai.Cache(10, stale_if_error=60), answer=answer)
    fresh = ask("a")
    clock.advance(30)
    assert ask("a") == fresh
    assert ask.record.status == "degraded"
    assert [attempt.status for attempt in ask.record.attempts] == ["error"]
    assert ask.event("cache_stale") == {"age": 30, "error": "connection"}


@every_kind
def test_an_answer_past_its_time_stands_in_for_nothing(kind: str, clock: VirtualClock) -> None:
    answer = failing_with("old", ConnectionError("down"))
    ask = Guarded(kind, reliai.Cache(10, stale_if_error=60), answer=answer)
    ask("a")
    clock.advance(70)
    with pytest.raises(ConnectionError):
        ask("a")


@every_one_value
@pytest.mark.parametrize("error", [ValueError("bug"), reliai.OutputInvalid("no"), TypeError("bug")])
def test_an_old_answer_hides_no_failure_that_stays(
    kind: str, error: Exception, clock: VirtualClock
) -> None:
    ask = Guarded(kind, reliai.Cache(10, stale_if_error=60), answer=failing_with("old", error))
    ask("a")
    clock.advance(30)
    with pytest.raises(type(error)):
        ask("a")


@every_one_value
@pytest.mark.parametrize(
    "error",
    [
        reliai.CircuitOpen("c", 5.0),
        reliai.BulkheadFull("full"),
        reliai.RateLimited("slow"),
        reliai.CallTimeout("total", 5.0),
    ],
)
def test_an_old_answer_stands_in_for_our_own_refusals(
    kind: str, error: Exception, clock: VirtualClock
) -> None:
    ask = Guarded(kind, reliai.Cache(10, stale_if_error=60), answer=failing_with("old", error))
    ask("a")
    clock.advance(30)
    assert ask("a") == "old"


def test_without_stale_if_error_an_old_answer_is_gone(clock: VirtualClock) -> None:
    ask = Guarded("sync", reliai.Cache(10), answer=failing_with("old", ConnectionError("down")))
    ask("a")
    clock.advance(10)
    with pytest.raises(ConnectionError):
        ask("a")


# --- passing by, forgetting, asking -------------------------------------------------------
@every_kind
def test_a_bypass_calls_the_function_and_keeps_nothing(kind: str) -> None:
    """38 of the complaints: not to be switched off for a call"""
    ask = Guarded(kind, reliai.Cache())
    with reliai.Cache.bypass():
        ask("a")
        assert ask.events == ["cache_bypass"]
    ask("a")
    ask("a")
    assert len(ask.prompts) == 2


@every_kind
def test_a_refresh_calls_the_function_and_keeps_its_answer(kind: str) -> None:
    ask = Guarded(kind, reliai.Cache(), answer=failing_with("1", "2"))
    ask("a")
    with reliai.Cache.refresh():
        fresh = ask("a")
        assert ask.events == ["cache_refresh"]
    assert ask("a") == fresh == as_delivered(kind, "2")
    assert len(ask.prompts) == 2


def test_a_bypass_of_one_cache_leaves_the_others_on() -> None:
    one, other = reliai.Cache(), reliai.Cache()
    asks = Guarded("sync", one), Guarded("sync", other)
    with one.bypass():
        for ask in (*asks, *asks):
            ask("a")
    assert [len(ask.prompts) for ask in asks] == [2, 1]


def test_blocks_nest_and_the_innermost_counts() -> None:
    ask = Guarded("sync", reliai.Cache())
    ask("a")
    with reliai.Cache.bypass(), reliai.Cache.refresh():
        ask("a")
        assert ask.events == ["cache_refresh"]


def test_clear_forgets_the_answers_of_all_its_functions() -> None:
    cache = reliai.Cache()
    asks = Guarded("sync", cache), Guarded("sync", cache)
    for ask in asks:
        ask("a")
    cache.clear()
    for ask in asks:
        ask("a")
    assert [len(ask.prompts) for ask in asks] == [2, 2]


def test_an_answer_that_was_on_its_way_when_it_was_cleared_is_not_kept() -> None:
    cache = reliai.Cache()
    ask = Guarded("sync", cache, answer=lambda _: cache.clear())
    ask("a")
    assert cache.info().size == 0


def test_info_tells_how_calls_were_answered(clock: VirtualClock) -> None:
    cache = reliai.Cache(10, stale_if_error=60)
    ask = Guarded("sync", cache, answer=failing_with("1", ConnectionError("down")))
    ask("a")
    ask("a")
    clock.advance(20)
    ask("a")
    assert cache.info() == (1, 2, 0, 1, 1)


def test_two_functions_of_one_cache_share_no_answer() -> None:
    cache = reliai.Cache()
    one, other = Guarded("sync", cache), Guarded("sync", cache, answer=lambda _: "other")
    assert [one("a"), other("a")] == ["a", "other"]


def test_two_caches_of_one_function_share_no_answer() -> None:
    calls: list[str] = []

    def note(prompt: str) -> None:
        calls.append(prompt)

    one, other = reliai.Cache()(note), reliai.Cache()(note)
    one("a")
    other("a")
    assert calls == ["a", "a"]


# --- who asks -----------------------------------------------------------------------------
@every_kind
def test_a_tenant_never_gets_the_answer_of_another(kind: str) -> None:
    """36, IR-30"""
    ask = Guarded(kind, reliai.Cache())
    for tenant in ("a", "b", "a", None, "b"):
        with reliai.context(tenant=tenant):
            ask("prompt")
    assert len(ask.prompts) == 3


def test_a_tenant_stays_apart_whatever_the_key_says() -> None:
    """IR-30"""
    ask = Guarded("sync", reliai.Cache(key=lambda call: "one for all"))
    for tenant in ("a", "b", "a"):
        with reliai.context(tenant=tenant):
            ask("prompt")
    assert len(ask.prompts) == 2


def test_ten_thousand_questions_of_two_tenants_never_cross() -> None:
    """IR-30"""

    @reliai.Cache(max_size=20_000)
    def ask(prompt: str) -> tuple[str | None, str]:
        call = reliai.current_call()
        assert call is not None
        return call.ambient.tenant, prompt

    for number in range(5_000):
        for tenant in ("a", "b", "a"):
            with reliai.context(tenant=tenant):
                assert ask(f"refund order {number}") == (tenant, f"refund order {number}")


def test_a_guard_that_redacts_decides_what_is_the_same_question() -> None:
    redact = reliai.Guard(prompt=lambda prompt: reliai.Replace(prompt.replace("Ann", "X")))
    ask = Guarded("sync", redact, reliai.Cache())
    assert [ask("I am Ann"), ask("I am X")] == ["I am X", "I am X"]
    assert len(ask.prompts) == 1


# --- settings -----------------------------------------------------------------------------
@pytest.mark.parametrize(
    "settings",
    [
        {"ttl": 0},
        {"ttl": -1},
        {"ttl": float("nan")},
        {"ttl": float("inf")},
        {"ttl": "300"},
        {"ttl": True},
        {"max_size": 0},
        {"max_size": 1.5},
        {"stale_if_error": -1},
        {"stale_if_error": None},
        {"key": 5},
        {"key": "prompt"},
        {"state": "memory"},
        {"shared": True, "state": "mysql://"},
    ],
)
def test_a_value_out_of_range_is_named_when_it_is_set(settings: dict[str, Any]) -> None:
    name, value = list(settings.items())[-1]
    with pytest.raises(reliai.ConfigurationError) as raised:
        reliai.Cache(**settings)
    assert name in str(raised.value)
    assert repr(value) in str(raised.value)


def test_a_function_with_an_effect_is_not_cached() -> None:
    with pytest.raises(reliai.ConfigurationError, match="Once"):
        reliai.reliable(reliai.Cache(), effects="once")(lambda prompt: prompt)


def test_all_settings_are_described() -> None:
    described = reliai.Cache(5, key=("tenant", "arg:prompt")).describe()
    assert described == {
        "ttl": 5.0,
        "max_size": 1024,
        "key": ["tenant", "arg:prompt"],
        "stale_if_error": 0.0,
        "single_flight": True,
        "degraded": False,
        "shared": False,
        "state": None,
    }


def test_an_answer_that_is_no_data_is_copied_with_all_it_holds() -> None:
    ask = Guarded("sync", reliai.Cache(), answer=lambda _: SimpleNamespace(items=[1]))
    ask("a").items.append(2)
    assert ask("a").items == [1]


def test_an_asynchronous_function_of_a_loop_long_gone_is_answered_in_the_next() -> None:
    @reliai.Cache()
    async def ask(prompt: str) -> list[str]:
        await asyncio.sleep(0)
        return [prompt]

    assert asyncio.run(ask("a")) == asyncio.run(ask("a")) == ["a"]

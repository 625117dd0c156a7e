"""What is evaluated runs as it is: of any kind, in three ways, to the end of a stream."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

import reliai
from reliai.evals._isolation import isolated
from reliai.testing import virtual_clock
from tests.evals.isolating import every_way, failing, of_kind
from tests.policies._guarded import every_kind

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs are written into the working directory."""
    monkeypatch.chdir(tmp_path)


# The four kinds, the three ways


@every_way
@every_kind
def test_a_guarded_function_of_any_kind_is_called(kind: str, policies: str) -> None:
    guarded = isolated(of_kind(kind, str.upper, reliai.Retry(2)), policies)
    assert guarded.kind == kind
    assert guarded.call({"prompt": "a"}).value == "A"


@every_way
@every_kind
def test_it_is_called_from_an_event_loop_too(kind: str, policies: str) -> None:
    guarded = isolated(of_kind(kind, str.upper, reliai.Retry(2)), policies)
    assert asyncio.run(guarded.acall({"prompt": "a"})).value == "A"


@every_way
@every_kind
def test_an_error_is_the_outcome_and_its_record_is_of_an_evaluation(
    kind: str, policies: str
) -> None:
    outcome = isolated(of_kind(kind, failing), policies).call({"prompt": "a"})
    assert isinstance(outcome.error, ConnectionError)
    assert outcome.record is not None
    assert (outcome.record.status, outcome.record.environment) == ("error", "eval")


@every_way
def test_a_bare_function_is_called(policies: str) -> None:
    outcome = isolated(lambda prompt: prompt * 2, policies).call({"prompt": "ab"})
    assert outcome.value == "abab"
    assert outcome.record is not None
    assert outcome.record.environment == "eval"


@every_kind
def test_arguments_that_do_not_fit_are_an_outcome(kind: str) -> None:
    outcome = isolated(of_kind(kind, str.upper)).call({"question": "a"})
    assert isinstance(outcome.error, TypeError)


def test_a_method_is_called_with_its_object() -> None:
    class Bot:
        @reliai.reliable(reliai.Retry(2))
        def answer(self, prompt: str) -> tuple[object, str]:
            return self, prompt

    bot = Bot()
    assert isolated(bot.answer).call({"prompt": "a"}).value == (bot, "a")


def test_a_cancellation_passes_through() -> None:
    def stop(_: str) -> str:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        isolated(of_kind("sync", stop)).call({"prompt": "a"})


def test_other_policies_are_refused() -> None:
    with pytest.raises(reliai.ConfigurationError, match="'evaluation', 'deployed', 'bare'"):
        isolated(str.upper, "production")


def test_what_cannot_be_called_is_refused() -> None:
    with pytest.raises(reliai.ConfigurationError, match="target="):
        isolated("answer")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def test_in_an_event_loop_an_asynchronous_function_has_to_be_awaited() -> None:
    guarded = isolated(of_kind("async", str.upper))

    async def wrong() -> reliai.Outcome:
        return guarded.call({"prompt": "a"})

    assert "await acall" in str(asyncio.run(wrong()).error)


# Streams


def test_a_stream_of_text_is_its_text() -> None:
    def words(prompt: str) -> Iterator[str]:
        yield from prompt.split()

    assert isolated(reliai.reliable()(words)).call({"prompt": "a b c"}).value == "abc"


def test_a_stream_of_other_things_is_their_list() -> None:
    def numbers() -> Iterator[int]:
        yield from range(3)

    assert isolated(numbers).call({}).value == [0, 1, 2]


def test_a_stream_that_breaks_off_is_its_error() -> None:
    def words() -> Iterator[str]:
        yield "a"
        raise ConnectionError("cut")

    outcome = isolated(words).call({})
    assert isinstance(outcome.error, ConnectionError)
    assert outcome.value is None
    assert outcome.record is not None
    assert outcome.record.status == "error"


def test_a_stream_that_a_plain_function_returns_is_read() -> None:
    assert isolated(lambda: (letter for letter in "abc")).call({}).value == "abc"


# The other two ways


def test_deployed_policies_are_those_that_serve_users() -> None:
    seen: list[str] = []
    answer = of_kind("sync", seen.append, reliai.Cache(ttl=60))
    answer("a")
    outcome = isolated(answer, "deployed").call({"prompt": "a"})
    assert seen == ["a"]
    assert outcome.record is not None
    assert outcome.record.environment == "eval"


def test_the_bare_function_is_called_with_no_policy_at_any_depth() -> None:
    deep = of_kind("sync", str.upper, reliai.Guard(reliai.MaxLength(1)))
    answer = of_kind("sync", deep, reliai.Guard(reliai.MaxLength(1)))
    assert isolated(answer, "bare").call({"prompt": "abc"}).value == "ABC"


# What surrounds it


def test_a_deadline_around_the_trial_holds() -> None:
    guarded = isolated(reliai.remaining)
    with virtual_clock(), reliai.deadline(3):
        assert guarded.call({}).value == 3


def test_faults_that_a_test_injects_reach_it() -> None:
    from reliai.testing import faults

    guarded = isolated(of_kind("sync", str.upper))
    with faults(error_rate=1.0, seed=1):
        assert not guarded.call({"prompt": "a"}).ok


def test_who_calls_is_none_of_its_business() -> None:
    def parent() -> str | None:
        call = reliai.current_call()
        assert call is not None
        return call.parent_id

    guarded = isolated(parent)

    @reliai.reliable()
    def experiment() -> object:
        return guarded.call({}).value

    assert experiment() is None


def test_other_code_can_run_in_the_same_scope() -> None:
    judge = of_kind("sync", str.upper, reliai.CircuitBreaker("judge", consecutive=1))
    with isolated(str.upper).scope(), reliai.collect() as calls:
        judge("a")
    assert [each.environment for each in calls] == ["eval"]

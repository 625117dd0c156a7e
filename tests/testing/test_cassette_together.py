"""Cassettes with calls in calls, with the rest of the kit, with policies, and as decorators."""

from __future__ import annotations

import asyncio
import gc
import inspect
import json
import weakref
from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai.errors import ConfigurationError
from reliai.testing import (
    Cassette,
    CassetteMismatch,
    ScriptedModel,
    cassette,
    faults,
    records,
    virtual_clock,
)
from tests.testing._counted import KINDS, Counted, entries, every_kind

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cassettes" / "answers.json"


# --- calls in calls ----------------------------------------------------------------------------


def test_of_calls_within_calls_the_inner_ones_are_recorded_and_the_outer_ones_run(
    path: Path,
) -> None:
    model = Counted()
    runs = 0

    @reliai.reliable(name="outer")
    def outer(prompt: str) -> str:
        nonlocal runs
        runs += 1
        return str(model.ask("plain", prompt)).upper()

    for _ in range(2):
        with cassette(path, strict=True):
            assert outer("hi") == "HI: ANSWER 1"
    assert (runs, model.calls) == (2, 1)
    assert [entry["call"] for entry in entries(path)] == ["ask"]
    assert json.loads(path.read_text())["runs"] == ["outer"]


def test_a_call_inside_that_was_not_recorded_is_an_error_there(path: Path) -> None:
    model = Counted()

    @reliai.reliable(name="outer")
    def outer(prompt: str) -> str:
        return str(model.ask("plain", prompt))

    with cassette(path):
        outer("hi")
    with cassette(path), pytest.raises(CassetteMismatch, match="no such call of ask"):
        outer("ho")


def test_an_outer_stream_runs_too(path: Path) -> None:
    model = Counted()

    @reliai.reliable(name="outer")
    def outer() -> Iterator[str]:
        for number in range(2):
            yield model.ask("plain", f"part {number}")

    for _ in range(2):
        with cassette(path, strict=True):
            assert list(outer()) == ["part 0: answer 1", "part 1: answer 2"]
    assert model.calls == 2


# --- with the rest of the kit ------------------------------------------------------------------


def test_faults_are_injected_into_recorded_answers_and_are_not_recorded(path: Path) -> None:
    model = Counted()
    with cassette(path):
        model.ask("plain", "hi")
    with (
        cassette(path, strict=True),
        faults(cut=1),
        pytest.raises(ConnectionResetError, match="injected"),
    ):
        model.ask("plain", "hi")
    with faults(malformed=1), cassette(path):
        assert model.ask("plain", "hi") == "hi: an"
    assert model.calls == 1


def test_of_nested_cassettes_the_inner_one_counts(path: Path, tmp_path: Path) -> None:
    model = Counted()
    with cassette(path), cassette(tmp_path / "inner.json"):
        model.ask("plain", "hi")
    assert not path.exists()
    assert len(entries(tmp_path / "inner.json")) == 1


def test_what_the_function_read_and_measured_is_on_the_record_of_a_replay(path: Path) -> None:
    @reliai.reliable(name="ask")
    def ask(prompt: str) -> str:
        reliai.usage(model="gpt-x", input_tokens=10, output_tokens=3, cost_usd=0.25)
        reliai.measure(confidence=0.5)
        return "yes"

    seen: list[Any] = []
    for _ in range(2):
        with cassette(path), records() as calls:
            ask("hi")
        seen += calls
    for record in seen:
        assert (record.input_tokens, record.output_tokens, record.cost_usd) == (10, 3, 0.25)
        assert record.values["confidence"] == 0.5


def test_the_cassette_says_what_it_did(path: Path) -> None:
    model = Counted()
    with cassette(path) as tape:
        model.ask("plain", "hi")
    assert isinstance(tape, Cassette)
    assert repr(tape).endswith("mode 'once', 0 replayed, 1 recorded>")
    assert tape.path == path


def test_a_response_without_an_id_is_counted_once_on_replay_too(path: Path) -> None:
    usage = {"prompt_tokens": 10, "completion_tokens": 3}
    choice = {"index": 0, "message": {"role": "assistant", "content": "yes"}}
    whole = {"object": "chat.completion", "model": "m", "choices": [choice], "usage": usage}

    @reliai.reliable(name="ask")
    def ask() -> dict[str, Any]:
        return reliai.read(whole)

    delta = {"index": 0, "delta": {"content": "yes"}, "finish_reason": "stop"}
    chunk = {"object": "chat.completion.chunk", "model": "m", "choices": [delta], "usage": usage}

    @reliai.reliable(name="stream")
    def stream() -> Iterator[dict[str, Any]]:
        yield from reliai.read(iter([chunk]))

    for _ in range(2):
        with cassette(path), records() as seen:
            ask()
            list(stream())
        assert [record.input_tokens for record in seen] == [10, 10]


# --- as a decorator ----------------------------------------------------------------------------


def test_it_decorates_a_test(path: Path) -> None:
    model = Counted()

    @cassette(path)
    def check(prompt: str) -> Any:
        return model.ask("plain", prompt)

    assert check("hi") == check("hi") == "hi: answer 1"
    assert check.__name__ == "check"


def test_it_decorates_an_asynchronous_test(path: Path) -> None:
    model = Counted()

    @cassette(path)
    async def check(prompt: str) -> str:
        ask = reliai.reliable(name="ask")(model.answer)
        await asyncio.sleep(0)
        return ask(prompt)

    assert [asyncio.run(check("hi")) for _ in range(2)] == ["hi: answer 1"] * 2
    assert inspect.iscoroutinefunction(check)


def test_it_does_not_decorate_what_runs_after_the_call(path: Path) -> None:
    def check() -> Iterator[int]:
        yield 1

    with pytest.raises(ConfigurationError, match="use `with cassette"):
        cassette(path)(check)


def test_one_block_may_be_entered_again_and_inside_itself(path: Path) -> None:
    model = Counted()
    block = cassette(path, mode="new")
    with block:
        with block:
            model.ask("plain", "hi")
        model.ask("plain", "ho")
    with block as tape:
        model.ask("plain", "hi")
    assert (tape.replayed, model.calls) == (1, 2)


def test_it_leaves_no_cycles_behind(path: Path) -> None:
    model = Counted()
    for prompt in ("hi", "ho"):
        with cassette(path, mode="new"):
            for kind in KINDS:
                model.ask(kind, prompt)
    gc.collect()
    gc.disable()
    try:
        with cassette(path, mode="new") as tape:
            ask = reliai.reliable(name="ask")(model.answer)
            for number in range(10):
                ask(f"new {number}")
        calls = [weakref.ref(take) for take in tape._takes]
        del tape
        assert not any(ref() is not None for ref in calls)
        assert not [each for each in gc.get_objects() if type(each).__name__ == "Take"]
    finally:
        gc.enable()


# --- with the policies -------------------------------------------------------------------------


def test_of_hedged_attempts_the_one_that_was_delivered_is_recorded(path: Path) -> None:
    calls = 0

    @reliai.reliable(reliai.Hedge(after=1.0), name="ask")
    async def ask(prompt: str) -> str:
        nonlocal calls
        calls += 1
        if calls == 1:
            await asyncio.sleep(60)
        return f"answer {calls}"

    for _ in range(2):
        with virtual_clock(), cassette(path, strict=True):
            assert asyncio.run(ask("hi")) == "answer 2"
    assert len(entries(path)) == 1


def test_what_a_cache_answers_is_no_attempt(path: Path) -> None:
    for _ in range(2):
        model = Counted()
        ask = reliai.reliable(reliai.Cache(ttl=60), name="ask")(model.answer)
        with cassette(path, strict=True):
            assert [ask("hi"), ask("hi")] == ["hi: answer 1"] * 2
    assert len(entries(path)) == 1


@every_kind
def test_checks_see_the_same_on_replay(kind: str, path: Path) -> None:
    model = Counted()
    refuse = reliai.Validate(reliai.Pattern("answer", forbid=True))
    said: list[str] = []
    for _ in range(2):
        with (
            cassette(path),
            pytest.raises((reliai.OutputInvalid, reliai.StreamInterrupted)) as caught,
        ):
            model.ask(kind, "hi", refuse)
        said.append(str(caught.value))
    assert said[0] == said[1]
    assert model.calls == 1


def test_reasks_are_replayed_as_they_were(path: Path) -> None:
    model = ScriptedModel(['{"days": "soon"}', '{"days": 2}'])

    @reliai.reliable(reliai.Validate(output=dict[str, int], reask=1), name="ask")
    def asked(prompt: str) -> Any:
        return model(prompt)

    for _ in range(2):
        with cassette(path, strict=True), records() as seen:
            assert asked("when?") == {"days": 2}
        assert len(seen[0].attempts) == 2
    assert len(entries(path)) == 2


def test_a_budget_counts_a_replay_as_it_counted_the_call(path: Path) -> None:
    @reliai.reliable(name="ask")
    def ask(prompt: str) -> str:
        reliai.usage(model="m", input_tokens=100, output_tokens=10, cost_usd=0.5)
        return "yes"

    spent: list[float | None] = []
    for _ in range(2):
        with cassette(path, strict=True), reliai.run("r", max_usd=10) as run:
            ask("hi")
            spent.append(run.usd)
    assert spent == [0.5, 0.5]


def test_mode_off_is_recorded_and_replayed_like_any_call(path: Path) -> None:
    model = Counted()
    for _ in range(2):
        with cassette(path), reliai.mode("off"):
            assert model.ask("plain", "hi", reliai.Retry(3)) == "hi: answer 1"
    assert model.calls == 1

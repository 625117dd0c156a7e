"""Recording and replaying guarded calls of every kind: when, what matches, and what is said."""

from __future__ import annotations

import asyncio
import threading
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai.errors import ConfigurationError
from reliai.testing import (
    CassetteError,
    CassetteMismatch,
    ScriptedModel,
    cassette,
    records,
    virtual_clock,
)
from tests.testing._counted import Counted, entries, every_kind

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cassettes" / "answers.json"


# --- once, and then never again ----------------------------------------------------------------


@every_kind
def test_a_call_is_made_once_and_replayed_afterwards(kind: str, path: Path) -> None:
    model = Counted()
    answers: list[str] = []
    for _ in range(3):
        with cassette(path):
            answers.append(model.ask(kind, "hi"))
    assert answers == ["hi: answer 1"] * 3
    assert model.calls == 1


@every_kind
def test_chunks_stay_chunks(kind: str, path: Path) -> None:
    model = Counted()
    seen: list[int | None] = []
    for _ in range(2):
        with cassette(path), records() as calls:
            model.ask(kind, "hi")
        seen.append(calls[-1].chunks)
    assert seen[0] == seen[1]
    assert seen[0] == (None if kind in ("plain", "coroutine") else len("hi: answer 1"))


@every_kind
def test_equal_calls_are_replayed_in_their_order(kind: str, path: Path) -> None:
    for _ in range(2):
        model = Counted()
        with cassette(path):
            assert [model.ask(kind, "hi") for _ in range(2)] == ["hi: answer 1", "hi: answer 2"]


@every_kind
def test_a_call_that_was_not_recorded_is_an_error_and_reaches_no_model(
    kind: str, path: Path
) -> None:
    model = Counted()
    with cassette(path):
        model.ask(kind, "hi")
    with cassette(path) as tape, pytest.raises(CassetteMismatch):
        model.ask(kind, "ho", reliai.Retry(3), reliai.Fallback("otherwise"))
    assert model.calls == 1
    assert len(tape.unmatched) == 1


@every_kind
def test_an_error_is_recorded_and_raised_again(kind: str, path: Path) -> None:
    model = Counted()
    model.answer = ScriptedModel([ConnectionResetError(104, "reset")])  # type: ignore[method-assign]
    for _ in range(2):
        with cassette(path), pytest.raises(ConnectionResetError, match="reset") as caught:
            model.ask(kind, "hi")
        assert caught.value.errno == 104


@every_kind
def test_each_attempt_is_recorded_by_itself(kind: str, path: Path) -> None:
    model = Counted()
    model.answer = ScriptedModel([ConnectionError("down"), "up"])  # type: ignore[method-assign]
    for _ in range(2):
        with virtual_clock(), cassette(path), records() as seen:
            assert model.ask(kind, "hi", reliai.Retry(3)) == "up"
        assert [attempt.status for attempt in seen[-1].attempts] == ["error", "success"]
    assert len(entries(path)) == 2


@every_kind
def test_it_works_in_the_tasks_and_in_the_threads_that_take_the_context_along(
    kind: str, path: Path
) -> None:
    model = Counted()
    for _ in range(2):
        with cassette(path) as tape:
            context = copy_context()
            thread = threading.Thread(target=context.run, args=(model.ask, kind, "hi"))
            thread.start()
            thread.join()
        assert tape.recorded + tape.replayed == 1
    assert model.calls == 1


def test_outside_of_the_block_nothing_is_recorded(path: Path) -> None:
    model = Counted()
    with cassette(path):
        pass
    model.ask("plain", "hi")
    assert not path.exists()


def test_many_tasks_at_once_each_get_their_own_answer(path: Path) -> None:
    model = Counted()

    @reliai.reliable(name="ask")
    async def ask(prompt: str) -> str:
        await asyncio.sleep(0)
        return model.answer(prompt).partition(":")[0]

    async def main() -> list[str]:
        return await asyncio.gather(*(ask(f"p{number}") for number in range(20)))

    for _ in range(2):
        with cassette(path, strict=True):
            assert asyncio.run(main()) == [f"p{number}" for number in range(20)]
    assert model.calls == 20


def test_a_time_limit_in_a_thread_is_no_hindrance(path: Path) -> None:
    model = Counted()
    for _ in range(2):
        with cassette(path):
            assert model.ask("plain", "hi", reliai.Timeout(60)) == "hi: answer 1"
    assert model.calls == 1


# --- modes -------------------------------------------------------------------------------------


def test_replay_needs_a_file(path: Path) -> None:
    with (
        pytest.raises(CassetteError, match=r"answers\.json does not exist"),
        cassette(path, mode="replay"),
    ):
        pass


def test_record_calls_the_model_always_and_replaces_the_file(path: Path) -> None:
    model = Counted()
    for prompt in ("hi", "ho"):
        with cassette(path, mode="record") as tape:
            model.ask("plain", prompt)
        assert (tape.recorded, tape.replayed) == (1, 0)
    assert [entry["arguments"] for entry in entries(path)] == [{"prompt": "ho"}]


def test_new_replays_what_is_there_and_records_the_rest(path: Path) -> None:
    model = Counted()
    for prompts in (["hi"], ["hi", "ho"]):
        with cassette(path, mode="new") as tape:
            for prompt in prompts:
                model.ask("plain", prompt)
        assert tape.recorded == 1
    assert [entry["answer"] for entry in entries(path)] == ["hi: answer 1", "ho: answer 2"]


def test_the_mode_comes_from_the_environment_unless_it_is_given(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RELIAI_CASSETTES", "replay")
    with pytest.raises(CassetteError, match="does not exist"), cassette(path):
        pass
    with cassette(path, mode="once") as tape:
        assert tape.mode == "once"


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"mode": "sometimes"}, "mode='sometimes'.*once, replay, record, new"),
        ({"speed": 0}, "speed=0"),
        ({"speed": "fast"}, "speed='fast'"),
        ({"match": 3}, "match=3"),
        ({"match": []}, r"match=\[\]"),
        ({"redact": 3}, "redact=3"),
        ({"redact": str}, "redact=<class 'str'>"),
        ({"encode": {int: 3}}, "encode="),
    ],
    ids=str,
)
def test_a_bad_setting_is_refused(settings: dict[str, Any], says: str, path: Path) -> None:
    with pytest.raises(ConfigurationError, match=says), cassette(path, **settings):
        pass


def test_a_bad_mode_in_the_environment_is_refused(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RELIAI_CASSETTES", "maybe")
    with pytest.raises(ConfigurationError, match=r"\$RELIAI_CASSETTES='maybe'"), cassette(path):
        pass


# --- what matches ------------------------------------------------------------------------------


def test_arguments_count_however_they_were_passed(path: Path) -> None:
    @reliai.reliable()
    def ask(prompt: str, temperature: float = 0.5, **more: object) -> str:
        return prompt

    with cassette(path):
        ask("hi", 0.5, top=1, seed=2)
    with cassette(path):
        assert ask(seed=2, temperature=0.5, prompt="hi", top=1) == "hi"


def test_true_is_not_1_and_1_is_not_1_0(path: Path) -> None:
    @reliai.reliable()
    def ask(value: object) -> str:
        return repr(value)

    for _ in range(2):
        with cassette(path):
            assert [ask(True), ask(1), ask(1.0)] == ["True", "1", "1.0"]
    with cassette(path) as tape, pytest.raises(CassetteMismatch):
        ask([1])
    assert len(tape.unused) == 3


def test_objects_that_are_no_data_count_by_their_type(path: Path) -> None:
    class Client:
        def __init__(self, name: str) -> None:
            self.name = name

        @reliai.reliable()
        def ask(self, prompt: str, other: object = None) -> str:
            return f"{self.name} {prompt}"

    with cassette(path):
        Client("one").ask("hi", other=Client("three"))
    with cassette(path):
        assert Client("two").ask("hi", other=Client("four")) == "one hi"
    with cassette(path), pytest.raises(CassetteMismatch, match="other: recorded"):
        Client("two").ask("hi", other=object())


def test_match_names_the_parameters_that_count(path: Path) -> None:
    @reliai.reliable()
    def ask(prompt: str, trace: int) -> int:
        return trace

    with cassette(path, match=["prompt"]):
        ask("hi", trace=1)
    with cassette(path, match=["prompt"]):
        assert ask("hi", trace=2) == 1
    assert entries(path)[0]["arguments"] == {"prompt": "hi"}


def test_match_may_be_a_function_of_the_call(path: Path) -> None:
    @reliai.reliable()
    def ask(prompt: str) -> str:
        return prompt

    def lower(call: Any) -> str:
        return str(call.arguments["prompt"]).lower()

    with cassette(path, match=lower):
        ask("Hi")
    with cassette(path, match=lower):
        assert ask("HI") == "Hi"


def test_match_of_parameters_that_are_not_there_is_an_error(path: Path) -> None:
    model = Counted()
    with (
        cassette(path, match=["prmpt"]),
        pytest.raises(CassetteError, match=r"'prmpt'.*no such parameter.*prompt"),
    ):
        model.ask("plain", "hi")


def test_another_function_with_the_same_arguments_is_another_call(path: Path) -> None:
    one = reliai.reliable(name="one")(lambda prompt: "1")
    two = reliai.reliable(name="two")(lambda prompt: "2")
    with cassette(path):
        one("hi")
    with cassette(path), pytest.raises(CassetteMismatch, match="it holds calls of: one"):
        two("hi")


def test_a_stand_in_is_told_from_the_function_it_stands_for(path: Path) -> None:
    calls = 0

    def small(prompt: str) -> str:
        nonlocal calls
        calls += 1
        return "small"

    @reliai.reliable(reliai.Fallback(small))
    def large(prompt: str) -> str:
        raise ConnectionError("down")

    for _ in range(2):
        with cassette(path, strict=True):
            assert large("hi") == "small"
    assert calls == 1
    assert [entry.get("target") for entry in entries(path)] == [None, "small"]


def test_the_error_names_the_nearest_call_and_the_argument_that_differs(path: Path) -> None:
    @reliai.reliable(name="ask")
    def ask(model: str, prompt: str) -> str:
        return ""

    with cassette(path):
        ask("large", "Where is my parcel?")
        ask("small", "Something else altogether")
    with cassette(path), pytest.raises(CassetteMismatch) as caught:
        ask("large", "Where is my letter?")
    message = str(caught.value)
    assert 'prompt: recorded "Where is my parcel?", now "Where is my letter?"' in message
    assert "model" not in message
    assert "--reliai-cassettes=new" in message


def test_the_error_shows_long_arguments_from_where_they_differ(path: Path) -> None:
    model = Counted()
    with cassette(path):
        model.ask("plain", "x" * 500 + "one")
    with cassette(path), pytest.raises(CassetteMismatch) as caught:
        model.ask("plain", "x" * 500 + "two")
    assert 'xone"' in str(caught.value)
    assert 'xtwo"' in str(caught.value)
    assert len(str(caught.value)) < 500


def test_the_error_says_when_all_equal_calls_were_replayed(path: Path) -> None:
    model = Counted()
    with cassette(path):
        model.ask("plain", "hi")
    with cassette(path):
        model.ask("plain", "hi")
        with pytest.raises(CassetteMismatch, match="holds 1 of these calls"):
            model.ask("plain", "hi")


# --- what was not used -------------------------------------------------------------------------


def test_what_was_not_used_is_told(path: Path) -> None:
    model = Counted()
    with cassette(path):
        for prompt in ("hi", "ho"):
            model.ask("plain", prompt)
    with cassette(path) as tape:
        model.ask("plain", "hi")
    assert tape.unused == ['ask({"prompt":"ho"})']


def test_strict_fails_when_something_was_not_used(path: Path) -> None:
    model = Counted()
    with cassette(path):
        model.ask("plain", "hi")
    with (
        pytest.raises(CassetteError, match=r"1 recordings that no call used: ask\("),
        cassette(path, strict=True),
    ):
        pass


def test_strict_raises_a_mismatch_that_the_code_has_swallowed(path: Path) -> None:
    model = Counted()
    with cassette(path):
        model.ask("plain", "hi")

    def swallow() -> None:
        with cassette(path, strict=True):
            model.ask("plain", "hi")
            assert not reliai.execute(reliai.reliable(name="ask")(model.answer), "ho").ok

    with pytest.raises(CassetteMismatch):
        swallow()


def test_strict_leaves_an_error_of_the_block_alone(path: Path) -> None:
    model = Counted()
    with cassette(path):
        model.ask("plain", "hi")
    with pytest.raises(KeyError), cassette(path, strict=True):
        raise KeyError("mine")

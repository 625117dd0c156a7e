"""Recording and replaying guarded calls of every kind: what matches, when, and what is said."""

from __future__ import annotations

import asyncio
import gc
import inspect
import json
import threading
import weakref
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai import clock
from reliai.errors import ConfigurationError
from reliai.testing import (
    Cassette,
    CassetteError,
    CassetteMismatch,
    ScriptedModel,
    Stall,
    cassette,
    faults,
    records,
    virtual_clock,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cassettes" / "answers.json"


def entries(path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(path.read_text())["calls"]
    return found


class Counted:
    """A model that counts its calls, and the guarded functions around it."""

    def __init__(self) -> None:
        self.calls = 0

    def answer(self, prompt: str) -> str:
        self.calls += 1
        return f"{prompt}: answer {self.calls}"

    def ask(self, kind: str, prompt: str, *policies: Any) -> Any:
        """One call of a guarded function of some kind, its chunks joined."""
        return getattr(self, f"_{kind}")(prompt, *policies)

    def _plain(self, prompt: str, *policies: Any) -> str:
        @reliai.reliable(*policies, name="ask")
        def ask(prompt: str) -> str:
            return self.answer(prompt)

        return ask(prompt)

    def _coroutine(self, prompt: str, *policies: Any) -> str:
        @reliai.reliable(*policies, name="ask")
        async def ask(prompt: str) -> str:
            await asyncio.sleep(0)
            return self.answer(prompt)

        return asyncio.run(ask(prompt))

    def _generator(self, prompt: str, *policies: Any) -> str:
        @reliai.reliable(*policies, name="ask")
        def ask(prompt: str) -> Iterator[str]:
            yield from self.answer(prompt)

        return "".join(ask(prompt))

    def _async_generator(self, prompt: str, *policies: Any) -> str:
        @reliai.reliable(*policies, name="ask")
        async def ask(prompt: str) -> AsyncIterator[str]:
            for piece in self.answer(prompt):
                yield piece

        async def main() -> str:
            return "".join([piece async for piece in ask(prompt)])

        return asyncio.run(main())

    def _coroutine_of_a_stream(self, prompt: str, *policies: Any) -> str:
        async def pieces(prompt: str) -> AsyncIterator[str]:
            for piece in self.answer(prompt):
                yield piece

        @reliai.reliable(*policies, name="ask")
        async def ask(prompt: str) -> AsyncIterator[str]:
            return pieces(prompt)

        async def main() -> str:
            return "".join([piece async for piece in await ask(prompt)])

        return asyncio.run(main())

    def _stream_of_a_function(self, prompt: str, *policies: Any) -> str:
        @reliai.reliable(*policies, name="ask")
        def ask(prompt: str) -> Iterator[str]:
            return (piece for piece in self.answer(prompt))

        return "".join(ask(prompt))


KINDS = [
    "plain",
    "coroutine",
    "generator",
    "async_generator",
    "coroutine_of_a_stream",
    "stream_of_a_function",
]
every_kind = pytest.mark.parametrize("kind", KINDS)


# --- once, and then never again --------------------------------------------------------------


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


# --- modes ----------------------------------------------------------------------------------


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


# --- what matches ---------------------------------------------------------------------------


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


# --- what was not used ----------------------------------------------------------------------


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


# --- the file -------------------------------------------------------------------------------


def test_the_file_is_json_that_a_person_can_read(path: Path) -> None:
    model = Counted()
    with virtual_clock(), cassette(path):
        model.ask("plain", "Grüße")
    assert path.read_text(encoding="utf-8") == (
        "{\n"
        '  "reliai_cassette": 1,\n'
        '  "calls": [\n'
        "    {\n"
        '      "call": "ask",\n'
        '      "arguments": {"prompt": "Grüße"},\n'
        '      "seconds": 0.0,\n'
        '      "answer": "Grüße: answer 1"\n'
        "    }\n"
        "  ]\n"
        "}\n"
    )


def test_a_replay_writes_nothing(path: Path) -> None:
    model = Counted()
    with cassette(path):
        model.ask("plain", "hi")
    before = path.stat()
    with cassette(path):
        model.ask("plain", "hi")
    assert path.stat().st_mtime_ns == before.st_mtime_ns


def test_recording_the_same_anew_leaves_the_file_as_it_was(path: Path) -> None:
    model = ScriptedModel([["a", "b"]], repeat_last=True)
    ask = reliai.reliable(name="ask")(model.streaming)
    for _ in range(2):
        with cassette(path, mode="record"):
            list(ask("hi"))
    before = path.stat()
    with cassette(path, mode="record"):
        list(ask("hi"))
    assert path.stat().st_mtime_ns == before.st_mtime_ns


def test_recorders_of_one_file_keep_what_the_others_wrote(path: Path) -> None:
    model = Counted()

    def work(number: int) -> None:
        with cassette(path, mode="new"):
            model.ask("plain", f"prompt {number}")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(entry["arguments"]["prompt"] for entry in entries(path)) == [
        f"prompt {number}" for number in range(8)
    ]
    assert sorted(each.name for each in path.parent.iterdir()) == [path.name]


def test_recording_anew_keeps_what_another_wrote_meanwhile(path: Path) -> None:
    model = Counted()
    with cassette(path):
        model.ask("plain", "old")
    with cassette(path, mode="record"):
        model.ask("plain", "mine")
        with cassette(path, mode="new"):
            model.ask("plain", "theirs")
    assert [entry["arguments"]["prompt"] for entry in entries(path)] == ["theirs", "mine"]


def test_nothing_is_written_when_a_recorded_error_ended_the_block(path: Path) -> None:
    model = Counted()
    model.answer = ScriptedModel([PermissionError("no key")])  # type: ignore[method-assign]
    with pytest.raises(PermissionError), cassette(path):
        model.ask("plain", "hi")
    assert not path.exists()


def test_a_failing_assertion_does_not_cost_the_recording(path: Path) -> None:
    model = Counted()

    def fail() -> None:
        with cassette(path):
            assert model.ask("plain", "hi") == "something else"

    with pytest.raises(AssertionError, match="something else"):
        fail()
    assert len(entries(path)) == 1


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("<<<<<<< HEAD", "is not JSON"),
        ("[]", "is no cassette of version 1"),
        ('{"reliai_cassette": 99, "calls": []}', "says 99"),
        ('{"reliai_cassette": 1, "calls": [{"call": "a"}]}', "not complete"),
        ('{"reliai_cassette": 1, "calls": [{"call": "a", "answer": 1}]}', "'arguments'"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(text: str, says: str, tmp_path: Path) -> None:
    file = tmp_path / "broken.json"
    file.write_text(text)
    with pytest.raises(CassetteError, match=says), cassette(file):
        pass


def test_a_lone_surrogate_survives(path: Path) -> None:
    for _ in range(2):
        with cassette(path):
            assert Counted().ask("plain", "\ud83d") == "\ud83d: answer 1"


# --- streams --------------------------------------------------------------------------------


def test_a_stream_read_in_part_is_replayed_in_part(path: Path) -> None:
    model = ScriptedModel([["a", "b", "c", "d"]])
    ask = reliai.reliable(name="ask")(model.streaming)
    for _ in range(2):
        with cassette(path):
            stream = ask("hi")
            assert [next(stream), next(stream)] == ["a", "b"]
            stream.close()
    assert entries(path)[0]["stream"] == ["a", "b"]
    with cassette(path), pytest.raises(CassetteError, match="closed after 2 chunks"):
        list(ask("hi"))


def test_a_stream_that_is_left_open_is_recorded_as_far_as_it_was_read(path: Path) -> None:
    model = ScriptedModel([["a", "b", "c"]])
    ask = reliai.reliable(name="ask")(model.streaming)
    with cassette(path):
        stream = ask("hi")
        next(stream)
    stream.close()
    assert entries(path)[0]["stream"] == ["a"]


def test_an_error_within_a_stream_is_replayed_in_its_place(path: Path) -> None:
    model = ScriptedModel([["a", "b", ConnectionResetError(104, "reset")]])
    ask = reliai.reliable(name="ask")(model.streaming)
    for _ in range(2):
        read: list[str] = []
        with cassette(path), pytest.raises(ConnectionResetError):
            read.extend(ask("hi"))
        assert read == ["a", "b"]


def test_the_stream_behind_a_recorded_one_is_closed(path: Path) -> None:
    model = ScriptedModel([["a", "b"]])
    with cassette(path):
        stream = reliai.reliable()(model)("hi")
        next(stream)
        stream.close()
    assert (model.open_streams, model.closed_streams) == (0, 1)


def test_what_is_sent_into_a_generator_is_passed_on(path: Path) -> None:
    @reliai.reliable()
    def echo() -> Any:
        got = yield "first"
        yield f"got {got}"

    with cassette(path):
        stream: Any = echo()
        assert next(stream) == "first"
        assert stream.send("x") == "got x"


# --- time -----------------------------------------------------------------------------------


def test_a_replay_waits_for_nothing(path: Path) -> None:
    model = ScriptedModel([["a", Stall(9), "b"]])
    ask = reliai.reliable(name="ask")(model.streaming)
    with virtual_clock(), cassette(path):
        list(ask("hi"))
    with virtual_clock() as time, cassette(path):
        list(ask("hi"))
    assert time.slept == []
    assert entries(path)[0]["waits"] == [0.0, 9.0]


@pytest.mark.parametrize("kind", ["plain", "coroutine"])
def test_speed_makes_a_replay_take_its_time(kind: str, path: Path) -> None:
    model = Counted()

    def slow(prompt: str) -> str:
        clock.active().sleep(8)
        return "slow"

    model.answer = slow  # type: ignore[method-assign]
    with virtual_clock(), cassette(path):
        model.ask(kind, "hi")
    with virtual_clock() as time, cassette(path, speed=2):
        model.ask(kind, "hi")
    assert time.slept == [4.0]


@pytest.mark.parametrize("view", ["streaming", "asynchronous"])
def test_speed_holds_for_the_chunks_of_streams(view: str, path: Path) -> None:
    model = ScriptedModel([["a", Stall(9), "b"]])

    def read() -> None:
        if view == "streaming":
            list(reliai.reliable(name="ask")(model.streaming)("hi"))
            return

        async def main() -> None:
            async for _ in reliai.reliable(name="ask")(model.streaming.asynchronous)("hi"):
                pass

        asyncio.run(main())

    with virtual_clock(), cassette(path):
        read()
    with virtual_clock() as time, cassette(path, speed=3):
        read()
    assert time.slept == [3.0]


def test_an_attempt_that_a_time_limit_cut_off_is_not_recorded(path: Path) -> None:
    calls = 0

    @reliai.reliable(reliai.Retry(2, wait=0), reliai.Timeout(5), name="ask")
    async def ask(prompt: str) -> str:
        nonlocal calls
        calls += 1
        if calls == 1:
            await asyncio.sleep(60)
        return "late"

    for _ in range(2):
        with virtual_clock(), cassette(path, strict=True):
            assert asyncio.run(ask("hi")) == "late"
    assert calls == 2
    assert len(entries(path)) == 1


def test_a_thread_that_a_time_limit_left_behind_records_nothing(path: Path) -> None:
    calls = 0

    @reliai.reliable(reliai.Retry(2, wait=0), reliai.Timeout(5), name="ask")
    def ask(prompt: str) -> str:
        nonlocal calls
        calls += 1
        if calls == 1:
            clock.active().sleep(7)
        return f"answer {calls}"

    with virtual_clock() as time, cassette(path):
        assert ask("hi") == "answer 2"
        time.sleep(10)
    assert [entry["answer"] for entry in entries(path)] == ["answer 2"]


# --- calls in calls -------------------------------------------------------------------------


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


# --- with the rest of the kit ---------------------------------------------------------------


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


# --- as a decorator -----------------------------------------------------------------------------


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

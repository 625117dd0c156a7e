"""What observers that ask for content are given, of every kind of call."""

from __future__ import annotations

import asyncio
import copy
import gc
import json
import os
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

import reliai
from reliai._core.content import MOST_ITEMS, MOST_TEXT, MOST_WAITING, Content, content_of
from reliai._core.hub import hub
from reliai.checks import Replace
from reliai.checks.redaction import Redacted, Redaction
from reliai.testing import sdk_answer, sdk_stream
from tests.core._kinds import KINDS, each_stream, every_kind, read

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


def hostile() -> Any:
    """An object that raises whatever is done with it."""

    def refuse(*_: object) -> Any:
        raise RuntimeError("looked at")

    names = "getattr len iter eq bool repr str hash".split()
    methods = {f"__{name}__": refuse for name in names}
    return type("Hostile", (), {"__class__": property(refuse), **methods})()


class Reader:
    """Reads the content of each call, in the call path or on the worker."""

    reads_content = True

    def __init__(self, *, inline: bool = False) -> None:
        self.inline = inline
        self.seen: list[Content | None] = []
        self.records: list[reliai.CallRecord] = []

    def on_end(self, record: reliai.CallRecord) -> None:
        self.records.append(record)
        self.seen.append(content_of(record))

    @property
    def last(self) -> Content:
        hub.flush()
        found = self.seen[-1]
        assert found is not None
        return found


@pytest.fixture(params=[False, True], ids=["queued", "inline"])
def reader(request: pytest.FixtureRequest) -> Reader:
    return Reader(inline=request.param)


def sync(prompt: str, *more: str, style: str = "plain", **options: Any) -> str:
    if prompt == "down":
        raise ConnectionError("down")
    return f"to {prompt}"


async def asynchronous(prompt: str, *more: str, style: str = "plain", **options: Any) -> str:
    return sync(prompt)


def generator(prompt: str, *more: str, style: str = "plain", **options: Any) -> Iterator[str]:
    if prompt == "down":
        raise ConnectionError("down")
    yield "to "
    if prompt == "cut":
        raise ConnectionError("cut")
    yield prompt


async def async_generator(
    prompt: str, *more: str, style: str = "plain", **options: Any
) -> AsyncIterator[str]:
    for chunk in generator(prompt):
        yield chunk


FUNCTIONS: dict[str, Any] = dict(
    zip(KINDS, (sync, asynchronous, generator, async_generator), strict=True)
)


def guarded(kind: str, reader: Reader, *policies: Any) -> Any:
    return reliai.reliable(*policies, observers=[reader])(FUNCTIONS[kind])


@every_kind
def test_inputs_are_told_by_name_with_defaults(kind: str, reader: Reader) -> None:
    read(guarded(kind, reader), kind, "a", "b", seed=7)
    assert dict(reader.last.inputs) == {
        "prompt": "a",
        "more": ("b",),
        "style": "plain",
        "options": {"seed": 7},
    }


@every_kind
def test_the_output_is_what_was_delivered(kind: str, reader: Reader) -> None:
    read(guarded(kind, reader), kind, "you")
    assert (reader.last.output, reader.last.text) == ("to you", "to you")


@every_kind
def test_a_failed_call_has_inputs_and_no_output(kind: str, reader: Reader) -> None:
    with pytest.raises(ConnectionError):
        read(guarded(kind, reader), kind, "down")
    assert reader.last.inputs["prompt"] == "down"
    assert (reader.last.output, reader.last.text) == (None, None)


@each_stream
def test_a_stream_that_fails_has_delivered_its_beginning(kind: str, reader: Reader) -> None:
    with pytest.raises(ConnectionError):
        read(guarded(kind, reader), kind, "cut")
    assert reader.last.text == "to "


def test_a_stream_closed_early_has_delivered_what_was_taken(reader: Reader) -> None:
    stream = guarded("generator", reader)("you")
    next(stream)
    stream.close()
    assert reader.last.text == "to "


def test_an_abandoned_stream_tells_as_well(reader: Reader) -> None:
    stream = guarded("generator", reader)("you")
    next(stream)
    del stream
    gc.collect()
    assert reader.last.text == "to "


@every_kind
def test_inputs_are_those_before_a_guard_changed_them(kind: str, reader: Reader) -> None:
    guard = reliai.Guard(prompt=lambda prompt: Replace(prompt.upper()))
    read(guarded(kind, reader, guard), kind, "you")
    assert (reader.last.inputs["prompt"], reader.last.text) == ("you", "to YOU")


def test_of_a_hit_of_a_cache_the_answer_is_told(reader: Reader) -> None:
    answer = guarded("sync", reader, reliai.Cache())
    answer("you")
    answer("you")
    assert reader.last.text == "to you"
    assert not reader.records[-1].attempts


def test_of_a_fallback_its_answer_is_told(reader: Reader) -> None:
    guarded("sync", reader, reliai.Fallback("sorry"))("down")
    assert (reader.last.inputs["prompt"], reader.last.output) == ("down", "sorry")


def test_nested_calls_have_content_of_their_own(reader: Reader) -> None:
    inner = guarded("sync", reader)

    @reliai.reliable(observers=[reader])
    def outer(question: str) -> str:
        return f"{inner(question + '?')}!"

    outer("you")
    hub.flush()
    assert [each.output for each in reader.seen if each] == ["to you?", "to you?!"]
    assert reader.last.inputs == {"question": "you"}


def test_a_cancelled_call_tells_its_inputs(reader: Reader) -> None:
    @reliai.reliable(observers=[reader])
    async def slow(prompt: str) -> None:
        await asyncio.sleep(60)

    async def main() -> None:
        task = asyncio.ensure_future(slow("a"))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(main())
    assert (reader.last.inputs, reader.last.output) == ({"prompt": "a"}, None)


def test_a_method_does_not_tell_its_object(reader: Reader) -> None:
    class Bot:
        @reliai.reliable(observers=[reader])
        def answer(self, prompt: str) -> str:
            return prompt

        @classmethod
        @reliai.reliable(observers=[reader])
        def classy(cls, prompt: str) -> str:
            return prompt

    Bot().answer("a")
    assert reader.last.inputs == {"prompt": "a"}
    Bot.classy("b")
    assert reader.last.inputs == {"prompt": "b"}


class TestProviders:
    @pytest.mark.parametrize("api", ["chat", "responses", "messages"])
    def test_the_text_of_a_response_is_told(self, api: Any, reader: Reader) -> None:
        answer = sdk_answer("hello you", api)
        reliai.reliable(observers=[reader])(lambda: answer)()
        assert reader.last.output is answer
        assert (reader.last.text, reader.last.answer) == ("hello you", "hello you")

    @pytest.mark.parametrize("api", ["chat", "responses", "messages"])
    def test_the_text_of_a_stream_of_events_is_told(self, api: Any, reader: Reader) -> None:
        def events() -> Any:
            yield from sdk_stream("hello you", api)

        list(reliai.reliable(observers=[reader])(events)())
        assert (reader.last.text, reader.last.output) == ("hello you", "hello you")

    def test_a_returned_stream_of_events_is_told(self, reader: Reader) -> None:
        def events() -> Any:
            return (event for event in sdk_stream("hello you"))

        for _ in reliai.reliable(observers=[reader])(events)():
            pass
        assert reader.last.text == "hello you"


class TestAnswers:
    """The output as data to be recorded."""

    TOOLS: ClassVar[dict[str, Any]] = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": "m",
        "choices": [
            {
                "index": 0,
                "finish_reason": "tool_calls",
                "message": {
                    "role": "assistant",
                    "content": "Let me see.",
                    "tool_calls": [
                        {
                            "id": "call-1",
                            "type": "function",
                            "function": {"name": "look", "arguments": '{"at": 1}'},
                        }
                    ],
                },
            }
        ],
    }

    def test_of_text_it_is_the_text(self, reader: Reader) -> None:
        guarded("sync", reader)("you")
        assert reader.last.answer == "to you"

    def test_of_data_it_is_the_data(self, reader: Reader) -> None:
        reliai.reliable(observers=[reader])(lambda: {"a": [1]})()
        assert (reader.last.answer, reader.last.text) == ({"a": [1]}, None)

    def test_of_a_response_it_names_the_tools(self, reader: Reader) -> None:
        reliai.reliable(observers=[reader])(lambda: self.TOOLS)()
        assert reader.last.answer["text"] == "Let me see."
        (call,) = reader.last.answer["tool_calls"]
        assert (call["name"], call["id"]) == ("look", "call-1")
        assert "refusal" not in reader.last.answer

    def test_of_a_refusal_it_says_so(self, reader: Reader) -> None:
        refusal = sdk_answer("I will not", "chat", finish="refusal")
        reliai.reliable(observers=[reader])(lambda: refusal)()
        assert reader.last.answer == {"refusal": "I will not"}

    def test_of_a_failure_it_is_nothing(self, reader: Reader) -> None:
        reliai.execute(guarded("sync", reader), "down")
        assert reader.last.answer is None


def test_of_a_hedged_call_the_answer_that_won_is_told(reader: Reader) -> None:
    hedge = reliai.Hedge(after=0.0, extra_load=1.0)
    guarded("sync", reader, hedge)("you")
    assert (reader.last.inputs["prompt"], reader.last.text) == ("you", "to you")


def test_calls_in_threads_do_not_mix(reader: Reader) -> None:
    call = guarded("sync", reader)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(call, map(str, range(200))))
    hub.flush()
    told = {(each.inputs["prompt"], each.text) for each in reader.seen if each}
    assert told == {(str(n), f"to {n}") for n in range(200)}


def test_content_is_the_same_object_for_whoever_asks(reader: Reader) -> None:
    class Other(Reader):
        def on_end(self, record: reliai.CallRecord) -> None:
            self.seen += [content_of(record), content_of(record)]

    other = Other(inline=True)
    reliai.reliable(observers=[other, reader])(sync)("you")
    assert other.seen[0] is other.seen[1]
    assert reader.last.text == "to you"


def test_arguments_that_do_not_fit_are_told_by_number(reader: Reader) -> None:
    def one(prompt: str) -> str:
        return prompt

    wrong: Any = reliai.reliable(observers=[reader])(one)
    with pytest.raises(TypeError):
        wrong("a", "b", c=1)
    assert reader.last.inputs == {"0": "a", "1": "b", "c": 1}


def test_a_call_that_is_refused_tells_its_inputs(reader: Reader) -> None:
    reliai.execute(guarded("sync", reader, reliai.Guard(reliai.MaxLength(1))), "too long")
    assert (reader.last.inputs["prompt"], reader.last.output) == ("too long", None)


def test_with_the_policies_off_content_is_told_all_the_same(reader: Reader) -> None:
    with reliai.mode("off"):
        guarded("sync", reader)("you")
    assert reader.last.text == "to you"


@each_stream
def test_no_more_of_a_stream_is_kept_than_the_limit(kind: str, reader: Reader) -> None:
    def long() -> Iterator[str]:
        for _ in range(MOST_TEXT // 1024 + 8):
            yield "ä" * 512

    async def long_async() -> AsyncIterator[str]:
        for chunk in long():
            yield chunk

    function: Any = long if kind == "generator" else long_async
    read(reliai.reliable(observers=[reader])(function), kind)
    assert reader.last.text is not None
    assert len(reader.last.text.encode()) <= MOST_TEXT
    assert reader.last.output_bytes == MOST_TEXT + 8 * 1024


def test_chunks_that_are_no_text_are_listed(reader: Reader) -> None:
    def rows() -> Iterator[Any]:
        yield {"row": 1}
        yield {"row": 2}

    list(reliai.reliable(observers=[reader])(rows)())
    assert (reader.last.output, reader.last.text) == ([{"row": 1}, {"row": 2}], None)


def test_a_chunk_whose_attributes_raise_changes_no_stream(reader: Reader) -> None:
    def stream() -> Iterator[Any]:
        yield chunk

    chunk = hostile()
    assert list(reliai.reliable(observers=[reader])(stream)()) == [chunk]
    assert reader.last.output[0] is chunk


@every_kind
@pytest.mark.parametrize("inline", [False, True])
def test_a_reader_that_raises_changes_no_call(kind: str, *, inline: bool) -> None:
    class Failing(Reader):
        def on_end(self, record: reliai.CallRecord) -> None:
            super().on_end(record)
            raise ValueError(content_of(record))

    failing = Failing(inline=inline)
    said = read(guarded(kind, failing), kind, "you")
    assert "".join(said) == "to you"
    assert failing.last.text == "to you"
    assert failing.records[-1].status == "success"


@every_kind
@pytest.mark.parametrize("inline", [False, True])
def test_arguments_that_cannot_be_looked_at_change_no_call(kind: str, *, inline: bool) -> None:
    redacted: list[Redacted] = []

    class Redacting(Reader):
        def on_end(self, record: reliai.CallRecord) -> None:
            content = content_of(record)
            assert content is not None
            redacted.append(Redaction().apply(content.inputs))

    said = read(guarded(kind, Redacting(inline=inline)), kind, "you", odd=hostile())
    hub.flush()
    assert "".join(said) == "to you"
    assert redacted[0].dropped or redacted[0].value["options"]["odd"] == "(Hostile)"


class TestMutation:
    def test_what_a_function_adds_to_its_messages_is_no_input(self, reader: Reader) -> None:
        @reliai.reliable(observers=[reader])
        def chat(messages: list[str], options: dict[str, int]) -> str:
            messages.append("the answer")
            options["used"] = 1
            return "the answer"

        chat(["a question"], {})
        assert reader.last.inputs == {"messages": ["a question"], "options": {}}

    def test_only_so_many_items_are_kept(self, reader: Reader) -> None:
        @reliai.reliable(observers=[reader])
        def embed(texts: list[int], by_name: dict[int, int]) -> None: ...

        embed(list(range(MOST_ITEMS + 1)), {n: n for n in range(MOST_ITEMS + 1)})
        assert {len(each) for each in reader.last.inputs.values()} == {MOST_ITEMS}


class TestLettingGo:
    @every_kind
    def test_after_the_observers_nobody_has_it(self, kind: str, reader: Reader) -> None:
        read(guarded(kind, reader), kind, "you")
        hub.flush()
        assert content_of(reader.records[-1]) is None

    def test_without_a_reader_nothing_is_kept(self) -> None:
        class Plain:
            inline = True
            seen: tuple[Content | None, ...] = ()

            def on_end(self, record: reliai.CallRecord) -> None:
                self.seen = (content_of(record),)

        plain = Plain()
        reliai.reliable(observers=[plain])(sync)("a")
        assert plain.seen == (None,)

    def test_what_the_queue_has_no_room_for_is_let_go(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        reader = Reader()
        monkeypatch.setattr(hub.lane(reader), "capacity", 0)
        record = reliai.execute(guarded("sync", reader), "a").record
        assert record is not None
        assert record._content is None

    def test_an_observer_that_raises_lets_it_go(self) -> None:
        class Failing(Reader):
            def on_end(self, record: reliai.CallRecord) -> None:
                super().on_end(record)
                raise SystemExit

        reader = Failing()
        assert guarded("sync", reader)("a") == "to a"
        assert reader.last.text == "to a"
        assert content_of(reader.records[-1]) is None

    def test_of_calls_that_pile_up_only_the_records_wait(self) -> None:
        gate = threading.Event()

        class Slow(Reader):
            def on_end(self, record: reliai.CallRecord) -> None:
                gate.wait()
                super().on_end(record)

        reader = Slow()
        call = guarded("sync", reader)
        for _ in range(MOST_WAITING + 20):
            call("a")
        gate.set()
        hub.flush(30)
        assert len(reader.seen) == MOST_WAITING + 20
        assert reader.seen.count(None) in {19, 20}
        call("b")
        assert reader.last.text == "to b"

    def test_a_forked_child_has_none(self) -> None:
        released = SimpleNamespace(at=False)

        class Slow(Reader):
            def on_end(self, record: reliai.CallRecord) -> None:
                while not released.at:
                    os.sched_yield()
                super().on_end(record)

        reader = Slow()
        record = reliai.execute(guarded("sync", reader), "a").record
        assert record is not None
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.write(writing, b"none" if record._content is None else b"some")
            os._exit(0)
        os.waitpid(child, 0)
        released.at = True
        assert os.read(reading, 4) == b"none"
        assert reader.last.text == "to a"
        os.close(reading)
        os.close(writing)


class TestNotShown:
    @pytest.fixture
    def record(self) -> Iterator[reliai.CallRecord]:
        """A record whose content is still there."""

        class Keeping(Reader):
            def on_end(self, record: reliai.CallRecord) -> None:
                self.records.append(record)
                self.seen.append(content_of(record))
                kept.append(record._content)

        kept: list[Any] = []
        record = reliai.execute(guarded("sync", Keeping(inline=True)), "CANARY").record
        assert record is not None
        record._content = kept[0]
        yield record
        record._content = None

    def test_not_in_what_is_written_of_the_record(self, record: reliai.CallRecord) -> None:
        assert "CANARY" not in json.dumps(record.to_dict()) + repr(record)
        assert (record.inputs, record.output) == (None, None)

    def test_not_in_the_words_for_itself(self) -> None:
        content = Content({"prompt": "CANARY"}, "CANARY", "CANARY")
        assert "CANARY" not in repr(content) + str(content)

    def test_not_in_pickles(self) -> None:
        content = Content({"prompt": "CANARY"}, "CANARY", "CANARY")
        assert b"CANARY" not in pickle.dumps(content)
        assert pickle.loads(pickle.dumps(content)) is None  # noqa: S301  our own
        assert copy.deepcopy(content) is None


@every_kind
@pytest.mark.parametrize("prompt", ["you", "down", "cut"])
def test_a_call_whose_content_is_read_leaves_no_garbage(
    kind: str, prompt: str, reader: Reader
) -> None:
    function = guarded(kind, reader)

    async def wait() -> None:
        with suppress(ConnectionError):  # here: a task that fails is a cycle of its own
            if kind == "async":
                await function(prompt)
            else:
                async for _ in function(prompt):
                    pass

    def once() -> None:
        with suppress(ConnectionError):
            if kind == "sync":
                function(prompt)
            elif kind == "generator":
                for _ in function(prompt):
                    pass
            else:
                loop.run_until_complete(wait())
        hub.flush()
        reader.seen.clear()
        reader.records.clear()

    loop = asyncio.new_event_loop()
    once()
    gc.collect()
    gc.disable()
    try:
        once()
        found = gc.collect()
    finally:
        gc.enable()
        loop.close()
    assert found == 0

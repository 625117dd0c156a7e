"""Pseudonyms in streams: a token may be cut anywhere, and nothing else waits for it."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

import reliai
from reliai import Guard, Pii
from tests.policies._guarded import Guarded, delivered, every_stream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

MAIL, BOB = "ana@example.com", "bob@example.com"
NICK = 'The "Rock" \\ Jr'
PII = Pii("pseudonymize", kinds=["email"], patterns={"nick": r'The "Rock" \\ Jr'})
PROMPT = f"{MAIL} {BOB} {NICK}"


def streaming(kind: str, chunks: list[Any]) -> list[Any]:
    """What comes of chunks, when all three texts have tokens."""
    model = Guarded(kind, Guard(PII), answer=lambda _: chunks)
    return list(model(PROMPT))


@every_stream
@pytest.mark.parametrize("cut", range(10))
def test_a_token_may_be_cut_anywhere(kind: str, cut: int) -> None:
    """50"""
    text = "<EMAIL_1>"
    out = streaming(kind, ["to ", text[:cut], text[cut:], "!"])
    assert "".join(out) == f"to {MAIL}!"


@every_stream
def test_a_token_may_come_character_by_character(kind: str) -> None:
    out = streaming(kind, list("a<EMAIL_1><EMAIL_2><<NICK_1>>b"))
    assert "".join(out) == f"a{MAIL}{BOB}<{NICK}>b"


@every_stream
def test_what_only_begins_like_a_token_is_delivered_as_it_is(kind: str) -> None:
    text = "if a < b or <EMAIL or <EMAIL_ or <EMAIL_12> or <"
    assert "".join(streaming(kind, list(text))) == text
    assert streaming(kind, ["a <EMAIL_1"]) == ["a ", "<EMAIL_1"]


@every_stream
def test_only_a_possible_beginning_waits(kind: str) -> None:
    assert streaming(kind, ["one ", "two <", "three ", "<EMA", "IL_1> four"]) == [
        "one ", "two ", "<three ", f"{MAIL} four",
    ]  # fmt: skip


@every_stream
def test_empty_chunks_and_the_number_of_chunks_stay(kind: str) -> None:
    assert streaming(kind, ["a", "", "b"]) == ["a", "", "b"]


def test_the_first_chunk_does_not_wait_for_the_last() -> None:
    """Row 32: the time to the first chunk stays what it was."""
    made: list[str] = []

    @reliai.reliable(Guard(PII))
    def ask(prompt: str) -> Iterator[str]:
        for chunk in ("one ", "two ", "<EMAIL_1> ", "three"):
            made.append(chunk)
            yield chunk

    stream = ask(PROMPT)
    assert next(stream) == "one "
    assert made == ["one "]
    assert next(stream) == "two "
    assert next(stream) == f"{MAIL} "
    assert made == ["one ", "two ", "<EMAIL_1> "]


def test_the_first_chunk_of_an_async_stream_does_not_wait_either() -> None:
    made: list[str] = []

    @reliai.reliable(Guard(PII))
    async def ask(prompt: str) -> AsyncIterator[str]:
        for chunk in ("one ", "two ", "<EMAIL_1>"):
            made.append(chunk)
            yield chunk

    async def main() -> None:
        stream: Any = ask(PROMPT)
        assert await anext(stream) == "one "
        assert made == ["one "]
        assert await anext(stream) == "two "
        assert await anext(stream) == MAIL

    asyncio.run(main())


@every_stream
def test_json_text_stays_json(kind: str) -> None:
    answer = json.dumps({"who": "<NICK_1>", "to": ["<EMAIL_1>"]})
    out = streaming(kind, [answer[:11], answer[11:13], answer[13:]])
    assert json.loads("".join(out)) == {"who": NICK, "to": [MAIL]}


@every_stream
def test_json_that_escapes_what_html_would_read_is_restored_too(kind: str) -> None:
    answer = r'{"who": "\u003cNICK_1\u003e", "to": "\u003CEMAIL_1\u003E"}'
    for cut in range(len(answer)):
        out = streaming(kind, [answer[:cut], answer[cut:]])
        assert json.loads("".join(out)) == {"who": NICK, "to": MAIL}


@every_stream
def test_text_gets_what_stood_there_without_escapes(kind: str) -> None:
    assert "".join(streaming(kind, ["Hi <NIC", "K_1>"])) == f"Hi {NICK}"


@given(
    st.lists(
        st.sampled_from(
            ["<EMAIL_1>", "<EMAIL_2>", "<NICK_1>", "<", "<<", "EMAIL_1", "x", " ", "\\"]
        ),
        max_size=12,
    ),
    st.lists(st.integers(1, 6), min_size=1, max_size=20),
)
def test_a_stream_is_the_whole_answer_restored_however_it_is_cut(
    words: list[str], sizes: list[int]
) -> None:
    answer = "x" + "".join(words)
    chunks, rest, turn = [], answer, 0
    while rest:
        size = sizes[turn % len(sizes)]
        chunks.append(rest[:size])
        rest, turn = rest[size:], turn + 1
    whole = Guarded("sync", Guard(PII), answer=lambda _: answer)(PROMPT)
    assert "".join(streaming("generator", chunks)) == whole


@every_stream
def test_a_stream_that_fails_delivers_what_it_let_out_and_then_its_error(kind: str) -> None:
    def answer(_: str) -> Iterator[str]:
        yield "to <EMAIL_1>, "
        yield "and <EM"
        raise ConnectionError("cut")

    model = Guarded(kind, Guard(PII), answer=answer)
    got: list[str] = []
    with pytest.raises(ConnectionError, match="cut"):
        _collect(model.function(PROMPT), got)
    assert got == [f"to {MAIL}, ", "and "]


def _collect(stream: Any, into: list[str]) -> None:
    if hasattr(stream, "__aiter__"):

        async def read() -> None:
            async for chunk in stream:
                into.append(chunk)  # noqa: PERF401  what came before an error counts

        asyncio.run(read())
    else:
        for chunk in stream:
            into.append(chunk)  # noqa: PERF402  as above


# --- events of providers ----------------------------------------------------------------------


def chat(**delta: Any) -> Any:
    from openai.types.chat import ChatCompletionChunk

    finish = delta.pop("finish_reason", None)
    choice = {"index": delta.pop("index", 0), "delta": delta, "finish_reason": finish}
    return ChatCompletionChunk.model_validate(
        {
            "id": "1",
            "created": 1,
            "model": "m",
            "object": "chat.completion.chunk",
            "choices": [choice],
        }
    )


def tool(arguments: str, number: int = 0, **more: Any) -> Any:
    return chat(tool_calls=[{"index": number, "function": {"arguments": arguments, **more}}])


def openai_text(chunks: list[Any]) -> str:
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks)


def openai_arguments(chunks: list[Any], number: int = 0) -> str:
    calls = [call for chunk in chunks for call in chunk.choices[0].delta.tool_calls or ()]
    return "".join(call.function.arguments for call in calls if call.index == number)


@every_stream
def test_events_of_chat_completions_are_restored(kind: str) -> None:
    given = [chat(content=part) for part in ("to ", "<EM", "AIL", "_1>", ", bye")]
    given.append(chat(finish_reason="stop"))
    out = streaming(kind, given)
    assert openai_text(out) == f"to {MAIL}, bye"
    assert [chunk.choices[0].finish_reason for chunk in out][-1] == "stop"
    assert len(out) == len(given)
    assert openai_text(given) == "to <EMAIL_1>, bye"  # what the function made is not changed


@every_stream
def test_arguments_of_tools_are_restored_as_json(kind: str) -> None:
    """50"""
    text = '{"who": "<NICK_1>", "to": "<EMAIL_1>"}'
    for cut in range(0, len(text), 3):
        given = [
            tool("", name="send"),
            tool(text[:cut]),
            tool(text[cut:]),
            chat(finish_reason="tool_calls"),
        ]
        assert json.loads(openai_arguments(streaming(kind, given))) == {"who": NICK, "to": MAIL}


@every_stream
def test_parallel_calls_of_tools_do_not_mix(kind: str) -> None:
    given = [
        tool('{"to": "<EMA', 0), tool('{"to": "<EM', 1), tool("AIL_2", 1), tool("IL_1", 0),
        tool('>"}', 0), tool('>"}', 1),
    ]  # fmt: skip
    out = streaming(kind, given)
    assert json.loads(openai_arguments(out, 0)) == {"to": MAIL}
    assert json.loads(openai_arguments(out, 1)) == {"to": BOB}


@every_stream
def test_choices_beside_each_other_do_not_mix(kind: str) -> None:
    given = [chat(content="<EMA"), chat(content="<EM", index=1), chat(content="AIL_2>", index=1)]
    given.append(chat(content="IL_1>"))
    out = streaming(kind, given)
    texts = {0: "", 1: ""}
    for chunk in out:
        texts[chunk.choices[0].index] += chunk.choices[0].delta.content
    assert texts == {0: MAIL, 1: BOB}


def test_an_event_waits_only_while_its_end_may_be_the_beginning_of_a_token() -> None:
    made: list[int] = []

    @reliai.reliable(Guard(PII))
    def ask(prompt: str) -> Iterator[Any]:
        for number, text in enumerate(("a", "b <", "c", "<EMAIL_1>", "d <"), 1):
            made.append(number)
            yield chat(content=text)
        made.append(6)
        yield chat(finish_reason="stop")

    seen = [(made[-1], chunk.choices[0].delta.content) for chunk in ask(PROMPT)]
    assert seen == [(1, "a"), (3, "b <"), (3, "c"), (4, MAIL), (6, "d <"), (6, None)]


def anthropic_events(*parts: str, json_parts: bool = False) -> list[Any]:
    from anthropic.types import (
        RawContentBlockDeltaEvent,
        RawContentBlockStopEvent,
        RawMessageStopEvent,
    )

    name = "partial_json" if json_parts else "text"
    kind = "input_json_delta" if json_parts else "text_delta"
    deltas: list[Any] = [
        RawContentBlockDeltaEvent.model_validate(
            {"type": "content_block_delta", "index": 0, "delta": {"type": kind, name: part}}
        )
        for part in parts
    ]
    stop = RawContentBlockStopEvent(type="content_block_stop", index=0)
    return [*deltas, stop, RawMessageStopEvent(type="message_stop")]


@every_stream
def test_events_of_anthropic_are_restored(kind: str) -> None:
    out = streaming(kind, anthropic_events("to <", "EMAIL_1", "> and <"))
    assert "".join(event.delta.text for event in out[:3]) == f"to {MAIL} and <"
    assert [event.type for event in out[3:]] == ["content_block_stop", "message_stop"]


@every_stream
def test_json_of_anthropic_is_restored(kind: str) -> None:
    parts = ('{"who": "<NI', 'CK_1>"}')
    out = streaming(kind, anthropic_events(*parts, json_parts=True))
    assert json.loads("".join(event.delta.partial_json for event in out[:2])) == {"who": NICK}


@every_stream
def test_events_of_responses_are_restored_and_so_is_the_whole_at_their_end(kind: str) -> None:
    from openai.types.responses import ResponseTextDeltaEvent, ResponseTextDoneEvent

    place: dict[str, Any] = {"content_index": 0, "output_index": 0, "item_id": "i", "logprobs": []}
    given: list[Any] = [
        ResponseTextDeltaEvent(
            delta=part, sequence_number=n, type="response.output_text.delta", **place
        )
        for n, part in enumerate(("to <EMAIL", "_1>", "<"))
    ]
    given.append(
        ResponseTextDoneEvent(
            text="to <EMAIL_1><", sequence_number=9, type="response.output_text.done", **place
        )
    )
    out = streaming(kind, given)
    assert "".join(event.delta for event in out[:3]) == f"to {MAIL}<"
    assert out[3].text == f"to {MAIL}<"


def google(text: str) -> Any:
    from google.genai.types import GenerateContentResponse

    content = {"role": "model", "parts": [{"text": text}]}
    return GenerateContentResponse.model_validate({"candidates": [{"content": content}]})


def langchain(text: str) -> Any:
    from langchain_core.messages import AIMessageChunk

    return AIMessageChunk(content=text)


def pydantic_ai(text: str) -> Any:
    from pydantic_ai.messages import PartDeltaEvent, TextPartDelta

    return PartDeltaEvent(index=0, delta=TextPartDelta(content_delta=text))


def bedrock(text: str) -> Any:
    return {"contentBlockDelta": {"delta": {"text": text}, "contentBlockIndex": 0}}


PROVIDERS: dict[str, tuple[Callable[[str], Any], Callable[[Any], str]]] = {
    "google": (google, lambda chunk: chunk.text),
    "langchain": (langchain, lambda chunk: chunk.content),
    "pydantic-ai": (pydantic_ai, lambda chunk: chunk.delta.content_delta),
    "bedrock": (bedrock, lambda chunk: chunk["contentBlockDelta"]["delta"]["text"]),
}


@every_stream
@pytest.mark.parametrize("provider", PROVIDERS)
def test_events_of_every_provider_are_restored(kind: str, provider: str) -> None:
    make, text_of = PROVIDERS[provider]
    out = streaming(kind, [make(part) for part in ("to <", "EMAIL", "_1>", " <NICK_1>, < b")])
    assert "".join(map(text_of, out)) == f"to {MAIL} {NICK}, < b"


def test_a_part_that_never_goes_on_does_not_hold_the_others_for_good() -> None:
    given = [chat(content="a <"), *(chat(content="b", index=1) for _ in range(80))]
    made: list[Any] = []

    @reliai.reliable(Guard(PII))
    def ask(prompt: str) -> Iterator[Any]:
        for chunk in given:
            made.append(chunk)
            yield chunk

    stream = ask(PROMPT)
    assert next(stream).choices[0].delta.content == "a <"
    assert len(made) == 65
    assert len(list(stream)) == 80


class Stubborn(BaseModel):
    text: str

    def __copy__(self) -> Stubborn:
        raise RuntimeError("no copies")


@every_stream
def test_an_event_that_cannot_be_copied_is_delivered_as_it_is_and_that_is_told(kind: str) -> None:
    model = Guarded(kind, Guard(PII), answer=lambda _: [Stubborn(text="<EMAIL_1>"), "<EMAIL_1>"])
    assert model(PROMPT) == [Stubborn(text="<EMAIL_1>"), MAIL]
    assert model.event("pseudonyms_kept") == {"type": "Stubborn"}


def test_executing_a_stream_gives_it_restored() -> None:
    @reliai.reliable(Guard(PII))
    def ask(prompt: str) -> Iterator[str]:
        yield from ("to <EMAIL", "_1>")

    out = reliai.execute(ask, PROMPT)
    assert "".join(delivered(out.value)) == f"to {MAIL}"
    assert out.value.record.status == "success"

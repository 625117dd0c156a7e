"""What pseudonyms stand for is in no record, error, log or pickle, and gone with the call."""

from __future__ import annotations

import asyncio
import gc
import logging
import pickle
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel

import reliai
from reliai import Guard, GuardRejected, Pii
from reliai.policies._pseudonyms import Pseudonyms
from reliai.telemetry import Memory
from tests.core.test_garbage import garbage_of
from tests.policies._guarded import Guarded, every_kind

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

PII = Pii("pseudonymize")
MAIL, CARD = "ana@example.com", "4242 4242 4242 4242"
SAID = f"{MAIL} pays with {CARD}"


def maps() -> list[Pseudonyms]:
    """Those that still hold something."""
    return [each for each in gc.get_objects() if type(each) is Pseudonyms and each.count]


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    yield
    assert maps() == []


def assert_silent(*tellers: object) -> None:
    for told in tellers:
        assert "ana@" not in str(told)
        assert "4242 4242" not in str(told)


@every_kind
@pytest.mark.parametrize("ends", ["value", "error"])
def test_records_events_errors_and_logs_are_silent(
    kind: str, ends: str, caplog: pytest.LogCaptureFixture
) -> None:
    def answer(prompt: str) -> str:
        if ends == "error":
            raise ConnectionError(f"down: {prompt}")
        return prompt

    memory = Memory()
    policies = (Guard(PII), reliai.Retry(2, wait=0, budget=None))
    model = Guarded(kind, *policies, answer=answer, observers=(memory,))
    caplog.set_level(logging.DEBUG)
    try:
        model(SAID)
    except ConnectionError as error:
        assert_silent(error, *getattr(error, "__notes__", ()))
    reliai.flush()
    assert_silent(model.record.to_dict(), caplog.text, [vars(r) for r in caplog.records])


@every_kind
def test_a_rejection_says_what_it_was_and_not_what_it_held(kind: str) -> None:
    model = Guarded(kind, Guard(Pii()))
    with pytest.raises(GuardRejected) as caught:
        model(SAID)
    assert "it has personal data: card (1), email (1)" in str(caught.value)
    assert_silent(caught.value, vars(caught.value), model.record.to_dict())
    assert_silent(pickle.dumps(caught.value))


def test_who_watches_the_function_sees_tokens() -> None:
    """What is captured where the function is called has no personal data."""
    seen: list[str] = []

    class Capture:
        def activate(self, call: reliai.Call, attempt: Any) -> Any:
            from contextlib import nullcontext

            seen.append(str(dict(call.arguments)))
            current = reliai.current_call()
            return nullcontext(current)

    inside: list[str] = []

    def answer(prompt: str) -> str:
        current = reliai.current_call()
        assert current is not None
        inside.append(str(dict(current.arguments)))
        return prompt

    Guarded("sync", Guard(PII), answer=answer, observers=(Capture(),))(SAID)
    assert seen == inside == ["{'prompt': '<EMAIL_1> pays with <CARD_1>'}"]


def test_a_map_cannot_be_pickled_and_shows_nothing() -> None:
    names = Pseudonyms()
    names.add(SAID, PII.find(SAID))
    with pytest.raises(TypeError, match="leave their call by no way"):
        pickle.dumps(names)
    assert_silent(repr(names))
    assert repr(names) == "<2 pseudonyms>"
    names.clear()
    assert (names.count, names.restored("<EMAIL_1>")) == (0, ("<EMAIL_1>", []))


def test_no_regular_expression_is_made_of_what_was_found() -> None:
    import re

    Guarded("sync", Guard(PII))(f"zoe.unique@example.com {SAID}")
    assert "zoe" not in str(list(re._cache))  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]


@reliai.reliable(Guard(PII))
def generator(prompt: str) -> Iterator[str]:
    yield "to "
    yield prompt
    yield " again"


@reliai.reliable(Guard(PII))
async def async_generator(prompt: str) -> AsyncIterator[str]:
    for chunk in ("to ", prompt, " again"):
        yield chunk


def test_a_stream_forgets_when_it_is_closed_or_left() -> None:
    closed: Any = generator(SAID)
    next(closed)
    assert len(maps()) == 1
    closed.close()
    assert maps() == []
    left: Any = generator(SAID)
    next(left)
    del left
    assert maps() == []


def test_a_stream_that_ended_has_forgotten_though_it_is_kept() -> None:
    kept: Any = generator(SAID)
    assert "".join(kept) == f"to {SAID} again"
    assert maps() == []
    assert kept.ended


def test_an_async_stream_forgets_when_it_is_closed_or_left() -> None:
    async def main() -> None:
        closed: Any = async_generator(SAID)
        await anext(closed)
        assert len(maps()) == 1
        await closed.aclose()
        assert maps() == []
        left: Any = async_generator(SAID)
        await anext(left)
        del left
        await asyncio.sleep(0)

    asyncio.run(main())


def test_a_cancelled_call_forgets_and_is_cancelled() -> None:
    kept: list[BaseException] = []

    @reliai.reliable(Guard(PII))
    async def ask(prompt: str) -> str:
        await asyncio.sleep(60)
        return prompt

    async def main() -> None:
        task = asyncio.create_task(ask(SAID))
        await asyncio.sleep(0)
        assert len(maps()) == 1
        task.cancel()
        try:
            await task
        except asyncio.CancelledError as error:
            kept.append(error)

    asyncio.run(main())
    assert len(kept) == 1


def test_a_stream_whose_reader_is_cancelled_forgets() -> None:
    waiting = asyncio.Event()

    @reliai.reliable(Guard(PII))
    async def ask(prompt: str) -> AsyncIterator[str]:
        yield "<EMA"  # may be a token: nothing is delivered yet
        waiting.set()
        await asyncio.sleep(60)

    async def main() -> None:
        async def read() -> None:
            async for _ in ask(SAID):
                pass

        task = asyncio.create_task(read())
        await waiting.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())


def test_an_interrupted_call_forgets() -> None:
    def answer(_: str) -> str:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        Guarded("sync", Guard(PII), answer=answer)(SAID)
    assert maps() == []
    assert caught.value.args == ()


def echo(what: str) -> str:
    return f"{what}: <EMAIL_1>"


async def echo_later(what: str) -> str:
    return echo(what)


def echo_stream(what: str) -> Iterator[str]:
    yield from (echo(what), " b")


async def echo_async_stream(what: str) -> AsyncIterator[str]:
    for chunk in (echo(what), " b"):
        yield chunk


ECHOS: dict[str, Any] = {
    "sync": echo,
    "async": echo_later,
    "generator": echo_stream,
    "async_generator": echo_async_stream,
}


@every_kind
def test_pseudonyms_leave_no_cyclic_garbage(kind: str) -> None:
    bare = ECHOS[kind]
    own = garbage_of(kind, bare, SAID)
    assert garbage_of(kind, Guard(PII)(bare), SAID) <= own


class Broken(Pii):
    def find(self, text: str) -> Any:
        raise RuntimeError("no rules today")


class Stubborn(BaseModel):
    content: str

    def __copy__(self) -> Stubborn:
        raise RuntimeError("no copies")


@every_kind
def test_searches_that_fail_leave_no_cyclic_garbage(kind: str) -> None:
    assert garbage_of(kind, Guard(Broken("pseudonymize"))(ECHOS[kind]), "hello") == 0
    given: Any = [Stubborn(content=MAIL)]
    assert garbage_of(kind, Guard(what=[PII])(ECHOS[kind]), given) == 0


@every_kind
def test_a_plain_check_for_personal_data_leaves_no_cyclic_garbage(kind: str) -> None:
    bare = ECHOS[kind]
    own = garbage_of(kind, bare, "hello")
    assert garbage_of(kind, Guard(Pii(), Pii("redact"))(bare), "hello") <= own

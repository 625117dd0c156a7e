"""The calls of a shadow: their records, who may be a candidate, what is heard of streams."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import reliai
from reliai.testing import records
from tests.policies._guarded import every_kind, every_stream
from tests.policies._shadowing import LONG, Shadowed, candidate_of


def same(prompt: str) -> str:
    return prompt


@every_kind
def test_the_shadow_leaves_a_record_of_its_own_that_points_to_the_call(kind: str) -> None:
    ask = Shadowed(kind)
    with reliai.context(subject="u1", tenant="t1", session="s1", tags={"team": "a"}):
        ask("hello")
    (record,) = ask.shadows
    assert record.parent_id == ask.record.id
    assert record.id != ask.record.id
    assert record.tags == {"team": "a", "shadow": "candidate", "shadow_role": "candidate"}
    assert (record.subject, record.tenant, record.session) == ("u1", "t1", "s1")
    assert record.status == "success"


@every_kind
def test_the_calls_record_says_that_it_is_shadowed_and_nothing_else(kind: str) -> None:
    ask = Shadowed(kind, lambda prompt: "other")
    ask("hello")
    assert [(event.kind, dict(event.attributes)) for event in ask.record.events] == [
        ("shadow_started", {"shadow": "candidate"})
    ]
    assert len(ask.record.attempts) == 1
    assert ask.record.status == "success"
    assert "shadow" not in ask.record.tags


def test_a_guarded_candidate_brings_its_policies_and_its_name() -> None:
    attempts: list[str] = []

    @reliai.reliable(reliai.Retry(3, wait=0, budget=None), name="v2", tags={"model": "b"})
    def candidate(prompt: str) -> str:
        attempts.append(prompt)
        if len(attempts) < 3:
            raise ConnectionError("down")
        return prompt

    shadow = reliai.Shadow(candidate, rate=1)

    @shadow
    def ask(prompt: str) -> str:
        return prompt

    with records() as seen:
        ask("hello")
        assert shadow.drain(LONG)
    record = next(each for each in seen if each.name == "v2")
    assert len(record.attempts) == 3
    assert record.tags["model"] == "b"
    assert shadow.report().matched == 1


def test_calls_inside_the_candidate_are_marked_and_nested_below_it() -> None:
    inner = reliai.reliable(name="inner")(same)

    def candidate(prompt: str) -> str:
        return inner(prompt)

    ask = Shadowed("sync", candidate)
    ask("hello")
    by_name = {record.name: record for record in ask.shadows}
    assert by_name["inner"].tags["shadow"] == "candidate"
    outer = next(record for record in ask.shadows if record.name != "inner")
    assert by_name["inner"].parent_id == outer.id


def test_one_object_on_two_functions_is_one_report() -> None:
    shadow = reliai.Shadow(same, rate=1)
    one, two = shadow(same), shadow(same)
    one("a")
    two("b")
    assert shadow.drain(LONG)
    assert shadow.report().matched == 2


def test_methods_are_shadowed_with_their_object() -> None:
    class Assistant:
        style = "plain"

        def second(self, prompt: str) -> str:
            return f"{self.style} {prompt}"

        shadow = reliai.Shadow(second, rate=1)

        @shadow
        def ask(self, prompt: str) -> str:
            return f"{self.style} {prompt}"

    assert Assistant().ask("hello") == "plain hello"
    assert Assistant.shadow.drain(LONG)
    assert Assistant.shadow.report().matched == 1


def test_an_asynchronous_function_may_have_a_plain_candidate_off_the_loop() -> None:
    threads: list[str] = []

    def candidate(prompt: str) -> str:
        threads.append(threading.current_thread().name)
        return prompt

    shadow = reliai.Shadow(candidate, rate=1)

    @shadow
    async def ask(prompt: str) -> str:
        return prompt

    async def main() -> None:
        await ask("hello")
        assert await shadow.adrain(LONG)

    asyncio.run(main())
    assert threads
    assert threads[0] != threading.main_thread().name
    assert shadow.report().matched == 1


def test_streams_and_values_are_compared_by_their_text() -> None:
    shadow = reliai.Shadow(candidate_of("generator", lambda prompt: ["hel", "lo"]), rate=1)

    @shadow
    def ask(prompt: str) -> str:
        return prompt

    ask("hello")
    assert shadow.drain(LONG)
    assert shadow.report().matched == 1


def test_a_stream_returned_by_a_function_is_heard_to_its_end() -> None:
    class Chunks:
        def __init__(self) -> None:
            self._left = ["a", "b"]

        def __iter__(self) -> Chunks:
            return self

        def __next__(self) -> str:
            if not self._left:
                raise StopIteration
            return self._left.pop(0)

    shadow = reliai.Shadow(candidate_of("sync", lambda prompt: "ab"), rate=1)

    @shadow
    def ask(prompt: str) -> Any:
        return Chunks()

    assert list(ask("hello")) == ["a", "b"]
    assert shadow.drain(LONG)
    assert shadow.report().matched == 1


@every_stream
def test_a_stream_that_other_policies_made_is_heard_as_the_caller_hears_it(kind: str) -> None:
    redact = reliai.Validate(reliai.Pii(action="redact", kinds=["email"]))
    text = ["write to ", "ann@example.com", " now"]
    results: list[Any] = []
    ask = Shadowed(
        kind,
        lambda prompt: "x",
        answer=lambda prompt: text,
        inside=(redact,),
        publish=results.append,
    )
    told = "".join(ask("hello"))
    assert "example" not in told
    assert results[0].primary == told


@every_stream
def test_a_stream_with_limits_is_heard_as_well(kind: str) -> None:
    ask = Shadowed(kind, inside=(reliai.Timeout(30, idle=10),))
    ask("hello")
    assert ask.report.matched == 1


def test_adrain_says_when_time_ran_out_and_drain_too() -> None:
    gate = threading.Event()
    shadow = reliai.Shadow(candidate_of("sync", lambda prompt: gate.wait(LONG)), rate=1)
    ask = shadow(same)
    assert shadow.drain(0)
    ask("hello")
    assert not shadow.drain(0.01)
    assert not asyncio.run(shadow.adrain(0.01))
    gate.set()
    assert shadow.drain(LONG)

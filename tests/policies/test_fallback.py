"""Who answers when the function does not, with which arguments, and in how much time."""

from __future__ import annotations

import functools
from typing import Any

import pytest

import reliai
from reliai.testing import (
    InStreamError,
    Latency,
    ScriptedModel,
    fault_server,
    records,
    virtual_clock,
)
from tests.core._kinds import answer, each_single, each_stream, every_kind, of_kind, read

DOWN = ConnectionError("down")


def failing(kind: str, *, name: str = "primary") -> Any:
    return of_kind(ScriptedModel([DOWN], repeat_last=True, name=name), kind)


@every_kind
def test_bare_function_answers_and_the_record_says_so(kind: str) -> None:
    backup = of_kind(ScriptedModel(["b"], name="backup"), kind)
    with virtual_clock(), records() as seen:
        assert read(reliai.Fallback(backup)(failing(kind)), kind) == answer(kind, "b")
    assert (seen[-1].status, seen[-1].target) == ("degraded", "backup")


@every_kind
def test_attempts_of_all_targets_are_on_one_record(kind: str) -> None:
    backup = of_kind(ScriptedModel(["b"], name="backup"), kind)
    with virtual_clock(), records() as seen:
        read(reliai.Fallback(backup)(failing(kind)), kind)
    assert len(seen) == 1
    assert [str(attempt.status) for attempt in seen[0].attempts] == ["error", "success"]
    assert seen[0].attempts[1].target == "backup"


@each_single
def test_plain_value_answers(kind: str) -> None:
    with virtual_clock():
        assert read(reliai.Fallback({"answer": None})(failing(kind)), kind) == {"answer": None}


def test_plain_value_is_a_copy_each_time() -> None:
    function = reliai.Fallback({"answer": None})(failing("sync"))
    with virtual_clock():
        function()["answer"] = "changed"
        assert function() == {"answer": None}


@every_kind
def test_function_that_answers_asks_nobody(kind: str) -> None:
    backup = ScriptedModel(["never"])
    function = reliai.Fallback(of_kind(backup, kind))(of_kind(ScriptedModel(["a"]), kind))
    with virtual_clock(), records() as seen:
        assert read(function, kind) == answer(kind, "a")
    assert backup.calls == []
    assert seen[-1].status == "success"


@each_single
def test_targets_are_asked_in_order_until_one_answers(kind: str) -> None:
    models = [ScriptedModel([DOWN], name="b"), ScriptedModel(["c"]), ScriptedModel(["never"])]
    function = reliai.Fallback(*(of_kind(model, kind) for model in models))(failing(kind))
    with virtual_clock():
        assert read(function, kind) == "c"
    assert [len(model.calls) for model in models] == [1, 1, 0]


def test_bare_function_runs_through_the_policies_inside() -> None:
    backup = ScriptedModel([DOWN, "b"])
    function = reliai.reliable(reliai.Fallback(backup), reliai.Retry(2))(failing("sync"))
    with virtual_clock():
        assert function() == "b"
    assert len(backup.calls) == 2


def test_guarded_function_brings_its_own_policies() -> None:
    model = ScriptedModel([DOWN, DOWN, "b"])
    guarded = reliai.Retry(3)(model)
    function = reliai.reliable(reliai.Fallback(guarded), reliai.Retry(1))(failing("sync"))
    with virtual_clock():
        assert function() == "b"


@each_single
def test_target_gets_the_arguments_that_fallback_itself_received(kind: str) -> None:
    """34: whatever the function did to them."""

    def spoil(messages: list[str], **options: Any) -> str:
        messages.clear()
        options["nested"]["deep"] = "spoiled"
        raise ConnectionError("down")

    backup = ScriptedModel(["b"])
    function = reliai.Fallback(of_kind(backup, kind))(of_kind(ScriptedModel([spoil]), kind))
    with virtual_clock():
        read(function, kind, ["hello"], nested={"deep": 1})
    assert backup.calls[0].args == (["hello"],)
    assert backup.calls[0].kwargs == {"nested": {"deep": 1}}


@each_single
def test_two_functions_that_stand_in_for_each_other_are_tried_once_each(kind: str) -> None:
    """35."""
    first = ScriptedModel([DOWN], repeat_last=True, name="first")
    second = ScriptedModel([ValueError("second")], repeat_last=True, name="second")
    bare_first, bare_second = of_kind(first, kind), of_kind(second, kind)
    function = reliai.Fallback(bare_second, bare_first)(bare_first)
    with virtual_clock(), records() as seen, pytest.raises(ValueError, match="second"):
        read(function, kind)
    assert (len(first.calls), len(second.calls)) == (1, 1)
    assert [attempt.target for attempt in seen[-1].attempts] == ["first", "second"]


def test_two_guarded_functions_that_stand_in_for_each_other_end() -> None:
    """35."""
    asked: list[str] = []

    def first() -> str:
        asked.append("first")
        raise ConnectionError("first")

    def second() -> str:
        asked.append("second")
        raise ConnectionError("second")

    def ask_first() -> str:
        return guarded["first"]()

    guarded = {"second": reliai.Fallback(ask_first)(second)}
    guarded["first"] = reliai.Fallback(guarded["second"])(first)
    with virtual_clock(), pytest.raises(ConnectionError):
        guarded["first"]()
    assert asked == ["first", "second", "first"], "the one asked in its own place asks nobody"


@every_kind
def test_error_of_the_last_target_comes_out_with_the_functions_own_behind_it(kind: str) -> None:
    """A65."""
    backup = of_kind(ScriptedModel([ValueError("b too")], name="backup"), kind)
    with virtual_clock(), pytest.raises(ValueError, match="b too") as caught:
        read(reliai.Fallback(backup)(failing(kind)), kind)
    assert str(caught.value.__context__) == "down"
    assert "Fallback asked backup after ConnectionError" in "".join(caught.value.__notes__)


def test_the_functions_own_error_is_behind_one_that_has_a_cause_of_its_own() -> None:
    def backup() -> str:
        raise ValueError("b too") from LookupError("why")

    with virtual_clock(), pytest.raises(ValueError, match="b too") as caught:
        read(reliai.Fallback(backup)(failing("sync")), "sync")
    why = caught.value.__cause__
    assert isinstance(why, LookupError)
    assert str(why.__context__) == "down"


def test_an_error_that_is_raised_over_and_over_does_not_grow() -> None:
    one = ValueError("always this one")

    def backup() -> str:
        raise one

    guarded = reliai.Fallback(backup)(failing("sync"))
    with virtual_clock():
        for _ in range(50):
            with pytest.raises(ValueError, match="always"):
                read(guarded, "sync")
    length, error = 0, one.__context__
    while error is not None:
        length, error = length + 1, error.__cause__ or error.__context__
    assert length < 12


def test_kind_of_failure_chooses_the_target() -> None:
    big, other = ScriptedModel(["big"]), ScriptedModel(["other"])
    too_long: Any = ValueError("maximum context length is 8192 tokens")
    too_long.code = "context_length_exceeded"
    too_long.status_code = 400
    model = ScriptedModel([too_long, DOWN])
    function = reliai.Fallback(other, on={"context_length": big})(model)
    with virtual_clock():
        assert [function(), function()] == ["big", "other"]


def test_reserve_keeps_time_for_the_target() -> None:
    model = ScriptedModel([Latency(60, "late")])
    backup = ScriptedModel([Latency(2, "b")])
    function = reliai.reliable(reliai.Timeout(10), reliai.Fallback(backup, reserve=0.3))(model)
    with virtual_clock() as clock:
        assert function() == "b"
        assert clock.now == 9
    assert backup.calls[0].at == 7


def test_without_a_reserve_the_function_may_use_all_the_time() -> None:
    model = ScriptedModel([Latency(9, "a")])
    function = reliai.reliable(reliai.Timeout(10), reliai.Fallback("never", reserve=0))(model)
    with virtual_clock():
        assert function() == "a"


def test_same_function_is_asked_with_another_argument() -> None:
    asked: list[str] = []

    @reliai.Fallback.models("small", "tiny", parameter="model")
    def ask(prompt: str, model: str = "large") -> str:
        asked.append(model)
        if model != "tiny":
            raise ConnectionError(model)
        return prompt + model

    with virtual_clock(), records() as seen:
        assert ask("x ") == "x tiny"
    assert asked == ["large", "small", "tiny"]
    assert seen[-1].target == "tiny"


def test_plain_value_of_another_type_than_promised_is_refused_when_decorated() -> None:
    with pytest.raises(reliai.ConfigurationError, match="promises by output="):
        reliai.reliable(reliai.Fallback("none"), output=int)(ScriptedModel(["1"]))


def asks(prompt: str, *, model: str = "large") -> str:
    raise DOWN


@pytest.mark.parametrize(
    "target",
    [
        lambda: "no prompt",
        lambda prompt, history: "one more",
        lambda *, question: "by another name only",
        reliai.Retry(2)(lambda: "guarded"),
    ],
    ids=["nothing", "one more", "other name", "guarded"],
)
def test_target_that_cannot_take_the_arguments_is_refused_when_decorated(target: Any) -> None:
    with pytest.raises(reliai.ConfigurationError, match=r"cannot stand in for .*asks"):
        reliai.Fallback(target)(asks)


@pytest.mark.parametrize(
    "target",
    [
        lambda question: "by position",
        lambda *, prompt: "by name",
        lambda prompt, model: "when the caller names a model",
        lambda *arguments, **named: "anything",
        lambda prompt, history=(): "more, by default",
        len,
        functools.partial(lambda style, prompt: "the rest", "short"),
        ScriptedModel(["b"]),
    ],
    ids=["position", "name", "option", "anything", "default", "builtin", "partial", "object"],
)
def test_target_that_can_take_the_arguments_is_not_refused(target: Any) -> None:
    reliai.Fallback(target)(asks)


def test_target_of_a_function_that_takes_anything_is_not_refused() -> None:
    reliai.Fallback(lambda: "b")(failing("sync"))


@pytest.mark.parametrize("several", [[len, str.lower], (str.lower,)])
def test_list_of_functions_is_no_answer(several: Any) -> None:
    with pytest.raises(reliai.ConfigurationError, match="one by one"):
        reliai.Fallback(several)(asks)
    reliai.Fallback(reliai.Value(several))(asks)


def test_call_that_nobody_awaited_is_no_answer() -> None:
    async def small(prompt: str) -> str:
        return prompt

    with pytest.raises(reliai.ConfigurationError, match="without calling it"):
        reliai.Fallback(small("hello"))(asks)


# --- streams -------------------------------------------------------------------------------------
@each_stream
def test_stream_that_fails_before_its_first_chunk_is_answered_by_the_target_alone(
    kind: str,
) -> None:
    """A68."""
    backup = ScriptedModel([["x", "y"]])
    function = reliai.Fallback(of_kind(backup, kind))(of_kind(ScriptedModel([[DOWN]]), kind))
    with virtual_clock():
        assert read(function, kind) == ["x", "y"]


@each_stream
def test_stream_that_fails_later_is_not_answered_by_another(kind: str) -> None:
    """A68, 11."""
    backup = ScriptedModel([["never"]])
    model = ScriptedModel([["a", DOWN]])
    with virtual_clock(), pytest.raises(ConnectionError):
        read(reliai.Fallback(of_kind(backup, kind))(of_kind(model, kind)), kind)
    assert backup.calls == []


def test_error_event_before_any_text_falls_back_and_only_its_chunks_arrive() -> None:
    """10: with the provider's own client."""
    anthropic = pytest.importorskip("anthropic")
    with (
        fault_server([InStreamError("overloaded")]) as server,
        anthropic.Anthropic(base_url=server.url, api_key="k", max_retries=0) as client,
    ):

        def ask() -> Any:
            with client.messages.stream(
                model="m", max_tokens=9, messages=[{"role": "user", "content": "x"}]
            ) as stream:
                yield from stream.text_stream

        function = reliai.Fallback(ScriptedModel([["b", "c"]]).streaming)(ask)
        with virtual_clock(), records() as seen:
            assert list(function()) == ["b", "c"]
    first, second = seen[-1].attempts
    assert first.error is not None
    assert (str(first.error.kind), str(second.status)) == ("overloaded", "success")

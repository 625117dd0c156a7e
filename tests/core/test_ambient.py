"""What surrounds a call: whom it is for, which id it takes, how policies behave."""

from __future__ import annotations

import asyncio
import inspect
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai.testing import ScriptedModel, virtual_clock
from tests.core._kinds import answer, every_kind, of_kind, read, record_of

if TYPE_CHECKING:
    from collections.abc import Iterator

ask = reliai.reliable(name="ask")(lambda: "a")
ID = "0123456789abcdef0123456789abcdef"


# --- context ------------------------------------------------------------------------------
def test_context_is_on_the_records_of_all_calls_inside() -> None:
    with (
        reliai.collect() as calls,
        reliai.context(subject="u1", session="s1", tenant="t1", tags={"locale": "de"}),
    ):
        ask()
        ask()
    for record in calls:
        assert (record.subject, record.session, record.tenant) == ("u1", "s1", "t1")
        assert record.tags == {"locale": "de"}


def test_context_nests_and_merges() -> None:
    with reliai.collect() as calls, reliai.context(subject="u1", tags={"a": "1", "b": "1"}):
        with reliai.context(session="s2", tags={"b": "2"}):
            ask()
        ask()
    inner, outer = calls
    assert (inner.subject, inner.session, inner.tags) == ("u1", "s2", {"a": "1", "b": "2"})
    assert (outer.subject, outer.session, outer.tags) == ("u1", None, {"a": "1", "b": "1"})


def test_context_goes_over_the_tags_of_the_function() -> None:
    function = reliai.reliable(tags={"team": "a", "tier": "1"})(lambda: None)
    with reliai.collect() as calls, reliai.context(tags={"tier": "2"}):
        function()
    assert calls[0].tags == {"team": "a", "tier": "2"}


def test_context_is_inherited_by_nested_calls() -> None:
    outer = reliai.reliable()(lambda: ask())  # noqa: PLW0108
    with reliai.collect() as calls, reliai.context(subject="u1"):
        outer()
    assert [record.subject for record in calls] == ["u1", "u1"]


# --- call ids -----------------------------------------------------------------------------
def test_id_given_is_taken_by_the_first_call_inside() -> None:
    with reliai.collect() as calls, reliai.context(call_id="mine"):
        with reliai.context(subject="u1"), reliai.deadline(5):
            ask()
        ask()
    assert calls[0].id == "mine"
    assert calls[1].id != "mine"
    assert len(calls[1].id) == 32


def test_id_given_is_taken_once_under_gather() -> None:
    @reliai.Retry(2)
    async def later() -> None:
        await asyncio.sleep(0)

    async def main() -> None:
        with reliai.context(call_id="mine"):
            await asyncio.gather(*(later() for _ in range(5)))

    with reliai.collect() as calls:
        asyncio.run(main())
    assert sorted(record.id == "mine" for record in calls) == [False] * 4 + [True]
    assert len({record.id for record in calls}) == 5


def test_id_given_to_a_parent_is_not_taken_by_its_children() -> None:
    outer = reliai.reliable()(lambda: ask())  # noqa: PLW0108
    with reliai.collect() as calls, reliai.context(call_id="mine"):
        outer()
    assert [record.id == "mine" for record in calls] == [True, False]
    assert calls[1].parent_id == "mine"


@every_kind
def test_id_is_told_by_outcome_record_and_call_alike(kind: str) -> None:
    seen: list[str] = []

    async def look(call: reliai.Call, proceed: Any) -> Any:
        seen.append(call.id)
        return await proceed(call)

    function = reliai.reliable(look)(of_kind(ScriptedModel(["a"]), kind))
    record = record_of(function, kind)
    assert seen == [record.id]
    assert int(record.id, 16) > 0


def test_ids_are_ordered_by_time() -> None:
    with virtual_clock() as clock, reliai.collect() as calls:
        for _ in range(5):
            ask()
            clock.advance(0.001)
    ids = [record.id for record in calls]
    assert ids == sorted(ids)


def test_ids_leave_the_programs_own_chance_alone() -> None:
    import random

    random.seed(7)
    expected = [random.random() for _ in range(3)]
    random.seed(7)
    got = []
    for _ in range(3):
        with reliai.collect() as calls, virtual_clock():
            reliai.Retry(2)(ScriptedModel([ConnectionError("down"), "a"]))()
        assert calls[0].id
        got.append(random.random())
    assert got == expected


# --- collect ------------------------------------------------------------------------------
def test_collect_gives_the_calls_by_order_of_start() -> None:
    inner = reliai.reliable(name="inner")(lambda: "a")
    outer = reliai.reliable(name="outer")(inspect.unwrap(inner))
    around = reliai.reliable(name="around")(lambda: inner())  # noqa: PLW0108
    with reliai.collect() as calls:
        around()
        outer()
        with reliai.collect() as some:
            inner()
    assert [record.name for record in calls] == ["around", "inner", "outer", "inner"]
    assert [record.name for record in some] == ["inner"]


def test_collect_shows_a_call_that_still_runs() -> None:
    with reliai.collect() as calls:

        @reliai.reliable()
        def look() -> tuple[str | None, float | None, bool]:
            return calls[0].status, calls[0].duration, calls[0].ended

        assert look() == (None, None, False)
    assert calls[0].ended


def test_stream_is_collected_when_it_starts_not_when_its_function_is_called() -> None:
    @reliai.reliable(name="stream")
    def stream() -> Iterator[str]:
        yield "a"

    with reliai.collect() as calls:
        made = stream()
        assert calls == []
        ask()
        list(made)
    assert [record.name for record in calls] == ["ask", "stream"]


# --- deactivated --------------------------------------------------------------------------
@every_kind
def test_deactivated_makes_one_attempt_and_waits_for_nothing(kind: str) -> None:
    """A77."""
    model = ScriptedModel([ConnectionError("down")], repeat_last=True)
    function = reliai.reliable(reliai.Retry(5), reliai.CircuitBreaker(consecutive=1))(
        of_kind(model, kind)
    )
    with virtual_clock() as clock:
        with reliai.deactivated():
            for _ in range(3):
                with pytest.raises(ConnectionError):
                    read(function, kind, "x")
        assert len(model.calls) == 3, "the circuit learns nothing"
        with reliai.deactivated(attempts=2), pytest.raises(ConnectionError):
            read(function, kind, "x")
        assert len(model.calls) == 5
        assert clock.slept == []


def test_deactivated_nests_and_is_only_for_its_own_context() -> None:
    model = ScriptedModel([ConnectionError("down")], repeat_last=True)
    function = reliai.Retry(3, wait=0, budget=None)(model)
    counts: list[int] = []

    def count() -> None:
        before = len(model.calls)
        with pytest.raises(ConnectionError):
            function()
        counts.append(len(model.calls) - before)

    with reliai.deactivated():
        with reliai.deactivated(attempts=2):
            count()
        count()
        other = threading.Thread(target=count)
        other.start()
        other.join(10)
    count()
    assert counts == [2, 1, 3, 3]


@pytest.mark.parametrize("attempts", [0, -1, 1.5, "2"])
def test_deactivated_takes_a_positive_whole_number(attempts: Any) -> None:
    with (
        pytest.raises(reliai.ConfigurationError, match="whole number"),
        reliai.deactivated(attempts),
    ):
        pass


# --- mode ---------------------------------------------------------------------------------
def refuse(value: object) -> str:
    return "never good enough"


@every_kind
def test_mode_off_calls_the_function_alone_and_still_records(kind: str) -> None:
    model = ScriptedModel([ConnectionError("down"), "a"])
    function = reliai.reliable(reliai.Guard(refuse), reliai.Retry(3))(of_kind(model, kind))
    with reliai.mode("off"), reliai.collect() as calls:
        with pytest.raises(ConnectionError):
            read(function, kind, "x")
        assert read(function, kind, "x") == answer(kind, "a")
    assert [record.status for record in calls] == ["error", "success"]
    assert [len(record.attempts) for record in calls] == [1, 1]


@pytest.mark.parametrize("how", ["mode", "policy", "settings"])
def test_mode_observe_says_what_it_would_have_refused(how: str) -> None:
    guard = reliai.Guard(prompt=refuse, mode="observe" if how == "policy" else "enforce")
    function = guard(lambda prompt: prompt)
    if how == "settings":
        reliai.configure(mode="observe")
    with reliai.collect() as calls:
        if how == "mode":
            with reliai.mode("observe"):
                assert function("x") == "x"
        else:
            assert function("x") == "x"
    assert [event.kind for event in calls[0].events] == ["guard_would_reject"]
    assert calls[0].status == "success"


def test_mode_of_a_block_goes_over_that_of_the_process() -> None:
    function = reliai.Guard(prompt=refuse)(lambda prompt: prompt)
    reliai.configure(mode="off")
    assert function("x") == "x"
    with reliai.mode("enforce"), pytest.raises(reliai.GuardRejected):
        function("x")


def test_mode_is_read_from_the_environment() -> None:
    code = "import reliai; print(reliai._core.settings.settings.mode)"
    for mode, expected in (("observe", "observe"), ("", "enforce"), ("nonsense", None)):
        done = subprocess.run(
            [sys.executable, "-c", "import reliai._configure\n" + code],
            env={
                **os.environ,
                "RELIAI_MODE": mode,
                "PYTHONPATH": str(Path(reliai.__file__).parents[1]),
            },
            capture_output=True,
            text=True,
            check=False,
        )
        if expected is None:
            assert "mode 'nonsense' is unknown" in done.stderr
        else:
            assert done.stdout.strip() == expected


def test_unknown_mode_is_refused_with_the_known_ones() -> None:
    known = "'dry'.*'enforce', 'observe', 'off'"
    with pytest.raises(reliai.ConfigurationError, match=known), reliai.mode("dry"):
        pass
    with pytest.raises(reliai.ConfigurationError, match="'dry'"):
        reliai.configure(mode="dry")


def test_what_surrounds_a_call_is_put_back_after_an_error() -> None:
    with (
        pytest.raises(KeyError),
        reliai.context(subject="u1"),
        reliai.deactivated(),
        reliai.mode("off"),
        reliai.deadline(5),
    ):
        raise KeyError
    with reliai.collect() as calls:
        ask()
    assert calls[0].subject is None
    assert reliai.remaining() is None

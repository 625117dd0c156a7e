"""`read`, `usage` and `measure`: what a function tells of its call."""

from __future__ import annotations

import array
import asyncio
import math
import warnings
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import reliai
from reliai import ConfigurationError, ReliaiWarning, StreamInterrupted
from reliai._core import reports
from tests.core._events import (
    CHAT,
    MESSAGES,
    AsyncEvents,
    Counted,
    Events,
    answer,
    chat,
    error,
    metered,
    priced,
    recorded,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator


@pytest.fixture(autouse=True)
def _afresh(monkeypatch: pytest.MonkeyPatch) -> None:
    priced()
    monkeypatch.setattr(reports, "_warned", set())


def opened(stream: Any) -> Any:
    """A stream that is its own context manager, which its type does not tell."""
    return stream


def telling(tell: Callable[[], Any]) -> reliai.CallRecord:
    """The record of a call whose function does something and gives a text."""

    @reliai.reliable(name="tells")
    def tells() -> str:
        tell()
        return "text"

    return recorded(tells)


class TestReadAValue:
    def test_it_gives_the_same_object_back(self) -> None:
        response = answer()
        assert reliai.read(response) is response

    def test_what_it_says_is_on_the_record(self) -> None:
        record = telling(lambda: reliai.read(answer()))
        assert (record.model_served, record.finish_reason) == ("tests-own-model", "stop")

    def test_twice_counts_once(self) -> None:
        response = answer()
        assert telling(lambda: (reliai.read(response), reliai.read(response))).input_tokens == 100

    def test_outside_of_any_call_it_does_nothing(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            reliai.read(answer())

    def test_what_cannot_be_read_is_said_once(self) -> None:
        def tell() -> None:
            reliai.read(object())
            reliai.read(object())

        with pytest.warns(ReliaiWarning, match="nothing can be read off a object") as caught:
            telling(tell)
        assert len(caught) == 1
        assert caught[0].filename == __file__

    def test_what_must_be_awaited_is_read_when_it_is(self) -> None:
        async def create() -> Any:
            return answer()

        @reliai.reliable(name="tells")
        async def tells() -> str:
            await reliai.read(create())
            return "text"

        assert recorded(lambda: asyncio.run(tells())).input_tokens == 100

    def test_in_a_task_it_is_the_tasks_call(self) -> None:
        @reliai.reliable()
        async def tells(number: int) -> str:
            await asyncio.sleep(0)
            reliai.usage(input_tokens=number)
            return "text"

        async def main() -> None:
            await asyncio.gather(*(tells(number) for number in range(1, 5)))

        with reliai.collect() as calls:
            asyncio.run(main())
        assert [call.input_tokens for call in calls] == [1, 2, 3, 4]


class TestReadAStream:
    def test_it_gives_the_same_events(self) -> None:
        seen: list[Any] = []
        telling(lambda: seen.extend(reliai.read(Events(CHAT))))
        assert seen == CHAT

    def test_its_sum_is_on_the_record(self) -> None:
        record = telling(lambda: list(reliai.read(Events(CHAT))))
        assert (record.input_tokens, record.usage_state) == (100, "measured")

    def test_its_attributes_stay_reachable(self) -> None:
        ids: list[str] = []
        telling(lambda: ids.append(reliai.read(Events(CHAT)).request_id))
        assert ids == ["req-1"]

    def test_it_closes_the_stream(self) -> None:
        events = Events(CHAT)

        def tell() -> None:
            with opened(reliai.read(events)) as stream:
                next(stream)

        telling(tell)
        assert events.closed == 1

    def test_one_that_is_cut_raises(self) -> None:
        @reliai.reliable()
        def ask() -> str:
            return "".join(str(each) for each in reliai.read(Events(CHAT[:3])))

        with pytest.raises(Exception, match="ended without a chunk"):
            ask()

    def test_one_that_is_cut_is_retried(self) -> None:
        streams = iter([CHAT[:3], CHAT])

        @reliai.reliable(reliai.Retry(2, wait=0, budget=None))
        def ask() -> int:
            return len(list(reliai.read(Events(next(streams)))))

        assert ask() == len(CHAT)

    def test_texts_of_one_that_is_cut_end_with_an_interruption(self) -> None:
        @reliai.reliable()
        def ask() -> Iterator[str]:
            for event in reliai.read(Events(CHAT[:3])):
                yield event["choices"][0]["delta"]["content"]

        got: list[str] = []
        with pytest.raises(StreamInterrupted) as caught:
            got.extend(ask())
        assert caught.value.partial == "hello"
        record = recorded(ask)
        assert record.error is not None
        assert record.error.kind == "connection"

    def test_an_error_event_is_raised_after_it(self) -> None:
        seen: list[Any] = []
        events = [MESSAGES[0], error()]

        @reliai.reliable()
        def ask() -> None:
            for each in reliai.read(Events(events)):
                seen.append(each)  # noqa: PERF402  what came before the error is asked for

        record = recorded(ask)
        assert seen == events
        assert record.error is not None
        assert record.error.kind == "overloaded"

    def test_one_read_and_given_on_counts_once(self) -> None:
        meter = Counted()

        @reliai.reliable(metered(meter))
        def ask() -> Iterator[Any]:
            yield from reliai.read(Events(MESSAGES))

        assert recorded(ask).input_tokens == 100
        assert len(meter.told) == 1

    def test_one_read_and_returned_counts_once(self) -> None:
        @reliai.reliable()
        def ask() -> Any:
            return reliai.read(Events(MESSAGES))

        with reliai.collect() as calls:
            assert list(ask()) == MESSAGES
        assert calls[0].input_tokens == 100

    def test_two_streams_of_one_call_both_count(self) -> None:
        def tell() -> None:
            list(reliai.read(Events(MESSAGES)))
            list(reliai.read(Events([{**each, "id": "other"} for each in CHAT])))

        assert telling(tell).input_tokens == 200

    def test_one_left_half_read_is_an_estimate(self) -> None:
        record = telling(lambda: next(reliai.read(Events(MESSAGES))))
        assert (record.usage_state, record.input_tokens) == ("estimated", 100)

    def test_one_left_half_read_is_told_to_the_meters_once(self) -> None:
        meter = Counted()

        @reliai.reliable(metered(meter))
        def value() -> str:
            next(reliai.read(Events(MESSAGES)))
            return "text"

        @reliai.reliable(metered(meter))
        def texts() -> Iterator[str]:
            for event in reliai.read(Events(MESSAGES)):
                yield event["type"]

        @reliai.reliable(metered(meter))
        def events() -> Iterator[Any]:
            yield from reliai.read(Events(MESSAGES))

        value()
        for function in (texts, events):
            stream: Any = function()
            next(stream)
            stream.close()
        assert len(meter.told) == 3
        assert "unknown" not in meter.told

    def test_one_never_asked_tells_nothing(self) -> None:
        assert telling(lambda: reliai.read(Events(MESSAGES))).usage_state == "unknown"

    def test_that_of_another_guarded_function_is_counted_there(self) -> None:
        @reliai.reliable(name="inner")
        def inner() -> Iterator[Any]:
            yield from MESSAGES

        with reliai.collect() as calls:

            @reliai.reliable(name="outer")
            def outer() -> list[Any]:
                return list(reliai.read(inner()))

            outer()
        assert [(call.name, call.input_tokens) for call in calls] == [
            ("outer", None),
            ("inner", 100),
        ]

    def test_an_asynchronous_one(self) -> None:
        @reliai.reliable()
        async def ask() -> AsyncIterator[str]:
            async with opened(reliai.read(AsyncEvents(Events(CHAT)))) as stream:
                async for event in stream:
                    if event["choices"]:
                        yield event["choices"][0]["delta"].get("content", "")

        async def main() -> str:
            return "".join([text async for text in ask()])

        with reliai.collect() as calls:
            assert asyncio.run(main()) == "hello"
        assert (calls[0].input_tokens, calls[0].usage_state) == (100, "measured")

    def test_an_asynchronous_one_that_is_cut_raises(self) -> None:
        @reliai.reliable()
        async def ask() -> int:
            return len([each async for each in reliai.read(AsyncEvents(Events(CHAT[:3])))])

        with pytest.raises(Exception, match="ended without a chunk"):
            asyncio.run(ask())

    def test_one_that_its_manager_opens(self) -> None:
        class Manager:
            def __enter__(self) -> Events:
                return Events(CHAT)

            def __exit__(self, *_: object) -> None: ...

        def tell() -> None:
            with reliai.read(Manager()) as stream:
                list(stream)

        assert telling(tell).input_tokens == 100

    def test_the_one_in_a_dictionary(self) -> None:
        usage = {"metadata": {"usage": {"inputTokens": 100, "outputTokens": 10}}}
        events = [
            {"messageStart": {"role": "assistant"}},
            {"messageStop": {"stopReason": "end_turn"}},
            usage,
        ]

        def tell() -> None:
            answer: dict[str, Any] = {"stream": Events(events), "id": 1}
            list(reliai.read(answer)["stream"])

        assert telling(tell).input_tokens == 100

    def test_whatever_an_event_is_the_stream_goes_on(self) -> None:
        class Hostile:
            choices = ()

            def __getattribute__(self, name: str) -> Any:
                raise RuntimeError(name)

        events = [chat({"content": "a"}), Hostile(), chat({}, "stop")]
        seen: list[Any] = []
        telling(lambda: seen.extend(reliai.read(each for each in events)))
        assert len(seen) == 3


class TestUsage:
    def test_it_is_on_the_record(self) -> None:
        record = telling(lambda: reliai.usage("tests-own-model", 100, 10))
        assert (record.input_tokens, record.output_tokens) == (100, 10)
        assert record.cost_usd == pytest.approx(0.002)

    def test_it_adds_up(self) -> None:
        def tell() -> None:
            reliai.usage(input_tokens=1, cost_usd=0.5)
            reliai.usage(input_tokens=2, cost_usd=0.25)

        record = telling(tell)
        assert (record.input_tokens, record.cost_usd) == (3, 0.75)

    def test_a_price_alone_is_usage(self) -> None:
        record = telling(lambda: reliai.usage(cost_usd=0.5))
        assert (record.usage_state, record.cost_usd) == ("measured", 0.5)

    def test_outside_of_any_call_it_warns_once(self) -> None:
        with pytest.warns(ReliaiWarning, match="outside of any guarded call"):
            reliai.usage(input_tokens=1)
        reliai.usage(input_tokens=1)

    @pytest.mark.parametrize(
        "told",
        [
            {},
            {"model": 3},
            {"input_tokens": -1},
            {"input_tokens": 1.5},
            {"output_tokens": True},
            {"cost_usd": -1},
            {"cost_usd": math.nan},
            {"cost_usd": math.inf},
            {"cost_usd": "1"},
        ],
    )
    def test_what_is_out_of_range_is_refused(self, told: dict[str, Any]) -> None:
        with pytest.raises(ConfigurationError, match=next(iter(told), "nothing")):
            reliai.usage(**told)


class TestMeasure:
    def values(self, **told: Any) -> dict[str, Any]:
        return dict(telling(lambda: reliai.measure(**told)).values)

    @pytest.mark.parametrize(
        ("told", "kept"),
        [
            (0.83, 0.83),
            (3, 3),
            (True, True),
            ("de", "de"),
            (None, None),
            (math.nan, None),
            (math.inf, None),
            (Decimal("1.5"), 1.5),
            (np.float32(1.5), 1.5),
            (np.int64(3), 3),
            (np.array(1.5), 1.5),
            ("x" * 300, "x" * 200),
        ],
    )
    def test_numbers_and_texts_are_kept(self, told: Any, kept: Any) -> None:
        assert self.values(value=told) == {"value": kept}
        assert type(self.values(value=told)["value"]) is type(kept)

    @pytest.mark.parametrize(
        "ages", [[1, 2, 3, 4], (1, 2, 3, 4), np.array([1, 2, 3, 4]), array.array("d", [1, 2, 3, 4])]
    )
    def test_of_an_array_only_a_sketch_is_kept(self, ages: Any) -> None:
        sketch = self.values(age=ages)["age"]
        assert sketch["count"] == 4
        assert (sketch["mean"], sketch["min"], sketch["max"]) == (2.5, 1, 4)

    def test_missing_numbers_are_counted_apart(self) -> None:
        sketch = self.values(age=[1.0, None, math.nan])["age"]
        assert (sketch["count"], sketch["missing"]) == (1, 2)

    def test_of_texts_the_most_frequent_are_kept(self) -> None:
        sketch = self.values(locale=["de", "de", "fr", None])["locale"]
        assert sketch == {"count": 3, "missing": 1, "distinct": 2, "top": {"de": 2, "fr": 1}}

    def test_an_empty_array_has_a_sketch(self) -> None:
        assert self.values(age=[])["age"] == {"count": 0, "missing": 0}

    @given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=50))
    def test_a_sketch_agrees_with_numpy(self, numbers: list[float]) -> None:
        from reliai._core.sketches import QUANTILES, sketched

        sketch = sketched({"value": numbers})["value"]
        expected = np.quantile(numbers, QUANTILES)
        assert sketch["quantiles"] == pytest.approx(expected.tolist(), abs=1e-6)
        assert sketch["mean"] == pytest.approx(float(np.mean(numbers)), abs=1e-6)

    def test_names_told_later_join_the_others(self) -> None:
        def tell() -> None:
            reliai.measure(a=1, b=1)
            reliai.measure(b=2)

        assert telling(tell).values == {"a": 1, "b": 2}

    @pytest.mark.parametrize(
        "bad", [object(), {"a": 1}, [[1], [2]], [object()], np.zeros((2, 2)), b"bytes", 1j]
    )
    def test_what_cannot_be_kept_is_refused_by_name(self, bad: Any) -> None:
        with pytest.raises(ConfigurationError, match="measure\\(confidence="):
            reliai.measure(confidence=bad)

    def test_outside_of_any_call_it_warns_once(self) -> None:
        with pytest.warns(ReliaiWarning, match="outside of any guarded call"):
            reliai.measure(a=1)
        reliai.measure(a=1)

    def test_from_outside_arrays_are_sketched_too(self) -> None:
        @reliai.reliable(measure=lambda arguments, output: {"ages": arguments["ages"], "n": output})
        def count(ages: list[int]) -> int:
            return len(ages)

        values = recorded(count, [1, 2, 3]).values
        assert (values["n"], values["ages"]["count"]) == (3, 3)

    def test_a_record_with_a_sketch_is_json(self) -> None:
        import json

        record = telling(lambda: reliai.measure(age=np.array([1.0, 2.0])))
        assert json.loads(json.dumps(record.to_dict()))["values"]["age"]["count"] == 2

"""What attempts used: summed over attempts, counted once, unknown where nobody told."""

from __future__ import annotations

import threading
from typing import Any

import pytest

import reliai
from reliai.testing import virtual_clock
from tests.core._events import Counted, answer, metered, priced, recorded
from tests.policies._guarded import Guarded, every_kind

# A request of 100 tokens and its answer of 10 cost this much by `priced()`.
EACH = 100 * 10e-6 + 10 * 100e-6


@pytest.fixture(autouse=True)
def _prices() -> None:
    priced()


def giving(value: Any) -> Any:
    """A function that returns a value."""

    def give() -> Any:
        return value

    return give


def again(times: int = 3) -> reliai.Retry:
    return reliai.Retry(times, wait=0, budget=None)


def test_a_returned_response_is_counted() -> None:
    record = recorded(reliai.reliable()(answer))
    assert (record.input_tokens, record.output_tokens) == (100, 10)
    assert record.usage_state == "measured"
    assert record.cost_usd == pytest.approx(EACH)


def test_the_model_that_answered_is_on_the_attempt() -> None:
    (attempt,) = recorded(reliai.reliable()(answer)).attempts
    assert attempt.model == "tests-own-model"


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_response_that_is_read_and_returned_is_counted_once(kind: str) -> None:
    guarded = Guarded(kind, answer=lambda _: reliai.read(answer()))
    guarded()
    assert guarded.record.input_tokens == 100


def test_a_response_is_counted_on_the_innermost_call_only() -> None:
    inner = reliai.reliable(name="inner")(answer)

    @reliai.reliable(name="outer")
    def outer() -> Any:
        return inner()

    with reliai.collect() as calls:
        outer()
    assert [(call.name, call.input_tokens) for call in calls] == [("outer", None), ("inner", 100)]


def test_json_and_object_of_the_same_id_are_one_response() -> None:
    @reliai.reliable()
    def ask() -> Any:
        reliai.read(answer())
        return answer()

    assert recorded(ask).input_tokens == 100


def test_two_responses_of_one_attempt_add_up() -> None:
    @reliai.reliable()
    def ask() -> str:
        reliai.read(answer(id="a"))
        reliai.read(answer(id="b"))
        return "done"

    record = recorded(ask)
    assert (record.input_tokens, record.attempts[0].input_tokens) == (200, 200)


@every_kind
def test_what_failed_attempts_used_is_summed_with_the_rest(kind: str) -> None:
    """Case 25 of the same kind: totals are those of all attempts, not of the last one."""
    tries = iter([ConnectionError("x"), ConnectionError("x"), None])

    def ask(_: str) -> Any:
        reliai.usage("tests-own-model", 100, 10)
        if (error := next(tries)) is not None:
            raise error
        return "text"

    guarded = Guarded(kind, again(), answer=ask)
    guarded()
    assert (guarded.record.input_tokens, guarded.record.output_tokens) == (300, 30)
    assert guarded.record.cost_usd == pytest.approx(3 * EACH)


@every_kind
def test_attempts_whose_answer_was_not_delivered_are_wasted(kind: str) -> None:
    tries = iter([ConnectionError("x"), None])

    def ask(_: str) -> Any:
        reliai.usage("tests-own-model", 100, 10)
        if (error := next(tries)) is not None:
            raise error
        return "text"

    guarded = Guarded(kind, again(), answer=ask)
    guarded()
    assert guarded.record.wasted_usd == pytest.approx(EACH)


def test_reasked_answers_are_summed_and_the_refused_ones_wasted() -> None:
    """Case 25: invalid twice, valid on the third."""
    texts = iter(["no", "no", '{"a": 1}'])

    @reliai.reliable(reliai.Validate(output=dict, reask=2))
    def ask(prompt: str) -> Any:
        del prompt
        return answer(next(texts))

    record = recorded(ask, "x")
    assert record.status == "success"
    assert [attempt.input_tokens for attempt in record.attempts] == [100, 100, 100]
    assert record.input_tokens == 300
    assert record.wasted_usd == pytest.approx(2 * EACH)


def test_a_fallbacks_answer_is_delivered_and_what_came_before_wasted() -> None:
    def small() -> Any:
        return answer(read=50)

    @reliai.reliable(reliai.Fallback(small), name="big")
    def big() -> Any:
        reliai.read(answer())
        raise ConnectionError

    record = recorded(big)
    assert (record.status, record.input_tokens) == ("degraded", 150)
    assert record.wasted_usd == pytest.approx(EACH)


def test_all_is_wasted_where_a_plain_value_stands_in() -> None:
    @reliai.reliable(reliai.Fallback("sorry"))
    def big() -> Any:
        reliai.read(answer())
        raise ConnectionError

    record = recorded(big)
    assert record.wasted_usd == record.cost_usd == pytest.approx(EACH)


def test_all_is_wasted_where_the_answer_was_refused() -> None:
    refuse = reliai.Validate(lambda _: "no", otherwise=lambda *_: "sorry")
    record = recorded(reliai.reliable(refuse)(answer))
    assert record.wasted_usd == record.cost_usd == pytest.approx(EACH)


def test_an_unknown_price_is_unknown_and_not_zero() -> None:
    record = recorded(reliai.reliable()(giving(answer(model="nobody-knows-this"))))
    assert (record.input_tokens, record.cost_usd, record.wasted_usd) == (100, None, None)


def test_an_unknown_price_keeps_the_known_ones_out() -> None:
    @reliai.reliable()
    def ask() -> str:
        reliai.read(answer(id="a"))
        reliai.read(answer(id="b", model="nobody-knows-this"))
        return "done"

    assert recorded(ask).cost_usd is None


def test_the_price_that_a_proxy_tells_counts() -> None:
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "cost": 0.5}
    record = recorded(reliai.reliable()(giving(answer(usage=usage))))
    assert record.cost_usd == 0.5


def test_a_value_without_usage_leaves_it_unknown() -> None:
    record = recorded(reliai.reliable()(giving("text")))
    assert (record.usage_state, record.input_tokens, record.cost_usd) == ("unknown", None, None)


def test_a_timeout_makes_the_sum_an_estimate() -> None:
    tries = iter([TimeoutError("x"), None])

    @reliai.reliable(again())
    def ask() -> Any:
        if (error := next(tries)) is not None:
            raise error
        return answer()

    record = recorded(ask)
    assert (record.usage_state, record.input_tokens) == ("estimated", 100)
    assert [attempt.usage_state for attempt in record.attempts] == ["unknown", "measured"]


def test_what_a_timeout_wasted_is_unknown() -> None:
    tries = iter([TimeoutError("x"), None])

    @reliai.reliable(again())
    def ask() -> Any:
        if (error := next(tries)) is not None:
            raise error
        return answer()

    assert recorded(ask).wasted_usd is None


class Refused(Exception):
    status_code = 429


def test_an_error_status_bills_nothing() -> None:
    tries = iter([Refused(), None])

    @reliai.reliable(again())
    def ask() -> Any:
        if (error := next(tries)) is not None:
            raise error
        return answer()

    record = recorded(ask)
    assert (record.usage_state, record.wasted_usd) == ("measured", 0.0)


def test_the_model_asked_for_is_the_argument_of_that_name() -> None:
    @reliai.reliable()
    def ask(model: str) -> str:
        return model

    assert recorded(ask, "big-one").model_requested == "big-one"


def test_a_default_model_counts_as_asked_for() -> None:
    @reliai.reliable()
    def ask(model: str = "usual") -> str:
        return model

    assert recorded(ask).model_requested == "usual"


def test_a_model_given_by_name_or_to_a_method_counts_too() -> None:
    class Client:
        @reliai.reliable()
        def ask(self, prompt: str, model: str = "usual") -> str:
            return prompt + model

    @reliai.reliable()
    def only_by_name(*prompts: str, model: str = "usual") -> str:
        return model.join(prompts)

    assert recorded(Client().ask, "x", "big").model_requested == "big"
    assert recorded(Client().ask, "x").model_requested == "usual"
    assert recorded(only_by_name, "x", "y").model_requested == "usual"


def test_a_model_that_is_no_text_is_left_out() -> None:
    @reliai.reliable()
    def ask(model: object) -> object:
        return model

    assert recorded(ask, object()).model_requested is None


def test_the_first_model_asked_for_stays() -> None:
    models = reliai.Fallback.models("small", parameter="model")

    @reliai.reliable(models)
    def ask(model: str) -> str:
        if model == "big":
            raise ConnectionError
        return model

    assert recorded(ask, "big").model_requested == "big"


def test_responses_read_in_threads_all_count() -> None:
    @reliai.reliable()
    def ask() -> str:
        def read(number: int) -> None:
            reliai.read(answer(id=str(number)))

        import contextvars

        threads = [
            threading.Thread(target=contextvars.copy_context().run, args=(read, number))
            for number in range(20)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return "done"

    assert recorded(ask).input_tokens == 2000


def test_a_record_that_has_ended_does_not_change() -> None:
    late: list[Any] = []

    @reliai.reliable()
    def ask() -> str:
        late.append(reliai.current_call())
        return "done"

    record = recorded(ask)
    from reliai._core.usage import note_response
    from reliai.providers import read_response

    response = read_response(answer())
    assert response is not None
    note_response(late[0], record.attempts[0], response)
    assert (record.input_tokens, record.attempts[0].input_tokens) == (None, None)


def test_a_running_call_remembers_a_bounded_number_of_responses() -> None:
    sizes: list[int] = []

    @reliai.reliable()
    def ask() -> str:
        for number in range(500):
            reliai.read(answer(id=str(number)))
        call = reliai.current_call()
        assert call is not None
        sizes.append(len(call._record._seen or ()))
        return "done"

    record = recorded(ask)
    assert sizes[0] <= 64
    assert (record.input_tokens, record._seen) == (50_000, None)


def test_what_was_read_before_a_timeout_counts() -> None:
    with virtual_clock() as clock:

        @reliai.reliable(reliai.Timeout(1))
        def ask() -> Any:
            reliai.read(answer())
            clock.sleep(5)

        record = recorded(ask)
    assert (record.status, record.input_tokens) == ("error", 100)


class TestMeters:
    @every_kind
    def test_a_meter_is_told_of_each_attempt(self, kind: str) -> None:
        meter, tries = Counted(), iter([ConnectionError("x"), None])

        def ask(_: str) -> Any:
            reliai.usage("tests-own-model", 100, 10)
            if (error := next(tries)) is not None:
                raise error
            return "text"

        Guarded(kind, metered(meter), again(), answer=ask)()
        assert meter.told == [(pytest.approx(EACH), 110)] * 2

    @every_kind
    def test_a_value_without_usage_is_told_as_unknown(self, kind: str) -> None:
        meter = Counted()
        Guarded(kind, metered(meter), answer=lambda _: "text")()
        assert meter.told == ["unknown"]

    @every_kind
    def test_a_failure_that_may_have_been_billed_is_told_as_unknown(self, kind: str) -> None:
        meter = Counted()

        def ask(_: str) -> Any:
            raise TimeoutError

        with pytest.raises(TimeoutError):
            Guarded(kind, metered(meter), answer=ask)()
        assert meter.told == ["unknown"]

    @every_kind
    def test_an_error_status_is_not_told(self, kind: str) -> None:
        meter = Counted()

        def ask(_: str) -> Any:
            raise Refused

        with pytest.raises(Refused):
            Guarded(kind, metered(meter), answer=ask)()
        assert meter.told == []

    def test_a_call_inside_tells_the_meters_of_the_calls_around_it(self) -> None:
        meter = Counted()
        inner = reliai.reliable(name="inner")(answer)

        @reliai.reliable(metered(meter))
        def outer() -> str:
            inner()
            return "text"

        outer()
        assert meter.told == [(pytest.approx(EACH), 110)]

    def test_an_unknown_attempt_is_told_once_through_all_calls(self) -> None:
        meter = Counted()

        @reliai.reliable(name="inner")
        def inner() -> str:
            raise TimeoutError

        @reliai.reliable(metered(meter))
        def outer() -> str:
            return inner()

        with pytest.raises(TimeoutError):
            outer()
        assert meter.told == ["unknown"]

    def test_meters_of_the_surroundings_are_told(self) -> None:
        from reliai._core.ambient import surroundings

        meter = Counted()
        inner = reliai.reliable(name="inner")(answer)

        @reliai.reliable()
        def outer() -> str:
            inner()
            return "text"

        with surroundings(meters=(meter,)):
            outer()
        assert meter.told == [(pytest.approx(EACH), 110)]

    def test_a_meter_that_raises_changes_no_call(self) -> None:
        class Broken(Counted):
            def add(self, usd: Any, tokens: Any, response: Any) -> None:
                raise ValueError(usd, tokens, response)

        ask = reliai.reliable(metered(Broken()))(answer)
        assert ask()["id"] == "c1"

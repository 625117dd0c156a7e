"""Effects that happen once, together with retries, fallbacks, validation, tools and methods."""

from __future__ import annotations

import threading
from typing import Any

import httpx
import pytest

import reliai
from reliai.testing import virtual_clock

REQUEST = httpx.Request("POST", "https://example.test")
LATE = httpx.ReadTimeout("late", request=REQUEST)
NOT_SENT = httpx.ConnectError("unreachable", request=REQUEST)


class Shop:
    """Something to pay for, where each payment fails as it is told to."""

    def __init__(self, *errors: BaseException) -> None:
        self.errors = list(errors)
        self.sent: list[str] = []

    def pay(self, order: str) -> str:
        call = reliai.current_call()
        assert call is not None
        self.sent.append(call.idempotency_key)
        if self.errors:
            raise self.errors.pop(0)
        return f"paid {order}"

    def guarded(self, *policies: Any) -> Any:
        return reliai.reliable(*policies, effects="once", name="pay")(self.pay)


def test_a_key_in_doubt_is_told_as_the_key_that_the_other_side_has_seen() -> None:
    """52: a key of Once need not be the one that attempts send."""
    shop = Shop(LATE)
    pay = shop.guarded(reliai.Once(key="arg:order"), reliai.Retry(3, wait=0))
    for _ in range(2):
        with pytest.raises(reliai.AmbiguousOutcome) as caught:
            pay("o1")
        assert [caught.value.idempotency_key] == shop.sent


def test_an_interrupted_key_is_told_as_the_key_that_was_sent() -> None:
    shop = Shop(KeyboardInterrupt())
    pay = shop.guarded(reliai.Once(key="arg:order"))
    with pytest.raises(KeyboardInterrupt):
        pay("o1")
    with pytest.raises(reliai.AmbiguousOutcome) as caught:
        pay("o1")
    assert [caught.value.idempotency_key] == shop.sent


def test_a_call_within_itself_is_told_the_key_under_way() -> None:
    told: list[str | None] = []

    @reliai.reliable(reliai.Once(key="arg:order"), effects="once")
    def pay(order: str) -> str:
        error = reliai.execute(pay, order).error
        assert isinstance(error, reliai.AmbiguousOutcome)
        told.append(error.idempotency_key)
        call = reliai.current_call()
        assert call is not None
        told.append(call.idempotency_key)
        return "paid"

    assert pay("o1") == "paid"
    assert told[0] == told[1]


def test_retries_around_and_inside_send_one_key_until_the_effect_may_have_happened() -> None:
    """52: what was not sent is tried again, and nothing afterwards."""
    shop = Shop(NOT_SENT, LATE)
    retry = reliai.Retry(3, wait=0, budget=None)
    pay = shop.guarded(retry, reliai.Once(key="arg:order"), retry)
    with virtual_clock(), pytest.raises(reliai.AmbiguousOutcome) as caught:
        pay("o1")
    assert len(shop.sent) == 2
    assert set(shop.sent) == {caught.value.idempotency_key}


def test_no_fallback_answers_for_an_effect_in_doubt() -> None:
    shop = Shop(LATE)
    pay = shop.guarded(reliai.Fallback("booked"), reliai.Once(key="arg:order"))
    for _ in range(2):
        with pytest.raises(reliai.AmbiguousOutcome):
            pay("o1")
    assert len(shop.sent) == 1


def test_an_effect_whose_answer_is_no_good_has_happened_all_the_same() -> None:
    """40, for effects: its answer is found invalid again, and it is not repeated."""
    shop = Shop()
    pay = shop.guarded(reliai.Validate(output=int), reliai.Once(key="arg:order"))
    for _ in range(2):
        with pytest.raises(reliai.OutputInvalid):
            pay("o1")
    assert len(shop.sent) == 1


def test_the_objects_of_a_class_share_the_keys_of_its_method() -> None:
    paid: list[str] = []

    class Account:
        @reliai.reliable(reliai.Once(key="arg:order"), effects="once")
        def pay(self, order: str) -> int:
            paid.append(order)
            return len(paid)

        @classmethod
        @reliai.reliable(reliai.Once(key="arg:order"), effects="once")
        def refund(cls, order: str) -> int:
            paid.append(order)
            return len(paid)

    one, other = Account(), Account()
    assert (one.pay("o1"), other.pay("o1"), one.refund("o1"), Account.refund("o1")) == (1, 1, 2, 2)


def test_a_tool_is_made_once_for_the_key_that_the_model_gives() -> None:
    made: list[int] = []

    @reliai.Once()
    @reliai.tool(idempotency_key="key")
    def book(key: str, seats: int) -> int:
        made.append(seats)
        return seats

    for text in ('{"key": "k", "seats": "2"}', '{"key": "k", "seats": 2}'):
        assert reliai.tool.call_json(book, text) == 2
    assert made == [2]


def test_a_hundred_threads_with_one_key_pay_once() -> None:
    shop = Shop()
    pay = shop.guarded(reliai.Once(key="arg:order"), reliai.Retry(3))
    got: list[str] = []
    threads = [threading.Thread(target=lambda: got.append(pay("o1"))) for _ in range(100)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert got == ["paid o1"] * 100
    assert len(shop.sent) == 1

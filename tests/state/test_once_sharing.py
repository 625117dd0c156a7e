"""Idempotency keys of several processes: each key is run once by all of them together."""

from __future__ import annotations

import asyncio
import threading
import time
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pydantic
import pytest

import reliai
from reliai.policies import _once_sharing
from reliai.state import StateUnavailable, open_state
from reliai.state.keeper import keeper_of
from reliai.testing import virtual_clock

if TYPE_CHECKING:
    from collections.abc import Callable


class Receipt(pydantic.BaseModel):
    order: str
    amount: float


class Process:
    """One process with a function that has an effect."""

    def __init__(self, url: Any, answer: Callable[[str], Any] = str, name: str = "pay") -> None:
        self.state = open_state(url)
        self.keys: list[str] = []
        self.once = reliai.Once(state=self.state)
        self._answer = answer
        options: dict[str, Any] = {"effects": "once", "idempotency_key": "key", "name": name}
        self.pay = reliai.reliable(self.once, **options)(self._pay)

    def _pay(self, key: str, tries: int = 1) -> Any:
        self.keys.append(key)
        return self._answer(key)

    def outcome(self, key: str) -> Any:
        return reliai.execute(self.pay, key)

    def exchange(self) -> bool:
        return keeper_of(self.state).step()


@pytest.fixture
def pair(shared_url: str) -> tuple[Process, Process]:
    return Process(shared_url), Process(shared_url)


def kinds(outcome: Any) -> list[str]:
    return [event.kind for event in outcome.record.events]


def cut_off(process: Process, patch: pytest.MonkeyPatch) -> None:
    def away(*_: object, **__: object) -> None:
        raise StateUnavailable("away")

    for question in ("exchange", "get", "put", "lease", "delete", "release"):
        patch.setattr(process.state, question, away)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        process.exchange()


def test_another_process_gets_the_first_result(pair: tuple[Process, Process]) -> None:
    one, other = pair
    assert one.pay("k") == "k"
    outcome = other.outcome("k")
    assert outcome.value == "k"
    assert other.keys == []
    assert kinds(outcome) == ["once_replayed"]


def test_what_it_got_it_remembers_without_the_store(
    pair: tuple[Process, Process], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = pair
    one.pay("k")
    other.pay("k")
    cut_off(other, monkeypatch)
    assert other.pay("k") == "k"
    assert other.keys == []


def test_another_key_is_another_effect(pair: tuple[Process, Process]) -> None:
    one, other = pair
    one.pay("k")
    other.pay("l")
    assert other.keys == ["l"]


def test_a_model_comes_back_as_what_the_annotation_says(shared_url: str) -> None:
    calls: list[str] = []

    def made() -> Any:
        @reliai.reliable(
            reliai.Once(state=open_state(shared_url)), effects="once", idempotency_key="order"
        )
        def pay(order: str) -> Receipt:
            calls.append(order)
            return Receipt(order=order, amount=2.5)

        return pay

    assert made()("k") == made()("k") == Receipt(order="k", amount=2.5)
    assert calls == ["k"]


def test_a_type_that_cannot_be_shared_is_an_error_when_decorating(shared_url: str) -> None:
    class Handle:
        pass

    def pay(order: str) -> Handle:
        return Handle()

    pay.__annotations__["return"] = Handle
    once = reliai.Once(state=open_state(shared_url))
    with pytest.raises(reliai.ConfigurationError, match="gives Handle, which cannot be shared"):
        reliai.reliable(once, effects="once", idempotency_key="order")(pay)


def test_a_result_that_cannot_be_shared_is_given_here_and_never_made_again(
    shared_url: str,
) -> None:
    name = f"pay {shared_url}"  # a warning is said once for each name
    one, other = (Process(shared_url, lambda _: {1: 2}, name) for _ in range(2))
    with pytest.warns(reliai.ReliaiWarning, match="neither JSON nor"):
        assert one.pay("k") == {1: 2}
    assert one.pay("k") == {1: 2}
    outcome = other.outcome("k")
    assert isinstance(outcome.error, reliai.AmbiguousOutcome)
    assert "could not share its result" in str(outcome.error)
    assert other.keys == []


def test_a_failure_that_proves_that_nothing_happened_lets_another_process_run(
    shared_url: str,
) -> None:
    def refused(_: str) -> str:
        raise ConnectionRefusedError("nobody listens")

    one, other = Process(shared_url, refused), Process(shared_url)
    assert isinstance(one.outcome("k").error, ConnectionRefusedError)
    assert other.pay("k") == "k"


def test_a_doubt_is_every_processs_doubt(shared_url: str) -> None:
    def lost(_: str) -> str:
        raise ConnectionResetError("in the middle")

    one, other = Process(shared_url, lost), Process(shared_url)
    assert isinstance(one.outcome("k").error, reliai.AmbiguousOutcome)
    outcome = other.outcome("k")
    assert isinstance(outcome.error, reliai.AmbiguousOutcome)
    assert other.keys == []


def test_a_key_that_is_forgotten_may_run_again_in_every_process(shared_url: str) -> None:
    def lost(_: str) -> str:
        raise ConnectionResetError("in the middle")

    one, other = Process(shared_url, lost), Process(shared_url)
    one.outcome("k")
    one.once.forget("k")
    assert other.pay("k") == "k"


def test_tenants_have_keys_of_their_own(pair: tuple[Process, Process]) -> None:
    one, other = pair
    with reliai.context(tenant="a"):
        one.pay("k")
    with reliai.context(tenant="b"):
        other.pay("k")
    assert other.keys == ["k"]


def test_who_comes_while_another_process_makes_the_call_waits_for_its_result(
    shared_url: str,
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(_: str) -> str:
        begun.set()
        assert go_on.wait(20)
        return "paid"

    one, other = Process(shared_url, slow), Process(shared_url)
    made = threading.Thread(target=one.pay, args=("k",))
    made.start()
    assert begun.wait(20)
    threading.Timer(0.2, go_on.set).start()
    assert other.pay("k") == "paid"
    made.join()
    assert other.keys == []


def test_an_asynchronous_call_waits_without_blocking_its_loop(shared_url: str) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(_: str) -> str:
        begun.set()
        assert go_on.wait(20)
        return "paid"

    one = Process(shared_url, slow)
    state = open_state(shared_url)

    @reliai.reliable(reliai.Once(state=state), effects="once", idempotency_key="key", name="pay")
    async def pay(key: str) -> str:
        raise AssertionError(key)

    async def main() -> str:
        waiting = asyncio.ensure_future(pay("k"))
        await asyncio.sleep(0.1)
        assert not waiting.done()
        go_on.set()
        return await waiting

    made = threading.Thread(target=one.pay, args=("k",))
    made.start()
    assert begun.wait(20)
    assert asyncio.run(main()) == "paid"
    made.join()


def test_who_waits_does_so_within_its_deadline(shared_url: str) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(_: str) -> str:
        begun.set()
        assert go_on.wait(20)
        return "paid"

    one, other = Process(shared_url, slow), Process(shared_url)
    made = threading.Thread(target=one.pay, args=("k",))
    made.start()
    assert begun.wait(20)
    with reliai.deadline(0.15):
        outcome = other.outcome("k")
    assert isinstance(outcome.error, reliai.CallTimeout)
    go_on.set()
    made.join()
    assert other.pay("k") == "paid"


def test_the_key_of_a_process_that_is_gone_is_in_doubt(shared_url: str) -> None:
    with virtual_clock() as clock, pytest.MonkeyPatch.context() as patch:
        patch.setattr(_once_sharing, "LEASE", 0.2)
        one, other = Process(shared_url), Process(shared_url)
        sharing = one.once._bound.pop()._book(clock).sharing
        assert sharing is not None
        assert sharing._ask(sharing.place((None, _token("k"))))  # and then nothing more
        keeper_of(one.state)._participants.discard(sharing)
        if not shared_url.startswith("sqlite"):  # it goes by its own clock
            time.sleep(0.3)
        clock.advance(0.3)
        outcome = other.outcome("k")
    assert isinstance(outcome.error, reliai.AmbiguousOutcome)
    assert other.keys == []


def _token(key: str) -> Any:
    from reliai.policies._cache_tokens import token

    return token(key)


def test_the_lease_of_a_long_call_is_prolonged(
    shared_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_once_sharing, "LEASE", 0.6)
    begun, go_on = threading.Event(), threading.Event()

    def slow(_: str) -> str:
        begun.set()
        assert go_on.wait(20)
        return "paid"

    one, other = Process(shared_url, slow), Process(shared_url)
    made = threading.Thread(target=one.pay, args=("k",))
    made.start()
    assert begun.wait(20)
    threading.Timer(2.0, go_on.set).start()
    assert other.pay("k") == "paid"
    made.join()


def test_with_the_store_away_each_process_goes_on_by_itself_and_says_so(
    pair: tuple[Process, Process],
) -> None:
    one, other = pair
    with pytest.MonkeyPatch.context() as patch:
        cut_off(one, patch)
        outcome = one.outcome("k")
        assert outcome.value == "k"
        assert kinds(outcome) == ["once_unshared"]
        assert one.pay("k") == "k"
        assert one.keys == ["k"]
    one.exchange()
    assert other.pay("k") == "k"
    assert other.keys == []  # it was told when the store was back


def test_the_first_result_stays_the_first(pair: tuple[Process, Process]) -> None:
    one, other = pair
    one._answer = lambda _: "first"
    other._answer = lambda _: "second"
    with pytest.MonkeyPatch.context() as patch:
        cut_off(other, patch)
        assert other.pay("k") == "second"
        assert one.pay("k") == "first"
    other.exchange()
    late = Process(one.state, lambda _: "third")
    assert late.pay("k") == "first"


def test_an_interrupt_leaves_the_key_in_doubt_everywhere(shared_url: str) -> None:
    def interrupted(_: str) -> str:
        raise KeyboardInterrupt

    one, other = Process(shared_url, interrupted), Process(shared_url)
    with pytest.raises(KeyboardInterrupt):
        one.pay("k")
    one.exchange()
    assert isinstance(other.outcome("k").error, reliai.AmbiguousOutcome)


def test_what_stands_in_the_store_and_is_not_ours_is_a_doubt(shared_url: str) -> None:
    one, other = Process(shared_url), Process(shared_url)
    book = next(iter(one.once._bound))._books[-1]
    assert book.sharing is not None
    one.state.put(book.sharing.place((None, _token("k"))), b"\x80\x04.")
    outcome = other.outcome("k")
    assert isinstance(outcome.error, reliai.AmbiguousOutcome)
    assert other.keys == []


def test_no_key_leaves_the_process(shared_url: str) -> None:
    one = Process(shared_url)
    book = next(iter(one.once._bound))._books[-1]
    assert book.sharing is not None
    assert "ana" not in book.sharing.place((None, _token("ana@example.org")))


@dataclass
class Plain:
    a: int


def test_a_dataclass_is_shared_by_its_annotation(shared_url: str) -> None:
    calls: list[str] = []

    def made() -> Any:
        @reliai.reliable(
            reliai.Once(state=open_state(shared_url)), effects="once", idempotency_key="key"
        )
        def act(key: str) -> Plain:
            calls.append(key)
            return Plain(1)

        return act

    assert made()("k") == made()("k") == Plain(1)
    assert calls == ["k"]


def test_a_key_forgotten_while_the_store_is_away_is_forgotten_when_it_is_back(
    pair: tuple[Process, Process],
) -> None:
    one, other = pair
    one.pay("k")
    with pytest.MonkeyPatch.context() as patch:
        cut_off(one, patch)
        assert one.once.forget("k")
    one.exchange()
    other.pay("k")
    assert other.keys == ["k"]


def test_what_is_pending_is_bounded(
    pair: tuple[Process, Process], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_once_sharing, "MOST_PENDING", 3)
    one, other = pair
    with pytest.MonkeyPatch.context() as patch:
        cut_off(one, patch)
        for key in "abcde":
            one.pay(key)
    one.exchange()
    for key in "abcde":
        other.pay(key)
    assert other.keys == ["a", "b"]


def test_much_that_is_pending_is_told_bit_by_bit(
    pair: tuple[Process, Process], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_once_sharing, "AT_ONCE", 2)
    one, other = pair
    with pytest.MonkeyPatch.context() as patch:
        cut_off(one, patch)
        for key in "abcde":
            one.pay(key)
    for _ in range(3):
        one.exchange()
    for key in "abcde":
        other.pay(key)
    assert other.keys == []


def test_a_failure_without_the_store_leaves_nothing_behind(shared_url: str) -> None:
    def refused(_: str) -> str:
        raise ConnectionRefusedError("nobody listens")

    one, other = Process(shared_url, refused), Process(shared_url)
    with pytest.MonkeyPatch.context() as patch:
        cut_off(one, patch)
        one.outcome("k")
    one.exchange()
    assert other.pay("k") == "k"


def test_a_forked_child_holds_nothing_of_its_parents(shared_url: str) -> None:
    one = Process(shared_url)
    book = next(iter(one.once._bound))._books[-1]
    assert book.sharing is not None
    owner = book.sharing._owner
    book.sharing._renew()  # as in a child
    assert book.sharing._owner != owner


def test_without_a_state_nothing_is_shared() -> None:
    once = reliai.Once()
    reliai.reliable(once, idempotency_key="key")(lambda key: key)
    assert next(iter(once._bound))._books[-1].sharing is None

"""Places and the queue for them: against a model, and with threads."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from reliai.decisions.places import Places, Ticket

if TYPE_CHECKING:
    from collections.abc import Callable


def silent() -> Ticket:
    return Ticket(lambda: None)


def test_who_comes_when_all_places_are_taken_waits_and_who_comes_then_is_turned_away() -> None:
    places = Places(1, queue=1)
    assert places.take()
    assert not places.take()
    assert places.queue_up(silent())
    assert not places.queue_up(silent())


def test_a_place_goes_to_who_has_waited_longest() -> None:
    places = Places(1, queue=3)
    places.take()
    called: list[str] = []

    def call_up(name: str) -> Callable[[], None]:
        return lambda: called.append(name)

    for name in "abc":
        places.queue_up(Ticket(call_up(name)))
    for _ in range(3):
        places.give_back()
    assert called == ["a", "b", "c"]


def test_nobody_slips_in_before_those_who_wait() -> None:
    places = Places(1, queue=1)
    places.take()
    places.queue_up(silent())
    places.resize(2)
    places.give_back()
    assert places.taken == 1
    assert places.take()


def test_who_gives_up_leaves_the_queue() -> None:
    places = Places(1, queue=1)
    places.take()
    ticket = silent()
    places.queue_up(ticket)
    assert places.give_up(ticket)
    assert places.queue_up(silent())


def test_who_gives_up_too_late_has_a_place_to_give_back() -> None:
    places = Places(1, queue=1)
    places.take()
    ticket = silent()
    places.queue_up(ticket)
    places.give_back()
    assert not places.give_up(ticket)
    places.give_back()
    assert places.taken == 0


def test_fewer_places_let_nobody_in_until_enough_have_left() -> None:
    places = Places(3)
    for _ in range(3):
        places.take()
    places.resize(1)
    places.give_back()
    assert not places.take()
    places.give_back()
    places.give_back()
    assert places.take()


def test_more_places_call_up_those_who_wait() -> None:
    places = Places(1, queue=2)
    places.take()
    tickets = [silent(), silent()]
    for ticket in tickets:
        places.queue_up(ticket)
    places.resize(3)
    assert [ticket.seated for ticket in tickets] == [True, True]


def test_threads_never_hold_more_places_than_there_are() -> None:
    places, most = Places(3, queue=0), list[int]()

    def work(_: int) -> None:
        if places.take():
            most.append(places.taken)
            places.give_back()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(2000)))
    assert max(most) <= 3
    assert places.taken == 0


class Queue(RuleBasedStateMachine):
    """A model: a number of seats and a list of who waits."""

    def __init__(self) -> None:
        super().__init__()
        self.places = Places(2, queue=3)
        self.limit, self.seated = 2, 0
        self.waiting: deque[Ticket] = deque()
        self.handed: list[Ticket] = []

    def _hand_out(self) -> None:
        while self.waiting and self.seated < self.limit:
            self.handed.append(self.waiting.popleft())
            self.seated += 1

    @rule()
    def take(self) -> None:
        free = self.seated < self.limit and not self.waiting
        assert self.places.take() is free
        self.seated += free

    @rule()
    def queue_up(self) -> None:
        ticket = silent()
        accepted = self.places.queue_up(ticket)
        if self.seated < self.limit and not self.waiting:
            assert accepted
            assert ticket.seated
            self.seated += 1
        elif len(self.waiting) < 3:
            assert accepted
            self.waiting.append(ticket)
        else:
            assert not accepted

    @precondition(lambda self: self.seated)
    @rule()
    def give_back(self) -> None:
        self.places.give_back()
        self.seated -= 1
        self._hand_out()

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def give_up(self, data: st.DataObject) -> None:
        ticket = data.draw(st.sampled_from(list(self.waiting)))
        assert self.places.give_up(ticket)
        self.waiting.remove(ticket)

    @rule(limit=st.integers(1, 4))
    def resize(self, limit: int) -> None:
        self.places.resize(limit)
        self.limit = limit
        self._hand_out()

    @invariant()
    def agree(self) -> None:
        assert self.places.taken == self.seated
        assert self.places.waiting == len(self.waiting)
        assert all(ticket.seated for ticket in self.handed)
        assert not any(ticket.seated for ticket in self.waiting)


Queue.TestCase.settings = settings(max_examples=60, stateful_step_count=30)
TestQueue = Queue.TestCase

"""A ledger: what is held and spent together never passes the cap, and time makes room."""

from __future__ import annotations

import math
import threading
from typing import Any

import pytest

from reliai.decisions.ledger import Grant, Ledger, Refusal, Standing
from tests.programs import printed


def reserved(ledger: Ledger, amount: int, now: float = 0.0, key: object = None) -> Grant:
    grant = ledger.reserve(key, (amount,), now)
    assert isinstance(grant, Grant)
    return grant


def refused(ledger: Ledger, amount: int, now: float = 0.0, key: object = None) -> Refusal:
    refusal = ledger.reserve(key, (amount,), now)
    assert isinstance(refusal, Refusal)
    return refusal


def standing(ledger: Ledger, now: float = 0.0, key: object = None) -> Standing:
    return ledger.standing(key, now)[0]


def test_three_of_ten_that_hold_thirty_find_room_in_a_hundred() -> None:
    ledger = Ledger((100,), per=60.0)
    given = [ledger.reserve(None, (30,), 0.0) for _ in range(10)]
    assert [isinstance(each, Grant) for each in given] == [True] * 3 + [False] * 7


def test_a_refusal_tells_the_numbers() -> None:
    ledger = Ledger((100,), per=60.0)
    ledger.settle(reserved(ledger, 50), (40,), 0.0)
    reserved(ledger, 30)
    refusal = refused(ledger, 31)
    assert refusal.standing == Standing(spent=40, reserved=30, cap=100)
    assert refusal.wanted == 31
    assert refusal.which == 0


def test_settling_puts_what_it_cost_in_place_of_what_was_held() -> None:
    ledger = Ledger((100,), per=60.0)
    ledger.settle(reserved(ledger, 90), (10,), 0.0)
    assert standing(ledger) == Standing(spent=10, reserved=0, cap=100)


def test_settling_with_nothing_gives_all_back() -> None:
    ledger = Ledger((100,), per=60.0)
    ledger.settle(reserved(ledger, 90), (0,), 0.0)
    assert standing(ledger).left == 100


def test_a_grant_is_settled_once() -> None:
    ledger = Ledger((100,), per=60.0)
    grant = reserved(ledger, 90)
    ledger.settle(grant, (10,), 0.0)
    ledger.settle(grant, (50,), 0.0)
    assert standing(ledger).spent == 10


def test_what_a_call_costs_above_its_reservation_is_spent_all_the_same() -> None:
    ledger = Ledger((100,), per=60.0)
    ledger.settle(reserved(ledger, 50), (130,), 0.0)
    assert standing(ledger) == Standing(spent=130, reserved=0, cap=100)
    assert standing(ledger).left == 0


def test_more_can_be_held_while_there_is_room() -> None:
    ledger = Ledger((100,), per=60.0)
    grant = reserved(ledger, 50)
    assert ledger.extend(grant, (50,), 0.0) is None
    refusal = ledger.extend(grant, (1,), 0.0)
    assert refusal is not None
    assert refusal.standing.reserved == 100
    ledger.settle(grant, (5,), 0.0)
    assert standing(ledger) == Standing(spent=5, reserved=0, cap=100)


def test_a_settled_grant_holds_no_more() -> None:
    ledger = Ledger((100,), per=60.0)
    grant = reserved(ledger, 50)
    ledger.settle(grant, (0,), 0.0)
    assert ledger.extend(grant, (50,), 0.0) is None
    assert standing(ledger).reserved == 0


def test_what_is_forced_is_held_without_room() -> None:
    ledger = Ledger((100,), per=60.0)
    grant = ledger.reserve(None, (150,), 0.0, force=True)
    assert isinstance(grant, Grant)
    assert ledger.extend(grant, (50,), 0.0, force=True) is None
    assert standing(ledger).reserved == 200


def test_who_wants_nothing_is_refused_when_nothing_is_left() -> None:
    ledger = Ledger((100,), per=60.0)
    reserved(ledger, 100)
    assert refused(ledger, 0).standing.left == 0


@pytest.mark.parametrize("at", [0.0, 0.4, 17.3, 59.999])
def test_spending_counts_for_the_whole_window_and_a_sixtieth_at_most(at: float) -> None:
    ledger = Ledger((100,), per=60.0)
    ledger.settle(reserved(ledger, 100, at), (100,), at)
    assert standing(ledger, at + 59.999).spent == 100
    assert standing(ledger, at + 61.0).spent == 0


def test_a_refusal_says_when_old_spending_makes_room() -> None:
    ledger = Ledger((100,), per=60.0)
    ledger.settle(reserved(ledger, 60, 0.5), (60,), 0.5)
    ledger.settle(reserved(ledger, 40, 30.5), (40,), 30.5)
    wait = refused(ledger, 50, 40.0).retry_after or 0.0
    assert wait == 21.0
    assert isinstance(ledger.reserve(None, (50,), 40.0 + wait), Grant)


def test_a_refusal_that_needs_two_parts_gone_waits_for_both() -> None:
    ledger = Ledger((100,), per=60.0)
    ledger.settle(reserved(ledger, 60, 0.5), (60,), 0.5)
    ledger.settle(reserved(ledger, 40, 30.5), (40,), 30.5)
    assert refused(ledger, 80, 40.0).retry_after == 51.0


def test_more_than_the_cap_never_finds_room() -> None:
    ledger = Ledger((100,), per=60.0)
    assert refused(ledger, 101).retry_after is None


def test_when_others_hold_what_is_missing_nobody_knows_how_long() -> None:
    ledger = Ledger((100,), per=60.0)
    reserved(ledger, 100)
    assert refused(ledger, 1).retry_after is None


def test_an_endless_window_never_forgets() -> None:
    ledger = Ledger((100,), per=math.inf)
    ledger.settle(reserved(ledger, 100), (100,), 0.0)
    assert standing(ledger, 1e12).spent == 100
    assert refused(ledger, 1, 1e12).retry_after is None


def test_a_clock_that_is_read_late_does_no_harm() -> None:
    ledger = Ledger((100,), per=60.0)
    ledger.settle(reserved(ledger, 10, 30.0), (10,), 30.0)
    ledger.settle(reserved(ledger, 10, 29.0), (10,), 28.0)
    assert standing(ledger, 30.0).spent == 20
    assert standing(ledger, 92.0).spent == 0


def test_of_two_caps_the_one_in_the_way_is_named_and_neither_is_touched() -> None:
    ledger = Ledger((100, 10), per=60.0)
    refusal = ledger.reserve(None, (50, 11), 0.0)
    assert isinstance(refusal, Refusal)
    assert refusal.which == 1
    assert [each.reserved for each in ledger.standing(None, 0.0)] == [0, 0]


def test_of_two_caps_the_later_room_counts() -> None:
    ledger = Ledger((100, 10), per=60.0)
    for now, amounts in ((0.5, (100, 0)), (20.5, (0, 10))):
        grant = ledger.reserve(None, (0, 0), now, force=True)
        assert isinstance(grant, Grant)
        ledger.settle(grant, amounts, now)
    refusal = ledger.reserve(None, (50, 5), 30.0)
    assert isinstance(refusal, Refusal)
    assert refusal.retry_after == 51.0


def test_keys_have_accounts_of_their_own() -> None:
    ledger = Ledger((100,), per=60.0)
    reserved(ledger, 100, key="a")
    reserved(ledger, 100, key="b")
    assert refused(ledger, 1, key="a").standing.reserved == 100


def test_accounts_are_bounded_and_the_least_lately_used_goes_first() -> None:
    ledger = Ledger((100,), per=60.0, max_keys=3)
    for key in "abc":
        ledger.settle(reserved(ledger, 10, key=key), (10,), 0.0)
    ledger.settle(reserved(ledger, 10, key="a"), (10,), 0.0)
    reserved(ledger, 10, key="d")
    assert len(ledger) == 3
    assert standing(ledger, key="a").spent == 20
    assert standing(ledger, key="b").spent == 0


def test_an_account_with_a_call_under_way_is_never_dropped() -> None:
    ledger = Ledger((100,), per=60.0, max_keys=2)
    for key in "abcd":
        reserved(ledger, 10, key=key)
    assert [standing(ledger, key=key).reserved for key in "abcd"] == [10] * 4


def test_memory_is_fixed_however_long_it_runs() -> None:
    ledger = Ledger((10**9,), per=60.0)
    for second in range(10_000):
        now = second / 3
        ledger.settle(reserved(ledger, 1, now), (1,), now)
    (account,) = ledger._accounts.values()
    assert len(account.parts) <= 61
    assert account.spent == [sum(part[1][0] for part in account.parts)]


@pytest.mark.parametrize("amount", [-1, math.nan, 1.5, True, "1", None])
def test_what_is_no_whole_number_of_0_or_more_is_refused_with_an_error(amount: Any) -> None:
    ledger = Ledger((100,), per=60.0)
    with pytest.raises(ValueError, match="whole numbers"):
        ledger.reserve(None, (amount,), 0.0)
    grant = reserved(ledger, 1)
    for act in (ledger.extend, ledger.settle):
        with pytest.raises(ValueError, match="whole numbers"):
            act(grant, (amount,), 0.0)
    assert standing(ledger) == Standing(spent=0, reserved=1, cap=100)


@pytest.mark.parametrize("settings", [((), 60.0), ((1,), 0.0), ((1,), math.nan), ((-1,), 1.0)])
def test_settings_out_of_range_are_refused(settings: Any) -> None:
    with pytest.raises(ValueError, match=r"out of range|whole numbers"):
        Ledger(*settings)


def test_threads_together_never_hold_more_than_the_cap() -> None:
    ledger = Ledger((1_000,), per=60.0)
    most: list[int] = []

    def work() -> None:
        for turn in range(500):
            grant = ledger.reserve(None, (70,), 0.0)
            seen = standing(ledger)
            most.append(seen.spent + seen.reserved)
            if isinstance(grant, Grant):
                ledger.settle(grant, (turn % 2,), 0.0)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) <= 1_000
    assert standing(ledger).reserved == 0


def test_a_forked_child_holds_nothing_for_its_parents_calls() -> None:
    program = """
        import os
        from reliai.decisions.ledger import Ledger

        ledger = Ledger((100,), per=60.0)
        grant = ledger.reserve(None, (60,), 0.0)
        ledger.settle(ledger.reserve(None, (10,), 0.0), (10,), 0.0)
        ledger._lock.acquire()
        child = os.fork()
        if not child:
            print(*ledger.standing(None, 0.0), flush=True)
            ledger.settle(grant, (5,), 0.0)
            print(*ledger.standing(None, 0.0), flush=True)
            os._exit(0)
        ledger._lock.release()
        os.waitpid(child, 0)
        print(*ledger.standing(None, 0.0), flush=True)
    """
    child_before, child_after, parent = printed(program)
    assert child_before == "Standing(spent=10, reserved=0, cap=100)"
    assert child_after == "Standing(spent=15, reserved=0, cap=100)"
    assert parent == "Standing(spent=10, reserved=60, cap=100)"

"""What a state does, in every backend alike."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from math import inf
from typing import TYPE_CHECKING

import pytest

from reliai.state import Count, Entry, State, open_state

if TYPE_CHECKING:
    from collections.abc import Callable

WIDTH = 3600.0


def bucket(back: int = 0) -> int:
    return int(time.time() // WIDTH) - back


def count(*amounts: float, key: str = "calls", back: int = 0, keep: int = 3) -> Count:
    return Count(key, bucket(back), WIDTH, keep, amounts)


def test_counts_of_one_bucket_add_up(state: State) -> None:
    state.exchange([count(1, 0.5), count(2, 0.25)], [])
    found = state.exchange([count()], [])
    assert dict(found.counted["calls"]) == {bucket(): (3.0, 0.75)}


def test_an_exchange_tells_what_is_there_after_its_own_counts(state: State) -> None:
    found = state.exchange([count(1), count(1, key="other")], [])
    assert dict(found.counted["calls"]) == {bucket(): (1.0,)}
    assert dict(found.counted["other"]) == {bucket(): (1.0,)}


def test_buckets_are_kept_apart_and_old_ones_are_dropped(state: State) -> None:
    state.exchange([count(1), count(2, back=1), count(4, back=2), count(8, back=3)], [])
    found = state.exchange([count()], [])
    assert dict(found.counted["calls"]) == {bucket(): (1.0,), bucket(1): (2.0,), bucket(2): (4.0,)}
    found = state.exchange([count(keep=1)], [])
    assert dict(found.counted["calls"]) == {bucket(): (1.0,)}


def test_an_exchange_tells_the_stores_time(state: State) -> None:
    assert abs(state.exchange([], []).now - time.time()) < 60


def test_an_exchange_reads_values(state: State) -> None:
    state.put("a", b"\x00one")
    found = state.exchange([], ["a", "b"])
    assert dict(found.entries) == {"a": Entry(b"\x00one", 1), "b": None}


def test_a_reservation_within_the_caps_is_added(state: State) -> None:
    assert state.reserve(count(4.0, 10), (10.0, inf))[0]
    fits, found = state.reserve(count(6.0, 1e6), (10.0, inf))
    assert fits
    assert dict(found) == {bucket(): (10.0, 1_000_010.0)}


def test_a_reservation_over_a_cap_changes_nothing(state: State) -> None:
    state.reserve(count(4.0, 1, back=1), (10.0, inf))
    fits, found = state.reserve(count(6.5, 1), (10.0, inf))
    assert not fits
    assert dict(found) == {bucket(1): (4.0, 1.0)}


def test_many_threads_reserve_no_more_than_the_cap(state: State) -> None:
    def reserve(_: int) -> bool:
        return state.reserve(count(0.4), (10.0,), within=10)[0]

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(reserve, range(100))) == 25


def test_a_bucket_begins_full_and_gives_all_or_nothing(state: State) -> None:
    assert state.take("b", 7, 0.001, 10).amount == 7
    refused = state.take("b", 7, 0.001, 10)
    assert refused.amount == 0
    assert refused.wait == pytest.approx(4000, rel=0.01)
    assert refused.level == pytest.approx(3, abs=0.1)


def test_a_bucket_gives_what_it_has_when_less_will_do(state: State) -> None:
    state.take("b", 7, 0.001, 10)
    assert state.take("b", 7, 0.001, 10, partly=True).amount == pytest.approx(3, abs=0.1)


def test_a_correction_is_taken_whatever_is_there(state: State) -> None:
    state.take("b", 7, 0.001, 10)
    assert state.correct("b", 8, 0.001, 10) == pytest.approx(-5, abs=0.1)
    assert state.take("b", 1, 0.001, 10).amount == 0
    assert state.take("b", 1, 0.001, 10, partly=True).amount == 0
    assert state.correct("b", -100, 0.001, 10) == pytest.approx(10)


def test_a_value_has_a_version_that_counts_its_writes(state: State) -> None:
    assert state.get("k") is None
    assert state.put("k", b"one") == 1
    assert state.put("k", b"two") == 2
    assert state.get("k") == Entry(b"two", 2)


def test_a_write_that_expects_another_version_changes_nothing(state: State) -> None:
    assert state.put("k", b"one", expected=0) == 1
    assert state.put("k", b"two", expected=0) is None
    assert state.put("k", b"two", expected=1) == 2
    assert state.put("k", b"three", expected=1) is None
    assert state.get("k") == Entry(b"two", 2)


def test_of_many_first_writers_one_wins(state: State) -> None:
    def write(number: int) -> bool:
        return state.put("k", str(number).encode(), expected=0, within=10) is not None

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(write, range(40))) == 1


def test_a_value_that_is_deleted_is_gone(state: State) -> None:
    state.put("k", b"one")
    state.delete("k")
    assert state.get("k") is None


def test_a_value_is_kept_for_its_time_only(state: State, until: Callable[..., None]) -> None:
    state.put("k", b"one", ttl=0.5)
    assert state.get("k") is not None
    until(lambda: state.get("k") is None)
    assert state.put("k", b"two", expected=0) == 1


def test_a_value_written_without_a_time_stays(state: State) -> None:
    state.put("k", b"one", ttl=0.05)
    state.put("k", b"two")
    assert state.exchange([], ["k"]).entries["k"] == Entry(b"two", 2)


def test_a_lease_has_one_holder(state: State) -> None:
    assert state.lease("l", "ana", 60) == 1
    assert state.lease("l", "bob", 60) is None


def test_a_holder_prolongs_its_lease_in_the_same_epoch(state: State) -> None:
    assert state.lease("l", "ana", 60) == 1
    assert state.lease("l", "ana", 60) == 1


def test_a_lease_that_is_given_back_is_free_in_the_next_epoch(state: State) -> None:
    state.lease("l", "ana", 60)
    state.release("l", "bob")
    assert state.lease("l", "bob", 60) is None
    state.release("l", "ana")
    assert state.lease("l", "bob", 60) == 2


def test_a_lease_ends_by_itself(state: State, until: Callable[..., None]) -> None:
    state.lease("l", "ana", 0.05)
    until(lambda: state.lease("l", "bob", 60) == 2)
    assert state.lease("l", "ana", 60) is None


def test_what_one_opening_writes_another_reads(shared_url: str) -> None:
    one, other = open_state(shared_url), open_state(shared_url)
    one.put("k", b"one")
    assert other.get("k") == Entry(b"one", 1)
    one.close()
    other.close()


def test_a_closed_state_opens_again_when_it_is_asked(state: State) -> None:
    state.close()
    assert state.put("k", b"one") == 1

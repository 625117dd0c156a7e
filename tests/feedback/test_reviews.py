"""Review queues: who gets which call, what they see, what their labels say."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

import reliai
from reliai import feedback
from reliai.datasets import novel, on_feedback, uniform
from reliai.feedback import ReviewQueue
from reliai.testing import virtual_clock

if TYPE_CHECKING:
    from collections.abc import Callable

    from reliai.records import RecordStore


@reliai.reliable(name="answer")
def answer(prompt: str) -> str:
    return prompt


def asked(count: int) -> list[str]:
    return [str(reliai.execute(answer, str(number)).call_id) for number in range(count)]


def take(queue: ReviewQueue, reviewer: str) -> feedback.ReviewItem:
    item = queue.take(reviewer)
    assert item is not None
    return item


# --- claims ---------------------------------------------------------------------------------------
def test_eight_at_once_give_each_call_two_reviews_by_two_people_and_never_more(
    store: RecordStore, url: str, opened: Callable[..., RecordStore]
) -> None:
    """3 reviewers, 8 threads on two stores, so that no lock of one store helps."""
    calls = asked(size := 100 if url.startswith("sqlite") else 15)
    stores = (store, opened())
    queue = ReviewQueue("q", reviews_per_item=2)
    queue.add(*calls)
    given: list[tuple[str, str]] = []

    def review(number: int) -> None:
        mine = ReviewQueue("q", reviews_per_item=2, store=stores[number % 2])
        reviewer = f"r{number % 3}"
        while (item := mine.take(reviewer)) is not None:
            item.submit("right")
            given.append((item.call_id, reviewer))

    threads = [threading.Thread(target=review, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(given) == len(set(given)) == 2 * size
    assert {len(labels) for labels in queue.labels_given().values()} == {2}
    progress = queue.progress()
    assert (progress.items, progress.done, progress.claimed) == (size, size, 0)
    assert sum(progress.submitted.values()) == 2 * size


def test_nobody_gets_a_call_twice_and_an_empty_queue_gives_nothing(local: RecordStore) -> None:
    queue = ReviewQueue("q", reviews_per_item=3)
    queue.add(*asked(1))
    take(queue, "ana").submit("right")
    assert queue.take("ana") is None
    with queue.claim(reviewer="ana") as item:
        assert item is None
    take(queue, "ben").submit("right")


def test_a_block_that_ends_without_a_review_gives_the_call_back(local: RecordStore) -> None:
    queue = ReviewQueue("q")
    queue.add(*asked(1))
    with pytest.raises(ZeroDivisionError), queue.claim(reviewer="ana"):
        raise ZeroDivisionError
    with queue.claim(reviewer="ben") as item:
        assert item is not None
        assert queue.take("ana") is None
        item.submit("right")
    assert queue.progress().done == 1


def test_a_lease_that_is_over_goes_to_another_and_the_first_is_told(local: RecordStore) -> None:
    with virtual_clock() as clock:
        queue = ReviewQueue("q", lease=60)
        queue.add(*asked(1))
        slow = take(queue, "ana")
        clock.advance(50)
        slow.renew()
        clock.advance(50)
        assert queue.take("ben") is None
        clock.advance(11)
        quick = take(queue, "ben")
        with pytest.raises(feedback.LeaseLost, match="is over"):
            slow.submit("wrong")
        with pytest.raises(feedback.LeaseLost, match="is over"):
            slow.renew()
        quick.submit("right")
    assert list(queue.labels_given().values()) == [{"ben": "right"}]


def test_a_review_that_is_late_counts_while_nobody_else_has_the_call(local: RecordStore) -> None:
    with virtual_clock() as clock:
        queue = ReviewQueue("q", lease=60)
        queue.add(*asked(1))
        item = take(queue, "ana")
        clock.advance(600)
        item.submit("right")
    assert queue.progress().done == 1


def test_a_late_review_counts_though_others_have_claimed_other_calls_meanwhile(
    store: RecordStore,
) -> None:
    with virtual_clock() as clock:
        first, second = asked(2)
        queue = ReviewQueue("q", lease=60, reviews_per_item=2)
        queue.add(first, second)
        take(queue, "ben").submit("right")
        mine = take(queue, "ana")
        assert mine.call_id == first
        clock.advance(600)
        assert take(queue, "ben").call_id == second
        mine.submit("wrong")
    assert queue.progress().done == 1
    assert queue.labels_given() == {first: {"ben": "right", "ana": "wrong"}}


def test_of_two_leases_that_are_over_the_older_one_makes_room(store: RecordStore) -> None:
    with virtual_clock() as clock:
        queue = ReviewQueue("q", lease=60, reviews_per_item=2)
        queue.add(*asked(1))
        old = take(queue, "ana")
        clock.advance(10)
        late = take(queue, "ben")
        assert queue.take("cleo") is None
        clock.advance(600)
        take(queue, "cleo").submit("right")
        with pytest.raises(feedback.LeaseLost):
            old.submit("right")
        late.submit("right")
    assert queue.progress().done == 1


def test_what_has_priority_comes_first_then_what_came_first(local: RecordStore) -> None:
    first, second, third = asked(3)
    queue = ReviewQueue("q")
    queue.add(first, second, priority=2)
    queue.add(third, priority=1, rule="by hand")
    order = []
    while (item := queue.take("ana")) is not None:
        order.append(item.call_id)
        item.submit("right")
    assert order == [third, first, second]


def test_a_call_that_has_not_arrived_waits(local: RecordStore) -> None:
    queue = ReviewQueue("q")
    queue.add("0" * 32)
    assert queue.take("ana") is None
    with reliai.context(call_id="0" * 32):
        answer("late")
    assert take(queue, "ana").call_id == "0" * 32


# --- what reviewers see and say -------------------------------------------------------------------
def test_of_a_blind_queue_nobody_sees_what_others_said(local: RecordStore) -> None:
    (call_id,) = asked(1)
    feedback.record(call_id, "thumbs", 0, by="user")
    queue = ReviewQueue("q", reviews_per_item=2)
    queue.add(call_id)
    take(queue, "ana").submit("wrong", correction="better", comment="bad")
    assert [said.name for said in take(queue, "ben").call.feedback] == ["thumbs"]
    seen = take(ReviewQueue("q", reviews_per_item=3, blind=False), "eve").call.feedback
    assert {said.name for said in seen} == {"thumbs", "q", "correction"}


def test_a_review_is_feedback_and_a_correction(local: RecordStore) -> None:
    (call_id,) = asked(1)
    queue = ReviewQueue("q")
    queue.add(call_id)
    take(queue, "ana").submit("wrong", correction="4", comment="it is 4")
    found = {said.name: (said.value, said.by, said.comment) for said in feedback.read(call_id)}
    assert found == {"q": ("wrong", "ana", "it is 4"), "correction": ("4", "ana", None)}


def test_observers_hear_of_a_review(local: RecordStore) -> None:
    heard: list[Any] = []

    class Listener:
        def on_feedback(self, revision: Any) -> None:
            heard.append((revision.name, revision.value))

    reliai.configure(observers=[local, Listener()])
    queue = ReviewQueue("q")
    queue.add(*asked(1))
    take(queue, "ana").submit("wrong", correction="4")
    reliai.flush()
    assert heard == [("q", "wrong"), ("correction", "4")]


def test_a_label_that_is_none_of_the_queues_is_refused(local: RecordStore) -> None:
    queue = ReviewQueue("q", labels=("right", "wrong"))
    queue.add(*asked(1))
    item = take(queue, "ana")
    with pytest.raises(feedback.FeedbackError, match="one of"):
        item.submit("maybe")
    item.submit("right")
    with pytest.raises(feedback.FeedbackError, match="already"):
        item.submit("wrong")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"reviews_per_item": 0}, "reviews_per_item=0"),
        ({"lease": 0}, "lease=0"),
        ({"rules": [novel()]}, "needs content"),
        ({"rules": ["all"]}, "rule"),
    ],
)
def test_settings_that_are_wrong_are_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(reliai.ConfigurationError, match=said):
        ReviewQueue("q", **settings)


def test_a_queue_without_rules_cannot_fill_itself(local: RecordStore) -> None:
    with pytest.raises(reliai.ConfigurationError, match="no rules"):
        ReviewQueue("q").fill()


# --- what gets in ---------------------------------------------------------------------------------
def test_chances_are_kept_and_the_weighted_estimate_holds_the_truth(local: RecordStore) -> None:
    """Calls of which 1 in 20 is wrong; half of those that are get a thumb down."""
    calls = [f"{number:032x}" for number in range(1600)]  # the same are chosen each time
    for call_id in calls:
        with reliai.context(call_id=call_id):
            answer("x")
    wrong = {call_id for number, call_id in enumerate(calls) if number % 20 == 0}
    for call_id in sorted(wrong)[::2]:
        feedback.record(call_id, "thumbs", 0)
    queue = ReviewQueue("q", rules=[on_feedback("thumbs", 0), uniform(0.2)])
    added = queue.fill()
    assert queue.fill() == 0
    chances = {one.call_id: one.inclusion_probability for one in local.reviews.wanted("q")}
    assert set(chances.values()) == {1.0, 0.2}
    assert len(chances) == added
    with local._database.writing() as connection:
        connection.execute(
            text("INSERT INTO review_slots SELECT seq, 'ana', call_id, 0, 1 FROM review_items")
        )
    for call_id in chances:
        feedback.record(call_id, "q", "wrong" if call_id in wrong else "right", by="ana")
    found = queue.estimate("wrong")
    assert found.low is not None
    assert found.high is not None
    assert found.low <= 0.05 <= found.high
    assert found.challenge is not None
    assert found.challenge > 0.1


def test_a_thumb_that_comes_later_brings_its_call_in_with_its_higher_chance(
    local: RecordStore,
) -> None:
    calls = asked(50)
    queue = ReviewQueue("q", rules=[on_feedback("thumbs", 0), uniform(0.2)])
    queue.fill()
    inside = {one.call_id for one in local.reviews.wanted("q")}
    assert 0 < len(inside) < 50
    for call_id in calls:
        feedback.record(call_id, "thumbs", 0)
    assert queue.fill() == 50 - len(inside)
    assert {one.inclusion_probability for one in local.reviews.wanted("q")} == {1.0}


def test_what_a_forgotten_subject_is_in_goes(store: RecordStore) -> None:
    with reliai.context(subject="u1"):
        (theirs,) = asked(1)
    (other,) = asked(1)
    queue = ReviewQueue("q", reviews_per_item=2)
    queue.add(theirs, other)
    take(queue, "u1").submit("right")
    take(queue, "u1").submit("right")
    take(queue, "ana").submit("right")
    store.forget(subject="u1")
    assert [one.call_id for one in store.reviews.wanted("q")] == [other]
    assert queue.progress().submitted == {}
    assert queue.labels_given() == {}


# --- agreement ------------------------------------------------------------------------------------
def reviewed(store: RecordStore, rows: dict[str, list[Any]]) -> ReviewQueue:
    """A queue with these labels; None for no review."""
    calls = asked(len(next(iter(rows.values()))))
    queue = ReviewQueue("q", reviews_per_item=len(rows))
    queue.add(*calls)
    for who, labels in rows.items():
        for call_id, label in zip(calls, labels, strict=True):
            item = take(queue, who)
            assert item.call_id == call_id
            if label is not None:
                item.submit(label)
    return queue


def test_agreement_beyond_chance_is_what_the_references_say(local: RecordStore) -> None:
    """Krippendorff (2011), "Computing Krippendorff's Alpha-Reliability", reference data."""
    nan = None
    rows: dict[str, list[Any]] = {
        "a": [1, 2, 3, 3, 2, 1, 4, 1, 2, nan, nan, nan],
        "b": [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, nan, 3],
        "c": [nan, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, nan],
        "d": [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, nan],
    }
    queue = reviewed(local, rows)
    found = {
        level: queue.agreement(level).alpha.value for level in ("nominal", "ordinal", "interval")
    }
    assert found == {
        "nominal": pytest.approx(0.743421, abs=1e-6),
        "ordinal": pytest.approx(0.815388, abs=1e-6),
        "interval": pytest.approx(0.849107, abs=1e-6),
    }
    agreement = queue.agreement()
    assert agreement.kappa is None
    assert agreement.reviews == {"a": 9, "b": 11, "c": 10, "d": 11}
    assert len(agreement.conflicts) == 3


def test_all_the_same_labels_are_no_perfect_agreement_but_say_that_nothing_is_known(
    local: RecordStore,
) -> None:
    agreement = reviewed(local, {"a": ["x"] * 4, "b": ["x"] * 4}).agreement()
    assert agreement.alpha.value is None
    assert agreement.alpha.observed == 1.0
    assert "undefined" in agreement.alpha.note
    assert agreement.apart == {"a": 0.0, "b": 0.0}


def test_one_review_of_each_call_says_nothing_of_agreement(local: RecordStore) -> None:
    agreement = reviewed(local, {"a": ["x", "y"]}).agreement()
    assert (agreement.alpha.value, agreement.alpha.units) == (None, 0)
    assert agreement.apart == {"a": None}


def test_two_reviewers_have_a_kappa_and_calls_they_differ_on_are_named(local: RecordStore) -> None:
    agreement = reviewed(local, {"a": ["x", "x", "y", "y"], "b": ["x", "y", "y", "y"]}).agreement()
    assert agreement.kappa is not None
    assert agreement.kappa.value == pytest.approx(0.5)
    assert agreement.kappa.observed == pytest.approx(0.75)
    assert len(agreement.conflicts) == 1


# --- opened by name, gone on with, passed over ----------------------------------------------------
def test_a_queue_that_was_filled_is_opened_by_its_name_with_its_settings(
    store: RecordStore,
) -> None:
    made = ReviewQueue("q", reviews_per_item=2, lease=60, blind=False, labels=("right", "wrong"))
    made.add(*asked(1))
    found = ReviewQueue.open("q", store=store)
    assert (found.reviews_per_item, found.lease, found.blind) == (2, 60.0, False)
    assert found.labels == ("right", "wrong")
    assert [queue.name for queue in ReviewQueue.list(store=store)] == ["q"]


def test_a_queue_without_labels_leaves_those_that_were_kept(local: RecordStore) -> None:
    ReviewQueue("q", labels=("right", "wrong")).add(*asked(1))
    ReviewQueue("q").add(*asked(1))
    assert ReviewQueue.open("q", store=local).labels == ("right", "wrong")


def test_a_queue_that_nobody_filled_cannot_be_opened(local: RecordStore) -> None:
    ReviewQueue("quality").add(*asked(1))
    with pytest.raises(reliai.ConfigurationError, match="there are: quality"):
        ReviewQueue.open("q", store=local)


def test_what_a_reviewer_has_is_found_again(store: RecordStore) -> None:
    queue = ReviewQueue("q")
    queue.add(*asked(2))
    assert queue.resume("ana") is None
    first = take(queue, "ana")
    found = ReviewQueue.open("q", store=store).resume("ana")
    assert found is not None
    assert (found.call_id, found.leased_until) == (first.call_id, first.leased_until)
    found.submit("right")
    assert queue.resume("ana") is None
    assert queue.given("ana") == (first.number,)
    again = queue.reviewed("ana", first.number)
    assert again is not None
    assert (again.call_id, again.submitted) == (first.call_id, True)
    assert queue.reviewed("ben", first.number) is None


def test_a_call_whose_lease_is_over_is_submitted_if_nobody_else_came(local: RecordStore) -> None:
    queue = ReviewQueue("q", lease=60)
    (call,) = asked(1)
    queue.add(call)
    with virtual_clock() as time:
        number = take(queue, "ana").number
        time.advance(61)
        assert queue.resume("ana") is None
        found = queue.resume("ana", number=number)
        assert found is not None
        assert take(queue, "ben").call_id == call
        assert queue.resume("ana", number=number) is None


def test_what_is_passed_over_comes_again_at_the_end(store: RecordStore) -> None:
    queue = ReviewQueue("q")
    first, second, urgent = asked(3)
    queue.add(first, second)
    queue.add(urgent, priority=-1)
    seen: list[str] = []
    after = None
    for _ in range(4):
        item = queue.take("ana", after=after)
        assert item is not None
        seen.append(item.call_id)
        item.release()
        after = item.number
    assert seen == [urgent, first, second, urgent]

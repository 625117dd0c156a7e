"""Two calls beside each other in a review queue: shuffled, blind, and preferred in one step."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai import feedback
from reliai.feedback import FeedbackError, LeaseLost, ReviewQueue
from reliai.testing import virtual_clock

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from reliai.feedback import ReviewItem
    from reliai.records import RecordStore


@reliai.reliable(name="answer")
def answer(prompt: str, said: str) -> str:
    return said


@reliai.reliable(name="candidate")
def candidate(prompt: str, said: str) -> str:
    return said


def asked(said: str, prompt: str = "hi", function: Callable[..., str] = answer) -> str:
    return str(reliai.execute(function, prompt, said).call_id)


@pytest.fixture(autouse=True)
def store(local: RecordStore) -> RecordStore:
    return local


@pytest.fixture
def queue() -> ReviewQueue:
    return ReviewQueue("pairs", reviews_per_item=2)


def taken(queue: ReviewQueue, reviewer: str) -> ReviewItem:
    item = queue.take(reviewer)
    assert item is not None
    return item


def test_a_reviewer_sees_both_calls_and_what_they_prefer_is_a_preference(
    queue: ReviewQueue,
) -> None:
    first, second = asked("a"), asked("b")
    assert queue.add_pair(first, second, rule="by hand") == 1
    with queue.claim("ana") as item:
        assert item is not None
        assert item.pair
        assert item.other is not None
        assert {item.call.id, item.other.id} == {first, second}
        assert {item.call.output, item.other.output} == {"a", "b"}
        item.prefer(second, comment="clearer")
    (said,) = feedback.read(first)
    assert (said.name, said.value) == ("preference", {"better": second, "worse": first})
    assert (said.by, said.comment) == ("ana", "clearer")
    assert feedback.read(second) == [said]


@pytest.mark.parametrize("place", ["call", "other"])
def test_the_place_on_the_screen_will_do(queue: ReviewQueue, place: str) -> None:
    queue.add_pair(asked("a"), asked("b"))
    item = taken(queue, "ana")
    assert item.other is not None
    better = item.call.id if place == "call" else item.other.id
    item.prefer(place)
    (said,) = feedback.read(better)
    assert said.value["better"] == better


def test_which_is_shown_first_is_drawn_for_each_reviewer(queue: ReviewQueue) -> None:
    pairs = [(asked(f"a{number}"), asked(f"b{number}")) for number in range(20)]
    for first, second in pairs:
        queue.add_pair(first, second)
    orders: dict[str, list[bool]] = {}
    for reviewer in ("ana", "ben"):
        while (item := queue.take(reviewer)) is not None:
            orders.setdefault(reviewer, []).append(str(item.call.output).startswith("a"))
            item.prefer("tie")
    for order in orders.values():
        assert 3 <= sum(order) <= 17
    assert orders["ana"] != orders["ben"]


def test_a_reviewer_sees_the_same_order_again_after_a_reload(queue: ReviewQueue) -> None:
    queue.add_pair(asked("a"), asked("b"))
    item, again = taken(queue, "ana"), queue.resume("ana")
    assert again is not None
    assert (again.call.id, again.pair) == (item.call.id, True)


def test_a_blind_reviewer_is_not_told_which_model_answered(queue: ReviewQueue) -> None:
    first = asked("a")
    second = asked("b", function=candidate)
    feedback.prefer(better=first, worse=second, by="ben")
    queue.add_pair(first, second)
    item = taken(queue, "ana")
    assert item.other is not None
    for call in (item.call, item.other):
        assert (call.name, call.target, call.variant, call.model_served) == (
            "answer",
            None,
            None,
            None,
        )
        assert (call.fingerprint, call.duration, call.feedback) == ("", None, ())
    seeing = ReviewQueue("seeing", blind=False)
    seeing.add_pair(first, second)
    item = taken(seeing, "ana")
    assert item.other is not None
    assert {item.call.name, item.other.name} == {"answer", "candidate"}


def test_agreement_and_estimates_are_of_first_second_and_tie(queue: ReviewQueue) -> None:
    pairs = [(asked(f"a{number}"), asked(f"b{number}")) for number in range(6)]
    for first, second in pairs:
        queue.add_pair(first, second)
    for reviewer in ("ana", "ben"):
        while (item := queue.take(reviewer)) is not None:
            assert item.other is not None
            number = int(str(item.call.output)[1])
            wanted = {0: "a", 1: "a"}.get(number, "b" if reviewer == "ana" or number < 5 else "")
            both = {str(call.output)[0]: call.id for call in (item.call, item.other)}
            item.prefer(both.get(wanted, "tie"))
    given = queue.labels_given()
    assert given[f"{pairs[0][0]} vs {pairs[0][1]}"] == {"ana": "first", "ben": "first"}
    assert given[f"{pairs[5][0]} vs {pairs[5][1]}"] == {"ana": "second", "ben": "tie"}
    agreement = queue.agreement()
    assert agreement.conflicts == (f"{pairs[5][0]} vs {pairs[5][1]}",)
    assert agreement.kappa is not None
    assert agreement.reviews == {"ana": 6, "ben": 6}
    assert queue.progress().done == 6


def test_a_change_of_mind_counts(queue: ReviewQueue) -> None:
    first, second = asked("a"), asked("b")
    queue.add_pair(first, second)
    taken(queue, "ana").prefer(first)
    feedback.prefer(better=second, worse=first, by="ana")
    assert list(queue.labels_given().values()) == [{"ana": "second"}]
    feedback.retract(first, "preference", by="ana", other=second)
    assert queue.labels_given() == {}


def test_a_queue_may_hold_both_kinds(queue: ReviewQueue) -> None:
    first, second = asked("a"), asked("b")
    assert queue.add(first) == 1
    assert queue.add_pair(first, second) == 1
    single, both = taken(queue, "ana"), taken(queue, "ana")
    assert (single.pair, both.pair) == (False, True)
    single.submit("right")
    both.prefer("tie")
    assert queue.labels_given() == {
        first: {"ana": "right"},
        f"{first} vs {second}": {"ana": "tie"},
    }


def test_a_pair_is_there_once_whatever_its_order(queue: ReviewQueue) -> None:
    first, second, third = asked("a"), asked("b"), asked("c")
    assert queue.add_pair(first, second) == 1
    assert queue.add_pair(first, second) == 0
    assert queue.add_pair(second, first) == 0
    assert queue.add_pair(first, third) == 1


def test_what_is_wrong_is_said_and_nothing_is_kept(queue: ReviewQueue) -> None:
    first, second = asked("a"), asked("b")
    queue.add_pair(first, second)
    item = taken(queue, "ana")
    with pytest.raises(FeedbackError, match="use prefer"):
        item.submit("right")
    with pytest.raises(FeedbackError, match='must be "call", "other", "tie"'):
        item.prefer("first")
    item.prefer("tie")
    with pytest.raises(FeedbackError, match="submitted already"):
        item.prefer("tie")
    with pytest.raises(FeedbackError, match="give two calls"):
        queue.add_pair(first, first)
    queue.add(first)
    with pytest.raises(FeedbackError, match="use submit"):
        taken(queue, "ana").prefer("call")
    assert len(feedback.read(first)) == 1


def test_who_comes_too_late_keeps_nothing() -> None:
    with virtual_clock() as clock:
        queue = ReviewQueue("pairs", lease=10.0)
        first = asked("a")
        queue.add_pair(first, asked("b"))
        late = taken(queue, "ana")
        clock.advance(11.0)
        taken(queue, "ben").prefer("call")
        with pytest.raises(LeaseLost):
            late.prefer("call")
        assert [said.by for said in feedback.read(first)] == ["ben"]


def test_never_more_people_than_wanted_get_a_pair(queue: ReviewQueue) -> None:
    for number in range(8):
        queue.add_pair(asked(f"a{number}"), asked(f"b{number}"))

    def work(reviewer: str) -> None:
        while (item := queue.take(reviewer)) is not None:
            item.prefer("call")

    threads = [threading.Thread(target=work, args=(f"r{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sum(queue.progress().submitted.values()) == 16
    assert all(len(labels) == 2 for labels in queue.labels_given().values())


def test_of_a_call_that_was_forgotten_no_pair_is_left(
    queue: ReviewQueue, store: RecordStore
) -> None:
    first = asked("a")
    with reliai.context(subject="u1"):
        second = asked("b")
    queue.add_pair(first, second)
    item = taken(queue, "ana")
    item.prefer("call")
    store.forget(subject="u1")
    assert store.reviews.wanted("pairs") == []
    assert (queue.take("ben"), queue.labels_given(), feedback.read(first)) == (None, {}, [])


def test_a_pair_whose_other_call_is_gone_is_passed_over(
    queue: ReviewQueue, store: RecordStore
) -> None:
    queue.add_pair(asked("a"), "never-came")
    queue.add_pair(asked("c"), asked("d"))
    item = taken(queue, "ana")
    assert item.other is not None
    assert {item.call.output, item.other.output} == {"c", "d"}


def test_preferences_of_pairs_are_training_rows(queue: ReviewQueue, tmp_path: Path) -> None:
    better, worse = asked("a"), asked("b")
    queue.add_pair(worse, better)
    queue.add_pair(asked("c"), asked("d"))
    while (item := queue.take("ana")) is not None:
        item.prefer(better if better in item_ids(item) else "tie")
    made = feedback.export(
        "dpo", out=tmp_path / "pairs.jsonl", prompt=lambda given: given["prompt"]
    )
    (row,) = [json.loads(line) for line in made.path.read_text().splitlines()]
    assert (row["chosen"][0]["content"], row["rejected"][0]["content"]) == ("a", "b")


def item_ids(item: ReviewItem) -> set[str]:
    return {item.call.id, *([item.other.id] if item.other is not None else [])}


def test_comments_on_preferences_are_redacted(tmp_path: Path) -> None:
    from reliai.records import RecordStore

    careful = RecordStore(f"sqlite:///{tmp_path}/careful.db", content="redacted")
    reliai.configure(observers=[], records=careful)
    first, second = asked("a"), asked("b")
    feedback.prefer(better=first, worse=second, comment="says ana@example.com")
    (said,) = feedback.read(first)
    assert (said.comment, said.value["better"]) == ("says [EMAIL]", first)
    careful.close()


def test_pairs_are_the_same_on_each_database(opened: Callable[..., RecordStore]) -> None:
    store = opened(content="full")
    reliai.configure(observers=[], records=store)
    first, second, third = asked("a"), asked("b"), asked("c")
    queue = ReviewQueue("pairs", store=store)
    assert queue.add(first) == 1
    assert [queue.add_pair(first, one) for one in (second, third, second)] == [1, 1, 0]
    seen: list[set[str]] = []
    while (item := queue.take("ana")) is not None:
        seen.append(item_ids(item))
        if item.pair:
            item.prefer(first)
        else:
            item.submit("right")
    assert seen == [{first}, {first, second}, {first, third}]
    assert set(map(len, queue.labels_given().values())) == {1}
    assert queue.progress().done == 3


# --- shadows --------------------------------------------------------------------------------------
def _shadowed(differs: Callable[[int], bool], calls: int) -> None:
    @reliai.reliable(name="new")
    def new(number: int) -> str:
        return "new" if differs(number) else "old"

    shadow = reliai.Shadow(new, rate=1.0)

    @reliai.reliable(shadow, name="now")
    def now(number: int) -> str:
        return "old"

    for number in range(calls):
        now(number)
    shadow.drain(10)


def test_what_a_shadow_answered_otherwise_becomes_a_pair_with_the_candidate_second(
    store: RecordStore,
) -> None:
    _shadowed(lambda number: number % 3 == 0, 12)
    queue = ReviewQueue("candidate")
    assert queue.fill_pairs() == 4
    assert queue.fill_pairs() == 0
    reviewed: list[Any] = []
    while (item := queue.take("ana")) is not None:
        assert item.other is not None
        assert item.rule == "shadow"
        assert item.inclusion_probability == 1.0
        assert {item.call.output, item.other.output} == {"old", "new"}
        assert not {**item.call.tags, **item.other.tags}
        new = item.call if item.call.output == "new" else item.other
        item.prefer(new.id if len(reviewed) < 3 else "tie")
        reviewed.append(item)
    assert queue.estimate("second").estimate == 0.75


def test_of_shadows_a_share_can_be_taken(store: RecordStore) -> None:
    _shadowed(lambda number: True, 60)
    queue = ReviewQueue("candidate")
    taken_in = queue.fill_pairs(rate=0.3)
    assert 5 <= taken_in <= 32
    assert {one.inclusion_probability for one in store.reviews.wanted("candidate")} == {0.3}


def test_shadows_can_be_chosen_by_conditions_and_by_expressions(store: RecordStore) -> None:
    from reliai.records._tables import calls

    _shadowed(lambda number: True, 4)
    assert ReviewQueue("none").fill_pairs(where={"status": "error"}) == 0
    assert ReviewQueue("some").fill_pairs(where={"status": "success"}) == 4
    assert ReviewQueue("more").fill_pairs(where=calls.c.status == "success") == 4


@pytest.mark.parametrize("rate", [0, -1, 1.5, None, True])
def test_a_rate_that_is_none_is_an_error(rate: Any) -> None:
    with pytest.raises(reliai.ConfigurationError, match="rate="):
        ReviewQueue("candidate").fill_pairs(rate=rate)

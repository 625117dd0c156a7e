"""Rules say which ended calls become cases, and with which chance."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

import reliai
from reliai.datasets import (
    Dataset,
    above,
    below,
    failed_check,
    novel,
    on_error,
    on_feedback,
    on_status,
    slowest,
    uniform,
    when,
)
from reliai.datasets._capture_budget import Share
from reliai.datasets._capture_calls import chance_of
from reliai.datasets._capture_judges import NewWords, SlowTail
from reliai.datasets.rules import checked_rules
from tests.datasets._captured import Bench

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from reliai.datasets import Rule


def test_errors_of_some_kinds_only(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [on_error("timeout")])
    bench.call("late", TimeoutError())
    bench.call("odd", ValueError())
    assert bench.prompts() == {"late"}


def test_below_looks_at_what_was_measured_and_the_limit_is_not_below(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [below("confidence", 0.6)])
    for confidence in (0.59, 0.6, None):
        bench.call(str(confidence), confidence=confidence)
    assert bench.prompts() == {"0.59"}


def test_above_looks_at_the_other_side(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [above("confidence", 0.6)])
    for confidence in (0.6, 0.61):
        bench.call(str(confidence), confidence=confidence)
    assert bench.prompts() == {"0.61"}


def test_calls_in_which_a_check_said_no(tmp_path: Path) -> None:
    from reliai.datasets import Capture

    dataset = Dataset.open(tmp_path / "d")
    checked = reliai.Validate(reliai.MaxLength(5), mode="observe")
    capture = Capture(dataset, [failed_check("MaxLength")])
    say = reliai.reliable(checked, observers=[capture])(lambda text: text)
    say("short")
    say("much too long")
    capture.flush(60)
    assert [case.inputs["text"] for case in dataset.commit("checks")] == ["much too long"]


def test_a_status_by_name(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [on_status("success")])
    bench.call("good")
    bench.call("bad", ValueError())
    assert bench.prompts() == {"good"}


def test_a_function_of_the_record(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [when(lambda record: record.values["confidence"] == 0.5, name="half")])
    bench.call("half", confidence=0.5)
    bench.call("not measured")  # the function raises a KeyError
    (case,) = bench.cases()
    assert case.inputs["prompt"] == "half"
    assert case.sources[0].rule == "when(half)"
    assert bench.capture.counts.rule_failed == 1


def test_novel_takes_inputs_unlike_all_before(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [novel()])
    order = "where is the parcel that I ordered on monday last week number"
    bench.call(f"{order} one")
    bench.call(f"{order} two")
    bench.call("please cancel my subscription and delete my account for good now")
    assert bench.prompts() == {
        f"{order} one",
        "please cancel my subscription and delete my account for good now",
    }


def test_novel_takes_a_tag_that_was_never_seen(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [novel("tag:locale")])
    for locale in ("de", "de", "fr", "de"):
        with reliai.context(tags={"locale": locale}):
            bench.call(locale)
    assert bench.prompts() == {"de", "fr"}
    assert len(bench.dataset.latest or ()) == 2


def test_a_memory_of_words_is_bounded() -> None:
    class Call:
        values: dict[str, Any]

    judge: Any = NewWords("value", "intent", 10)
    call = Call()
    for number in range(100):
        call.values = {"intent": f"w{number}"}
        assert judge(call)
    assert len(judge._seen) == 10


def test_a_slow_tail_learns_functions_apart_and_ignores_errors() -> None:
    class Call:
        def __init__(self, name: str, duration: float, status: str = "success") -> None:
            self.name, self.duration, self.status = name, duration, status

    judge: Any = SlowTail(0.9, 20, 10)
    assert not any(judge(Call("slow", 10.0)) for _ in range(20))
    assert not any(judge(Call("fast", 0.1)) for _ in range(20))
    assert judge(Call("fast", 1.0))
    assert not judge(Call("slow", 9.0))
    assert not judge(Call("fast", 5.0, "error"))


def test_feedback_matches_by_value_by_label_or_by_a_function() -> None:
    from reliai.datasets._capture_calls import Said

    def late(rule: Rule, value: Any, label: str | None = None) -> bool:
        assert rule.late is not None
        return rule.late(Said("thumbs", value, 0.0, label))

    assert late(on_feedback("thumbs", 0), 0.0)
    assert not late(on_feedback("thumbs", 0), 1)
    assert not late(on_feedback("thumbs", 0), False)
    assert late(on_feedback("thumbs", "down"), None, "down")
    assert late(on_feedback("thumbs"), "anything")
    assert late(on_feedback("thumbs", lambda value: value <= 2), 1)
    assert not late(on_feedback("stars", 0), 0)


# --- what goes first ----------------------------------------------------------------------------
def test_errors_go_first_however_the_rules_are_given() -> None:
    given = [uniform(0.1), slowest(), below("a", 1), on_feedback("t", 0), on_error()]
    names = [rule.name.partition("(")[0] for rule in checked_rules(given)]
    assert names == ["on_error", "on_feedback", "below", "slowest", "uniform"]


def test_a_rank_can_be_changed() -> None:
    first = replace(uniform(0.1), rank=-1)
    assert checked_rules([on_error(), first])[0] is first


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: uniform(0), "rate=0"),
        (lambda: uniform(1.5), "rate=1.5"),
        (lambda: uniform(True), "rate=True"),
        (lambda: below("", 1), r"below\(''\)"),
        (lambda: below("x", float("nan")), "nan"),
        (lambda: below("x", True), "True.*finite"),
        (lambda: below("x", 1, rate=2), "rate=2"),
        (lambda: on_error("late"), "late"),
        (lambda: on_status("late"), "statuses="),
        (on_status, "matches nothing"),
        (lambda: on_feedback(""), r"on_feedback\(''\)"),
        (lambda: slowest(1.0), "1.0"),
        (lambda: slowest(0.5, window=5), "window=5"),
        (lambda: slowest(0.5, window=50, warmup=60), "warmup=60"),
        (lambda: novel("tags"), "tags"),
        (lambda: novel("tag:"), "tag:"),
        (lambda: novel(similarity=1.0), "similarity=1.0"),
        (lambda: novel(memory=0), "memory=0"),
        (lambda: when(cast("Any", 7)), "function"),
    ],
)
def test_a_bad_setting_is_refused_by_name(make: Callable[[], Rule], named: str) -> None:
    with pytest.raises(reliai.ConfigurationError, match=named):
        make()


# --- the budget ---------------------------------------------------------------------------------
class Thing:
    """A call as a share sees it."""

    def __init__(self, name: str, matches: Sequence[int], salt: str = "") -> None:
        self.order = name
        self.place = chance_of(name, salt)
        self.matches = matches


def test_draws_are_even_and_the_same_everywhere() -> None:
    places = [chance_of(f"call {number}", "s") for number in range(2000)]
    assert abs(sum(places) / 2000 - 0.5) < 0.02
    assert places[0] == chance_of("call 0", "s") != chance_of("call 0", "t")


def test_what_a_rule_takes_surely_pushes_out_the_rest() -> None:
    share: Share[Thing] = Share([1.0, 1.0], 10)
    for number in range(50):
        share.offer(Thing(f"rest {number}", [1]))
    for number in range(10):
        kept, gone = share.offer(Thing(f"error {number}", [0, 1]))
        assert kept
        assert gone is not None
        assert gone.order.startswith("rest")
    assert all(thing.order.startswith("error") for thing in share)
    assert not share.offer(Thing("rest 99", [1]))[0]


def test_too_many_errors_are_thinned_to_a_sample_with_one_chance() -> None:
    share: Share[Thing] = Share([1.0, 0.1], 20)
    things = [Thing(f"error {number}", [0, 1]) for number in range(200)]
    for thing in things:
        share.offer(thing)
    chances = {share.chance(thing) for thing in share}
    assert len(chances) == 1
    (chance,) = chances
    assert sorted(thing.place for thing in things)[20] == chance
    assert {thing.order for thing in share} == {t.order for t in things if t.place < chance}


def test_what_is_withdrawn_makes_room() -> None:
    share: Share[Thing] = Share([1.0], 1)
    first = Thing("a", [0])
    share.offer(first)
    assert share.withdraw(first)
    assert not share.withdraw(first)
    assert len(share) == 0
    assert share.offer(Thing("b", [0]))[0]


@given(
    st.lists(st.sampled_from([(0, 2), (1, 2), (2,)]), max_size=60),
    st.integers(0, 12),
    st.floats(0.05, 1.0),
)
def test_just_those_below_the_limits_are_kept(
    kinds: list[tuple[int, ...]], most: int, rate: float
) -> None:
    share: Share[Thing] = Share([1.0, 0.7, rate], most)
    things = [Thing(str(number), kind) for number, kind in enumerate(kinds)]
    for thing in things:
        share.offer(thing)
    assert len(share) <= most
    kept = {thing.order for thing in share}
    assert kept == {thing.order for thing in things if thing.place < share.chance(thing)}


def test_weights_give_back_how_many_calls_there_were() -> None:
    """200 captures of 300 calls, 30 of them errors, at most 50 cases: 1/chance sums to 300."""
    sums = {0: 0.0, 1: 0.0}
    for seed in range(200):
        share: Share[Thing] = Share([1.0, 0.5], 50)
        for number in range(300):
            matches = [0, 1] if number % 10 == 0 else [1]
            share.offer(Thing(f"call {number}", matches, str(seed)))
        for thing in share:
            sums[thing.matches[0]] += 1 / share.chance(thing)
    assert sums[0] / 200 == 30
    assert sums[1] / 200 == pytest.approx(270, rel=0.04)  # a standard error is 1.4 %

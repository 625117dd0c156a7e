"""Shares that follow from how variants do: who gets more, what nobody falls below, what is told."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import reliai
from reliai.errors import ConfigurationError, ReliaiWarning
from reliai.policies.route import Route
from reliai.rollout import Bandit, cost, failure_rate, feedback
from reliai.rollout.thompson import Pooled, chances_of_lowest, shares_by
from reliai.state import open_state
from reliai.state.base import StateUnavailable
from reliai.testing import virtual_clock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from reliai.state import State
    from reliai.testing import VirtualClock


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR, logger="reliai")


@pytest.fixture
def clock() -> Iterator[VirtualClock]:
    with virtual_clock() as virtual:
        yield virtual


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    made = open_state(f"sqlite:///{tmp_path}/state.db")
    yield made
    made.close()


def seen(*of_each: tuple[int, int]) -> list[Pooled]:
    return [Pooled().with_batch(1.0, n, events, events) for events, n in of_each]


# --- chances and shares


def test_chances_are_those_of_the_posterior() -> None:
    """As 200,000 draws of Beta(1 + s, 1 + f) for 90/100, 45/50 and 70/100 successes say."""
    chances = chances_of_lowest("event", seen((10, 100), (5, 50), (30, 100)))
    assert chances == pytest.approx([0.538, 0.462, 0.000], abs=0.002)
    floors = dict.fromkeys("abc", 0.05)
    shares = shares_by(dict(zip("abc", chances, strict=True)), floors)
    assert list(shares.values()) == pytest.approx([507_500, 442_500, 50_000], abs=2_000)


@settings(max_examples=40)
@given(
    st.lists(st.tuples(st.integers(0, 10**6), st.floats(0, 1)), min_size=2, max_size=5),
    st.floats(0, 0.2),
)
def test_shares_add_up_and_keep_the_floor_whatever_was_seen(
    of_each: list[tuple[int, float]], floor: float
) -> None:
    """Case 29: the floor is respected and weights add up to 1, for two arms or more."""
    pooled = seen(*((round(n * part), n) for n, part in of_each))
    chances = chances_of_lowest("event", pooled)
    assert sum(chances) == pytest.approx(1.0)
    names = [str(number) for number in range(len(of_each))]
    shares = shares_by(dict(zip(names, chances, strict=True)), dict.fromkeys(names, floor))
    assert sum(shares.values()) == 1_000_000
    assert all(share >= int(floor * 1_000_000) - 1 for share in shares.values())


def test_means_that_never_vary_are_told_apart() -> None:
    pooled = [Pooled().with_batch(0.5, 100, 100.0 * each, 100 * each**2) for each in (2, 1, 3)]
    assert chances_of_lowest("mean", pooled) == pytest.approx([0, 1, 0])


def test_a_batch_in_which_all_was_worse_makes_nobody_look_better() -> None:
    """Shares and risks change together: raw means are wrong, and weighted ones are not."""
    pooled, raw = [Pooled(), Pooled()], [[0, 0], [0, 0]]
    for shares, risk in (((0.5, 0.5), 0.02), ((0.1, 0.9), 0.10)):
        for arm, share in enumerate(shares):
            n, events = round(10_000 * share), round(10_000 * share * risk)
            pooled[arm] = pooled[arm].with_batch(share, n, events, events)
            raw[arm][0] += events
            raw[arm][1] += n
    assert raw[0][0] / raw[0][1] < 0.5 * raw[1][0] / raw[1][1]
    assert pooled[0].mean == pytest.approx(0.06) == pooled[1].mean


def test_the_error_of_a_mean_is_that_of_its_calls_whatever_share_they_had() -> None:
    values = np.array([1.0, 2.0, 4.0, 9.0])
    for share in (1.0, 0.1):
        pooled = Pooled().with_batch(share, 4, values.sum(), (values**2).sum())
        assert pooled.error == pytest.approx(values.std(ddof=1) / 2)
        assert pooled.worth == pytest.approx(4)


# --- a bandit at work


class Arms:
    """Variants that cost and fail as they are told, behind a bandit."""

    def __init__(self, costs: dict[str, float], **settings: Any) -> None:
        self.costs = costs
        self.failing: set[str] = set()
        options: dict[str, Any] = {
            "minimise": cost(), "batch": 60.0, "min_calls": 5, "background": False, **settings,
        }  # fmt: skip
        self.bandit = Bandit("model", {name: name for name in costs}, **options)
        self.served = 0
        self.records: list[reliai.CallRecord] = []

        @Route(self.bandit, into="model")
        def answer(text: str, model: str = "") -> str:
            reliai.usage(model=model, input_tokens=1, output_tokens=1, cost_usd=self.costs[model])
            if model in self.failing:
                raise ConnectionError(model)
            return text

        self.function = answer

    def serve(self, count: int) -> None:
        for _ in range(count):
            self.served += 1
            with reliai.context(subject=f"s-{self.served}"), reliai.collect() as calls:
                reliai.execute(self.function, "hi")
            self.records += calls
        self.bandit.sync()

    @property
    def shares(self) -> dict[str, float]:
        return {each.name: each.share for each in self.bandit.estimates()}


@pytest.mark.parametrize("costs", [{"a": 1.0, "b": 2.0, "c": 3.0}, {"b": 2.0, "a": 1.0}])
def test_most_calls_go_to_the_cheapest_variant_within_five_batches(
    clock: VirtualClock, costs: dict[str, float]
) -> None:
    """Case 29."""
    arms = Arms(costs)
    for _ in range(5):
        arms.serve(60)
        clock.advance(60.0)
        arms.bandit.sync()
    assert max(arms.shares, key=lambda name: arms.shares[name]) == "a"
    assert arms.shares["a"] == pytest.approx(1.0 - 0.05 * (len(costs) - 1), abs=1e-5)
    assert sum(arms.shares.values()) == pytest.approx(1.0)
    assert min(arms.shares.values()) >= 0.05


def test_each_record_tells_the_share_that_its_variant_had(clock: VirtualClock) -> None:
    arms = Arms({"a": 1.0, "b": 2.0})
    arms.serve(40)
    clock.advance(60.0)
    arms.bandit.sync()
    arms.serve(40)
    logged = [
        (record.variant, event.attributes["phase"], event.attributes["share"])
        for record in arms.records
        for event in record.events
        if event.kind == "route"
    ]
    assert {each for each in logged if each[1] == 0} == {("a", 0, 0.5), ("b", 0, 0.5)}
    assert {each for each in logged if each[1] == 1} <= {("a", 1, 0.95), ("b", 1, 0.05)}


def test_propensities_of_the_records_give_the_same_estimate_as_the_bandit(
    clock: VirtualClock,
) -> None:
    arms = Arms({"a": 1.0, "b": 2.0}, minimise=failure_rate())
    for failing in ({"a"}, set[str](), {"a", "b"}):
        arms.failing = failing
        arms.serve(50)
        clock.advance(60.0)
        arms.bandit.sync()
    weights = {"a": [0.0, 0.0], "b": [0.0, 0.0]}
    for record in arms.records:
        event = next(each for each in record.events if each.kind == "route")
        weight = 1.0 / event.attributes["share"]
        weights[record.variant or ""][0] += weight * (record.status == "error")
        weights[record.variant or ""][1] += weight
    for each in arms.bandit.estimates():
        failed, whole = weights[each.name]
        assert each.estimate == pytest.approx(failed / whole)
        assert each.low is not None
        assert each.high is not None
        assert each.low <= failed / whole <= each.high


def test_shares_stay_equal_until_each_variant_has_had_enough_calls(clock: VirtualClock) -> None:
    arms = Arms({"a": 1.0, "b": 2.0}, min_calls=100)
    arms.serve(60)
    clock.advance(60.0)
    arms.bandit.sync()
    assert arms.shares == {"a": 0.5, "b": 0.5}


def test_the_control_keeps_a_floor_of_its_own(clock: VirtualClock) -> None:
    arms = Arms({"old": 3.0, "new": 1.0, "other": 2.0}, control_floor=0.3, floor=0.1)
    for _ in range(2):
        arms.serve(60)
        clock.advance(60.0)
        arms.bandit.sync()
    assert arms.shares == pytest.approx({"old": 0.3, "new": 0.6, "other": 0.1}, abs=1e-5)


def test_what_was_long_ago_is_forgotten_when_it_is_to_be(clock: VirtualClock) -> None:
    """The best variant gets worse half-way: with a discount that is noticed sooner."""

    def share_after_the_change(discount: float) -> float:
        arms = Arms({"a": 1.0, "b": 1.0}, minimise=failure_rate(), discount=discount)
        arms.failing = {"b"}
        for batch in range(10):
            if batch == 6:
                arms.failing = {"a"}
            arms.serve(60)
            clock.advance(60.0)
            arms.bandit.sync()
        return arms.shares["b"]

    assert share_after_the_change(0.5) > 0.9 > share_after_the_change(1.0)


def test_it_loses_less_than_equal_shares_do() -> None:
    """The regret of 5,000 calls at risks of .20, .15 and .10, against that of equal shares."""
    risks, rng = np.array([0.20, 0.15, 0.10]), np.random.default_rng(1)
    lost = []
    for _ in range(4):
        pooled, shares, regret = [Pooled()] * 3, np.ones(3) / 3, 0.0
        for _ in range(25):
            n = rng.multinomial(200, shares)
            events = rng.binomial(n, risks)
            regret += float(n @ (risks - risks.min()))
            pooled = [
                each.with_batch(*arm)
                for each, *arm in zip(pooled, shares, n, events, events, strict=True)
            ]
            shares = 0.01 + 0.97 * np.array(chances_of_lowest("event", pooled))
        lost.append(regret)
    assert np.mean(lost) < 0.35 * 5_000 * (risks - risks.min()).mean()


def test_processes_count_together_and_one_of_them_begins_the_next_batch(
    clock: VirtualClock, state: State
) -> None:
    both = [Arms({"a": 1.0, "b": 2.0}, state=state, min_calls=20) for _ in range(2)]
    for each in both:
        each.serve(30)
    clock.advance(60.0)
    for each in (*both, *both):
        each.bandit.sync()
    assert [len(each.bandit.batches) for each in both] == [2, 2]
    assert both[0].shares == both[1].shares == pytest.approx({"a": 0.95, "b": 0.05}, abs=1e-5)
    assert sum(each.calls for each in both[0].bandit.estimates()) == 60


def test_a_process_with_other_settings_neither_counts_nor_begins_a_batch(
    clock: VirtualClock, state: State
) -> None:
    one = Arms({"a": 1.0, "b": 2.0}, state=state)
    one.serve(30)
    other = Arms({"a": 1.0, "b": 2.0}, state=state, floor=0.2)
    with pytest.warns(ReliaiWarning, match="with other settings"):
        other.serve(30)
    clock.advance(60.0)
    assert [len(other.bandit.batches) for _ in range(3)] == [1, 1, 1]
    one.bandit.sync()
    assert one.shares["b"] == pytest.approx(0.05)
    assert sum(each.calls for each in one.bandit.estimates()) == 30


def test_a_batch_tells_later_what_its_shares_were_made_from(clock: VirtualClock) -> None:
    arms = Arms({"a": 1.0, "b": 2.0})
    for _ in range(3):
        arms.serve(30)
        clock.advance(60.0)
        arms.bandit.sync()
    first, second, _, _ = arms.bandit.batches
    assert sum(first.counts[::3]) == 30
    assert second.chances == pytest.approx({"a": 1.0, "b": 0.0})


def test_the_same_unit_gets_the_same_variant_within_a_batch() -> None:
    arms = Arms({"a": 1.0, "b": 2.0})
    assert len({arms.bandit.choose("u").name for _ in range(10)}) == 1


def test_variants_may_be_functions_of_all_kinds() -> None:
    async def one(text: str) -> AsyncIterator[str]:
        yield "one"

    async def other(text: str) -> AsyncIterator[str]:
        yield "other"

    bandit = Bandit("f", {"one": one, "other": other}, failure_rate(), background=False)
    function = reliai.reliable(Route(bandit))(one)
    seen: set[str] = set()

    async def serve() -> None:
        for number in range(20):
            with reliai.context(subject=f"s-{number}"):
                seen.update([chunk async for chunk in function("hi")])

    asyncio.run(serve())
    assert seen == {"one", "other"}
    assert sum(each.calls for each in bandit.estimates()) == 20


def test_without_a_unit_the_control_is_chosen() -> None:
    choice = Arms({"a": 1.0, "b": 2.0}).bandit.choose()
    assert (choice.name, choice.reason, choice.share) == ("a", "NO_UNIT", None)


def test_a_killed_bandit_gives_everybody_the_control(clock: VirtualClock, state: State) -> None:
    one, two = (Arms({"a": 2.0, "b": 1.0}, state=state) for _ in range(2))
    two.serve(1)
    assert one.bandit.kill(by="ana")
    two.bandit.sync()
    for each in (one, two):
        reasons = {each.bandit.choose(f"u-{n}")[0::2][:2] for n in range(20)}
        assert reasons == {("a", "KILLED")}


def test_with_the_state_away_it_goes_on_with_what_it_knows(
    clock: VirtualClock, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    arms = Arms({"a": 1.0, "b": 2.0}, state=state)
    arms.serve(10)

    def away(*_: Any, **__: Any) -> Any:
        message = "away"
        raise StateUnavailable(message)

    with monkeypatch.context() as patched:
        patched.setattr(state, "exchange", away)
        with pytest.warns(ReliaiWarning, match="does not answer"):
            arms.serve(10)
        assert arms.bandit.choose("u").reason == "SPLIT"
    arms.bandit.sync()
    assert sum(each.calls for each in arms.bandit.estimates()) == 20


def test_a_unit_that_cannot_be_assigned_gets_the_control_and_is_said() -> None:
    with pytest.warns(ReliaiWarning, match="a unit of type float"):
        assert Arms({"a": 1.0, "b": 2.0}).bandit.choose(1.5).reason == "ERROR"


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"name": ""}, "name=''"),
        ({"variants": {"a": 1}}, "must be two or more by name"),
        ({"variants": ["a", "b"]}, "must be two or more by name"),
        ({"minimise": feedback("thumbs")}, "feedback:thumbs.*must be what is read from each call"),
        ({"minimise": "cost"}, "must be what is read from each call"),
        ({"unit": None}, "must say who is assigned"),
        ({"floor": 0.6}, "the floors of 2 variants add up to 1.2"),
        ({"floor": -0.1}, r"floor=-0.1\): must be a share"),
        ({"batch": 0}, r"batch=0\): must be seconds above 0"),
        ({"min_calls": 1}, "at least 2"),
        ({"discount": 0.0}, r"discount=0.0\): must be in \(0, 1\]"),
    ],
)
def test_settings_out_of_range_name_the_value(settings: dict[str, Any], match: str) -> None:
    options: dict[str, Any] = {
        "name": "b", "variants": {"a": 1, "b": 2}, "minimise": cost(), **settings,
    }  # fmt: skip
    with pytest.raises(ConfigurationError, match=match):
        Bandit(**options)


def test_a_process_that_comes_when_the_batch_is_over_loses_nothing_of_what_was_counted(
    clock: VirtualClock, state: State
) -> None:
    settings: dict[str, Any] = {"state": state, "background": False, "min_calls": 10}
    first = Arms({"a": 1.0, "b": 2.0}, **settings)
    first.serve(60)
    clock.advance(60.0)
    first.bandit.sync()
    first.serve(60)
    clock.advance(3600.0)
    late = Bandit("model", {"a": "a", "b": "b"}, cost(), batch=60.0, **settings)
    late.sync()
    late.sync()
    assert sum(each.calls for each in late.estimates()) == 120
    assert late.batches[-1].chances["a"] == pytest.approx(1.0)

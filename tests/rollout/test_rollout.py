"""A rollout in one process: what calls get, what is counted, what operators do, what is told."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai.errors import ConfigurationError, ReliaiWarning
from reliai.policies.route import Route
from reliai.rollout import Rollout, RolloutConflict, Step, failure_rate, force, latency
from reliai.rollout._minder import minder
from reliai.testing import virtual_clock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from reliai.testing import VirtualClock

HALF = [0.5, 1.0]


@pytest.fixture
def clock() -> Iterator[VirtualClock]:
    with virtual_clock() as virtual:
        yield virtual


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR, logger="reliai")


def rollout(name: str = "summarizer", **settings: Any) -> Rollout:
    given: dict[str, Any] = {"steps": HALF, "background": False, "state": None, **settings}
    return Rollout(name, given.pop("control", "a"), given.pop("candidate", "b"), **given)


def units(count: int = 400) -> list[str]:
    return [f"user-{number}" for number in range(count)]


def arms(ro: Rollout) -> list[str]:
    return [ro.choose(unit).name for unit in units()]


class Traffic:
    """A routed function whose variants fail when they are told to."""

    def __init__(self, clock: VirtualClock, **settings: Any) -> None:
        self.clock = clock
        self.failing: set[str] = set()
        self.served = 0

        def control(text: str) -> str:
            return self.answer("control", text)

        def candidate(text: str) -> str:
            return self.answer("candidate", text)

        self.rollout = rollout(control=control, candidate=candidate, **settings)
        self.function: Callable[..., Any] = self.rollout.route()

    def answer(self, name: str, text: str) -> str:
        if name in self.failing:
            raise ConnectionError(name)
        return f"{name}: {text}"

    def serve(self, calls: int = 400) -> None:
        for _ in range(calls):
            self.served += 1
            with reliai.context(subject=f"s-{self.served}"):
                reliai.execute(self.function, "hi")
        self.rollout.sync()

    @property
    def actions(self) -> list[str]:
        return [each.action for each in self.rollout.audit()]


# --- choosing


def test_the_hash_decides_by_name_and_version() -> None:
    first, again, other = rollout(), rollout(), rollout(version=2)
    assert arms(first) == arms(again) != arms(other)
    assert abs(arms(first).count("candidate") - 200) < 50


def test_a_salt_of_ones_own_keeps_the_same_units_together() -> None:
    assert arms(rollout(salt="x")) == arms(rollout(salt="x", version=2))


def test_a_choice_tells_value_reason_version_and_share() -> None:
    choice = rollout(version="7", steps=[0.3, 1.0]).choose("user-1")
    assert choice.value == {"control": "a", "candidate": "b"}[choice.name]
    assert (choice.reason, choice.version, choice.phase) == ("SPLIT", "7", 0)
    assert choice.share == {"control": 0.7, "candidate": 0.3}[choice.name]
    assert "user-1" not in repr(choice)


def test_in_a_ramp_nobody_with_the_candidate_loses_it(clock: VirtualClock) -> None:
    ro = rollout(steps=[0.05, 0.25, 0.5, 1.0])
    had: set[str] = set()
    for step in (1, 2, 3, 4):
        now = {unit for unit in units() if ro.choose(unit).name == "candidate"}
        assert had <= now
        had = now
        if step < 4:
            ro.advance(step, by="ana")
    assert len(had) == 400


def test_without_a_unit_the_control_is_chosen_and_counted() -> None:
    ro = rollout()
    choice = ro.choose()
    assert (choice.name, choice.reason) == ("control", "NO_UNIT")
    assert ro.status().reasons == {"NO_UNIT": 1}


@pytest.mark.parametrize("unit", ["subject", "tenant"])
def test_the_unit_may_come_from_what_surrounds_the_code(unit: str) -> None:
    ro = rollout(unit=unit)
    around: dict[str, Any] = {unit: "user-1"}
    with reliai.context(**around):
        assert ro.choose() == ro.choose("user-1")


def test_a_unit_that_cannot_be_assigned_gets_the_control_and_is_said() -> None:
    ro = rollout()
    with pytest.warns(ReliaiWarning, match="a unit of type bool cannot be assigned"):
        choice = ro.choose(True)
    assert (choice.name, choice.reason) == ("control", "ERROR")


def test_a_number_is_the_same_unit_as_its_digits() -> None:
    assert rollout().choose(17) == rollout().choose("17")


def test_units_may_be_forced_by_the_rollout_or_around_calls() -> None:
    ro = rollout(force={"user-1": "candidate", "user-2": "control"})
    assert [ro.choose(f"user-{n}").name for n in (1, 2)] == ["candidate", "control"]
    assert ro.choose("user-1").reason == "FORCED"
    with force("candidate", rollout="another"), force("control"):
        assert (ro.choose("user-1").name, ro.choose().reason) == ("control", "FORCED")


def test_those_held_out_are_the_same_in_every_rollout_and_get_the_control() -> None:
    first, other = rollout(holdout=0.3), rollout("another", holdout=0.3)
    out = [{u for u in units() if ro.choose(u).reason == "HOLDOUT"} for ro in (first, other)]
    assert out[0] == out[1]
    assert 80 < len(out[0]) < 160


def test_those_not_exposed_get_the_control() -> None:
    ro = rollout(exposure=0.2)
    chosen = [ro.choose(unit) for unit in units()]
    apart = [each for each in chosen if each.reason == "NOT_EXPOSED"]
    assert 280 < len(apart) < 360
    assert {each.name for each in apart} == {"control"}


def test_a_kill_beats_force_at_once_and_stays(clock: VirtualClock) -> None:
    ro = rollout(force={"user-1": "candidate"})
    assert ro.choose("user-1").name == "candidate"
    ro.kill(by="ana", why="complaints")
    with force("candidate"):
        choice = ro.choose("user-1")
    assert (choice.name, choice.reason) == ("control", "KILLED")
    entry = ro.audit()[-1]
    assert (entry.action, entry.by, entry.why) == ("kill", "ana", "complaints")
    ro.sync()
    ro.kill(by="ben")
    assert [each.action for each in ro.audit()] == ["start", "kill"]
    assert ro.status().status == "killed"


def test_a_stream_under_way_goes_on_when_it_is_killed() -> None:
    def letters(text: str) -> Iterator[str]:
        yield from text

    ro = rollout(control=letters, candidate=letters)
    stream = ro.route()("abc")
    next(stream)
    ro.kill(by="ana")
    assert list(stream) == ["b", "c"]


# --- calls


def test_a_routed_function_is_called_as_the_control_and_counted(clock: VirtualClock) -> None:
    traffic = Traffic(clock)
    traffic.serve(400)
    calls = traffic.rollout.status().calls
    assert sum(calls) == 400
    assert min(calls) > 150


def test_calls_without_a_unit_forced_or_held_out_are_not_counted(clock: VirtualClock) -> None:
    traffic = Traffic(clock, force={"f": "candidate"})
    traffic.function("hi")
    with reliai.context(subject="f"):
        traffic.function("hi")
    assert traffic.rollout.status().calls == (0, 0)


def test_the_variant_is_on_the_record(clock: VirtualClock) -> None:
    traffic = Traffic(clock)
    with reliai.context(subject="s"), reliai.collect() as calls:
        answer = traffic.function("hi")
    assert calls[0].variant == answer.partition(":")[0]
    assert calls[0].name == "summarizer"


def test_prompts_may_be_rolled_out_as_values() -> None:
    ro = rollout(control="be brief", candidate="be kind", force={"u": "candidate"})

    @Route(ro, into="template")
    def summarize(text: str, template: str = "") -> str:
        return f"{template}: {text}"

    with reliai.context(subject="u"):
        assert summarize("hi") == "be kind: hi"
    assert summarize("hi") == "be brief: hi"


def test_values_have_no_routed_function_of_their_own() -> None:
    with pytest.raises(ConfigurationError, match=r"guard the function that uses it with Route"):
        rollout().route()


def test_an_async_generator_closed_early_is_counted_once_and_is_no_failure() -> None:
    async def control(text: str) -> AsyncIterator[str]:
        for letter in text:
            yield letter

    async def candidate(text: str) -> AsyncIterator[str]:
        for letter in text:
            yield letter

    ro = rollout(control=control, candidate=candidate)
    ask = ro.route()

    async def read_one() -> None:
        stream = ask("abc")
        async for _ in stream:
            break
        await stream.aclose()

    with reliai.context(subject="user-1"), reliai.collect() as calls:
        asyncio.run(read_one())
    assert (calls[0].status, calls[0].variant) == ("cancelled", ro.choose("user-1").name)
    ro.sync()
    status = ro.status()
    assert sum(status.calls) == 1
    assert {status.findings[0].control, status.findings[0].candidate} == {None}


def test_a_unit_counts_once_for_an_event(clock: VirtualClock) -> None:
    traffic = Traffic(clock)
    traffic.failing = {"control", "candidate"}
    with reliai.context(subject="s"):
        for _ in range(10):
            reliai.execute(traffic.function, "hi")
    status = traffic.rollout.status()
    found = status.findings[0]
    assert sum(status.calls) == 10
    assert {found.control, found.candidate} == {0.1, None}


# --- deciding


def test_a_good_candidate_goes_up_the_steps_and_is_promoted(clock: VirtualClock) -> None:
    traffic = Traffic(clock, steps=[0.25, 0.5, 1.0], guardrails=[failure_rate(5.0)], dwell=60)
    for _ in range(12):
        traffic.failing = {"control", "candidate"} if traffic.served % 3 == 0 else set()
        traffic.serve(300)
        clock.advance(61)
    assert traffic.actions == ["start", "advance", "promote"]
    assert traffic.rollout.choose().reason == "PROMOTED"
    assert traffic.rollout.choose().name == "candidate"


def test_a_bad_candidate_is_rolled_back_for_good(clock: VirtualClock) -> None:
    traffic = Traffic(clock)
    traffic.failing = {"candidate"}
    traffic.serve(60)
    assert traffic.actions == ["start", "rollback"]
    choice = traffic.rollout.choose("user-1")
    assert (choice.name, choice.reason) == ("control", "ROLLED_BACK")
    traffic.failing = set()
    clock.advance(1e6)
    traffic.serve(100)
    assert traffic.actions == ["start", "rollback"]
    assert traffic.rollout.status().share == 0.0


def test_a_decision_is_explained_by_making_it_again(clock: VirtualClock) -> None:
    traffic = Traffic(clock, guardrails=[failure_rate(), latency()])
    traffic.failing = {"candidate"}
    traffic.serve(60)
    explanation = traffic.rollout.explain()
    assert explanation.agrees
    assert explanation.decision is not None
    assert explanation.decision.evidence.harm >= 20
    text = str(explanation)
    assert "2. rollback (GUARDRAIL) by reliai" in text
    assert "made again from these counts: the same" in text


def test_an_explanation_says_when_the_counts_do_not_bear_it_out(clock: VirtualClock) -> None:
    traffic = Traffic(clock)
    traffic.failing = {"candidate"}
    traffic.serve(60)
    from reliai.rollout.status import replayed

    entry = traffic.rollout.audit()[-1]
    sums = {"failure_rate": [30, 1, 30, 1]}
    forged = entry._replace(counts=[{**entry.counts[0], "sums": sums}])
    assert not replayed(forged).agrees
    assert "which is another" in str(replayed(forged))


def test_an_entry_that_is_not_there_is_said() -> None:
    ro = rollout()
    ro.sync()
    assert ro.explain(1).agrees
    with pytest.raises(RolloutConflict, match="no entry 9"):
        ro.explain(9)


def test_in_observe_a_breach_is_said_once_and_traffic_stays(clock: VirtualClock) -> None:
    traffic = Traffic(clock, mode="observe")
    traffic.failing = {"candidate"}
    traffic.serve(60)
    traffic.serve(60)
    assert traffic.actions == ["start", "would_rollback"]
    status = traffic.rollout.status()
    assert (status.status, status.share) == ("ramping", 0.5)
    assert min(status.calls) > 30
    assert traffic.rollout.explain().agrees


def test_no_calls_hold_it_and_calls_let_it_go_on(clock: VirtualClock) -> None:
    traffic = Traffic(clock, dwell=60, steps=[0.2, 0.5, 1.0])
    traffic.rollout.sync()
    clock.advance(61)
    traffic.rollout.sync()
    assert (traffic.rollout.status().reason, traffic.rollout.status().status) == ("NO_DATA", "held")
    traffic.serve(900)
    assert traffic.actions == ["start", "hold", "advance"]


def test_one_that_is_not_through_in_time_is_held_told_and_keeps_its_share(
    clock: VirtualClock,
) -> None:
    told: list[str] = []
    traffic = Traffic(
        clock, max_duration=3_000, dwell=60, notify=lambda entry: told.append(entry.reason)
    )
    traffic.serve(400)
    clock.advance(3_001)
    traffic.serve(400)
    status = traffic.rollout.status()
    assert (status.status, status.reason, status.share) == ("held", "MAX_DURATION", 0.5)
    assert told == ["MAX_DURATION"]


def test_a_notified_function_that_raises_harms_nothing(clock: VirtualClock) -> None:
    def notify(entry: Any) -> None:
        raise RuntimeError(entry)

    traffic = Traffic(clock, notify=notify)
    traffic.failing = {"candidate"}
    traffic.serve(60)
    assert traffic.actions == ["start", "rollback"]


# --- operating


def approving(clock: VirtualClock) -> Traffic:
    steps = [Step(0.2, dwell=60, min_calls=10), Step(0.5, dwell=60, min_calls=10, approval=True), 1]
    return Traffic(clock, steps=steps, guardrails=[failure_rate(action="observe")])


def test_an_approval_of_a_step_that_is_not_under_way_or_not_through_is_refused(
    clock: VirtualClock,
) -> None:
    traffic = approving(clock)
    traffic.serve(100)
    with pytest.raises(RolloutConflict, match="step 2 of summarizer is not under way, step 1 is"):
        traffic.rollout.approve(step=2, by="ana")
    clock.advance(61)
    traffic.serve(100)
    with pytest.raises(RolloutConflict, match="still missing: 60 s more; 10 calls more"):
        traffic.rollout.approve(step=2, by="ana")
    assert traffic.actions == ["start", "advance"]


def test_an_approval_lets_the_next_step_begin(clock: VirtualClock) -> None:
    traffic = approving(clock)
    for _ in range(3):
        traffic.serve(100)
        clock.advance(61)
        traffic.rollout.sync()
    assert traffic.rollout.status().status == "awaiting_approval"
    traffic.rollout.approve(step=2, by="ana")
    traffic.rollout.sync()
    assert traffic.actions == ["start", "advance", "await_approval", "approve", "promote"]


def test_a_breach_while_it_waits_for_approval_rolls_back(clock: VirtualClock) -> None:
    steps = [Step(0.5, dwell=0, min_calls=10, approval=True), 0.8, 1.0]
    traffic = Traffic(clock, steps=steps)
    traffic.serve(100)
    assert traffic.rollout.status().status == "awaiting_approval"
    traffic.failing = {"candidate"}
    traffic.serve(60)
    assert traffic.actions == ["start", "await_approval", "rollback"]


def test_a_signal_that_somebody_resumed_in_spite_of_pauses_the_step_no_more(
    clock: VirtualClock,
) -> None:
    signal = failure_rate(action="hold")
    traffic = Traffic(clock, guardrails=[signal], steps=[0.2, 0.5, 1.0], dwell=0)
    traffic.failing = {"candidate"}
    traffic.serve(800)
    assert traffic.rollout.status().status == "paused"
    traffic.rollout.resume(by="ana", why="it is known")
    traffic.rollout.sync()
    assert traffic.actions == ["start", "pause", "resume", "advance"]


def test_a_step_that_asks_for_no_approval_takes_none(clock: VirtualClock) -> None:
    traffic = Traffic(clock)
    traffic.serve(10)
    with pytest.raises(RolloutConflict, match="asks for no approval"):
        traffic.rollout.approve(step=1, by="ana")


def test_a_pause_stops_the_ramp_but_no_rollback(clock: VirtualClock) -> None:
    traffic = Traffic(clock, steps=[0.2, 0.5, 1.0], dwell=0)
    traffic.rollout.pause(by="ana")
    traffic.serve(900)
    assert traffic.rollout.status().status == "paused"
    traffic.rollout.resume(by="ana")
    traffic.rollout.sync()
    assert traffic.actions == ["start", "pause", "resume", "advance"]
    traffic.rollout.pause(by="ana")
    traffic.failing = {"candidate"}
    traffic.serve(100)
    assert traffic.actions[-1] == "rollback"


def test_what_is_not_paused_cannot_be_resumed() -> None:
    with pytest.raises(RolloutConflict, match="is ramping and not paused"):
        rollout().resume(by="ana")


@pytest.mark.parametrize("action", ["pause", "advance"])
def test_what_has_ended_stays_ended(action: str) -> None:
    ro = rollout()
    ro.rollback(by="ana", why="enough")
    step: dict[str, Any] = {"step": 1} if action == "advance" else {}
    with pytest.raises(RolloutConflict, match="is rolled_back, for good; give another try another"):
        getattr(ro, action)(by="ana", **step)


def test_one_that_was_promoted_can_be_rolled_back_by_hand() -> None:
    ro = rollout()
    ro.advance(1, by="ana")
    assert ro.choose("u").reason == "PROMOTED"
    ro.rollback(by="ana")
    assert ro.choose("u").name == "control"


# --- looking and settings


def test_the_status_tells_share_counts_and_what_is_missing(clock: VirtualClock) -> None:
    traffic = Traffic(clock)
    traffic.serve(100)
    status = traffic.rollout.status()
    text = str(status)
    assert "summarizer version 1: ramping (DWELL), step 1, 0.5 of the units" in text
    assert "still missing: 600 s more" in text
    assert status.to_dict()["findings"][0]["name"] == "failure_rate"


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"steps": [0.5]}, "end with 1.0"),
        ({"steps": [0.5, 0.25, 1.0]}, "shares that grow"),
        ({"steps": [0.0, 1.0]}, r"share must be in \(0, 1\]"),
        ({"steps": [1e-9, 1.0]}, "0.000001 to 0.999999"),
        ({"steps": 5}, "must be a list of shares"),
        ({"dwell": -1}, "seconds of at least 0"),
        ({"min_calls": 0}, "whole number of at least 1"),
        ({"alpha": 1}, r"alpha=1\): must be in \(0, 1\)"),
        ({"mode": "off"}, "use 'enforce' or 'observe'"),
        ({"unit": None}, "must say who is assigned"),
        ({"unit": "user"}, "names no key"),
        ({"holdout": 2}, r"share in \[0, 1\]"),
        ({"force": {"u": "b"}}, "use 'control' or 'candidate'"),
        ({"on_no_data": "promote"}, "use 'hold' or 'rollback'"),
        ({"max_staleness": 0}, "seconds above 0"),
        ({"name": ""}, "text that is not empty"),
        ({"state": "nowhere"}, "is unknown"),
    ],
)
def test_settings_out_of_range_name_the_value_and_the_range(
    settings: dict[str, Any], match: str
) -> None:
    with pytest.raises(ConfigurationError, match=match):
        rollout(**settings)


def test_force_takes_no_other_variant() -> None:
    with pytest.raises(ConfigurationError, match="use 'control' or 'candidate'"), force("b"):
        pass


def test_nothing_is_minded_before_its_first_call() -> None:
    ro = Rollout("lazy", "a", "b")
    assert not minder.minds(ro)
    ro.choose("u")
    assert minder.minds(ro)
    assert minder.running

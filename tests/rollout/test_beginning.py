"""What comes before the first step: a gate that has to pass, and a shadow that shows no harm."""

from __future__ import annotations

import asyncio
import json
import logging
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai.errors import ConfigurationError, ReliaiWarning
from reliai.evals.results import GateResult, RuleResult
from reliai.evals.verdicts import Verdict
from reliai.policies.shadow import Shadow
from reliai.rollout import Rollout, RolloutConflict, force
from reliai.rollout._tally import Tally
from reliai.rollout.deciding import Standing, decide
from reliai.rollout.evidence import Counts
from reliai.rollout.operating import Operated
from reliai.state import open_state
from reliai.testing import virtual_clock
from tests.rollout.ramping import plan_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from reliai.rollout.deciding import Decision
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


def judged(verdict: str, n: int = 100) -> GateResult:
    rule = RuleResult(
        rule="exact >= 0.9", metric="exact", condition="min", limit=0.9,
        verdict=Verdict(verdict), reason="0.85 [0.8, 0.9]", estimate=0.85, n=n,
    )  # fmt: skip
    return GateResult(gate="exact >= 0.9", verdict=Verdict(verdict), rules=(rule,), n=n)


def rollout(**settings: Any) -> Rollout:
    given: dict[str, Any] = {"steps": [0.5, 1.0], "background": False, **settings}
    return Rollout("gated", given.pop("control", "a"), given.pop("candidate", "b"), **given)


def arms(ro: Rollout) -> set[tuple[str, str]]:
    choices = [ro.choose(f"user-{number}") for number in range(50)]
    return {(each.name, each.reason) for each in choices}


def actions(ro: Rollout) -> list[tuple[str, str]]:
    return [(each.action, each.reason) for each in ro.audit()]


# --- gates


@pytest.mark.parametrize("verdict", ["FAIL", "INCONCLUSIVE", "INCOMPLETE"])
def test_a_rollout_whose_gate_has_not_passed_does_not_begin(
    clock: VirtualClock, verdict: str
) -> None:
    ro = rollout(gate=judged(verdict))
    assert arms(ro) == {("control", "NOT_BEGUN")}
    clock.advance(1e6)
    ro.sync()
    status = ro.status()
    assert (status.status, status.step, status.share) == ("draft", 0, 0.0)
    said = f"its gate to pass; it says {verdict}: exact >= 0.9: 0.85 [0.8, 0.9]"
    assert status.missing == (said,)
    assert arms(ro) == {("control", "NOT_BEGUN")}


def test_the_audit_says_what_the_gate_said_and_of_which_numbers(clock: VirtualClock) -> None:
    ro = rollout(gate=judged("FAIL"))
    ro.sync()
    ro.sync()
    assert actions(ro) == [("start", "START"), ("gate", "GATE_FAIL")]
    said = ro.audit()[-1].evidence["gate"]
    assert (said["verdict"], said["n"]) == ("FAIL", 100)
    assert said["rules"][0]["reason"] == "0.85 [0.8, 0.9]"
    assert ro.explain(2).agrees


def test_with_a_gate_that_passed_the_first_step_begins(clock: VirtualClock) -> None:
    ro = rollout(gate=judged("PASS"))
    ro.sync()
    assert actions(ro) == [
        ("start", "START"),
        ("gate", "GATE_PASS"),
        ("begin", "GATE_PASSED"),
    ]
    assert ("candidate", "SPLIT") in arms(ro)
    assert (ro.status().status, ro.status().step) == ("ramping", 1)
    assert ro.explain(3).agrees


def test_the_status_says_at_once_what_the_gate_says(clock: VirtualClock, tmp_path: Path) -> None:
    path = tmp_path / "gate.json"
    path.write_text(json.dumps(judged("FAIL").to_dict()))
    for ro in (rollout(gate=judged("FAIL")), rollout(gate=path)):
        assert ro.status().reason == "GATE_FAIL"
        assert "it says FAIL: exact >= 0.9" in ro.status().missing[0]


def test_a_gate_that_judged_no_case_is_no_pass(clock: VirtualClock) -> None:
    ro = rollout(gate=judged("PASS", n=0))
    ro.sync()
    assert (ro.status().status, ro.status().reason) == ("draft", "GATE_NO_CASES")


def test_a_stored_verdict_is_read_again_when_it_changes(
    clock: VirtualClock, tmp_path: Path
) -> None:
    path = tmp_path / "gate.json"
    ro = rollout(gate=path)
    ro.sync()
    assert ro.status().reason == "GATE"
    for verdict, status in (("FAIL", "draft"), ("PASS", "ramping")):
        path.write_text(json.dumps(judged(verdict).to_dict()))
        clock.advance(2.0)
        ro.sync()
        assert ro.status().status == status


def test_a_verdict_that_cannot_be_read_is_none_and_is_said(
    clock: VirtualClock, tmp_path: Path
) -> None:
    path = tmp_path / "gate.json"
    path.write_text("PASS")
    ro = rollout(gate=str(path))
    with pytest.warns(ReliaiWarning, match="cannot be read"):
        ro.sync()
    assert ro.status().status == "draft"


def test_another_process_with_the_passed_gate_begins_it_for_all(
    clock: VirtualClock, state: State
) -> None:
    first, second = (
        rollout(gate=judged("FAIL"), state=state),
        rollout(gate=judged("PASS"), state=state),
    )
    first.sync()
    assert first.status().reason == "GATE_FAIL"
    clock.advance(10.0)
    second.sync()
    first.sync()
    assert first.status().status == second.status().status == "ramping"


def test_somebody_may_begin_it_in_spite_of_the_gate(clock: VirtualClock, state: State) -> None:
    ro = rollout(gate=judged("FAIL"), state=state)
    ro.sync()
    with pytest.raises(RolloutConflict, match="step 1 of gated is not under way, step 0 is"):
        ro.advance(step=1, by="ana")
    with pytest.raises(RolloutConflict, match="asks for no approval"):
        ro.approve(step=0, by="ana")
    Operated(state, "gated").advance(step=0, by="ana", why="we looked at all of them")
    ro.sync()
    assert (ro.status().status, ro.status().step) == ("ramping", 1)


def test_a_pause_and_a_resume_do_not_pass_the_gate(clock: VirtualClock) -> None:
    ro = rollout(gate=judged("FAIL"))
    ro.sync()
    ro.pause(by="ana")
    clock.advance(5.0)
    ro.sync()
    assert ro.status().status == "paused"
    ro.resume(by="ana")
    clock.advance(5.0)
    ro.sync()
    assert ro.status().status == "draft"


@pytest.mark.parametrize("action", ["kill", "rollback"])
def test_one_that_has_not_begun_can_be_ended(clock: VirtualClock, action: str) -> None:
    ro = rollout(gate=judged("FAIL"))
    ro.sync()
    getattr(ro, action)(by="ana")
    clock.advance(5.0)
    ro.sync()
    assert ro.status().status in {"killed", "rolled_back"}


def test_the_time_before_it_began_is_no_part_of_its_duration(
    clock: VirtualClock, tmp_path: Path
) -> None:
    path = tmp_path / "gate.json"
    ro = rollout(gate=path, max_duration=100.0)
    ro.sync()
    clock.advance(1e6)
    path.write_text(json.dumps(judged("PASS").to_dict()))
    ro.sync()
    clock.advance(2.0)
    ro.sync()
    assert ro.status().status == "ramping"


@pytest.mark.parametrize("given", [5, "", GateResult, Verdict.PASS, {"verdict": "PASS"}])
def test_what_is_no_verdict_is_an_error(given: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"gate\.judge\(comparison\)"):
        rollout(gate=given)


# --- shadows


def shadow_says(
    pairs: int, ours: int, base: int, *, now: float = 0.0, action: str = "hold", **standing: Any
) -> Decision:
    plan = plan_of(0.5)._replace(shadow=action)
    here = Counts(0.0, (0, 0), (0, 0), {"shadow": (pairs, ours, base)})
    began = Standing("shadow", -1, 0.0, 0.0)
    return decide(plan, began._replace(**standing), [here], now)


@pytest.mark.parametrize(
    ("counts", "action", "expected"),
    [
        ((99, 0, 0), "hold", ("wait", "PAIRS")),
        ((100, 0, 0), "hold", ("begin", "SHADOW_PASSED")),
        ((300, 30, 30), "hold", ("begin", "SHADOW_PASSED")),
        ((300, 8, 2), "hold", ("wait", "UNDECIDED")),
        ((300, 30, 10), "hold", ("pause", "SHADOW")),
        ((50, 30, 10), "hold", ("pause", "SHADOW")),
        ((300, 30, 10), "rollback", ("rollback", "SHADOW")),
        ((300, 30, 10), "observe", ("begin", "SHADOW_PASSED")),
        ((50, 30, 10), "observe", ("wait", "PAIRS")),
    ],
)
def test_what_follows_from_the_pairs_of_a_shadow(
    counts: tuple[int, int, int], action: str, expected: tuple[str, str]
) -> None:
    decision = shadow_says(*counts, action=action)
    assert (decision.action, decision.reason) == expected


def test_the_evidence_of_a_shadow_is_shown_and_is_that_of_the_sign_test() -> None:
    (finding,) = shadow_says(300, 30, 10).evidence.findings
    assert (finding.name, finding.control, finding.candidate) == ("shadow", 10 / 300, 30 / 300)
    assert finding.harm == pytest.approx(64.4, abs=0.05)


def test_a_shadow_that_does_not_come_to_an_end_is_held_and_not_begun() -> None:
    decision = shadow_says(5, 0, 0, now=1e7)
    assert (decision.action, decision.reason) == ("hold", "MAX_DURATION")


def test_somebody_may_go_on_in_spite_of_a_shadow() -> None:
    decision = shadow_says(300, 30, 10, overridden=True)
    assert decision.action == "begin"


class Noisy:
    """A rollout whose candidate is tried in a shadow: each answers otherwise now and then."""

    def __init__(self, ours: float, base: float = 0.1, **settings: Any) -> None:
        chance = Random(7)

        def control(text: str) -> str:
            return "other" if chance.random() < base else text

        def candidate(text: str) -> str:
            return "other" if chance.random() < ours else text

        self.shadow = Shadow(candidate, rate=1.0, noise_baseline=1.0, name="tried")
        self.rollout = rollout(control=control, candidate=candidate, shadow=self.shadow, **settings)
        self.function: Any = self.rollout.route()
        self.served = 0

    def serve(self, count: int) -> None:
        for _ in range(count):
            self.served += 1
            with reliai.context(subject=f"s-{self.served}"):
                self.function("hi")
            if not self.served % 32:
                self.shadow.drain()
        self.shadow.drain()
        self.rollout.sync()


def test_a_candidate_that_is_no_noisier_goes_from_the_shadow_to_the_ramp() -> None:
    noisy = Noisy(0.0, 0.0)  # which of two noisy ones comes first is up to the threads
    noisy.serve(1)
    assert noisy.rollout.status().status == "shadow"
    assert arms(noisy.rollout) == {("control", "SHADOW")}
    noisy.serve(250)
    assert noisy.rollout.status().status == "ramping"
    assert actions(noisy.rollout) == [("start", "START"), ("begin", "SHADOW_PASSED")]
    assert noisy.rollout.explain().agrees
    started = noisy.shadow.report().started
    noisy.serve(20)
    assert noisy.shadow.report().started == started  # it ends with its step


@pytest.mark.parametrize(
    ("on_shadow", "expected"), [("hold", "paused"), ("rollback", "rolled_back")]
)
def test_a_candidate_that_answers_otherwise_is_stopped_before_anybody_sees_it(
    on_shadow: str, expected: str
) -> None:
    noisy = Noisy(0.7, 0.1, on_shadow=on_shadow)
    noisy.serve(200)
    assert noisy.rollout.status().status == expected
    assert not any(name == "candidate" for name, _ in arms(noisy.rollout))
    counted = noisy.rollout.audit()[-1].counts[-1]["sums"]["shadow"]
    report = noisy.shadow.report()
    assert counted == [report.pairs, report.candidate_differs, report.primary_differs]


def test_a_shadow_that_is_paused_does_not_run(clock: VirtualClock) -> None:
    noisy = Noisy(0.0)
    noisy.serve(10)
    noisy.rollout.pause(by="ana")
    noisy.serve(10)
    assert arms(noisy.rollout) == {("control", "NOT_BEGUN")}
    noisy.rollout.resume(by="ana")
    noisy.serve(10)
    assert noisy.shadow.report().started == 20


def test_a_shadow_that_is_held_goes_on_and_may_still_begin_the_ramp(clock: VirtualClock) -> None:
    noisy = Noisy(0.0, max_duration=10.0)
    noisy.serve(10)
    clock.advance(20.0)
    noisy.rollout.sync()
    assert noisy.rollout.status().status == "held"
    noisy.serve(100)
    assert noisy.rollout.status().status == "ramping"


def test_the_gate_comes_before_the_shadow(clock: VirtualClock, tmp_path: Path) -> None:
    path = tmp_path / "gate.json"
    noisy = Noisy(0.1, gate=path)
    noisy.serve(30)
    assert noisy.shadow.report().started == 0
    path.write_text(json.dumps(judged("PASS").to_dict()))
    clock.advance(2.0)
    noisy.rollout.sync()
    assert actions(noisy.rollout)[1:] == [("gate", "GATE_PASS"), ("shadow", "GATE_PASSED")]
    noisy.serve(30)
    assert noisy.shadow.report().started == 30


def test_the_time_before_its_gate_passed_is_no_part_of_the_shadow_s(
    clock: VirtualClock, tmp_path: Path
) -> None:
    path = tmp_path / "gate.json"
    noisy = Noisy(0.0, gate=path, max_duration=100.0)
    noisy.serve(1)
    clock.advance(1e6)
    path.write_text(json.dumps(judged("PASS").to_dict()))
    for _ in range(2):
        clock.advance(2.0)
        noisy.rollout.sync()
    assert noisy.rollout.status().reason == "PAIRS"


def test_a_forked_child_tells_the_pairs_that_it_has_counted_itself() -> None:
    tally = Tally([], shadowed=True)
    told = iter([(10, 2, 1), (3, 1, 0), (5, 1, 0)])
    tally.shadow = lambda: next(told)
    shares = [tally.counts(0.0, tally.take()[0]).sums["shadow"] for _ in range(3)]
    assert shares == [(10, 2, 1), (3, 1, 0), (2, 0, 0)]


def test_calls_with_a_forced_value_are_not_shadowed() -> None:
    def candidate(text: str, prompt: str = "") -> str:
        return text

    shadow = Shadow(candidate, rate=1.0, noise_baseline=1.0, name="values")
    ro = rollout(shadow=shadow)

    @reliai.Route(ro, into="prompt")
    @shadow
    def control(text: str, prompt: str = "") -> str:
        return f"{prompt}{text}"

    with reliai.context(subject="u"):
        with force("candidate"):
            assert control("x") == "bx"
        assert control("x") == "ax"
    shadow.drain()
    assert shadow.report().started == 1


def test_calls_that_are_forced_into_the_candidate_are_not_shadowed() -> None:
    noisy = Noisy(0.1)
    with force("candidate"):
        noisy.serve(10)
    assert noisy.shadow.report().started == 0


def test_an_asynchronous_function_is_tried_in_its_loop() -> None:
    async def control(text: str) -> str:
        return text

    async def candidate(text: str) -> str:
        return f"{text}!"

    shadow = Shadow(candidate, rate=1.0, noise_baseline=1.0, name="async")
    ro = rollout(control=control, candidate=candidate, shadow=shadow, on_shadow="rollback")
    function = ro.route()

    async def serve() -> None:
        for number in range(30):
            with reliai.context(subject=f"s-{number}"):
                assert await function("hi") == "hi"
            await shadow.adrain()

    asyncio.run(serve())
    ro.sync()
    assert (ro.status().status, ro.status().reason) == ("rolled_back", "SHADOW")


def test_pairs_of_all_processes_count_together(clock: VirtualClock, state: State) -> None:
    both = [Noisy(0.0, 0.0, state=state), Noisy(0.0, 0.0, state=state)]
    for each in both:
        each.serve(60)
    clock.advance(10.0)
    both[0].rollout.sync()
    assert both[0].rollout.status().status == "ramping"
    assert sum(each.shadow.report().pairs for each in both) == 120


def test_the_shadow_may_try_the_candidate_with_or_without_its_policies() -> None:
    def candidate(text: str) -> str:
        return text

    guarded = reliai.reliable(reliai.Retry(2))(candidate)
    for tried, given in [(candidate, guarded), (guarded, candidate), ("x".join, "x".join)]:
        shadow = Shadow(tried, noise_baseline=1.0)
        assert rollout(control=candidate, candidate=given, shadow=shadow).shadow is shadow


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"shadow": Shadow(lambda text: text, name="s")}, "its noise_baseline is 0"),
        (
            {"shadow": Shadow(str.lower, noise_baseline=1.0), "candidate": str.upper},
            r"tries another function than the candidate .*upper, which its verdict",
        ),
        ({"shadow": str}, r"shadow=type\): must be a Shadow"),
        ({"on_shadow": "rollback"}, "needs shadow="),
        ({"on_shadow": "stop"}, "use 'hold' or 'rollback' or 'observe'"),
        ({"shadow_pairs": 0}, "must be a whole number of at least 1"),
    ],
)
def test_settings_that_cannot_be_honoured_are_errors(settings: dict[str, Any], match: str) -> None:
    with pytest.raises(ConfigurationError, match=match):
        rollout(**settings)

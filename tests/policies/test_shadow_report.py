"""What a shadow may spend, how it compares, and what it reports (acceptance cases 34 and 36)."""

from __future__ import annotations

import asyncio
from dataclasses import FrozenInstanceError, fields
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai import comparisons
from reliai._core.settings import settings
from reliai.policies.shadow import ShadowReport
from reliai.state import open_state
from reliai.state.keeper import keeper_of
from reliai.testing import virtual_clock
from tests.policies._guarded import every_kind, every_one_value
from tests.policies._shadowing import LONG, Shadowed, candidate_of
from tests.policies._spending import answer as costly
from tests.programs import printed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from reliai.testing import VirtualClock


@pytest.fixture
def clock() -> Iterator[VirtualClock]:
    with virtual_clock() as time:
        yield time


# --- what it may spend (acceptance case 34) -----------------------------------------------
@every_one_value
def test_a_shadow_that_has_spent_its_money_is_skipped_until_its_window_passes(
    kind: str, clock: VirtualClock
) -> None:
    budget = reliai.Budget(usd=1.0, per=3600, estimate=0.4)
    ask = Shadowed(kind, lambda prompt: costly(0.5), spend=budget, answer=lambda prompt: "a")
    for _ in range(4):
        ask("hello")
    assert ask.report.started == 2
    assert ask.report.skipped_for == {"budget": 2}
    assert ask.event("shadow_skipped") == {"shadow": "candidate", "reason": "budget"}
    assert ask.report.cost_usd == pytest.approx(1.0)
    clock.advance(2 * 3600)
    ask("hello")
    assert ask.report.started == 3


def test_a_number_is_so_many_dollars_a_day(clock: VirtualClock) -> None:
    ask = Shadowed("sync", lambda prompt: costly(0.5), spend=0.5, answer=lambda prompt: "a")
    ask("hello")
    ask("hello")
    assert (ask.report.started, ask.report.skipped) == (1, 1)
    clock.advance(2 * 86400)
    ask("hello")
    assert ask.report.started == 2


def test_what_there_is_no_money_left_for_is_skipped_although_some_is_left() -> None:
    budget = reliai.Budget(usd=1.0, estimate=0.8)
    ask = Shadowed("sync", lambda prompt: costly(0.5), spend=budget, answer=lambda prompt: "a")
    ask("hello")
    ask("hello")
    report = ask.report
    assert (report.started, report.skipped_for, report.failed) == (1, {"budget": 1}, 0)
    assert report.pending == 0


def test_the_second_answer_of_the_function_is_paid_by_the_shadow_too() -> None:
    own = reliai.Budget(usd=10.0, estimate=0.1)
    ask = Shadowed(
        "sync",
        lambda prompt: costly(0.5),
        own,
        answer=lambda prompt: costly(0.25),
        spend=reliai.Budget(usd=5.0, estimate=0.1),
        noise_baseline=1,
    )
    ask("hello")
    assert ask.report.cost_usd == pytest.approx(0.75)
    assert own.snapshot()["usd"].spent == pytest.approx(0.25)


def test_a_budget_for_each_tenant_skips_the_one_that_has_spent_it() -> None:
    budget = reliai.Budget(usd=0.5, estimate=0.1, key="tenant")
    ask = Shadowed("sync", lambda prompt: costly(0.5), spend=budget, answer=lambda prompt: "a")
    for tenant in ("a", "a", "b"):
        with reliai.context(tenant=tenant):
            ask("hello")
    assert (ask.report.started, ask.report.skipped_for) == (2, {"budget": 1})


def test_what_a_shadow_may_cost_is_one_cap_for_all_processes(tmp_path: Path) -> None:
    """Case 34: what one process has spent the other knows at its next sampled call."""
    url = f"sqlite:///{tmp_path}/state.db"
    budget = reliai.Budget(usd=1.0, estimate=0.5, name="v2", state=url)
    ask = Shadowed("sync", lambda prompt: costly(0.5), spend=budget, answer=lambda prompt: "a")
    ask("hello")
    elsewhere = f"""
        import reliai
        budget = reliai.Budget(usd=1.0, estimate=0.5, name="v2", state={url!r})
        shadow = reliai.Shadow(lambda prompt: {costly(0.5)!r}, rate=1, spend=budget, name="v2")
        ask = shadow(lambda prompt: "a")
        for _ in range(3):
            assert ask("hello") == "a" and shadow.drain(20)
        print(shadow.report().started, shadow.report().skipped_for)
    """
    assert printed(elsewhere) == ["1 {'budget': 2}"]
    ask("hello")
    assert (ask.report.started, ask.report.skipped_for) == (1, {"budget": 1})


def test_a_number_is_one_cap_for_the_shadows_of_a_name(tmp_path: Path) -> None:
    state = open_state(f"sqlite:///{tmp_path}/state.db")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(settings, "state", state)
        one, other, third = (
            Shadowed("sync", lambda prompt: costly(2.0), spend=1.0, name=name)
            for name in ("v2", "v2", "v3")
        )
        one("hello")
        assert keeper_of(state).step()
        other("hello")
        third("hello")
    assert (one.report.started, third.report.started) == (1, 1)
    assert other.report.skipped_for == {"budget": 1}


# --- how it compares ----------------------------------------------------------------------
@every_one_value
@pytest.mark.parametrize(
    ("compare", "given", "matches"),
    [
        (None, "Hello", False),
        ("exact", "hello", True),
        ("text", "HELLO ", True),
        ("numbers", "hello", True),
        (comparisons.Text(minimum=0.5), "help", True),
        (comparisons.Scored(lambda one, other: 0.6, minimum=0.5), "x", True),
        (lambda one, other: 0.6, "a number", False),
        (lambda one, other: "too short", "a reason", False),
    ],
)
def test_the_comparator_decides(kind: str, compare: Any, given: str, matches: bool) -> None:
    ask = Shadowed(kind, lambda prompt: given, compare=compare)
    ask("hello")
    report = ask.report
    assert (report.matched, report.mismatched) == ((1, 0) if matches else (0, 1))
    assert report.compare_errors == 0


def test_json_is_compared_whatever_its_order() -> None:
    ask = Shadowed(
        "sync",
        lambda prompt: '{"b": [1, 2.0], "a": 1, "id": 7}',
        answer=lambda prompt: '{"a": 1, "b": [1, 2], "id": 8}',
        compare=comparisons.Json(ignore=["id"]),
    )
    ask("hello")
    assert ask.report.matched == 1


def test_an_asynchronous_comparator_is_awaited_for_asynchronous_functions() -> None:
    async def judge(primary: str, candidate: str) -> float:
        await asyncio.sleep(0)
        return 0.9

    ask = Shadowed("async", lambda prompt: "x", compare=judge)
    ask("hello")
    assert (ask.report.matched, ask.report.mean_score) == (1, 0.9)


@every_one_value
def test_providers_answers_are_compared_by_their_text(kind: str) -> None:
    def answer(prompt: str) -> Any:
        return {**costly(0.5), "id": f"other {prompt}"}

    ask = Shadowed(kind, lambda prompt: costly(0.1), answer=answer)
    ask("hello")
    assert ask.report.matched == 1


# --- what comes of it ---------------------------------------------------------------------
@every_kind
def test_publish_gets_the_result_of_each_shadow_with_its_content(kind: str) -> None:
    results: list[Any] = []
    ask = Shadowed(
        kind, lambda prompt: "other", compare=lambda a, b: f"{a} is not {b}", publish=results.append
    )
    ask("hello")
    (result,) = results
    assert (result.call_id, result.status) == (ask.record.id, "mismatched")
    assert (result.primary, result.candidate) == ("hello", "other")
    assert result.reason == "hello is not other"
    assert result.baseline_matched is None
    assert result.primary_seconds == ask.record.duration


@every_one_value
def test_a_failed_candidate_is_published_with_its_error(kind: str) -> None:
    error = ConnectionError("down")

    def fail(prompt: str) -> str:
        raise error

    results: list[Any] = []
    ask = Shadowed(kind, fail, publish=results.append)
    ask("hello")
    assert (results[0].status, results[0].candidate_error) == ("candidate_failed", error)
    assert ask.report.failures == {"connection": 1}


def test_an_asynchronous_publish_is_awaited() -> None:
    results: list[Any] = []

    async def publish(result: Any) -> None:
        await asyncio.sleep(0)
        results.append(result.status)

    ask = Shadowed("async", str, publish=publish)
    ask("hello")
    assert results == ["matched"]


@every_kind
def test_the_report_adds_up(kind: str) -> None:
    answers: Iterator[Any] = iter(("hello", "other", ConnectionError("down"), "hello"))

    def candidate(prompt: str) -> Any:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    ask = Shadowed(kind, candidate)
    for _ in range(4):
        ask("hello")
    report = ask.report
    assert (report.started, report.compared, report.failed) == (4, 3, 1)
    assert (report.matched, report.mismatched) == (2, 1)
    assert report.primary_seconds is not None
    assert report.candidate_seconds is not None
    assert (report.verdict, report.e_value, report.pairs) == ("undecided", 1.0, 0)


def test_a_report_is_a_value_that_does_not_change() -> None:
    ask = Shadowed("sync")
    report = ask.report
    ask("hello")
    assert report.started == 0
    with pytest.raises(FrozenInstanceError):
        setattr(report, "started", 1)  # noqa: B010  the type checkers know, too


def test_every_field_of_the_report_is_documented() -> None:
    documented = ShadowReport.__doc__ or ""
    assert [each.name for each in fields(ShadowReport) if each.name not in documented] == []


# --- a worse candidate, or chance (acceptance case 36) ------------------------------------
@every_kind
def test_the_function_is_asked_again_bare_and_in_the_shadow(kind: str) -> None:
    seen: list[Any] = []

    async def watch(call: reliai.Call, proceed: Any) -> Any:
        seen.append(call.id)
        return await proceed(call)

    ask = Shadowed(kind, lambda prompt: "other", watch, noise_baseline=1, inside=(watch,))
    ask("hello")
    assert ask.prompts == ["hello", "hello"]
    assert set(seen) == {ask.record.id}
    by_role = {record.tags["shadow_role"]: record for record in ask.shadows}
    assert by_role["baseline"].name == "ask.again"
    assert by_role["baseline"].parent_id == ask.record.id
    report = ask.report
    assert (report.pairs, report.candidate_differs, report.primary_differs) == (1, 1, 0)


def test_a_failure_is_another_answer_for_either_of_the_two() -> None:
    results: list[Any] = []
    answers: Iterator[Any] = iter(["a", ConnectionError("down"), "a", "a"])

    def answer(prompt: str) -> Any:
        given = next(answers)
        if isinstance(given, Exception):
            raise given
        return given

    candidates: Iterator[Any] = iter(["a", ValueError("no")])

    def candidate(prompt: str) -> Any:
        given = next(candidates)
        if isinstance(given, Exception):
            raise given
        return given

    ask = Shadowed("sync", candidate, answer=answer, noise_baseline=1, publish=results.append)
    ask("hello")
    ask("hello")
    report = ask.report
    assert (report.pairs, report.candidate_differs, report.primary_differs) == (2, 1, 1)
    assert [result.baseline_matched for result in results] == [False, True]


def test_a_comparison_that_fails_is_no_evidence() -> None:
    def compare(one: str, other: str) -> bool:
        raise ValueError("no")

    ask = Shadowed("sync", str, noise_baseline=1, compare=compare)
    ask("hello")
    assert (ask.report.pairs, ask.report.compare_errors) == (0, 1)


def test_without_an_answer_of_the_function_it_is_not_asked_again() -> None:
    def down(prompt: str) -> str:
        raise ConnectionError("down")

    ask = Shadowed("sync", str, answer=down, noise_baseline=1)
    with pytest.raises(ConnectionError):
        ask("hello")
    assert ask.prompts == ["hello"]


def test_a_share_of_the_shadowed_calls_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = iter([0.1, 0.1, 0.1, 0.9])  # sampled, again; sampled, not again

    class Chance:
        @staticmethod
        def random() -> float:
            return next(drawn)

    monkeypatch.setattr("reliai.policies.shadow.chance", Chance)
    ask = Shadowed("sync", rate=0.5, noise_baseline=0.5)
    ask("hello")
    ask("hello")
    assert (ask.report.started, ask.report.pairs) == (2, 1)


def noisy(seed: int, noise: float) -> Any:
    random = Random(seed)
    return lambda prompt: "other" if random.random() < noise else "usual"


@pytest.mark.parametrize(
    ("noise", "verdict"), [(0.2, "no difference seen"), (0.6, "worse")], ids=["same", "worse"]
)
def test_a_candidate_that_is_worse_is_told_from_one_that_is_as_noisy(
    noise: float, verdict: str
) -> None:
    shadow = reliai.Shadow(
        candidate_of("sync", noisy(1, noise)), rate=1, noise_baseline=1, max_pending=1_000
    )
    ask = shadow(candidate_of("sync", noisy(2, 0.2)))
    for _ in range(400):
        ask("hello")
        assert shadow.drain(LONG)
    report = shadow.report()
    assert report.pairs == 400
    assert report.verdict in ({verdict, "undecided"} if verdict != "worse" else {verdict})
    assert (report.e_value >= 20) == (verdict == "worse")

"""How many tries run at a time."""

from __future__ import annotations

import asyncio
import threading
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import reliai
from reliai import clock
from reliai.evals import scorers
from reliai.evals._concurrency import Adaptive, Fixed
from reliai.evals._plans import Plan
from reliai.testing import virtual_clock
from tests.evals.experiments import Target, cases, exact, experiment

if TYPE_CHECKING:
    from pathlib import Path


class TooMany(Exception):
    """A provider's 429, as classified by its status."""

    status_code = 429


class Gauge:
    """Counts who is inside."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.inside = self.most = 0

    def __enter__(self) -> None:
        with self.lock:
            self.inside += 1
            self.most = max(self.most, self.inside)

    def __exit__(self, *_: object) -> None:
        with self.lock:
            self.inside -= 1


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_no_more_than_asked_run_at_a_time(tmp_path: Path, kind: str) -> None:
    gauge = Gauge()

    def answer(question: str) -> str:
        with gauge:
            clock.active().sleep(1.0)
        return question

    async def aanswer(question: str) -> str:
        with gauge:
            await asyncio.sleep(1.0)
        return question

    target: Any = answer if kind == "sync" else aanswer
    with virtual_clock():
        experiment(tmp_path, target, cases(30), concurrency=3).run()
    assert gauge.most == 3


def test_an_adaptive_run_begins_with_four_and_grows_to_thirty_two(tmp_path: Path) -> None:
    gauge = Gauge()
    inside: list[int] = []

    async def answer(question: str) -> str:
        with gauge:
            inside.append(gauge.inside)
            await asyncio.sleep(1.0)
        return question

    with virtual_clock():
        run = experiment(tmp_path, answer, cases(300)).run()
    assert inside[:5] == [1, 2, 3, 4, 2] or max(inside[:4]) == 4
    assert gauge.most == 32
    assert run.manifest["concurrency"] == {"lowest": 4, "highest": 32, "last": 32}


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_provider_that_refuses_half_of_the_time_loses_no_case(tmp_path: Path, kind: str) -> None:
    chance, lock = Random(3), threading.Lock()
    busy = [0.0, 400.0]  # seconds of virtual time during which it refuses

    def refuses() -> bool:
        with lock:
            return busy[0] <= clock.active().monotonic() < busy[1] and chance.random() < 0.5

    def answer(question: str) -> str:
        if refuses():
            raise TooMany
        clock.active().sleep(1.0)
        return question

    async def aanswer(question: str) -> str:
        if refuses():
            raise TooMany
        await asyncio.sleep(1.0)
        return question

    target: Any = answer if kind == "sync" else aanswer
    with virtual_clock() as time:
        busy[:] = [time.monotonic() + 2.0, time.monotonic() + 12.0]
        run = experiment(tmp_path, target, cases(200)).run()
    trials = list(run.trials())
    assert {trial.status for trial in trials} == {"ok"}
    assert len({trial.case for trial in trials}) == 200
    assert any(trial.retries for trial in trials)
    assert {round(trial.duration, 6) for trial in trials} == {1.0}  # no waiting in it
    told = run.manifest["concurrency"]
    assert told["lowest"] <= 2
    assert told["last"] > told["lowest"]


def test_a_provider_that_says_when_to_come_back_is_not_asked_before(tmp_path: Path) -> None:
    asked: list[float] = []

    class Later(TooMany):
        retry_after = 20.0

        class response:  # noqa: N801  what the error of an SDK has
            headers = {"retry-after": "20"}  # noqa: RUF012  as above
            status_code = 429

    def answer(question: str, before: int) -> str:
        asked.append(clock.active().monotonic())
        if not before:
            raise Later
        return question

    with virtual_clock():
        (trial,) = experiment(tmp_path, Target(answer).sync, cases(1)).run().trials()
    assert asked[1] - asked[0] >= 20.0
    assert (trial.status, trial.retries) == ("ok", 1)


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_judge_that_is_refused_is_asked_later_and_slows_the_run_down(
    tmp_path: Path, kind: str
) -> None:
    asked: dict[str, int] = {}

    async def refuses_twice(prompt: str) -> str:
        asked[prompt] = asked.get(prompt, 0) + 1
        if asked[prompt] <= 2:
            raise TooMany
        return '{"reasoning": "It is.", "grade": 1}'

    judge = scorers.judge(refuses_twice, "Is it right?")
    target = Target()
    with virtual_clock():
        run = experiment(tmp_path, target.of(kind), cases(6), [judge, exact]).run()
    trials = list(run.trials())
    assert [set(trial.scores) for trial in trials] == [{"judge", "exact"}] * 6
    assert [trial.scores["judge"].unscored for trial in trials] == [None] * 6
    assert set(asked.values()) == {3}
    assert target.calls == 6  # the answer is there
    assert run.manifest["concurrency"]["lowest"] < 4


def test_a_rate_limit_of_ones_own_puts_tries_off(tmp_path: Path) -> None:
    limited = reliai.reliable(reliai.RateLimit(1, per=1.0, burst=1))(Target().sync)
    with virtual_clock():
        run = experiment(tmp_path, limited, cases(12)).run()
    assert {trial.status for trial in run.trials()} == {"ok"}


def test_a_provider_that_refuses_for_minutes_is_an_error_in_the_end(tmp_path: Path) -> None:
    def refuse(question: str, before: int) -> str:
        raise TooMany

    with virtual_clock() as time:
        (trial,) = experiment(tmp_path, Target(refuse).sync, cases(1)).run().trials()
        assert 200.0 < time.now < 320.0
    assert trial.status == "error"


def test_a_refusal_halves_and_what_is_served_adds_up_again() -> None:
    limit = Adaptive()
    for _ in range(4):
        limit.served()
    assert limit.value == 8
    limit.refused(started_at=1.0, now=2.0)
    assert limit.value == 4
    limit.refused(started_at=1.5, now=2.1)  # it began before the decrease
    assert limit.value == 4
    for _ in range(4):
        limit.served()
    assert limit.value == 5


@given(st.lists(st.booleans(), max_size=300))
def test_an_adaptive_limit_stays_between_one_and_thirty_two(served: list[bool]) -> None:
    limit = Adaptive()
    for at, good in enumerate(served):
        if good:
            limit.served()
        else:
            limit.refused(float(at), float(at))
        assert 1 <= limit.value <= 32


def test_a_fixed_limit_stays_what_it_is() -> None:
    limit = Fixed(7)
    limit.served()
    limit.refused(0.0, 1.0)
    assert limit.value == 7


@given(
    planned=st.integers(1, 6),
    more=st.integers(0, 6),
    need=st.none() | st.integers(1, 6),
    verdicts=st.lists(st.sampled_from([True, False, None]), min_size=12, max_size=12),
    done=st.sets(st.integers(1, 12)),
)
def test_a_plan_ends_with_every_try_made_once(
    planned: int, more: int, need: int | None, verdicts: list[bool | None], done: set[int]
) -> None:
    need = None if need is None else min(need, planned)
    most = planned if need else planned + more
    before = {repeat: verdicts[repeat - 1] for repeat in done if repeat <= planned}
    plan = Plan(planned, most, need, before)
    made: list[int] = []
    wave = plan.wave()
    while wave:
        assert not plan.wave()  # while others are in the making
        ends = [plan.made(repeat, verdict=verdicts[repeat - 1]) for repeat in wave]
        assert ends == [False] * (len(wave) - 1) + [True]
        made += wave
        wave = plan.wave()
    tried = sorted([*made, *before])
    assert tried == sorted(set(tried))
    assert all(1 <= repeat <= most for repeat in tried)
    said = set(plan.verdicts.values())
    if need is None:
        agree = not {True, False} <= {plan.verdicts[repeat] for repeat in range(1, planned + 1)}
        assert len(tried) == (planned if agree else most)
    else:
        passed = sum(1 for verdict in plan.verdicts.values() if verdict)
        assert passed >= need or passed + planned - len(tried) < need
    assert said


def test_a_target_whose_breaker_does_not_close_is_an_error_soon(tmp_path: Path) -> None:
    def gone(question: str, before: int) -> str:
        raise ConnectionError

    policies = reliai.Retry(3), reliai.CircuitBreaker("gone of this test")
    guarded = reliai.reliable(*policies)(Target(gone).sync)
    with virtual_clock() as time:
        run = experiment(tmp_path, guarded, cases(60), repeats=1).run()
        assert time.now < 200.0
    assert {trial.status for trial in run.trials()} <= {"error", "rejected"}
    assert run.manifest["stopped"] == "max_error_rate"


def test_tries_wait_for_a_breaker_that_closes_again(tmp_path: Path) -> None:
    def away_for_a_while(question: str, before: int) -> str:
        if clock.active().monotonic() - began < 20.0:
            raise ConnectionError
        return question

    policies = reliai.Retry(3), reliai.CircuitBreaker("away in this test")
    guarded = reliai.reliable(*policies)(Target(away_for_a_while).sync)
    with virtual_clock():
        began = clock.active().monotonic()
        run = experiment(tmp_path, guarded, cases(12), retries=5).run()
    assert sum(1 for trial in run.trials() if trial.status == "ok") >= 8

"""How long a try may take, and what of it is told."""

from __future__ import annotations

import asyncio
import threading
from time import sleep
from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai import clock
from reliai._core.workers import acquire
from reliai.evals import Run
from reliai.evals._session import Item, Session
from reliai.testing import virtual_clock
from tests.evals.experiments import Target, cases, experiment

if TYPE_CHECKING:
    from pathlib import Path

    from reliai.datasets import Case
    from reliai.evals import Trial


KINDS = ("sync", "async")


@pytest.mark.parametrize("kind", KINDS)
def test_a_case_that_takes_too_long_is_given_up_and_the_others_are_not(
    tmp_path: Path, kind: str
) -> None:
    def answer(question: str) -> str:
        if question == "q1":
            clock.active().sleep(1000.0)
        return question

    async def aanswer(question: str) -> str:
        if question == "q1":
            await asyncio.sleep(1000.0)
        return question

    with virtual_clock():
        target = answer if kind == "sync" else aanswer
        run = experiment(tmp_path, target, cases(8), timeout=30.0).run()
    trials = {trial.case: trial for trial in run.trials()}
    late = trials.pop("case-1")
    assert (late.status, late.scores["exact"].unscored) == ("timeout", "timeout")
    assert late.duration == pytest.approx(30.0, abs=1.5)
    assert {trial.status for trial in trials.values()} == {"ok"}
    assert len(trials) == 7


def test_a_run_does_not_leave_ever_more_threads_behind(tmp_path: Path) -> None:
    hang = threading.Event()

    def answer(question: str) -> str:
        if int(question[1:]) % 3 == 0:
            hang.wait(60)
        return question

    given = experiment(tmp_path, answer, cases(400), timeout=0.02, max_error_rate=1.0)
    run = given.run()
    left = sum(1 for trial in run.trials() if trial.status == "timeout")
    hang.set()
    assert (run.state, run.manifest["stopped"]) == ("partial", "stuck")
    assert 32 <= left <= 64


def test_calls_that_end_just_after_their_time_are_not_stuck(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given_up = Session.done

    def done(self: Session, item: Item, trial: Trial, *, late: bool = False) -> bool:
        said = given_up(self, item, trial, late=late)
        if late:
            hang.set()  # the call comes to its end before anything else happens here
            sleep(0.02)
            hang.clear()
        return said

    hang = threading.Event()
    monkeypatch.setattr(Session, "done", done)
    monkeypatch.setattr("reliai.evals._drivers.MOST_STUCK", 3)

    def answer(question: str) -> str:
        hang.wait(5)
        return question

    settings: dict[str, Any] = {"timeout": 0.01, "max_error_rate": 1.0, "concurrency": 1}
    run = experiment(tmp_path, answer, cases(6), **settings).run()
    assert (run.state, run.manifest["stopped"]) == ("complete", None)
    assert [trial.status for trial in run.trials()] == ["timeout"] * 6  # what came late is nothing


@pytest.mark.parametrize("at", [1, 2, 6])
def test_a_thread_that_cannot_begin_ends_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    begun = [0]

    def no_more() -> Any:
        begun[0] += 1
        if begun[0] == at:
            raise RuntimeError("can't start new thread")
        return acquire()

    monkeypatch.setattr("reliai.evals._drivers.acquire", no_more)

    def answer(question: str) -> str:
        sleep(0.005)
        return question

    with pytest.raises(RuntimeError, match="new thread"):
        experiment(tmp_path, answer, cases(40)).run()
    (run,) = Run.list(root=tmp_path / "runs")
    assert run.state == "partial"


def test_a_task_of_a_run_that_somebody_cancels_ends_it_and_it_can_go_on(tmp_path: Path) -> None:
    cancelled: list[str] = []

    async def answer(question: str) -> str:
        if question == "q4" and not cancelled:
            cancelled.append(question)
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                if "_work" in repr(task):
                    task.cancel()
        await asyncio.sleep(0)
        return question

    vars(answer)["digest"] = "the same"  # else its key has what was cancelled in it
    with pytest.raises(RuntimeError, match="cancelled by somebody"):
        experiment(tmp_path, answer, cases(8), concurrency=2, timeout=None).run()
    run = experiment(tmp_path, answer, cases(8), concurrency=2, timeout=None).run()
    assert (run.state, sum(1 for _ in run.trials())) == ("complete", 8)


def test_a_call_that_does_not_heed_its_cancellation_is_left_behind(tmp_path: Path) -> None:
    async def stubborn(question: str) -> str:
        if question == "q0":
            for _ in range(3):
                try:
                    await asyncio.sleep(50.0)
                except asyncio.CancelledError:
                    continue
        return question

    with virtual_clock() as time:
        run = experiment(tmp_path, stubborn, cases(3), timeout=10.0).run()
        assert time.now < 150
    assert sorted(trial.status for trial in run.trials()) == ["ok", "ok", "timeout"]


def test_a_target_that_cancels_itself_is_an_error_of_its_case(tmp_path: Path) -> None:
    async def odd(question: str) -> str:
        raise asyncio.CancelledError

    run = experiment(tmp_path, odd, cases(2)).run()
    assert [trial.status for trial in run.trials()] == ["error"] * 2


def test_the_time_of_a_trial_is_that_of_the_target_alone(tmp_path: Path) -> None:
    def answer(question: str, before: int) -> str:
        clock.active().sleep(2.0)
        if not before:
            raise ConnectionError("once")
        return question

    def slow(output: Any, case: Case) -> bool:
        clock.active().sleep(7.0)
        return True

    with virtual_clock():
        run = experiment(tmp_path, Target(answer).sync, cases(4), [slow], concurrency=1).run()
    assert [trial.duration for trial in run.trials()] == [2.0] * 4


@pytest.mark.parametrize("kind", KINDS)
def test_a_guarded_target_knows_how_much_time_is_left(tmp_path: Path, kind: str) -> None:
    left: list[float | None] = []

    def answer(question: str) -> str:
        left.append(reliai.remaining())
        return question

    async def aanswer(question: str) -> str:
        return answer(question)

    target = reliai.reliable()(answer if kind == "sync" else aanswer)
    with virtual_clock():
        experiment(tmp_path, target, cases(1), timeout=30.0).run()
    assert left == [30.0]


@pytest.mark.parametrize("kind", KINDS)
def test_a_target_that_keeps_to_the_deadline_is_not_asked_again(tmp_path: Path, kind: str) -> None:
    calls: list[str] = []

    def answer(question: str) -> str:
        calls.append(question)
        clock.active().sleep(1000.0)
        return question

    async def aanswer(question: str) -> str:
        calls.append(question)
        await asyncio.sleep(1000.0)
        return question

    guard = reliai.reliable(reliai.Timeout(500))
    with virtual_clock():
        target = guard(answer) if kind == "sync" else guard(aanswer)
        (trial,) = experiment(tmp_path, target, cases(1), timeout=20.0).run().trials()
    assert (trial.status, len(calls)) == ("timeout", 1)


@pytest.mark.parametrize("kind", KINDS)
def test_a_target_that_would_end_the_program_ends_its_try_alone(tmp_path: Path, kind: str) -> None:
    def leave(question: str, before: int) -> str:
        if question == "q1":
            raise SystemExit(3)
        return question

    run = experiment(tmp_path, Target(leave).of(kind), cases(3)).run()
    assert sorted(trial.status for trial in run.trials()) == ["error", "ok", "ok"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_loop_that_is_busy_with_scorers_is_in_no_ones_time(tmp_path: Path, kind: str) -> None:
    async def judge(output: Any, case: Case) -> bool:
        return True

    def slow(output: Any, case: Case) -> bool:
        clock.active().sleep(5.0)  # on the loop, while the calls of others come to their end
        return True

    with virtual_clock():
        given = experiment(tmp_path, Target().of(kind), cases(8), [judge, slow], concurrency=4)
        trials = list(given.run().trials())
    assert {trial.duration for trial in trials} == {0.0}

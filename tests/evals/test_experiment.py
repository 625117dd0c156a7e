"""Experiments: what they call, how often, and what is kept of it."""

from __future__ import annotations

import asyncio
import contextvars
from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai import clock
from reliai.datasets import Case
from reliai.errors import ConfigurationError
from reliai.testing import records, virtual_clock
from tests.evals.experiments import Target, cases, exact, experiment, length
from tests.programs import printed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from reliai.evals import Experiment

KINDS = ("sync", "async")


@pytest.mark.parametrize("kind", KINDS)
def test_every_case_is_tried_as_often_as_asked(tmp_path: Path, kind: str) -> None:
    target = Target()
    run = experiment(tmp_path, target.of(kind), cases(20), repeats=3).run()
    assert sorted((trial.case, trial.repeat) for trial in run.trials()) == sorted(
        (f"case-{at}", repeat) for at in range(20) for repeat in (1, 2, 3)
    )
    assert target.calls == 60
    assert (run.state, run.exit_code) == ("complete", 0)


@pytest.mark.parametrize("kind", KINDS)
def test_a_trial_tells_what_was_asked_and_what_came(tmp_path: Path, kind: str) -> None:
    case = Case(
        inputs={"question": "q"},
        expected="q",
        tags={"locale": "de"},
        group="g",
        inclusion_probability=0.5,
    )
    run = experiment(tmp_path, Target().of(kind), [case], [exact, length]).run()
    (trial,) = run.trials()
    assert (trial.case, trial.digest, trial.repeat, trial.status) == (
        case.digest,
        case.digest,
        1,
        "ok",
    )
    assert (trial.output, trial.tags, trial.group) == ("q", {"locale": "de"}, "g")
    assert (trial.scores["exact"].value, trial.scores["length"].value) == (1.0, 0.1)
    assert trial.inclusion_probability == 0.5
    assert trial.call_id is not None


async def _arun(given: Experiment) -> Any:
    return await given.arun()


@pytest.mark.parametrize("kind", KINDS)
def test_an_experiment_runs_on_the_loop_that_runs(tmp_path: Path, kind: str) -> None:
    run = asyncio.run(_arun(experiment(tmp_path, Target().of(kind), cases(5))))
    assert sum(1 for _ in run.trials()) == 5


@pytest.mark.parametrize("kind", KINDS)
def test_run_blocks_also_where_a_loop_runs_as_in_a_notebook(tmp_path: Path, kind: str) -> None:
    async def cell() -> Any:
        return experiment(tmp_path, Target().of(kind), cases(5)).run()

    assert sum(1 for _ in asyncio.run(cell()).trials()) == 5


def test_generators_give_their_text(tmp_path: Path) -> None:
    def stream(question: str) -> Iterator[str]:
        yield question[:1]
        yield question[1:]

    (trial,) = experiment(tmp_path, stream, cases(1)).run().trials()
    assert trial.output == "q0"


@pytest.mark.parametrize("kind", KINDS)
def test_scorers_may_wait(tmp_path: Path, kind: str) -> None:
    async def judge(output: Any, case: Case) -> bool:
        await asyncio.sleep(0)
        return bool(output == case.expected)

    run = experiment(tmp_path, Target().of(kind), cases(5), [judge, exact]).run()
    assert all(trial.scores["judge"].value == 1.0 for trial in run.trials())


def test_a_judge_that_never_answers_is_unscored_and_the_others_are_kept(tmp_path: Path) -> None:
    async def judge(output: Any, case: Case) -> bool:
        await clock.active().async_sleep(1e6)
        return True

    with virtual_clock():
        given = experiment(tmp_path, Target().asynchronous, cases(2), [judge, exact], timeout=30)
        trials = list(given.run().trials())
    assert [trial.scores["judge"].unscored for trial in trials] == ["scorer_timeout"] * 2
    assert [trial.scores["exact"].value for trial in trials] == [1.0, 1.0]


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_of_the_target_is_a_trial_without_scores(tmp_path: Path, kind: str) -> None:
    def fail(question: str, before: int) -> Any:
        raise ValueError("no such thing")

    (trial,) = experiment(tmp_path, Target(fail).of(kind), cases(1)).run().trials()
    assert (trial.status, trial.scores["exact"].unscored) == ("error", "task_error")
    assert trial.error is not None
    assert (trial.error.type, trial.error.message) == ("ValueError", "no such thing")


@pytest.mark.parametrize("kind", KINDS)
def test_transport_errors_are_retried_and_recorded(tmp_path: Path, kind: str) -> None:
    def shaky(question: str, before: int) -> str:
        if before < 2:
            raise ConnectionError("reset")
        return question

    with virtual_clock():
        (trial,) = experiment(tmp_path, Target(shaky).of(kind), cases(1)).run().trials()
    assert (trial.status, trial.retries) == ("ok", 2)


@pytest.mark.parametrize("kind", KINDS)
def test_a_third_transport_error_is_the_end_of_the_trial(tmp_path: Path, kind: str) -> None:
    def down(question: str, before: int) -> str:
        raise ConnectionError("reset")

    target = Target(down)
    with virtual_clock():
        (trial,) = experiment(tmp_path, target.of(kind), cases(1)).run().trials()
    assert (trial.status, trial.retries, target.calls) == ("error", 2, 3)


def test_wrong_answers_are_never_asked_for_again(tmp_path: Path) -> None:
    target = Target(lambda question, before: "wrong")
    experiment(tmp_path, target.sync, cases(3)).run()
    assert target.calls == 3


def test_an_effect_that_must_not_repeat_is_not_retried(tmp_path: Path) -> None:
    calls: list[str] = []

    @reliai.reliable(effects="once")
    def refund(question: str) -> str:
        calls.append(question)
        raise ConnectionResetError("who knows")

    with virtual_clock():
        (trial,) = experiment(tmp_path, refund, cases(1)).run().trials()
    assert (len(calls), trial.retries) == (1, 0)


def test_each_try_has_a_context_of_its_own(tmp_path: Path) -> None:
    seen: contextvars.ContextVar[int] = contextvars.ContextVar("seen", default=0)

    def count(question: str) -> int:
        seen.set(seen.get() + 1)
        return seen.get()

    async def acount(question: str) -> int:
        return count(question)

    for target in (count, acount):
        run = experiment(tmp_path, target, cases(5), concurrency=1).run()
        assert {trial.output for trial in run.trials()} == {1}


def test_a_degraded_answer_is_a_failure_of_the_case(tmp_path: Path) -> None:
    def main(question: str) -> str:
        raise ConnectionError("down")

    guarded = reliai.reliable(reliai.Fallback("sorry"))(main)
    with virtual_clock():
        run = experiment(tmp_path, guarded, cases(2)).run()
    trials = list(run.trials())
    assert [(trial.status, trial.output) for trial in trials] == [("degraded", "sorry")] * 2
    assert [trial.scores["exact"].unscored for trial in trials] == ["degraded"] * 2
    assert run.exit_code == 4


def test_what_a_guard_rejects_is_told_as_rejected(tmp_path: Path) -> None:
    guarded = reliai.reliable(reliai.Guard(reliai.MaxLength(1)))(Target().sync)
    (trial,) = experiment(tmp_path, guarded, cases(1)).run().trials()
    assert trial.status == "rejected"


def test_records_of_an_experiment_say_so(tmp_path: Path) -> None:
    @reliai.reliable()
    def answer(question: str) -> str:
        return question

    with records() as seen:
        run = experiment(tmp_path, answer, cases(1)).run()
        reliai.flush()
    assert [record.environment for record in seen] == ["eval"]
    assert [record.id for record in seen] == [trial.call_id for trial in run.trials()]
    assert seen[0].run_id == run.id


def test_tokens_and_cost_are_those_of_the_record(tmp_path: Path) -> None:
    def answer(question: str) -> str:
        reliai.usage(model="m", input_tokens=10, output_tokens=2, cost_usd=0.25)
        return question

    (trial,) = experiment(tmp_path, answer, cases(1)).run().trials()
    assert (trial.cost_usd, trial.input_tokens, trial.output_tokens) == (0.25, 10, 2)


def test_running_an_experiment_loads_nothing_heavy() -> None:
    program = """
        import sys, tempfile
        from reliai.datasets import Case
        from reliai.evals import Experiment

        def exact(output, case):
            return output == case.expected

        def answer(question):
            return question

        cases = [Case(inputs={"question": "q"}, expected="q")]
        run = Experiment(answer, cases, [exact], runs=tempfile.mkdtemp(), cache=False).run()
        heavy = "numpy scipy pyarrow matplotlib ray pandas statsmodels sqlalchemy jinja2 typer"
        print(len(list(run.trials())), [name for name in heavy.split() if name in sys.modules])
    """
    assert printed(program) == ["3 []"]


def test_a_folder_that_cannot_be_written_is_told_before_the_first_call(tmp_path: Path) -> None:
    (tmp_path / "full").touch()
    target = Target()
    made = experiment(tmp_path / "full", target.sync, cases(3))
    with pytest.raises(ConfigurationError, match=r"runs='.*' cannot be written .*give .* a folder"):
        made.run()
    assert target.calls == 0

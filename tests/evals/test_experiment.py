"""Experiments: what they call, how often, and what is kept of it."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple

import pydantic
import pytest

import reliai
from reliai import clock
from reliai.datasets import Case
from reliai.errors import ConfigurationError, ReliaiWarning
from reliai.evals import Score, scorers
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


# --- repeats -------------------------------------------------------------------------------


def test_by_default_a_case_is_tried_three_times(tmp_path: Path) -> None:
    target = Target()
    experiment(tmp_path, target.sync, cases(2), repeats=None).run()
    assert target.calls == 6


def test_a_deterministic_target_is_tried_once(tmp_path: Path) -> None:
    target = Target()
    experiment(tmp_path, target.sync, cases(2), repeats=None, deterministic=True).run()
    assert target.calls == 2


def test_a_case_that_disagrees_with_itself_is_tried_up_to_ten_times(tmp_path: Path) -> None:
    flaky = Target(lambda question, before: question if before else "wrong")
    run = experiment(tmp_path, flaky.sync, cases(1), repeats=None).run()
    extra = {trial.repeat: trial.extra for trial in run.trials()}
    assert extra == {repeat: repeat > 3 for repeat in range(1, 11)}


def test_repeats_that_were_asked_for_are_not_exceeded(tmp_path: Path) -> None:
    flaky = Target(lambda question, before: question if before else "wrong")
    experiment(tmp_path, flaky.sync, cases(1), repeats=3).run()
    assert flaky.calls == 3


def test_more_repeats_may_be_asked_for(tmp_path: Path) -> None:
    flaky = Target(lambda question, before: question if before else "wrong")
    experiment(tmp_path, flaky.sync, cases(1), repeats=2, max_repeats=5).run()
    assert flaky.calls == 5


def test_a_case_says_how_often_it_is_tried(tmp_path: Path) -> None:
    target = Target()
    often = Case(inputs={"question": "often"}, repeats=5)
    experiment(tmp_path, target.sync, [often, *cases(1)], repeats=2).run()
    assert target.asked == {"often": 5, "q0": 2}


@pytest.mark.parametrize(
    ("passes", "tries"), [("PPP", 2), ("FPP", 3), ("FF", 2), ("PFF", 3), ("PFP", 3)]
)
def test_tries_that_cannot_change_the_verdict_are_left_out(
    tmp_path: Path, passes: str, tries: int
) -> None:
    target = Target(lambda question, before: question if passes[before] == "P" else "wrong")
    run = experiment(tmp_path, target.sync, cases(1), repeats=3, min_pass=2, concurrency=1).run()
    assert target.calls == tries
    assert run.manifest["curtailed"] is True


# --- money and errors ------------------------------------------------------------------------


def _costly(question: str, before: int) -> str:
    reliai.usage(model="m", cost_usd=1.0)
    return question


def test_what_a_judge_costs_is_spent_too(tmp_path: Path) -> None:
    def judge(output: Any, case: Case) -> Score:
        return Score(value=1.0, metadata={"judge_usd": 0.5})

    target = Target(_costly)
    run = experiment(tmp_path, target.sync, cases(30), [judge], max_usd=6.0).run()
    assert target.calls == 4
    assert (run.manifest["spent_usd"], run.manifest["judge_usd"]) == (6.0, 2.0)


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_stops_before_it_spends_more_than_it_may(tmp_path: Path, kind: str) -> None:
    target = Target(_costly)
    run = experiment(tmp_path, target.of(kind), cases(30), max_usd=10.0).run()
    assert target.calls == 10
    assert (run.state, run.manifest["stopped"], run.exit_code) == ("partial", "max_usd", 4)
    assert run.manifest["spent_usd"] == 10.0


def test_more_money_lets_a_run_go_on(tmp_path: Path) -> None:
    target = Target(_costly)
    experiment(tmp_path, target.sync, cases(15), max_usd=10.0).run()
    run = experiment(tmp_path, target.sync, cases(15), max_usd=20.0).run()
    assert (target.calls, run.state) == (15, "complete")


def test_a_limit_of_money_on_calls_without_a_price_says_that_it_stops_nothing(
    tmp_path: Path,
) -> None:
    given = experiment(tmp_path, Target().sync, cases(30), max_usd=1.0)
    with pytest.warns(
        ReliaiWarning, match=r"max_usd=1\.0: the price of 30 calls is unknown"
    ) as told:
        run = given.run()
    assert told[0].filename == __file__
    assert (run.state, run.manifest["spent_usd"]) == ("complete", None)


def test_a_call_of_unknown_price_counts_like_those_whose_price_is_known(tmp_path: Path) -> None:
    def sometimes(question: str, before: int) -> str:
        if int(question[1:]) % 2:
            reliai.usage(model="m", cost_usd=1.0)
        return question

    target = Target(sometimes)
    given = experiment(tmp_path, target.sync, cases(100), max_usd=20.0, concurrency=1)
    with pytest.warns(ReliaiWarning, match="is unknown, each counted like the others"):
        run = given.run()
    assert run.manifest["stopped"] == "max_usd"
    assert target.calls == 20


def test_more_errors_than_allowed_make_a_run_incomplete_and_keep_all_of_it(tmp_path: Path) -> None:
    def answer(question: str, before: int) -> str:
        if question.endswith("7"):
            raise ValueError(question)
        return question

    run = experiment(tmp_path, Target(answer).sync, cases(100)).run()
    assert (run.exit_code, run.state, run.manifest["over_error_rate"]) == (4, "complete", True)
    assert sum(1 for _ in run.trials()) == 100
    allowed = experiment(tmp_path, Target(answer).sync, cases(100), max_error_rate=0.1).run()
    assert allowed.exit_code == 0


def test_a_target_that_mostly_fails_is_asked_for_every_case(tmp_path: Path) -> None:
    def answer(question: str, before: int) -> str:
        if not question.endswith("7"):
            raise ValueError(question)
        return question

    summary = experiment(tmp_path, Target(answer).sync, cases(100)).run().summary()
    score = summary.scores["exact"]
    assert (score.n_scored, score.n_total, score.mean.estimate) == (10, 100, 1.0)
    assert (score.low, score.high, summary.exit_code) == (0.1, 1.0, 4)


def test_a_target_that_is_down_is_not_asked_for_every_case(tmp_path: Path) -> None:
    def fail(question: str, before: int) -> str:
        raise ValueError(question)

    target = Target(fail)
    run = experiment(tmp_path, target.sync, cases(500), concurrency=2).run()
    assert 50 <= target.calls <= 52
    assert (run.state, run.manifest["stopped"], run.exit_code) == ("partial", "max_error_rate", 4)


@pytest.mark.parametrize(
    "select", [{"locale": "fr"}, ["no-such-case"], lambda case: False], ids=["tags", "keys", "all"]
)
def test_nothing_evaluated_is_no_success(tmp_path: Path, select: Any) -> None:
    run = experiment(tmp_path, Target().sync, cases(3)).run(select=select)
    assert run.exit_code == 5


def test_an_empty_dataset_is_no_success(tmp_path: Path) -> None:
    assert experiment(tmp_path, Target().sync, []).run().exit_code == 5


def test_only_selected_cases_are_tried(tmp_path: Path) -> None:
    target = Target()
    mixed = [*cases(2, tags={"locale": "de"}), Case(inputs={"question": "other"})]
    given = experiment(tmp_path, target.sync, mixed)
    given.run(select={"locale": ["de", "fr"]}, resume=False)
    assert set(target.asked) == {"q0", "q1"}
    given.run(select=["case-0"], resume=False)
    assert target.asked == {"q0": 2, "q1": 1}


# --- time ------------------------------------------------------------------------------------


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


# --- outputs ---------------------------------------------------------------------------------


class Colour(Enum):
    RED = "red"


class Pair(NamedTuple):
    left: int
    right: float


@dataclass
class Answer:
    text: str
    parts: tuple[int, ...]


class Model(pydantic.BaseModel):
    text: str


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (Answer("a", (1, 2)), {"text": "a", "parts": [1, 2]}),
        (Model(text="b"), {"text": "b"}),
        (Pair(1, 2.5), {"left": 1, "right": 2.5}),
        ({"c": Colour.RED, 1: {3, 2}}, {"c": "red", "1": [2, 3]}),
        (float("nan"), "NaN"),
        ("\ud800", "\ud800"),
    ],
)
def test_outputs_are_kept_in_their_json_form(tmp_path: Path, value: Any, shown: Any) -> None:
    seen: list[Any] = []

    def look(output: Any, case: Case) -> bool:
        seen.append(output)
        return True

    run = experiment(tmp_path, Target(lambda question, before: value).sync, cases(1), [look]).run()
    assert [trial.output for trial in run.trials()] == [shown]
    assert seen == [shown]


def test_an_output_without_a_json_form_is_an_error_that_says_so(tmp_path: Path) -> None:
    target = Target(lambda question, before: threading.Lock())
    (trial,) = experiment(tmp_path, target.sync, cases(1)).run().trials()
    assert trial.status == "error"
    assert trial.error is not None
    assert "which has no JSON form: return a dict" in trial.error.message


def test_what_a_scorer_says_beside_a_score_never_ends_a_run(tmp_path: Path) -> None:
    def odd(output: Any, case: Case) -> Score:
        return Score(value=1.0, metadata={"lock": threading.Lock(), "set": {2, 1}})

    (trial,) = experiment(tmp_path, Target().sync, cases(1), [odd]).run().trials()
    told = trial.scores["odd"].metadata
    assert told is not None
    assert told["set"] == [1, 2]
    assert "lock" in told["lock"]


# --- settings --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"repeats": 0}, r"repeats=0: must be a whole number \(>= 1\)"),
        ({"repeats": True}, "repeats=True"),
        ({"max_repeats": 2, "repeats": 3}, "max_repeats=2: must be at least repeats=3"),
        ({"min_pass": 4, "repeats": 3}, "min_pass=4: must be at most repeats=3"),
        ({"min_pass": 1, "repeats": 2, "max_repeats": 5}, "max_repeats=5 with min_pass=1"),
        ({"repeats": 3, "deterministic": True}, "repeats=3 with deterministic=True"),
        ({"concurrency": 0}, "concurrency=0: must be 'adaptive', or how many"),
        ({"concurrency": "fast"}, "concurrency='fast'"),
        ({"timeout": 0}, "timeout=0: must be seconds above 0, or None"),
        ({"timeout": float("nan")}, "timeout=nan"),
        ({"max_usd": -1}, "max_usd=-1: must be US dollars above 0"),
        ({"max_error_rate": 1.5}, "max_error_rate=1.5: must be a share from 0 to 1"),
        ({"policies": "none"}, "policies='none' is unknown"),
        ({"executor": "dask"}, "executor='dask': must be 'local' or 'ray'"),
        ({"executor": "ray", "max_usd": 1.0}, "max_usd=1.0 with executor='ray'"),
        ({"retries": -1}, r"retries=-1: must be a whole number \(>= 0\)"),
        ({"name": "..."}, "an experiment needs a name with letters"),
        ({"seed": 1.5}, "seed=1.5"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_at_once(
    tmp_path: Path, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        experiment(tmp_path, Target().sync, cases(1), **settings).run()


def test_a_case_that_is_tried_less_often_than_it_must_pass_is_an_error(tmp_path: Path) -> None:
    given = experiment(tmp_path, Target().sync, cases(1, repeats=1), repeats=3, min_pass=2)
    with pytest.raises(ConfigurationError, match=r"'case-0' has repeats=1, fewer than min_pass=2"):
        given.run()


def test_a_dataset_that_cannot_be_read_to_its_end_leaves_a_run_that_can_go_on(
    tmp_path: Path,
) -> None:
    class Broken:
        reference = "broken@v1"
        root = "sha256:0"
        whole = False

        def __len__(self) -> int:
            return 5

        def __iter__(self) -> Iterator[Case]:
            for at, case in enumerate(cases(5)):
                if at == 3 and not self.whole:
                    raise OSError("no such file")
                yield case

    broken, target = Broken(), Target()
    given = experiment(tmp_path, target.sync, broken)
    with pytest.raises(OSError, match="no such file"):
        given.run()
    broken.whole = True
    assert given.run().state == "complete"
    assert target.calls == 5


def test_a_target_that_would_judge_itself_is_refused(tmp_path: Path) -> None:
    def grader(question: str) -> str:
        return question

    with pytest.raises(ConfigurationError, match="its grader is the function under test"):
        experiment(tmp_path, grader, cases(1), [scorers.judge(grader, "Is it right?")])


def test_the_progress_is_told_with_every_trial(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    given = experiment(tmp_path, Target().sync, cases(4), repeats=2, concurrency=1)
    given.run(progress=lambda done, total, trial: told.append((done, total)))
    assert told == [(done, 8) for done in range(1, 9)]


def test_an_error_of_the_progress_ends_the_run_and_leaves_it_resumable(tmp_path: Path) -> None:
    def progress(done: int, total: int, trial: object) -> None:
        if done == 3:
            raise RuntimeError("no terminal")

    target = Target()
    given = experiment(tmp_path, target.sync, cases(10), concurrency=1)
    with pytest.raises(RuntimeError, match="no terminal"):
        given.run(progress=progress)
    assert given.run().state == "complete"
    assert target.calls == 10


def test_the_manifest_tells_what_was_run(tmp_path: Path) -> None:
    given = experiment(tmp_path, Target().sync, cases(3), seed=7)
    run = given.run()
    manifest = run.manifest
    assert manifest["experiment"] == "trying"
    assert manifest["root"] == given.dataset.root
    assert manifest["scorers"] == {each.name: each.digest for each in given.scorers}
    assert manifest["target"]["fingerprint"] == given.fingerprint
    assert (manifest["cases"], manifest["evaluated"], manifest["seed"]) == (3, 3, 7)
    assert manifest["started_at"] <= manifest["ended_at"]

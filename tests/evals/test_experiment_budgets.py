"""What an experiment may cost, and how much of it may fail."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai.datasets import Case
from reliai.errors import ReliaiWarning
from reliai.evals import Score
from tests.evals.experiments import Target, cases, experiment

if TYPE_CHECKING:
    from pathlib import Path


KINDS = ("sync", "async")


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

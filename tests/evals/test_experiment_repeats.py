"""How often an experiment tries a case."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reliai.datasets import Case
from tests.evals.experiments import Target, cases, experiment

if TYPE_CHECKING:
    from pathlib import Path


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

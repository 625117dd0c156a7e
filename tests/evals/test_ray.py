"""The same experiment on a Ray cluster of this machine."""

from __future__ import annotations

import logging
import os
import warnings
from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai.evals import Experiment, Run
from tests.evals.experiments import cases, exact, length

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from reliai.datasets import Case

pytestmark = pytest.mark.slow

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import ray

        ray.init(
            num_cpus=2,
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            object_store_memory=80_000_000,
            _node_ip_address="127.0.0.1",
        )
        yield
        ray.shutdown()


def _answer(question: str) -> str:
    if question == "q7":
        raise ValueError("no")
    reliai.usage(model="m", cost_usd=0.5)
    return question if not question.endswith("3") else "wrong"


async def _judge(output: Any, case: Case) -> bool:
    return bool(output == case.expected)


def _numbers(run: Run) -> Any:
    return sorted(
        (
            trial.case,
            trial.repeat,
            trial.status,
            trial.output,
            trial.cost_usd,
            {name: (score.value, score.unscored) for name, score in trial.scores.items()},
        )
        for trial in run.trials()
    )


def _experiment(folder: Path, executor: str, scorers: Any, **settings: Any) -> Experiment:
    return Experiment(
        _answer,
        cases(40, group="g"),
        scorers,
        name=executor,
        executor=executor,
        repeats=2,
        runs=folder / "runs",
        max_error_rate=0.1,
        **settings,
    )


@pytest.mark.usefixtures("cluster")
def test_an_experiment_on_ray_gives_the_same_numbers_and_is_resumable(tmp_path: Path) -> None:
    local = _experiment(tmp_path, "local", [exact, length], cache=False).run()
    given = _experiment(tmp_path, "ray", [exact, length], cache=True)

    def stop(done: int, total: int, trial: object) -> None:
        if done == 20:
            raise RuntimeError("cut off")

    with pytest.raises(RuntimeError, match="cut off"):
        given.run(progress=stop)
    run = given.run()
    assert len(Run.list("ray", root=tmp_path / "runs")) == 1
    assert _numbers(run) == _numbers(local)
    assert run.summary().scores == local.summary().scores
    assert (run.state, run.exit_code) == (local.state, local.exit_code)

    again = _experiment(tmp_path, "ray", [exact, _judge], cache=True).run()
    assert sum(trial.cached for trial in again.trials()) == 78  # but for the errors
    assert {trial.scores["_judge"].value for trial in again.trials()} == {0.0, 1.0, None}

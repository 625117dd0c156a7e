"""Shards of a run, and putting them together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from reliai.errors import ConfigurationError
from reliai.evals import Run, merge
from tests.evals.experiments import Target, cases, exact, experiment, length

if TYPE_CHECKING:
    from pathlib import Path


def _numbers(run: Run) -> Any:
    return sorted(
        (trial.case, trial.repeat, trial.status, trial.output, trial.scores["exact"].value)
        for trial in run.trials()
    )


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> list[Run]:
    given = experiment(tmp_path_factory.mktemp("shards"), Target().sync, cases(40), repeats=2)
    return [given.run(shard=(number, 4)) for number in (1, 2, 3, 4)]


def test_shards_merged_are_the_single_run(tmp_path: Path, shards: list[Run]) -> None:
    single = experiment(tmp_path, Target().sync, cases(40), repeats=2).run(resume=False)
    merged = merge(shards, root=tmp_path)
    assert _numbers(merged) == _numbers(single)
    assert (merged.state, merged.manifest["shard"], merged.exit_code) == ("complete", None, 0)
    assert merged.manifest["finished_cases"] == 40
    assert merged.summary().scores == single.summary().scores
    assert Run.load(merged.id, root=tmp_path).id == merged.id


def test_each_case_is_in_one_shard(shards: list[Run]) -> None:
    found = [{trial.case for trial in shard.trials()} for shard in shards]
    assert sum(map(len, found)) == 40
    assert len(set.union(*found)) == 40
    assert all(found)


def test_the_shard_of_a_case_does_not_hang_on_the_others(tmp_path: Path, shards: list[Run]) -> None:
    more = experiment(tmp_path, Target().sync, cases(60), name="more").run(shard=(1, 4))
    before = {trial.case for trial in shards[0].trials()}
    assert before == {trial.case for trial in more.trials()} & {f"case-{at}" for at in range(40)}


def test_shards_that_overlap_are_detected(tmp_path: Path, shards: list[Run]) -> None:
    given = experiment(tmp_path, Target().sync, cases(40), repeats=2)
    other = given.run(shard=(1, 2), resume=False)
    with pytest.raises(ConfigurationError, match=r"shards overlap: case 'case-\d+' is in"):
        merge([shards[0], other])
    with pytest.raises(ConfigurationError, match="shards overlap"):
        Run.merge([shards[0].path, shards[0].path])


def test_a_shard_that_is_missing_leaves_a_partial_run(shards: list[Run]) -> None:
    merged = merge(shards[:3])
    assert merged.path.parent == shards[0].path.parent
    assert (merged.state, merged.exit_code) == ("partial", 4)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"dataset": cases(41)}, "dataset"),
        ({"scorers": [exact, length]}, "scorers"),
        ({"timeout": 5.0}, "settings"),
        ({"target": Target().asynchronous}, "target"),
    ],
)
def test_shards_of_different_experiments_are_refused(
    tmp_path: Path, shards: list[Run], change: dict[str, Any], what: str
) -> None:
    given: dict[str, Any] = {
        "target": Target().sync,
        "dataset": cases(40),
        "repeats": 2,
        **change,
    }
    other = experiment(tmp_path, **given).run(shard=(2, 4), resume=False)
    with pytest.raises(ConfigurationError, match=f"are of another {what}"):
        merge([shards[0], other])


def test_nothing_to_merge_is_an_error() -> None:
    with pytest.raises(ConfigurationError, match="there is nothing to merge"):
        merge([])


@pytest.mark.parametrize("shard", [(0, 4), (5, 4), (1,), "1/4", 3])
def test_a_shard_that_cannot_be_is_refused(tmp_path: Path, shard: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"must be two numbers: \(1, 4\) is 1 of 4"):
        experiment(tmp_path, Target().sync, cases(1)).run(shard=shard)


def test_merged_shards_may_be_scored_anew(shards: list[Run]) -> None:
    again = merge(shards).rescore([exact, length])
    assert {trial.scores["length"].value for trial in again.trials()} == {0.2, 0.3}

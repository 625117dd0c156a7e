"""Settings of experiments that cannot be, what ends a run early, and what a run tells of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from reliai.errors import ConfigurationError
from reliai.evals import scorers
from tests.evals.experiments import Target, cases, experiment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from reliai.datasets import Case


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

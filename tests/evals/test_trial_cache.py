"""Outputs of earlier runs."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai.datasets import Case
from reliai.evals._cache import TTL
from reliai.testing import virtual_clock
from tests.evals.experiments import Target, cases, exact, experiment, length

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_each_repeat_has_a_key_and_a_warm_cache_needs_no_call(tmp_path: Path, kind: str) -> None:
    target = Target(lambda question, before: f"{question} {before}")
    given = experiment(tmp_path, target.of(kind), cases(4), [length], repeats=3, cache=True)
    keys = {str(given.explain_key(cases(1)[0], repeat)) for repeat in (1, 2, 3)}
    first = given.run()
    assert (len(keys), target.calls) == (3, 12)
    second = given.run()
    assert target.calls == 12
    assert _numbers(second) == _numbers(first)
    assert all(trial.cached for trial in second.trials())
    assert second.manifest["cached"] == 12


def _numbers(run: Any) -> Any:
    return sorted(
        (trial.case, trial.repeat, trial.output, trial.duration, trial.scores["length"].value)
        for trial in run.trials()
    )


def test_new_scorers_judge_what_is_kept(tmp_path: Path) -> None:
    target = Target()
    experiment(tmp_path, target.sync, cases(3), [exact], cache=True).run()
    run = experiment(tmp_path, target.sync, cases(3), [exact, length], cache=True).run()
    assert target.calls == 3
    assert [trial.scores["length"].value for trial in run.trials()] == [0.2] * 3


@pytest.mark.parametrize("output", ["", None, [], {}])
def test_empty_outputs_are_not_kept(tmp_path: Path, output: Any) -> None:
    target = Target(lambda question, before: output)
    for _ in range(2):
        experiment(tmp_path, target.sync, cases(1), [], cache=True).run()
    assert target.calls == 2


def test_false_and_zero_are_outputs(tmp_path: Path) -> None:
    answers = {"q0": 0, "q1": False}
    target = Target(lambda question, before: answers[question])
    for _ in range(2):
        experiment(tmp_path, target.sync, cases(2), [], cache=True).run()
    assert target.calls == 2


def test_errors_are_not_kept(tmp_path: Path) -> None:
    def fail(question: str, before: int) -> str:
        raise ValueError("no")

    target = Target(fail)
    for _ in range(2):
        experiment(tmp_path, target.sync, cases(1), cache=True).run()
    assert target.calls == 2


def test_stand_ins_are_not_kept(tmp_path: Path) -> None:
    def fail(question: str, before: int) -> str:
        raise ValueError("no")

    target = Target(fail)  # a list of calls in its place would be in the key
    guarded = reliai.reliable(reliai.Fallback("sorry"))(target.sync)
    for _ in range(2):
        (trial,) = experiment(tmp_path, guarded, cases(1), cache=True).run().trials()
        assert (trial.status, trial.output, trial.cached) == ("degraded", "sorry", False)
    assert target.calls == 2


@pytest.mark.parametrize(
    "other",
    [
        lambda folder, target: experiment(folder, target.sync, cases(1), cache=True, seed=1),
        lambda folder, target: experiment(
            folder, target.sync, cases(1), cache=True, policies="bare"
        ),
        lambda folder, target: experiment(folder, target.asynchronous, cases(1), cache=True),
        lambda folder, target: experiment(
            folder, target.sync, [Case(inputs={"question": "q0"})], cache=True
        ),
    ],
    ids=["seed", "policies", "target", "case"],
)
def test_what_is_asked_otherwise_is_asked_anew(tmp_path: Path, other: Any) -> None:
    target = Target()
    experiment(tmp_path, target.sync, cases(1), cache=True).run()
    other(tmp_path, target).run()
    assert target.calls == 2


def test_what_is_kept_is_kept_for_a_week(tmp_path: Path) -> None:
    target = Target()
    with virtual_clock() as time:
        for days, calls in ((0.0, 1), (6.0, 1), (2.0, 2)):
            time.advance(days * 86400)
            experiment(tmp_path, target.sync, cases(1), cache=True).run()
            assert target.calls == calls
    assert TTL == 7 * 86400


@pytest.mark.parametrize(("ci", "kept"), [("true", False), ("", True), ("false", True)])
def test_the_cache_is_on_but_in_ci(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ci: str, kept: bool
) -> None:
    monkeypatch.setenv("CI", ci)
    assert experiment(tmp_path, Target().sync, cases(1), cache=None).cache is kept
    assert experiment(tmp_path, Target().sync, cases(1), cache=True).cache is True


def test_the_key_is_told_in_words(tmp_path: Path) -> None:
    given = experiment(tmp_path, Target().sync, cases(1), seed=3)
    assert given.explain_key(cases(1)[0], 2) == {
        "version": 1,
        "target": given.fingerprint,
        "policies": "evaluation",
        "seed": 3,
        "case": cases(1)[0].digest,
        "repeat": 2,
    }


def test_a_damaged_cache_is_none(tmp_path: Path) -> None:
    file = tmp_path / "cache" / "outputs.sqlite"
    file.parent.mkdir()
    file.write_bytes(b"this is no database, and was never one" * 100)
    run = experiment(tmp_path, Target().sync, cases(3), cache=True).run()
    assert run.exit_code == 0


def test_what_comes_from_the_cache_costs_nothing(tmp_path: Path) -> None:
    def costly(question: str, before: int) -> str:
        reliai.usage(model="m", cost_usd=1.0)
        return question

    target = Target(costly)
    experiment(tmp_path, target.sync, cases(5), cache=True).run()
    run = experiment(tmp_path, target.sync, cases(5), cache=True, max_usd=1.0).run()
    assert (run.state, run.manifest["spent_usd"], target.calls) == ("complete", 0.0, 5)
    assert {trial.cost_usd for trial in run.trials()} == {1.0}


def test_the_file_is_one_that_others_may_use_meanwhile(tmp_path: Path) -> None:
    experiment(tmp_path, Target().sync, cases(5), cache=True).run()
    with sqlite3.connect(tmp_path / "cache" / "outputs.sqlite") as database:
        assert database.execute("SELECT count(*) FROM outputs").fetchone() == (5,)
    database.close()

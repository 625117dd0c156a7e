"""From an experiment through a pin in git to the verdict on a change, with nothing made up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from reliai.datasets import Case
from reliai.evals import Experiment, Gate, Quarantine, Run, Verdict, baseline, pin, scorer
from reliai.evals.reports import report
from tests.evals.test_baseline import commit, git

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from reliai.evals import GateResult

GATE = Gate.parse(
    "exact non_inferior .05 by kind AND failure_rate <= .05 AND exact each >= .5 with "
    "failing_cases=30 AND latency_p95 <= 30"
)
CASES = [
    Case(
        inputs={"n": n},
        expected=2 * n,
        id=f"double-{n}",
        tags={"kind": "large" if n >= 100 else "small"},
    )
    for n in range(150)
]


def good(n: int) -> int:
    return 2 * n


def other(n: int) -> int:
    """The same by other means."""
    return n + n


def worse_for_large(n: int) -> int:
    return 2 * n + (n >= 130)


def failing(n: int) -> int:
    if n % 10 == 0:
        raise ConnectionError("down")
    return 2 * n


@scorer
def exact(output: Any, case: Case) -> bool:
    return bool(output == case.expected)


def run_of(target: Callable[..., Any], folder: Path) -> Run:
    return Experiment(
        target, CASES, [exact], name="double", repeats=1, cache=False, retries=0, runs=folder
    ).run()


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a pinned baseline, on a branch that begins there."""
    monkeypatch.setenv("RELIAI_BASE", "main")
    monkeypatch.chdir(tmp_path)
    git(tmp_path, "init", "-q", "-b", "main")
    pin(run_of(good, tmp_path / "runs")).write()
    commit(tmp_path, "Pin the baseline")
    git(tmp_path, "switch", "-q", "-c", "change")
    return tmp_path


def judged(target: Callable[..., Any], folder: Path) -> tuple[GateResult, Any]:
    comparison = run_of(target, folder / "runs").compare(baseline(experiment="double"))
    return GATE.judge(comparison, quarantine=Quarantine.read()), comparison


def test_a_harmless_change_passes(repository: Path) -> None:
    result, comparison = judged(other, repository)
    assert (result.verdict, result.exit_code) == (Verdict.PASS, 0)
    assert comparison.common == 150
    assert "at" in result.about["baseline"]


def test_a_regression_of_one_slice_fails_and_is_named_in_the_comment(repository: Path) -> None:
    result, comparison = judged(worse_for_large, repository)
    assert (result.verdict, result.exit_code) == (Verdict.FAIL, 1)
    shown = report(result, comparison).markdown()
    assert "<code>kind&#61;large</code>" in shown
    assert "20 cases became worse" in shown


def test_a_change_whose_calls_fail_is_incomplete_and_not_better(repository: Path) -> None:
    result, comparison = judged(failing, repository)
    quality, failures = result.rules[:2]
    assert quality.verdict is Verdict.INCOMPLETE
    assert failures.verdict is Verdict.FAIL
    assert comparison.difference("exact").estimate == 0.0  # of those that answered
    assert "15 of 150 cases have no score" in quality.reason


def test_a_stored_run_is_judged_as_the_one_that_was_just_made(repository: Path) -> None:
    run = run_of(worse_for_large, repository / "runs")
    again = Run.load(run.path)
    found = baseline(experiment="double")
    assert GATE.judge(again.compare(found)) == GATE.judge(run.compare(found))

"""Gates of tests marked `reliai`, and what comes of workers that die."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Literal

import pytest

from reliai._core.evaluation import Evaluation
from reliai.datasets.case import Case
from reliai.evals.run import Run
from reliai.testing._pytest_evals.asking import Asked, Trying
from reliai.testing._pytest_evals.gathering import Gathering
from reliai.testing._pytest_evals.going import Going
from reliai.testing._pytest_evals.payload import packed
from tests.testing import evaluated
from tests.testing.evaluated import gated, run, stored

if TYPE_CHECKING:
    from pathlib import Path

pytest_plugins = ["pytester"]


@pytest.fixture(scope="session", autouse=True)
def _everything_loaded() -> None:
    evaluated.load_everything()


@pytest.fixture
def suite(pytester: pytest.Pytester) -> pytest.Pytester:
    return evaluated.made(pytester)


# --- gates ------------------------------------------------------------------------------------


def test_a_gate_that_holds_passes_the_session(suite: pytest.Pytester) -> None:
    result = gated(suite, marker="gate='passed >= .9'")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*PASS: passed >= 0.9"])


def test_a_gate_that_does_not_hold_fails_it_although_no_test_does(suite: pytest.Pytester) -> None:
    result = gated(suite, marker="gate='passed >= .9'", body="assert case.inputs['n'] % 2")
    assert result.ret == 1
    expected = ["*c000: passed 0 of 1", "*assert (0 % 2)*", "*… and 10 cases more"]
    expected += ["*FAIL: passed >= 0.9", "*exit code 1", "*20 passed, 20 missed*"]
    result.stdout.fnmatch_lines(expected)
    assert len([line for line in run(suite, "--lf", "--co", "-q").outlines if "::" in line]) == 20


@pytest.mark.parametrize(
    "gate", ["latency_p95 <= 10", "failure_rate <= .5", "passed >= .1 with blocking=no"]
)
def test_tests_that_no_condition_speaks_of_fail_by_themselves(
    suite: pytest.Pytester, gate: str
) -> None:
    result = gated(suite, marker=f"gate='{gate}'", body="assert 0", n=12)
    assert result.ret != 0
    result.assert_outcomes(failed=12)


def test_an_error_is_none_for_a_gate_about_times(suite: pytest.Pytester) -> None:
    result = gated(suite, marker="gate='latency_p95 <= 10'", body="1 / 0", n=12)
    result.assert_outcomes(failed=12)


def test_a_gate_without_enough_evidence_is_inconclusive(suite: pytest.Pytester) -> None:
    result = gated(suite, marker="gate='passed >= .9'", n=5)
    assert result.ret == 3
    result.stdout.fnmatch_lines(["*INCONCLUSIVE: passed >= 0.9"])


def test_what_is_inconclusive_may_be_told_only(suite: pytest.Pytester) -> None:
    assert gated(suite, marker="gate='passed >= .9', inconclusive='warn'", n=5).ret == 0


def test_more_errors_than_the_budget_are_incomplete(suite: pytest.Pytester) -> None:
    body = "assert case.inputs['n'] > 3 or 1 / 0"
    result = gated(suite, marker="gate='passed >= .5'", body=body)
    assert result.ret == 4
    result.stdout.fnmatch_lines(["*INCOMPLETE: passed >= 0.5"])


def test_a_part_of_the_cases_is_not_judged_as_if_it_were_the_whole(suite: pytest.Pytester) -> None:
    result = gated(suite, "-k", "c00", marker="gate='passed >= .5'")
    assert result.ret == 3
    result.stdout.fnmatch_lines(["*partial run: 10 of 40 tries, 10 of 40 cases; the gate is not*"])


def test_a_session_that_stops_early_does_not_judge_the_gate(suite: pytest.Pytester) -> None:
    suite.makepyfile(test_a="def test_a(): assert 0")
    result = gated(suite, "-x", marker="gate='passed >= .5'")
    assert result.ret == 1


def test_a_gate_object_is_taken_too(suite: pytest.Pytester) -> None:
    gate = "__import__('reliai.evals').evals.Gate('passed', min=.5, max_missing=.3)"
    body = "assert case.inputs['n'] > 3 or 1 / 0"
    assert gated(suite, marker=f"gate={gate}", body=body).ret == 0


@pytest.mark.parametrize("body", ["pass", "assert 0"])
def test_a_metric_that_there_is_not_is_a_mistake_and_no_warning(
    suite: pytest.Pytester, body: str
) -> None:
    result = gated(suite, marker="gate='exact >= .9', inconclusive='warn'", body=body)
    assert result.ret == 2
    result.stdout.fnmatch_lines(["*the gate is not judged*exact*"])


def test_where_all_tries_fail_before_they_are_scored_the_gate_is_incomplete(
    suite: pytest.Pytester,
) -> None:
    assert gated(suite, marker="gate='exact >= .9'", body="raise ConnectionError").ret == 4


@pytest.mark.parametrize("policy", ["fail", "warn"])
def test_what_misses_is_red_where_the_gate_is_not_judged(
    suite: pytest.Pytester, policy: str
) -> None:
    marker = f"gate='passed >= .1', inconclusive='{policy}'"
    result = gated(suite, "-k", "c001", marker=marker, body="assert 0")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*c001: passed 0 of 1", "*the gate is not judged"])


def test_a_gate_compares_with_a_run_that_was_before(
    suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = "import os; assert case.inputs['n'] % 2 or 'WORSE' not in os.environ"
    assert gated(suite, marker="gate='passed >= .5'", body=body).ret == 0
    (before,) = stored(suite)
    marker = f"gate='passed non_inferior .1', baseline='{before.id}'"
    assert gated(suite, marker=marker, body=body).ret == 0
    monkeypatch.setenv("WORSE", "1")
    assert gated(suite, marker=marker, body=body).ret == 1


def test_a_test_that_asserts_something_else_is_not_compared(suite: pytest.Pytester) -> None:
    gated(suite, marker="gate='passed >= .5'")
    (before,) = stored(suite)
    marker = f"gate='passed non_inferior .1', baseline='{before.id}'"
    result = gated(suite, marker=marker, body="assert 1")
    assert result.ret == 3
    result.stdout.fnmatch_lines(["*the scorer is not the same on both sides*"])


@pytest.mark.parametrize(("policy", "code"), [("fail", 1), ("warn", 3)])
def test_a_baseline_that_there_is_not_is_said_and_never_a_pass(
    suite: pytest.Pytester, policy: str, code: int
) -> None:
    marker = f"gate='passed non_inferior .1', baseline='merge-base', no_baseline='{policy}'"
    result = gated(suite, marker=marker)
    assert result.ret == code
    result.stdout.fnmatch_lines(["*no baseline*"])


def test_a_gate_writes_reports_where_they_are_asked_for(suite: pytest.Pytester) -> None:
    result = gated(suite, "--reliai-report=out", marker="gate='passed >= .9'")
    assert result.ret == 0
    found = {each.name for each in (suite.path / "out" / "test_g.test_it").iterdir()}
    assert found >= {"gate.md", "gate.xml", "gate.html", "gate.json"}


# --- among workers ----------------------------------------------------------------------------


def report_of(when: str, *, failed: bool = False, **told: str) -> pytest.TestReport:
    outcome: Literal["passed", "failed"] = "failed" if failed else "passed"
    phase: Any = when
    place = ("test_it.py", 1, "test_it")
    made = pytest.TestReport("test_it.py::test_it[c2]", place, {}, outcome, "", phase)
    vars(made).update(told)
    return made


def leading(folder: Path) -> Gathering:
    config: Any = SimpleNamespace(
        rootpath=folder,
        pluginmanager=SimpleNamespace(get_plugin=lambda name: None),
        getoption=lambda name, default: default,
    )
    return Gathering(config, "0" * 32)


def started(case: str, header: dict[str, Any]) -> str:
    trying = Trying(Case(inputs={"n": case}, id=case), 1, 1, case)
    going = Going(Asked(dataset=[]), trying, Evaluation())
    return packed(going.payload("e", header, lost=True))


def test_a_case_whose_worker_dies_is_an_error_and_not_absent(tmp_path: Path) -> None:
    gathering = leading(tmp_path)
    gathering.take(report_of("setup", reliai_started=started("c2", {"tries": 1, "cases": 1})))
    gathering.take(report_of("???", failed=True))  # as pytest-xdist tells of it
    session: Any = SimpleNamespace(exitstatus=1, testsfailed=1)
    gathering.finish(session)
    (made,) = Run.list(root=tmp_path / ".reliai" / "runs")
    (one,) = made.trials()
    assert (one.case, one.status) == ("c2", "error")
    assert one.error is not None
    assert one.error.type == "Crashed"
    assert made.state == "complete"
    assert gathering.results[0].gathered.passes["c2"] == 0


def test_what_a_worker_tells_and_cannot_be_read_is_no_pass(tmp_path: Path) -> None:
    gathering = leading(tmp_path)
    gathering.take(report_of("teardown", reliai='{"v":99}'))
    session: Any = SimpleNamespace(exitstatus=0, testsfailed=0)
    gathering.finish(session)
    assert session.exitstatus == 3
    assert "another version" in gathering.trouble[0]

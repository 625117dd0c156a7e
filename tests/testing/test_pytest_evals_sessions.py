"""How sessions with tests marked `reliai` end, and what is said of mistakes."""

from __future__ import annotations

import subprocess

import pytest

from reliai.testing import pytest_plugin
from tests.testing import evaluated
from tests.testing.evaluated import flaky, outcomes, run, stored, trials

pytest_plugins = ["pytester"]


@pytest.fixture(scope="session", autouse=True)
def _everything_loaded() -> None:
    evaluated.load_everything()


@pytest.fixture
def suite(pytester: pytest.Pytester) -> pytest.Pytester:
    return evaluated.made(pytester)


# --- how a session ends -----------------------------------------------------------------------


def test_without_min_pass_and_gate_tests_fail_as_always(suite: pytest.Pytester) -> None:
    suite.makepyfile(
        """
        import pytest
        from app import CASES

        @pytest.mark.reliai(dataset=CASES)
        def test_it(case): assert case.id != "case-1"
        """
    )
    result = run(suite)
    result.assert_outcomes(passed=3, failed=1)
    assert result.ret == 1


def test_a_try_that_fails_is_no_failure_where_enough_others_pass(suite: pytest.Pytester) -> None:
    result = flaky(suite, "case-0-r2", "case-3-r3")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*10/12 tries passed, 4 cases", "*10 passed, 2 missed*"])


def test_a_case_that_passes_too_seldom_fails_the_session(suite: pytest.Pytester) -> None:
    result = flaky(suite, "case-1-r1", "case-1-r3", "case-2-r1")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*case-1: passed 1 of 3, and must 2 times", "*AssertionError*"])
    result.stdout.no_fnmatch_line("*case-2: passed*")


def test_a_case_in_quarantine_where_the_change_began_does_not_block(
    suite: pytest.Pytester,
) -> None:
    listed = suite.path / ".reliai" / "quarantine.json"
    listed.parent.mkdir()
    listed.write_text('{"case-1": {"reason": "wavers"}}')
    by_change = flaky(suite, "case-1-r1", "case-1-r3")
    assert by_change.ret == 1
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    for command in (("init", "-q", "-b", "main"), ("add", "."), ("commit", "-q", "-m", "x")):
        subprocess.run(["git", *identity, *command], check=True)  # noqa: S607
    result = flaky(suite, "case-1-r1", "case-1-r3")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*case-1: passed 1 of 3, and is in quarantine"])


def test_the_order_of_the_items_changes_nothing(suite: pytest.Pytester) -> None:
    flaky(suite, "case-1-r1", "case-2-r3")
    for seed in ("1", "2"):
        order = ("-p", "no:reliai", f"--randomly-seed={seed}")
        suite.runpytest_inprocess(*order, plugins=[pytest_plugin])
    numbers = [
        sorted((each.case, each.repeat, each.scores["passed"].value) for each in one.trials())
        for one in stored(suite)
    ]
    assert numbers[0] == numbers[1] == numbers[2]


def test_last_failed_runs_the_tries_of_that_case_again(suite: pytest.Pytester) -> None:
    flaky(suite, "case-1-r1", "case-1-r3", "case-2-r1")
    result = run(suite, "--lf", "--collect-only", "-q")
    names = sorted(line.partition("::")[2] for line in result.outlines if "::" in line)
    assert names == ["test_it[case-1-r1]", "test_it[case-1-r3]"]


def test_a_part_of_the_tries_is_judged_as_far_as_it_tells(suite: pytest.Pytester) -> None:
    result = flaky(suite, "case-1-r3", args=("-k", "r1"))
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*partial run: 4 of 12 tries, 4 of 4 cases; each case*"])
    assert stored(suite)[0].state == "partial"


def test_what_misses_in_a_part_of_the_tries_is_red(suite: pytest.Pytester) -> None:
    result = flaky(suite, "case-1-r1", args=("-k", "r1"))
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*case-1: passed 0 of 1, and must 2 times"])
    assert flaky(suite, "case-1-r1", args=("-k", "case-1")).ret == 0


def test_a_dataset_without_cases_evaluates_nothing(suite: pytest.Pytester) -> None:
    suite.makepyfile(
        """
        import pytest
        @pytest.mark.reliai(dataset=[])
        def test_it(case): pass
        def test_other(): pass
        """
    )
    result = run(suite)
    assert result.ret == 5
    result.stdout.fnmatch_lines(["*nothing was evaluated*"])


def test_a_session_that_skips_all_cases_evaluates_nothing(suite: pytest.Pytester) -> None:
    suite.makepyfile(
        """
        import pytest
        from app import CASES
        @pytest.mark.reliai(dataset=CASES)
        def test_it(case): pytest.skip("no key")
        """
    )
    assert run(suite).ret == 5


def test_a_selector_that_matches_nothing_evaluates_nothing(suite: pytest.Pytester) -> None:
    assert flaky(suite, args=("-k", "case-99")).ret == 5


def test_other_tests_of_the_suite_fail_as_always(suite: pytest.Pytester) -> None:
    suite.makepyfile(test_other="def test_other(): assert False")
    result = flaky(suite, "case-0-r1")
    assert result.ret == 1
    result.assert_outcomes(passed=11, failed=1)


def test_a_test_that_is_run_again_counts_once(suite: pytest.Pytester) -> None:
    suite.makepyfile(
        conftest="""
        from _pytest.runner import runtestprotocol
        def pytest_runtest_protocol(item, nextitem):
            for _ in range(2):
                for report in runtestprotocol(item, log=False):
                    item.ihook.pytest_runtest_logreport(report=report)
            return True
        """
    )
    result = flaky(suite, "case-1-r1")
    assert len(trials(suite)) == 12
    result.stdout.fnmatch_lines(["*12 repetitions not counted"])


def test_a_run_that_cannot_be_written_fails_no_test(suite: pytest.Pytester) -> None:
    (suite.path / ".reliai").write_text("in the way")
    result = flaky(suite)
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*the run could not be written*"])


# --- mistakes ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("marker", "said"),
    [
        ("repeats=2", "lacks a dataset"),
        ("dataset=CASES, repeats=0", "repeats=0*at least 1"),
        ("dataset=CASES, repeats=2, min_pass=3", "min_pass=3*at most repeats=2"),
        ("dataset=CASES, policies='prod'", "policies='prod'*evaluation, deployed, bare"),
        ("dataset=CASES, baseline='merge-base'", "baseline='merge-base'*gate="),
        ("dataset=CASES, repeat=2", "repeat=*no such argument"),
        ("CASES", "by name"),
        ("dataset=7", "dataset=7*must be a reference"),
        ("dataset='nowhere@v1'", "nowhere"),
        ("dataset=[CASES[0], CASES[0]]", "case-0"),
        ("dataset=CASES, gate='passed >> 1'", "passed >> 1"),
    ],
)
def test_a_marker_that_cannot_be_honoured_is_an_error_of_collection(
    suite: pytest.Pytester, marker: str, said: str
) -> None:
    suite.makepyfile(
        f"import pytest\nfrom app import CASES\n@pytest.mark.reliai({marker})\n"
        "def test_it(case): pass"
    )
    result = run(suite)
    assert result.ret == 2
    result.stdout.fnmatch_lines([f"*{said}*"])


def test_a_marked_test_takes_the_case(suite: pytest.Pytester) -> None:
    suite.makepyfile(
        "import pytest\nfrom app import CASES\n@pytest.mark.reliai(dataset=CASES)\n"
        "def test_it(): pass"
    )
    result = run(suite)
    assert result.ret == 2
    result.stdout.fnmatch_lines(["*takes the fixture `case`*"])


def test_a_method_of_unittest_is_refused(suite: pytest.Pytester) -> None:
    suite.makepyfile(
        """
        import unittest, pytest
        from app import CASES

        class TestIt(unittest.TestCase):
            @pytest.mark.reliai(dataset=CASES)
            def test_it(self): pass
        """
    )
    result = run(suite)
    result.stdout.fnmatch_lines(["*must be a function*"])
    assert result.ret == 1


@pytest.mark.parametrize(
    ("given", "said"),
    [("'passed', 1", "is whether the test passes"), ("'a b', 1", "a b"), ("'cost_usd', 1", "cost")],
)
def test_a_score_that_cannot_be_is_an_error_of_the_try(
    suite: pytest.Pytester, given: str, said: str
) -> None:
    found = outcomes(
        suite,
        f"""
@pytest.mark.reliai(dataset=CASES[:1])
def test_it(case, score): score({given})
""",
    )
    assert found["case-0"].status == "error"
    assert found["case-0"].error is not None
    assert said in found["case-0"].error.message

"""Tests marked `reliai`, in suites of their own: items, scores, runs, and how a session ends."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Literal

import pytest

from reliai import _core, checks, policies, providers, telemetry, testing
from reliai._core.evaluation import Evaluation
from reliai.datasets.case import Case
from reliai.evals.run import Run
from reliai.testing import pytest_plugin
from reliai.testing._pytest_evals.asking import Asked, Trying
from reliai.testing._pytest_evals.gathering import Gathering
from reliai.testing._pytest_evals.going import Going
from reliai.testing._pytest_evals.payload import Payload, packed

if TYPE_CHECKING:
    from pathlib import Path

    from reliai.evals.trial import Trial

pytest_plugins = ["pytester"]

QUIET = ("-p", "no:randomly", "-W", "error")

APP = """
    import reliai
    from reliai.datasets.case import Case

    CASES = [Case(inputs={"prompt": f"q{i}"}, expected=f"Q{i}", id=f"case-{i}") for i in range(4)]
    WRONG = set()

    @reliai.reliable(name="answer")
    def answer(prompt: str) -> str:
        reliai.usage(model="m", input_tokens=3, output_tokens=2, cost_usd=0.5)
        return "wrong" if prompt in WRONG else prompt.upper()
"""


@pytest.fixture(scope="session", autouse=True)
def _everything_loaded() -> None:
    """Load what the suites will: pytester forgets modules that were loaded while it ran one."""
    for package in (_core, checks, policies, providers, telemetry, testing):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)
    for name in ("scipy.special", "scipy.stats", "matplotlib.pyplot", "jinja2"):
        importlib.import_module(name)
    for name in (
        "datasets.dataset",
        "evals.run",
        "evals.scorers.equality",
        "evals._judging",
        "evals.reports.html",
    ):
        importlib.import_module(f"reliai.{name}")


@pytest.fixture
def suite(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makepyfile(app=APP)
    pytester.syspathinsert()
    return pytester


def run(suite: pytest.Pytester, *args: str) -> pytest.RunResult:
    # once: an installed reliai has pytest load it as "reliai" by itself
    return suite.runpytest_inprocess("-p", "no:reliai", *QUIET, *args, plugins=[pytest_plugin])


def stored(suite: pytest.Pytester) -> list[Run]:
    return list(Run.list(root=suite.path / ".reliai" / "runs"))


def trials(suite: pytest.Pytester) -> list[Trial]:
    (found,) = stored(suite)
    return list(found.trials())


# --- items ------------------------------------------------------------------------------------


def test_each_case_and_each_try_is_an_item_named_by_content(suite: pytest.Pytester) -> None:
    suite.makepyfile(
        """
        import pytest
        from app import CASES, Case, answer

        @pytest.mark.reliai(dataset=[*CASES[:1], Case(inputs={"prompt": "x"})], repeats=2)
        def test_it(case):
            assert answer(**case.inputs)
        """
    )
    result = run(suite, "--collect-only", "-q")
    digest = "1b1b3dc7b2b2"
    names = [line.partition("::")[2] for line in result.outlines if "::" in line]
    assert names[:2] == ["test_it[case-0-r1]", "test_it[case-0-r2]"]
    assert names[2].endswith("-r1]")
    assert len(names[2]) == len(f"test_it[{digest}-r1]")


def test_the_names_of_items_do_not_depend_on_other_cases(suite: pytest.Pytester) -> None:
    suite.makepyfile(
        """
        import pytest
        from app import Case
        one, two = Case(inputs={"prompt": "a"}), Case(inputs={"prompt": "b"})

        @pytest.mark.reliai(dataset=[one, two])
        def test_both(case): pass

        @pytest.mark.reliai(dataset=[two])
        def test_one(case): pass
        """
    )
    lines = [line for line in run(suite, "--collect-only", "-q").outlines if "::" in line]
    assert lines[1].partition("[")[2] == lines[2].partition("[")[2]


def test_a_case_that_says_how_often_it_is_tried_is_heard(suite: pytest.Pytester) -> None:
    suite.makepyfile(
        """
        import pytest
        from app import Case

        @pytest.mark.reliai(dataset=[Case(inputs={}, id="often", repeats=3)])
        def test_it(case): pass
        """
    )
    run(suite).assert_outcomes(passed=3)


def test_a_case_may_be_called_as_a_try_of_another_one_is(suite: pytest.Pytester) -> None:
    suite.makepyfile(
        """
        import pytest
        from app import Case

        @pytest.mark.reliai(
            dataset=[Case(inputs={"n": 1}, id="a", repeats=2), Case(inputs={"n": 2}, id="a-r2")]
        )
        def test_it(case): pass
        """
    )
    run(suite).assert_outcomes(passed=3)
    assert len({(each.case, each.repeat) for each in trials(suite)}) == 3


def test_all_items_are_trials_of_one_run(suite: pytest.Pytester) -> None:
    suite.makepyfile(
        """
        import pytest
        from app import CASES, answer

        @pytest.mark.reliai(dataset=CASES, repeats=2)
        def test_it(case, score):
            out = answer(**case.inputs)
            score("length", len(out), "of the text")
            score.output(out)
            assert out == case.expected
        """
    )
    run(suite).assert_outcomes(passed=8)
    found = trials(suite)
    assert sorted((each.case, each.repeat) for each in found) == [
        (f"case-{number}", repeat) for number in range(4) for repeat in (1, 2)
    ]
    one = found[0]
    assert (one.status, one.output) == ("ok", "Q0")
    assert one.scores["passed"].value == 1.0
    assert (one.scores["length"].value, one.scores["length"].explanation) == (2.0, "of the text")
    assert (one.cost_usd, one.input_tokens, one.output_tokens) == (0.5, 3, 2)
    (made,) = stored(suite)
    assert made.state == "complete"
    assert made.manifest["experiment"] == "test_all_items_are_trials_of_one_run.test_it"
    assert made.manifest["evaluated"] == 8
    assert set(made.scorers) == {"passed", "length"}


def test_a_scorer_judges_the_output(suite: pytest.Pytester) -> None:
    suite.makepyfile(
        """
        import pytest
        from app import CASES, answer
        from reliai.evals.scorers import exact

        async def slow(output, case):
            return len(output) / 4

        @pytest.mark.reliai(dataset=CASES[:1])
        def test_it(case, score):
            out = answer(**case.inputs)
            assert score(exact, out).value == 1.0
            assert score(slow, out).value == 0.5
        """
    )
    run(suite).assert_outcomes(passed=1)
    (one,) = trials(suite)
    assert (one.scores["exact"].value, one.scores["slow"].value, one.output) == (1.0, 0.5, "Q0")


def test_async_tests_run_without_another_plugin(suite: pytest.Pytester) -> None:
    suite.makepyfile(
        """
        import pytest
        from app import CASES, answer

        @pytest.mark.reliai(dataset=CASES)
        async def test_it(case, score):
            score("ok", answer(**case.inputs) == case.expected)
        """
    )
    run(suite).assert_outcomes(passed=4)
    assert all(each.call_id and each.cost_usd == 0.5 for each in trials(suite))


def test_calls_are_gathered_also_inside_the_task_of_anyio(suite: pytest.Pytester) -> None:
    suite.makepyfile(
        """
        import pytest
        from app import CASES, answer

        @pytest.fixture
        def anyio_backend():
            return "asyncio"

        @pytest.mark.anyio
        @pytest.mark.reliai(dataset=CASES[:1])
        async def test_it(case, anyio_backend):
            answer(**case.inputs)
        """
    )
    run(suite, "-p", "anyio").assert_outcomes(passed=1)
    (one,) = trials(suite)
    assert (one.cost_usd, one.retries) == (0.5, 0)


def test_calls_are_evaluations(suite: pytest.Pytester) -> None:
    suite.makepyfile(
        """
        import pytest, reliai
        from app import CASES, answer

        @pytest.mark.reliai(dataset=CASES[:1])
        def test_it(case, records):
            answer(**case.inputs)
            reliai.flush()
            assert records[-1].environment == "eval"
            assert records[-1].run_id
        """
    )
    run(suite).assert_outcomes(passed=1)


def test_other_parameters_make_experiments_of_their_own(suite: pytest.Pytester) -> None:
    suite.makepyfile(
        test_p="""
        import pytest
        from app import CASES

        @pytest.mark.parametrize("model", ["small", "big"])
        @pytest.mark.reliai(dataset=CASES, repeats=2)
        def test_it(case, model): pass
        """
    )
    run(suite).assert_outcomes(passed=16)
    names = [each.manifest["experiment"] for each in stored(suite)]
    assert sorted(names) == ["test_p.test_it.big", "test_p.test_it.small"]
    assert all(each.state == "complete" for each in stored(suite))
    assert len({each.id for each in stored(suite)}) == 1


def test_markers_of_class_and_module_add_up(suite: pytest.Pytester) -> None:
    suite.makepyfile(
        """
        import pytest
        from app import CASES
        pytestmark = pytest.mark.reliai(dataset=CASES, repeats=2)

        @pytest.mark.reliai(name="mine", repeats=1)
        class TestIt:
            def test_it(self, case): pass
        """
    )
    run(suite).assert_outcomes(passed=4)
    assert stored(suite)[0].manifest["experiment"] == "mine"


# --- what becomes of a try --------------------------------------------------------------------


def outcomes(suite: pytest.Pytester, body: str, *args: str) -> dict[str, Trial]:
    """The trials of one test of one try a case, by case."""
    suite.makepyfile(test_o=f"import pytest, reliai\nfrom app import *\n{body}")
    run(suite, *args)
    return {each.case: each for each in trials(suite)}


def test_a_failed_assertion_is_a_score_of_zero_and_says_why(suite: pytest.Pytester) -> None:
    found = outcomes(
        suite,
        """
@pytest.mark.reliai(dataset=CASES[:2])
def test_it(case, score):
    score("tone", .5)
    assert case.id == "case-1", "not the first"
""",
    )
    failed = found["case-0"]
    assert failed.status == "ok"
    assert failed.scores["passed"].value == 0.0
    assert str(failed.scores["passed"].explanation).startswith("not the first")
    assert failed.scores["tone"].value == 0.5
    assert found["case-1"].scores["passed"].value == 1.0


def test_any_other_error_is_no_score_but_missing(suite: pytest.Pytester) -> None:
    found = outcomes(
        suite,
        """
@pytest.mark.reliai(dataset=CASES[:1])
def test_it(case, score):
    score("tone", .5)
    raise KeyError("answer")
""",
    )
    one = found["case-0"]
    assert one.status == "error"
    assert one.error is not None
    assert one.error.type == "KeyError"
    assert {each.unscored for each in one.scores.values()} == {"task_error"}


def test_a_fixture_that_fails_leaves_the_case_as_an_error_and_not_absent(
    suite: pytest.Pytester,
) -> None:
    found = outcomes(
        suite,
        """
@pytest.fixture
def index(case):
    if case.id == "case-2":
        raise ConnectionError("no index")

@pytest.mark.reliai(dataset=CASES)
def test_it(case, index): pass
""",
    )
    assert len(found) == 4
    assert found["case-2"].status == "error"
    assert found["case-2"].error is not None
    assert found["case-2"].error.kind == "connection"
    assert found["case-2"].scores["passed"].unscored == "task_error"


def test_a_fixture_that_fails_before_the_case_is_asked_for_does_so_too(
    suite: pytest.Pytester,
) -> None:
    found = outcomes(
        suite,
        """
@pytest.fixture(autouse=True, scope="module")
def index(): raise ConnectionError("no index")

@pytest.mark.reliai(dataset=CASES)
def test_it(case): pass
""",
    )
    assert [each.status for each in found.values()] == ["error"] * 4


def test_a_teardown_that_fails_is_an_error(suite: pytest.Pytester) -> None:
    found = outcomes(
        suite,
        """
@pytest.fixture
def index():
    yield
    raise OSError("gone")

@pytest.mark.reliai(dataset=CASES[:1])
def test_it(case, index): pass
""",
    )
    assert found["case-0"].status == "error"


def test_skipped_and_expected_failures_are_left_out(suite: pytest.Pytester) -> None:
    found = outcomes(
        suite,
        """
@pytest.mark.reliai(dataset=CASES)
def test_it(case):
    if case.id == "case-0": pytest.skip("not here")
    if case.id == "case-1": pytest.xfail("known")
""",
    )
    assert [found[f"case-{number}"].status for number in range(4)] == [
        *("skipped", "skipped", "ok", "ok")
    ]
    manifest = stored(suite)[0].manifest
    assert (manifest["evaluated"], manifest["skipped"]) == (2, 2)


def test_a_pass_that_was_not_expected_is_left_out_and_fails_by_itself(
    suite: pytest.Pytester,
) -> None:
    suite.makepyfile(
        """
        import pytest
        from app import CASES

        @pytest.mark.xfail(strict=True)
        @pytest.mark.reliai(dataset=CASES, min_pass=1)
        def test_it(case): assert case.id == "case-0"
        """
    )
    result = run(suite)
    result.assert_outcomes(xfailed=3, failed=1)
    assert {each.status for each in trials(suite)} == {"skipped"}


def test_a_timeout_is_one(suite: pytest.Pytester) -> None:
    found = outcomes(
        suite,
        """
@pytest.mark.reliai(dataset=CASES[:1])
def test_it(case): raise TimeoutError("late")
""",
    )
    assert found["case-0"].status == "timeout"
    assert found["case-0"].scores["passed"].unscored == "timeout"


FALLEN_BACK = """
@reliai.Fallback("a ready answer")
def ask(prompt): raise ConnectionError

@pytest.mark.reliai(dataset=CASES[:1], policies="{policies}")
def test_it(case): assert ask(**case.inputs)
"""


def test_an_answer_that_the_model_did_not_give_fails_the_case(suite: pytest.Pytester) -> None:
    found = outcomes(suite, FALLEN_BACK.format(policies="evaluation"))
    assert found["case-0"].status == "degraded"
    assert found["case-0"].scores["passed"].unscored == "degraded"


def test_it_is_an_answer_for_who_evaluates_what_is_deployed(suite: pytest.Pytester) -> None:
    found = outcomes(suite, FALLEN_BACK.format(policies="deployed"))
    assert found["case-0"].status == "ok"


def test_bare_functions_are_called_without_their_policies(suite: pytest.Pytester) -> None:
    found = outcomes(
        suite,
        """
TRIED = []

@reliai.Retry(3, wait=0)
def ask(prompt):
    TRIED.append(prompt)
    raise ConnectionError

@pytest.mark.reliai(dataset=CASES[:1], policies="bare")
def test_it(case):
    with pytest.raises(ConnectionError):
        ask(**case.inputs)
    assert len(TRIED) == 1
""",
    )
    assert found["case-0"].scores["passed"].value == 1.0


def test_what_is_too_long_is_told_by_size_and_digest(suite: pytest.Pytester) -> None:
    found = outcomes(
        suite,
        """
@pytest.mark.reliai(dataset=CASES[:1])
def test_it(case, score): score.output("x" * 300_000); score("fine", True)
""",
    )
    assert found["case-0"].output["reliai_left_out"]["characters"] == 300_002
    assert found["case-0"].scores["fine"].value == 1.0


# --- how a session ends -----------------------------------------------------------------------

FLAKY = """
import pytest
from app import CASES
FAILS = {fails!r}

@pytest.mark.reliai(dataset=CASES, repeats=3, min_pass=2)
def test_it(case, request):
    assert request.node.callspec.id not in FAILS
"""


def flaky(suite: pytest.Pytester, *fails: str, args: tuple[str, ...] = ()) -> pytest.RunResult:
    suite.makepyfile(test_f=FLAKY.format(fails=fails))
    return run(suite, *args)


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
    result = flaky(suite, "case-1-r1", args=("-k", "r1"))
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*partial run: 4 of 12 tries, 4 of 4 cases; each case*"])
    assert stored(suite)[0].state == "partial"


def test_a_part_of_the_tries_may_tell_enough(suite: pytest.Pytester) -> None:
    result = flaky(suite, "case-1-r1", "case-1-r2", args=("-k", "r1 or r2"))
    assert result.ret == 1


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


# --- gates ------------------------------------------------------------------------------------

GATED = """
import pytest
from app import Case
CASES = [Case(inputs={{"n": n}}, id=f"c{{n:03}}", tags={{"half": "ab"[n % 2]}}) for n in range({n})]

@pytest.mark.reliai(dataset=CASES, {marker})
def test_it(case): {body}
"""


def gated(
    suite: pytest.Pytester, *args: str, marker: str, body: str = "pass", n: int = 40
) -> pytest.RunResult:
    suite.makepyfile(test_g=GATED.format(marker=marker, body=body, n=n))
    return run(suite, *args)


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


def test_a_metric_that_there_is_not_is_no_pass(suite: pytest.Pytester) -> None:
    result = gated(suite, marker="gate='exact >= .9'")
    assert result.ret == 3
    result.stdout.fnmatch_lines(["*the gate is not judged*exact*"])


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
    return packed(Payload("e", going.lost(), passed=False, of=1, header=header))


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


def test_what_a_worker_tells_and_cannot_be_read_is_no_pass(tmp_path: Path) -> None:
    gathering = leading(tmp_path)
    gathering.take(report_of("teardown", reliai='{"v":99}'))
    session: Any = SimpleNamespace(exitstatus=0, testsfailed=0)
    gathering.finish(session)
    assert session.exitstatus == 3
    assert "another version" in gathering.trouble[0]

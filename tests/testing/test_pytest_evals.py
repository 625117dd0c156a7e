"""Tests marked `reliai`, in suites of their own: their items, and the runs that come of them."""

from __future__ import annotations

import pytest

from tests.testing import evaluated
from tests.testing.evaluated import run, stored, trials

pytest_plugins = ["pytester"]


@pytest.fixture(scope="session", autouse=True)
def _everything_loaded() -> None:
    evaluated.load_everything()


@pytest.fixture
def suite(pytester: pytest.Pytester) -> pytest.Pytester:
    return evaluated.made(pytester)


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


def test_names_in_any_script_belong_to_one_experiment(suite: pytest.Pytester) -> None:
    folder = suite.mkdir("a[b]")
    (folder / "test_p.py").write_text(
        """
import pytest
from reliai.datasets import Case
NAMES = ["für-1", "日本", "a\\tb", "a\\\\b", "[x]", "a::b", "1", "11"]
CASES = [Case(inputs={"n": n}, id=name) for n, name in enumerate(NAMES)]

@pytest.mark.reliai(dataset=CASES, repeats=2, min_pass=1)
def test_one(case): pass

@pytest.mark.parametrize("size", ["11", "ü"])
@pytest.mark.reliai(dataset=CASES, name="sized")
def test_two(case, size): pass
""",
        encoding="utf-8",
    )
    run(suite).assert_outcomes(passed=32)
    found = {one.manifest["experiment"]: one for one in stored(suite)}
    assert len(found) == 3
    assert {one.state for one in found.values()} == {"complete"}
    assert {len(list(one.cases())) for one in found.values()} == {8}
    assert "sized.11" in found


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

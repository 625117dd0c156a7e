"""What becomes of each try of a test marked `reliai`: passed, failed, or nobody knows."""

from __future__ import annotations

import pytest

from tests.testing import evaluated
from tests.testing.evaluated import outcomes, run, stored, trials

pytest_plugins = ["pytester"]


@pytest.fixture(scope="session", autouse=True)
def _everything_loaded() -> None:
    evaluated.load_everything()


@pytest.fixture
def suite(pytester: pytest.Pytester) -> pytest.Pytester:
    return evaluated.made(pytester)


# --- what becomes of a try --------------------------------------------------------------------


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


def test_what_a_try_does_to_its_case_is_not_there_at_the_next_try(suite: pytest.Pytester) -> None:
    outcomes(
        suite,
        """
from reliai.datasets import Case

GIVEN = [Case(id="chat", inputs={"messages": []})]

@pytest.mark.reliai(dataset=GIVEN, repeats=3)
def test_it(case, score):
    case.inputs["messages"].append("x")
    score(lasting, len(case.inputs["messages"]))

def lasting(output, case):
    case.inputs["messages"].append("y")
    return output == 1 and case.inputs["messages"] == ["y"]
""",
    )
    assert [each.scores["lasting"].value for each in trials(suite)] == [1.0, 1.0, 1.0]

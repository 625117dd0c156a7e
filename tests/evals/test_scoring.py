"""A scorer says anything; a score is typed, and what says nothing is unscored with a reason."""

import asyncio
import decimal
import pickle
import threading
from typing import Any

import numpy as np
import pytest

from reliai.datasets.case import MISSING, Case
from reliai.errors import ConfigurationError
from reliai.evals.scorers import exact
from reliai.evals.scoring import (
    Scorer,
    Unscored,
    score_in,
    scored,
    scorer,
    scorer_of,
    scorers_of,
)
from reliai.evals.trial import Score

CASE = Case(inputs={"q": "?"}, expected="yes")
WITHOUT = Case(inputs={"q": "?"})


def said(anything: Any) -> Scorer:
    return scorer(name="said")(lambda output, case: anything)


def scores(given: Any, output: Any = "yes", case: Case = CASE, **more: Any) -> dict[str, Score]:
    return asyncio.run(scored(scorers_of([given]), output, case, **more))


def one(given: Any, output: Any = "yes", case: Case = CASE, **more: Any) -> Score:
    [score] = scores(given, output, case, **more).values()
    return score


@scorer
def declared(output: Any, case: Case) -> bool:
    """Says whether it is right."""
    return bool(output == case.expected)


@pytest.mark.parametrize(
    ("anything", "kind", "value", "label"),
    [
        (True, "assertion", 1.0, None),
        (False, "assertion", 0.0, None),
        (np.bool_(True), "assertion", 1.0, None),
        (3, "number", 3.0, None),
        (0.25, "number", 0.25, None),
        (np.float32(0.5), "number", 0.5, None),
        (decimal.Decimal("0.5"), "number", 0.5, None),
        ("polite", "label", None, "polite"),
    ],
)
def test_what_a_scorer_gives_carries_its_meaning(
    anything: Any, kind: str, value: float | None, label: str | None
) -> None:
    score = one(said(anything))
    assert (score.kind, score.value, score.label, score.unscored) == (kind, value, label, None)


def test_a_value_may_come_with_the_reason() -> None:
    score = one(said((False, "too long")))
    assert (score.value, score.kind, score.explanation) == (0.0, "assertion", "too long")


def test_a_mapping_is_several_scores() -> None:
    found = scores(said({"short": True, "tone": "warm", "length": (3, "words")}))
    assert list(found) == ["said.short", "said.tone", "said.length"]
    assert found["said.tone"].label == "warm"
    assert found["said.length"].explanation == "words"


@pytest.mark.parametrize(
    ("anything", "code"),
    [
        (None, "not_applicable"),
        (float("nan"), "not_a_number"),
        (float("inf"), "not_a_number"),
        (Score(value=float("nan")), "not_a_number"),
        (Score(value=None), "not_applicable"),
        (Unscored("judge_parse_failure"), "judge_parse_failure"),
        ({}, "not_applicable"),
        ([1], "scorer_error"),
        ((1, 2, 3), "scorer_error"),
        ({"a": [1]}, "scorer_error"),
        ({1: True}, "scorer_error"),
    ],
)
def test_what_says_nothing_is_unscored_and_no_zero(anything: Any, code: str) -> None:
    score = one(said(anything))
    assert (score.value, score.unscored) == (None, code)


def test_an_unscored_score_keeps_no_value() -> None:
    assert one(said(Score(value=0.0, unscored="not_applicable"))).value is None


def test_an_error_of_a_scorer_is_unscored_and_spares_the_others() -> None:
    def broken(output: Any, case: Case) -> bool:
        raise KeyError("tone")

    found = asyncio.run(scored(scorers_of([broken, exact]), "yes", CASE))
    assert found["broken"].unscored == "scorer_error"
    assert found["broken"].explanation == "KeyError: 'tone'"
    assert found["exact"].value == 1.0


def test_a_timeout_of_a_scorer_has_a_code_of_its_own() -> None:
    async def slow(output: Any, case: Case) -> bool:
        raise TimeoutError

    assert one(slow).unscored == "scorer_timeout"


def test_cancellation_passes_through() -> None:
    async def slow(output: Any, case: Case) -> bool:
        await asyncio.sleep(60)
        return True

    async def body() -> None:
        task = asyncio.create_task(scored(scorers_of([slow]), "yes", CASE))
        await asyncio.sleep(0)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(body())


@pytest.mark.parametrize("end", [SystemExit(3), asyncio.CancelledError()])
@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_scorer_that_would_end_the_program_ends_its_judgement_alone(
    end: BaseException, kind: str
) -> None:
    def leave(output: Any, case: Case) -> bool:
        raise end

    async def aleave(output: Any, case: Case) -> bool:
        raise end

    given = scorer(name="leave")(leave if kind == "sync" else aleave)
    found = asyncio.run(scored([given, *scorers_of([exact])], "yes", CASE))
    assert (found["leave"].unscored, found["exact"].value) == ("scorer_error", 1.0)


def test_a_case_without_a_reference_is_not_compared_with_nothing() -> None:
    assert one(declared, "yes", WITHOUT).unscored == "missing_reference"


def test_none_is_a_reference_like_another() -> None:
    assert one(declared, None, Case(inputs={}, expected=None)).value == 1.0


def test_a_function_that_knows_of_missing_references_is_asked() -> None:
    def knows(output: Any, case: Case) -> bool:
        return case.expected is MISSING

    assert one(knows, "yes", WITHOUT).value == 1.0


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ("error", "task_error"),
        ("timeout", "timeout"),
        ("degraded", "degraded"),
        ("rejected", "rejected"),
        ("skipped", "skipped"),
    ],
)
def test_a_trial_that_failed_is_unscored_for_that_reason(status: str, code: str) -> None:
    assert one(exact, None, status=status).unscored == code


def test_a_case_without_a_reference_misses_no_score_when_its_call_failed() -> None:
    assert one(exact, None, WITHOUT, status="error").unscored == "missing_reference"


def test_a_scorer_may_ask_to_see_what_was_rejected() -> None:
    @scorer(statuses="rejected")
    def refused(output: Any, case: Case) -> bool:
        return output is None

    assert one(refused, None, status="rejected").value == 1.0
    assert one(refused, None, status="error").unscored == "task_error"


def test_async_scorers_are_awaited_all_at_once() -> None:
    async def run() -> dict[str, Score]:
        arrived: list[str] = []
        both = asyncio.Event()

        def waiting(name: str) -> Scorer:
            async def wait(output: Any, case: Case) -> bool:
                arrived.append(name)
                if len(arrived) == 2:
                    both.set()
                await both.wait()
                return True

            return scorer(name=name)(wait)

        return await scored(scorers_of([waiting("a"), exact, waiting("b")]), "yes", CASE)

    assert list(asyncio.run(run())) == ["a", "exact", "b"]


def test_a_blocking_scorer_does_not_hold_the_loop() -> None:
    @scorer(blocking=True)
    def thread(output: Any, case: Case) -> bool:
        return threading.current_thread() is not threading.main_thread()

    assert one(thread).value == 1.0


def test_a_sync_function_that_gives_an_awaitable_is_told_to_be_async() -> None:
    async def later() -> bool:
        return True

    score = one(said(later()))
    assert score.unscored == "scorer_error"
    assert "async def" in (score.explanation or "")


def test_only_the_scorer_that_takes_too_long_is_unscored() -> None:
    async def endless(output: Any, case: Case) -> bool:
        await asyncio.Event().wait()
        return True

    async def quick(output: Any, case: Case) -> bool:
        return True

    found = asyncio.run(scored(scorers_of([endless, quick, exact]), "yes", CASE, seconds=0.001))
    assert [each.unscored for each in found.values()] == ["scorer_timeout", None, None]


class Hostile:
    """An object that can be neither read nor awaited."""

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(name)


class Endless:
    def item(self) -> Any:
        return self


@pytest.mark.parametrize("kind", ["hostile", "endless", "in a mapping", "with a reason"])
def test_whatever_a_scorer_gives_the_others_have_their_scores(kind: str) -> None:
    hostile = Hostile()
    given = {
        "hostile": hostile,
        "endless": Endless(),
        "in a mapping": {"a": hostile},
        "with a reason": (hostile, "x"),
    }[kind]
    found = asyncio.run(scored(scorers_of([said(given), exact]), "yes", CASE))
    assert found["said"].unscored == "scorer_error"
    assert found["exact"].value == 1.0


def test_sync_scorers_need_no_loop() -> None:
    running = scored(scorers_of([exact, declared]), "yes", CASE)
    with pytest.raises(StopIteration) as stopped:
        running.send(None)
    assert [each.value for each in stopped.value.value.values()] == [1.0, 1.0]


def test_a_scorer_is_still_the_function_that_it_was() -> None:
    assert declared("yes", CASE) is True
    assert declared.__doc__ == "Says whether it is right."
    assert declared.name == "declared"


def test_a_scorer_pickles() -> None:
    assert pickle.loads(pickle.dumps(declared)) is declared  # noqa: S301  our own


def test_a_ready_made_scorer_needs_no_brackets() -> None:
    assert scorer_of(exact).digest == exact().digest


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (3, "is no scorer"),
        (str, "is no scorer"),
        (lambda output, case: True, "name="),
    ],
)
def test_what_is_no_scorer_is_refused(given: Any, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        scorer_of(given)


def test_a_function_of_other_parameters_is_refused() -> None:
    def wrong(output: Any) -> bool:
        return True

    with pytest.raises(ConfigurationError, match=r"must take \(output, case\)"):
        scorer_of(wrong)


@pytest.mark.parametrize("name", ["", "9", "a b", "latency_p95", "cost_usd", 3])
def test_a_name_that_no_gate_could_use_is_refused(name: Any) -> None:
    with pytest.raises(ConfigurationError, match="name="):
        scorer(name=name)(lambda output, case: True)


def test_two_scorers_of_one_name_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="'exact'"):
        scorers_of([exact, exact(ignore_case=True)])


def test_a_scorer_that_is_called_as_a_part_of_another_is_refused() -> None:
    several = scorer(name="tone")(lambda output, case: {"warm": True})
    part = scorer(name="tone.warm")(lambda output, case: False)
    with pytest.raises(ConfigurationError, match="a part of 'tone'"):
        scorers_of([part, several])


class Comparing:
    def __call__(self, output: Any, case: Case) -> bool:
        return bool(output == case.expected)

    def compare(self, output: Any, case: Case) -> bool:
        return bool(output == case.expected)


@pytest.mark.parametrize("given", [Comparing(), Comparing().compare], ids=["object", "method"])
def test_an_object_that_compares_needs_a_reference_too(given: Any) -> None:
    made = scorer(name="same")(given)
    assert one(made, "yes").value == 1.0
    assert one(made, "yes", WITHOUT).unscored == "missing_reference"


@pytest.mark.parametrize("code", ["", "Not so", 3])
def test_a_reason_is_a_code(code: Any) -> None:
    with pytest.raises(ConfigurationError, match="small letters"):
        Unscored(code)


def test_statuses_without_an_output_cannot_be_asked_for() -> None:
    with pytest.raises(ConfigurationError, match="statuses="):
        scorer(statuses=["error"])(declared.function)


def test_an_async_function_cannot_block() -> None:
    async def later(output: Any, case: Case) -> bool:
        return True

    with pytest.raises(ConfigurationError, match="blocking=True"):
        scorer(blocking=True)(later)


def test_a_score_stands_in_for_the_several_that_failed() -> None:
    there = {
        "judge": Score(value=None, unscored="scorer_error"),
        "good": Score(value=1.0),
        "tone.warm": Score(value=0.5),
    }
    assert score_in(there, "tone.warm").value == 0.5
    assert score_in(there, "judge.tone").unscored == "scorer_error"
    assert score_in(there, "other").unscored == "not_scored"
    assert score_in(there, "good.part").unscored == "not_scored"

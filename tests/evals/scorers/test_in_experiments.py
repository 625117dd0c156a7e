"""Scorers in whole experiments: what is stored, what is compared, and what a gate makes of it."""

import gc
import os
from pathlib import Path
from typing import Any

import pytest

import reliai
from reliai.datasets.case import Case
from reliai.evals import Experiment, Gate, Pin, Run, Verdict, metrics, pin
from reliai.evals.scorers import (
    classification,
    contains,
    exact,
    json_schema,
    judge,
    leaks,
    numeric,
    pairwise,
    regex,
    structure,
)
from reliai.evals.scoring import scored, scorers_of
from tests.evals.scorers._cases import case_of


def run_of(path: Path, target: Any, cases: list[Case], scorers: list[Any], **more: Any) -> Run:
    settings: dict[str, Any] = {"deterministic": True, "cache": False, "runs": path, **more}
    return Experiment(target, cases, scorers, **settings).run()


def cases_of(count: int) -> list[Case]:
    return [Case(id=f"c{n}", inputs={"n": n}, expected=f"old answer {n}") for n in range(count)]


def test_a_judge_that_prefers_whatever_is_first_leaves_a_gate_inconclusive(tmp_path: Path) -> None:
    def first(prompt: str) -> str:
        return '{"winner": "first"}'

    run = run_of(tmp_path, lambda n: f"new answer {n}", cases_of(40), [pairwise(first, "better")])
    found = metrics.preference()(run.trials())
    assert (found.detail["ties"], found.detail["flip_rate"]) == (40, 1.0)
    assert Gate("pairwise", min=0.4).judge(run).verdict is Verdict.INCONCLUSIVE


def test_scores_of_two_versions_of_a_judge_are_not_compared(tmp_path: Path) -> None:
    def grader(prompt: str) -> str:
        return '{"grade": 1}'

    def run(model: str) -> Run:
        instrument = judge(grader, "Is it right?", model=model)
        return run_of(tmp_path / model, lambda n: "x", cases_of(20), [instrument], name="judged")

    comparison = run("judge-2").compare(run("judge-1"))
    result = Gate("judge", non_inferior=0.05).judge(comparison)
    assert result.verdict is not Verdict.PASS
    assert "the scorer is not the same on both sides" in str(result)
    same = run("judge-2").compare(run("judge-2"))
    assert Gate("judge", non_inferior=0.2).judge(same).verdict is Verdict.PASS


def test_scores_of_two_models_behind_one_judge_are_not_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @reliai.reliable()
    def grader(prompt: str) -> str:
        reliai.usage(model=os.environ["SERVED"], cost_usd=0.001)
        return '{"grade": 1}'

    def run() -> Run:
        return run_of(tmp_path, lambda n: "x", cases_of(20), [judge(grader, "Is it right?")])

    gate = Gate("judge", non_inferior=0.2)
    monkeypatch.setenv("SERVED", "judge-august")
    august, again = run(), run()
    monkeypatch.setenv("SERVED", "judge-september")
    september = run()
    assert gate.judge(again.compare(august)).verdict is Verdict.PASS
    pinned = pin(august).write(tmp_path / "pin.json").read_text()
    for baseline in (august, Pin.read(pinned)):
        result = gate.judge(september.compare(baseline))
        assert result.verdict is not Verdict.PASS
        assert "judge-september judged here, and judge-august in the baseline" in str(result)
    assert gate.judge(again.compare(Pin.read(pinned))).verdict is Verdict.PASS


def test_a_judge_that_fails_on_the_hard_half_does_not_make_it_look_good(tmp_path: Path) -> None:
    def grader(prompt: str) -> str:
        return '{"grade": 1}' if "easy" in prompt else "I would rather not say."

    def target(n: int) -> str:
        return "easy" if n % 2 else "hard"

    run = run_of(tmp_path, target, cases_of(40), [judge(grader, "Is it right?")])
    result = Gate("judge", min=0.9).judge(run)
    assert result.verdict is Verdict.INCOMPLETE
    assert result.missing == 20
    assert "judge_parse_failure" in str(run.summary())


def test_a_run_that_was_stored_gives_the_same_figures(tmp_path: Path) -> None:
    cases = [Case(inputs={"n": n}, expected="odd" if n % 2 else "even") for n in range(40)]

    def target(n: int) -> dict[str, float]:
        odd = 0.8 if n % 2 or n % 10 == 0 else 0.1
        return {"odd": odd, "even": 1 - odd}

    run = run_of(tmp_path, target, cases, [classification(probabilities=True)])
    stored = Run.load(run.path)
    for metric in (metrics.f1(), metrics.brier(), metrics.calibration(), metrics.confusion()):
        assert metric(stored.trials()) == metric(run.trials())
    assert metrics.accuracy()(stored.trials()).value == 0.9


def test_many_scorers_judge_one_run(tmp_path: Path) -> None:
    schema = {"type": "object", "required": ["answer"]}
    scorers = [
        exact(at="answer"),
        contains("answer", at="answer"),
        regex(r"\d+$", at="answer"),
        json_schema(schema),
        structure,
        numeric(at="answer", find="last", name="number"),
        leaks,
    ]
    cases = [Case(inputs={"n": n}, expected={"answer": f"answer {n}"}) for n in range(5)]
    run = run_of(tmp_path, lambda n: {"answer": f"answer {n}"}, cases, scorers)
    for trial in run.trials():
        unscored = {name for name, each in trial.scores.items() if each.unscored}
        assert unscored == {"number"}  # a text is expected there
        assert {each.value for name, each in trial.scores.items() if name != "number"} == {1.0}
    assert set(run.manifest["scorers"]) == {each.name for each in scorers_of(scorers)}


@pytest.mark.parametrize("output", ["old answer 1", "another", None])
def test_scoring_leaves_no_cyclic_garbage(output: Any) -> None:
    made = scorers_of([exact, contains, regex("old"), leaks, lambda_free])
    case = case_of("old answer 1")

    def once() -> None:
        with pytest.raises(StopIteration):
            scored(made, output, case).send(None)

    once()
    gc.collect()
    gc.disable()
    try:
        for _ in range(50):
            once()
        assert gc.collect() == 0
    finally:
        gc.enable()


def lambda_free(output: Any, case: Case) -> bool:
    raise ValueError("no")

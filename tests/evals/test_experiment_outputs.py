"""The JSON form of outputs."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple

import pydantic
import pytest

from reliai.evals import Score
from tests.evals.experiments import Target, cases, experiment

if TYPE_CHECKING:
    from pathlib import Path

    from reliai.datasets import Case


class Colour(Enum):
    RED = "red"


class Pair(NamedTuple):
    left: int
    right: float


@dataclass
class Answer:
    text: str
    parts: tuple[int, ...]


class Model(pydantic.BaseModel):
    text: str


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (Answer("a", (1, 2)), {"text": "a", "parts": [1, 2]}),
        (Model(text="b"), {"text": "b"}),
        (Pair(1, 2.5), {"left": 1, "right": 2.5}),
        ({"c": Colour.RED, 1: {3, 2}}, {"c": "red", "1": [2, 3]}),
        (float("nan"), "NaN"),
        ("\ud800", "\ud800"),
    ],
)
def test_outputs_are_kept_in_their_json_form(tmp_path: Path, value: Any, shown: Any) -> None:
    seen: list[Any] = []

    def look(output: Any, case: Case) -> bool:
        seen.append(output)
        return True

    run = experiment(tmp_path, Target(lambda question, before: value).sync, cases(1), [look]).run()
    assert [trial.output for trial in run.trials()] == [shown]
    assert seen == [shown]


def test_an_output_without_a_json_form_is_an_error_that_says_so(tmp_path: Path) -> None:
    target = Target(lambda question, before: threading.Lock())
    (trial,) = experiment(tmp_path, target.sync, cases(1)).run().trials()
    assert trial.status == "error"
    assert trial.error is not None
    assert "which has no JSON form: return a dict" in trial.error.message


def test_what_a_scorer_says_beside_a_score_never_ends_a_run(tmp_path: Path) -> None:
    def odd(output: Any, case: Case) -> Score:
        return Score(value=1.0, metadata={"lock": threading.Lock(), "set": {2, 1}})

    (trial,) = experiment(tmp_path, Target().sync, cases(1), [odd]).run().trials()
    told = trial.scores["odd"].metadata
    assert told is not None
    assert told["set"] == [1, 2]
    assert "lock" in told["lock"]

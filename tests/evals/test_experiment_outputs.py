"""The JSON form of outputs."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

import pydantic
import pytest

from reliai.datasets import Case
from reliai.evals import Score
from tests.evals.experiments import Target, cases, experiment

if TYPE_CHECKING:
    from pathlib import Path


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
        ([UUID(int=1), Decimal("1.50"), PurePosixPath("a/b")], [str(UUID(int=1)), "1.50", "a/b"]),
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


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_what_a_target_does_to_its_inputs_is_not_there_at_the_next_try(
    tmp_path: Path, kind: str
) -> None:
    def answer(messages: list[Any]) -> int:
        messages.append("x")
        messages[0]["seen"] = True
        return len(messages) + len(messages[0])

    async def aanswer(messages: list[Any]) -> int:
        return answer(messages)

    given = [Case(inputs={"messages": [{"role": "user"}]})]
    target = answer if kind == "sync" else aanswer
    run = experiment(tmp_path, target, given, [], repeats=4).run()
    assert [trial.output for trial in run.trials()] == [4, 4, 4, 4]
    assert given[0].inputs == {"messages": [{"role": "user"}]}


def test_what_a_scorer_does_to_an_output_is_not_there_for_the_next_one(tmp_path: Path) -> None:
    def taking(output: Any, case: Case) -> bool:
        return bool(output["items"].pop() and output.pop("items") == [1])

    def seeing(output: Any, case: Case) -> bool:
        return bool(output == {"items": [1, 2]})

    def answer(question: str) -> Any:
        return {"items": [1, 2]}

    (trial,) = experiment(tmp_path, answer, cases(1), [taking, seeing]).run().trials()
    assert {name: score.value for name, score in trial.scores.items()} == {
        "taking": 1.0,
        "seeing": 1.0,
    }
    assert trial.output == {"items": [1, 2]}


def test_what_a_scorer_does_to_a_case_is_not_there_for_the_next_scorer_or_try(
    tmp_path: Path,
) -> None:
    def taking(output: Any, case: Case) -> bool:
        case.inputs["messages"].append("judged")
        case.expected["words"].clear()
        case.metadata["notes"].append(1)
        return True

    async def seeing(output: Any, case: Case) -> bool:
        changed = len(case.inputs["messages"]) + len(case.metadata["notes"])
        return changed == 1 and case.expected == {"words": ["a"]}

    def answer(messages: list[Any]) -> int:
        return len(messages)

    given = Case(inputs={"messages": ["hello"]}, expected={"words": ["a"]}, metadata={"notes": []})
    run = experiment(tmp_path, answer, [given], [taking, seeing], repeats=3).run()
    assert [trial.output for trial in run.trials()] == [1, 1, 1]
    assert [trial.scores["seeing"].value for trial in run.trials()] == [1.0, 1.0, 1.0]
    assert given.inputs == {"messages": ["hello"]}

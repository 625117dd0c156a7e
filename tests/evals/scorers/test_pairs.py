"""Which of two outputs a model finds better, whatever order it is shown them in."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from reliai.datasets.case import Case
from reliai.errors import ConfigurationError
from reliai.evals.scorers import pairwise
from reliai.evals.scoring import Scorer
from tests.evals.scorers._cases import case_of, score


def prefers(winner: Callable[[str, str], str]) -> Callable[[str], str]:
    """A grader that reads the two answers in its prompt."""

    def part(prompt: str, name: str) -> str:
        return prompt.partition(f"<{name} ")[2].partition("\n")[2].partition("\n</")[0]

    def grader(prompt: str) -> str:
        chosen = winner(part(prompt, "first answer"), part(prompt, "second answer"))
        return f'{{"reasoning": "It is better.", "winner": "{chosen}"}}'

    return grader


longer = prefers(lambda one, other: "first" if len(one) > len(other) else "second")
whatever_is_first = prefers(lambda one, other: "first")
undecided = prefers(lambda one, other: "tie")


def pair(grader: Any, **settings: Any) -> Scorer:
    return pairwise(grader, "the one that says more", **settings)


@pytest.mark.parametrize(
    ("output", "value", "label"), [("a long answer", 1.0, "win"), ("a", 0.0, "loss")]
)
def test_the_better_output_wins_in_both_orders(output: str, value: float, label: str) -> None:
    found = score(pair(longer), output, "an answer")
    assert (found.value, found.label, found.kind) == (value, label, "number")
    assert found.metadata == {"votes": ["a" if value else "b"] * 2, "flipped": False}
    assert found.explanation == "It is better."


def test_a_judge_that_likes_what_is_first_gives_ties_only() -> None:
    for output in ("a long answer", "a"):
        found = score(pair(whatever_is_first), output, "an answer")
        assert (found.value, found.label) == (0.5, "tie")
        assert found.metadata == {"votes": ["a", "b"], "flipped": True}


def test_a_tie_in_both_orders_is_no_flip() -> None:
    found = score(pair(undecided), "one", "other")
    assert (found.value, found.metadata) == (0.5, {"votes": ["tie", "tie"], "flipped": False})


def test_equal_outputs_are_a_tie_that_nobody_is_asked_about() -> None:
    def never(prompt: str) -> str:
        raise AssertionError

    found = score(pair(never), {"a": 1, "b": 2}, {"b": 2, "a": 1})
    assert (found.value, found.metadata) == (0.5, {"votes": [], "flipped": False})


@pytest.mark.parametrize("broken", ["first answer wins", '{"winner": "a"}', '{"winner": true}'])
def test_a_pair_without_a_vote_in_each_order_is_unscored(broken: str) -> None:
    answers = ['{"winner": "first"}', broken]
    found = score(pair(lambda prompt: answers.pop(0)), "one", "other")
    assert (found.value, found.unscored) == (None, "judge_parse_failure")
    assert found.metadata == {"votes": ["a", None], "flipped": False}


def test_an_error_of_the_grader_is_unscored() -> None:
    def down(prompt: str) -> str:
        raise ConnectionError("down")

    assert score(pair(down), "one", "other").unscored == "judge_error"


def test_both_orders_of_an_async_grader_are_asked_at_once() -> None:
    running: list[int] = []

    async def later(prompt: str) -> str:
        running.append(1)
        while len(running) < 2:  # noqa: ASYNC110  until both have been asked
            await asyncio.sleep(0)
        return longer(prompt)

    assert score(pair(later), "a long answer", "an answer").value == 1.0


def test_the_other_outputs_may_be_those_of_a_mapping() -> None:
    case = Case(id="c1", inputs={"q": "?"})
    assert score(pair(longer, against={"c1": "short"}), "a longer one", case).value == 1.0
    assert score(pair(longer, against={}), "a longer one", case).unscored == "missing_baseline"


def test_the_other_outputs_may_be_those_of_a_run() -> None:
    trials = [
        SimpleNamespace(case="c1", status="error", output=None),
        SimpleNamespace(case="c1", status="ok", output="short"),
        SimpleNamespace(case="c1", status="ok", output="a very very long one"),
    ]
    run = SimpleNamespace(trials=lambda: iter(trials))
    case = Case(id="c1", inputs={"q": "?"})
    assert score(pair(longer, against=run), "a longer one", case).value == 1.0


def test_what_is_expected_is_the_other_output_unless_one_is_given() -> None:
    assert score(pair(longer), "one", Case(inputs={})).unscored == "missing_reference"


def test_the_judge_may_see_the_reference_beside_the_two() -> None:
    seen: list[str] = []

    def grader(prompt: str) -> str:
        seen.append(prompt)
        return longer(prompt)

    case = Case(id="c1", inputs={"q": "?"}, expected="the truth")
    score(pair(grader, against={"c1": "short"}, reference=True), "a longer one", case)
    score(pair(grader, against={"c1": "short"}), "a longer one", case)
    assert ["the truth" in each for each in seen] == [True, True, False, False]


@pytest.mark.parametrize(
    "setting",
    [
        {"criterion": ""},
        {"reference": True},
        {"against": 3},
        {"template": "nothing"},
        {"grader": None},
    ],
    ids=str,
)
def test_settings_are_checked(setting: dict[str, Any]) -> None:
    made: dict[str, Any] = {"grader": longer, "criterion": "longer", **setting}
    with pytest.raises(ConfigurationError, match="pairwise"):
        pairwise(**made)


def test_what_is_compared_with_is_part_of_its_identity() -> None:
    one, other = pair(longer, against={"c": 1}), pair(longer, against={"c": 2})
    assert len({one.digest, other.digest, pair(longer).digest}) == 3


def test_the_request_stands_in_the_prompt() -> None:
    seen: list[str] = []

    def grader(prompt: str) -> str:
        seen.append(prompt)
        return longer(prompt)

    score(pair(grader), "one", case_of("other", prompt="Which?"))
    assert all("Which?" in each and "the one that says more" in each for each in seen)

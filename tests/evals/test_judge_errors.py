"""What a judge is worth, by labels of people."""

import json
import random
from collections.abc import Iterable
from typing import Any

import pytest

from reliai.errors import ConfigurationError
from reliai.evals.judge_errors import judge_quality
from reliai.evals.trial import Score, Trial


def trial(case: str, value: float | None, repeat: int = 1, **more: Any) -> Trial:
    score = Score(value=value, kind="assertion", unscored=None if value is not None else "timeout")
    return Trial(
        case=case, digest=case, repeat=repeat, status="ok", scores={"judge": score}, **more
    )


def judged(values: Iterable[float | None]) -> list[Trial]:
    return [trial(f"c{n}", value) for n, value in enumerate(values)]


def table(both: int, only_people: int, only_judge: int, neither: int) -> tuple[Any, Any]:
    """Trials and labels of a table of 2 by 2."""
    rows = [(1, 1)] * both + [(1, 0)] * only_people + [(0, 1)] * only_judge + [(0, 0)] * neither
    return judged(float(model) for _, model in rows), {
        f"c{n}": bool(people) for n, (people, _) in enumerate(rows)
    }


def test_agreement_is_told_beyond_chance_and_as_it_was_seen() -> None:
    found = judge_quality(*with_name(table(20, 5, 10, 15)))
    assert found.agreement is not None
    assert found.agreement.value == pytest.approx(0.4)
    assert found.agreement.observed == pytest.approx(0.7)
    assert found.sensitivity is not None
    assert found.specificity is not None
    assert found.sensitivity.estimate == 0.8
    assert found.specificity.estimate == 0.6
    assert found.sensitivity.low is not None


def with_name(given: tuple[Any, Any]) -> tuple[Any, str, Any]:
    return given[0], "judge", given[1]


def test_a_share_is_put_right_for_the_errors_of_the_judge() -> None:
    trials, labels = table(90, 10, 15, 85)  # .9 of the good pass, .85 of the bad fail
    more = [trial(f"d{n}", float(n < 895)) for n in range(1000)]
    found = judge_quality([*trials, *more], "judge", labels)
    assert found.observed == pytest.approx(1000 / 1200)
    assert found.corrected == pytest.approx((1000 / 1200 - 0.15) / 0.75)
    assert (found.n_labelled, found.n_judged) == (200, 1200)


def test_the_mean_of_people_is_narrower_with_a_judge_and_holds_with_a_bad_one() -> None:
    chance = random.Random(7)
    truth = {f"c{n}": chance.random() < 0.7 for n in range(2100)}
    lenient = {key: good or chance.random() < 0.3 for key, good in truth.items()}
    trials = [trial(key, float(passed)) for key, passed in lenient.items()]
    labels = {f"c{n}": truth[f"c{n}"] for n in range(100)}
    found = judge_quality(trials, "judge", labels)
    true_share = sum(truth.values()) / len(truth)
    assert found.observed > true_share + 0.05
    assert found.mean.low is not None
    assert found.mean.high is not None
    assert found.mean.low < true_share < found.mean.high
    assert found.mean.high - found.mean.low < 0.18  # labels alone: .18


def test_a_judge_no_better_than_chance_says_nothing() -> None:
    found = judge_quality(*with_name(table(10, 10, 10, 10)))
    assert (found.corrected, found.note.partition(";")[0]) == (
        None,
        "the judge is no better than chance",
    )


def test_labels_of_one_kind_are_too_little() -> None:
    found = judge_quality(*with_name(table(10, 2, 0, 0)))
    assert found.corrected is None
    assert "label more" in found.note


def test_what_the_judge_could_not_score_is_counted() -> None:
    trials, labels = table(20, 5, 10, 15)
    found = judge_quality([*trials, trial("lost", None)], "judge", {**labels, "lost": True})
    assert (found.n_unscored, found.n_labelled) == (1, 50)


def test_repeats_of_a_case_are_one_judgement_and_extra_ones_none() -> None:
    trials = [trial("a", 1.0), trial("a", 1.0, 2), trial("a", 0.0, 3), trial("b", 0.0)]
    extra = [trial("a", 0.0, 4, extra=True), trial("a", 0.0, 5, extra=True)]
    found = judge_quality([*trials, *extra], "judge", {"a": True, "b": False})
    assert found.observed == pytest.approx((2 / 3) / 2)
    assert found.agreement is not None
    assert found.agreement.observed == 1.0


def test_numbers_have_a_mean_only() -> None:
    found = judge_quality(judged([0.5, 0.75, 0.25, 1.0]), "judge", {"c0": 0.25, "c1": 0.75})
    assert (found.agreement, found.corrected) == (None, None)
    assert found.mean.estimate is not None


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ({}, "labels="),
        ({"c0": True, "c1": 0.5}, "must all be"),
        ({"c0": float("nan")}, "must all be"),
        ({"c0": "yes"}, "must all be"),
        ({"other": True}, "key of the case"),
    ],
    ids=str,
)
def test_labels_are_checked(labels: Any, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        judge_quality(judged([1.0, 0.0]), "judge", labels)


def test_it_is_plain_data() -> None:
    told = judge_quality(*with_name(table(20, 5, 10, 15))).to_dict()
    assert json.loads(json.dumps(told))["agreement"]["observed"] == 0.7

"""Which of two systems a judge prefers, and what its order did."""

from dataclasses import replace
from typing import Any

import pytest

from reliai.evals import metrics
from reliai.evals.scorers import pairwise
from reliai.evals.trial import Score, Trial
from tests.evals.scorers._cases import case_of, score

VALUES = {"w": (1.0, ["a", "a"]), "l": (0.0, ["b", "b"]), "t": (0.5, ["tie", "tie"])}


def trials(signs: str, **more: Any) -> list[Trial]:
    """Pairs that were won, lost, tied, flipped, or judged in no order."""
    made: list[Trial] = []
    for n, sign in enumerate(signs):
        if sign == ".":
            said = Score(value=None, unscored="judge_parse_failure")
        elif sign == "f":
            said = Score(value=0.5, metadata={"votes": ["a", "b"], "flipped": True})
        else:
            value, votes = VALUES[sign]
            said = Score(value=value, metadata={"votes": votes, "flipped": False})
        scores = {"pairwise": said}
        made.append(
            Trial(case=f"c{n}", digest=f"c{n}", repeat=1, status="ok", scores=scores, **more)
        )
    return made


def test_a_judge_that_prefers_whatever_is_first_tells_nothing() -> None:
    instrument = pairwise(lambda prompt: '{"winner": "first"}', "the better one")
    made = [
        Trial(
            case=f"c{n}",
            digest=f"c{n}",
            repeat=1,
            status="ok",
            scores={"pairwise": score(instrument, f"new {n}", case_of(f"old {n}"))},
        )
        for n in range(40)
    ]
    found = metrics.preference()(made)
    assert found.value == 0.5
    assert found.detail["ties"] == 40
    assert found.detail["flip_rate"] == 1.0
    assert found.detail["p_value"] == 1.0
    assert found.detail["verdict"] == "inconclusive"
    assert "100% of the votes turn with the order" in found.note


@pytest.mark.parametrize(
    ("signs", "verdict", "p_value"),
    [
        ("w" * 10 + "l" * 2 + "t" * 5, "better", 0.0385742188),
        ("l" * 10 + "w" * 2, "worse", 0.0385742188),
        ("w" * 5 + "t" * 50, "inconclusive", 0.0625),
        ("w" * 3 + "l" * 3, "inconclusive", 1.0),
    ],
)
def test_the_verdict_is_that_of_the_exact_sign_test(
    signs: str, verdict: str, p_value: float
) -> None:
    found = metrics.preference()(trials(signs))
    assert found.detail["verdict"] == verdict
    assert found.detail["p_value"] == pytest.approx(p_value, abs=1e-9)


def test_the_e_value_is_that_of_the_reference() -> None:
    found = metrics.preference()(trials("w" * 5 + "l" * 5 + "t" * 7))
    assert found.detail["e_value"] == pytest.approx(0.3694083694, abs=1e-9)


def test_wins_count_whole_and_ties_half() -> None:
    found = metrics.preference()(trials("wwlf" * 5))
    assert found.value == pytest.approx((10 + 2.5) / 20)
    assert found.low is not None
    assert (found.detail["wins"], found.detail["losses"], found.detail["ties"]) == (10, 5, 5)
    assert found.detail["flip_rate"] == 0.25


def test_pairs_without_a_vote_in_each_order_are_missing() -> None:
    found = metrics.preference()(trials("wwl.."))
    assert (found.n_scored, found.n_total) == (3, 5)
    assert found.unscored == {"judge_parse_failure": 2}


def test_repeats_of_a_case_are_one_pair_of_the_test() -> None:
    found = metrics.preference()([*trials("wl"), *trials("wl"), *trials("ll")])
    assert (found.detail["wins"], found.detail["losses"], found.n_scored) == (1, 1, 6)


def test_extra_tries_are_left_out() -> None:
    found = metrics.preference()([*trials("ww"), *trials("ll", extra=True)])
    assert (found.value, found.n_scored) == (1.0, 2)


def test_nothing_judged_has_no_value() -> None:
    found = metrics.preference()(trials("..."))
    assert (found.value, found.detail["flip_rate"]) == (None, None)


def test_pairs_of_one_group_are_one_of_the_test() -> None:
    alike = [replace(each, group=f"session {int(each.case[1:]) // 5}") for each in trials("w" * 20)]
    found = metrics.preference()(alike)
    assert (found.detail["wins"], found.detail["p_value"]) == (20, pytest.approx(0.125))
    assert found.detail["verdict"] == "inconclusive"

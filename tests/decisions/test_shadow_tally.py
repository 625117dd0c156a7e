"""The evidence that a candidate does worse, and the counts of a shadow (acceptance case 36)."""

from __future__ import annotations

import threading
from random import Random

import pytest

from reliai.decisions.shadow_tally import KEPT, Evidence, Tally
from reliai.stats import sign_e_value


def pairs(seed: int, candidate: float, primary: float, count: int) -> Evidence:
    """Evidence from a model that differs from itself with a chance of `primary`."""
    random, evidence = Random(seed), Evidence()
    for _ in range(count):
        evidence.add(
            candidate_same=random.random() >= candidate, primary_same=random.random() >= primary
        )
    return evidence


@pytest.mark.parametrize("noise", [0.05, 0.3])
def test_a_candidate_that_is_the_same_noisy_model_is_rarely_called_worse(noise: float) -> None:
    """Case 36: 2,000 triples for each of 100 seeds, 8 % at most."""
    verdicts = [pairs(seed, noise, noise, 2_000).verdict for seed in range(100)]
    assert verdicts.count("worse") <= 8


def test_asking_for_the_verdict_after_each_pair_calls_it_worse_rarely_too() -> None:
    called = 0
    for seed in range(400):
        random, evidence = Random(f"each-{seed}"), Evidence()
        for _ in range(400):
            evidence.add(candidate_same=random.random() >= 0.2, primary_same=random.random() >= 0.2)
            if evidence.verdict == "worse":
                called += 1
                break
    assert called <= 400 * 0.05


def test_a_candidate_that_differs_twice_as_often_is_found() -> None:
    found = sum(pairs(seed, 0.2, 0.1, 1_000).verdict == "worse" for seed in range(40))
    assert found >= 36


def test_a_candidate_that_differs_less_is_not_called_worse() -> None:
    assert not any(pairs(seed, 0.05, 0.2, 1_000).verdict == "worse" for seed in range(20))


def test_only_pairs_of_which_one_differs_are_evidence() -> None:
    evidence = Evidence()
    for same in (True, False):
        evidence.add(candidate_same=same, primary_same=same)
    assert (evidence.pairs, evidence.e_value) == (2, 1.0)
    evidence.add(candidate_same=False, primary_same=True)
    evidence.add(candidate_same=True, primary_same=False)
    assert (evidence.candidate_differs, evidence.primary_differs) == (1, 1)
    assert evidence.e_value == sign_e_value(1, 1)


def test_the_verdict_follows_the_evidence() -> None:
    evidence = Evidence()
    assert evidence.verdict == "undecided"
    for _ in range(20):
        evidence.add(candidate_same=False, primary_same=True)
    assert evidence.verdict == "worse"
    for _ in range(100):
        evidence.add(candidate_same=True, primary_same=False)
    assert evidence.e_value < 1
    assert evidence.verdict == "no difference seen"


def test_many_pairs_without_a_difference_are_no_difference_seen() -> None:
    evidence = Evidence()
    for _ in range(99):
        evidence.add(candidate_same=True, primary_same=True)
    assert evidence.verdict == "undecided"
    evidence.add(candidate_same=True, primary_same=True)
    assert evidence.verdict == "no difference seen"
    evidence.add(candidate_same=False, primary_same=True)
    assert evidence.verdict == "undecided"


def test_each_sampled_call_is_started_dropped_or_skipped() -> None:
    tally = Tally()
    assert [tally.start(2) for _ in range(3)] == [True, True, False]
    tally.skip("budget")
    tally.drop()
    tally.take_back()
    tally.take_back("budget")
    assert (tally.started, tally.dropped, dict(tally.skipped)) == (0, 3, {"budget": 2})
    assert tally.pending == 2


def test_whoever_waits_is_told_once_nothing_is_pending() -> None:
    tally, told = Tally(), []
    tally.when_idle(lambda: told.append("at once"))
    tally.start(10)
    tally.start(10)
    tally.when_idle(lambda: told.append("later"))
    tally.finish()
    assert told == ["at once"]
    tally.finish()
    tally.finish()
    assert told == ["at once", "later"]
    assert tally.pending == 0


def test_it_keeps_a_bounded_number_of_ids() -> None:
    tally = Tally()
    tally.lately.extend(str(number) for number in range(1_000))
    assert len(tally.lately) == KEPT


def test_counts_from_many_threads_are_exact() -> None:
    tally = Tally()

    def some() -> None:
        for _ in range(1_000):
            if tally.start(3):
                tally.finish()

    threads = [threading.Thread(target=some) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert tally.started + tally.dropped == 4_000
    assert tally.pending == 0


def test_a_forked_childs_tally_begins_at_nothing() -> None:
    tally = Tally()
    tally.start(10)
    tally.skip("budget")
    tally.evidence.add(candidate_same=False, primary_same=True)
    tally._renew()
    assert (tally.started, tally.pending, tally.skipped.total()) == (0, 0, 0)
    assert tally.evidence.pairs == 0

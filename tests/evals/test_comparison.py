"""A run beside its baseline: pairs by case, clusters by group, what is missing told of."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reliai import ConfigurationError
from reliai.evals import compare
from reliai.evals._columns import columns_of_trials
from reliai.evals._excluding import columns_without
from reliai.evals._summaries import stabilities
from reliai.stats import paired_difference
from tests.evals.made_runs import discordant, passes, run_of, run_of_tries, trials

A = [0.9, 0.8, 0.4, 0.7, 0.6, 0.3, 0.95, 0.5, 0.85, 0.65]
B = [0.8, 0.8, 0.5, 0.6, 0.4, 0.35, 0.9, 0.4, 0.7, 0.6]
GROUPS = [0, 0, 0, 1, 1, 2, 2, 2, 3, 3]


def test_cases_are_paired_and_their_differences_averaged() -> None:
    found = compare(run_of(A), run_of(B, "baseline")).difference("exact")
    assert found.estimate == pytest.approx(0.06)
    assert found.standard_error == pytest.approx(0.0286744176)
    assert found.p_value == pytest.approx(0.0659200550)
    assert found.lower_bound == pytest.approx(0.0074365543)


def test_the_order_of_the_cases_does_not_matter() -> None:
    theirs = columns_of_trials(reversed(trials([(each,) for each in B])), "baseline", {}, ())
    assert compare(run_of(A), theirs).difference("exact").estimate == pytest.approx(0.06)


def test_cases_of_one_group_are_one_cluster() -> None:
    def group(case: int) -> str:
        return f"session-{GROUPS[case]}"

    found = compare(run_of(A, group=group), run_of(B, group=group)).difference("exact")
    assert found.clusters == 4
    assert found.standard_error == pytest.approx(0.0321662349)


def test_a_case_without_a_group_stands_for_itself_beside_groups() -> None:
    def group(case: int) -> str | None:
        return "session" if case < 3 else None

    found = compare(run_of(A, group=group), run_of(B, group=group)).difference("exact")
    assert found.clusters == 8


def test_passes_and_fails_get_the_exact_p_value_of_mcnemar() -> None:
    ours, theirs = discordant(200, 6, 0)
    found = compare(run_of(ours), run_of(theirs)).difference("exact")
    assert (found.wins, found.losses, found.p_value) == (6, 0, 0.03125)


def test_the_p_values_of_ten_slices_are_adjusted_for_their_number() -> None:
    def tags(case: int) -> dict[str, str]:
        # The six discordant cases are of one slice; in the others no pair differs.
        return {"locale": "l0" if case < 20 else f"l{case % 9 + 1}"}

    ours, theirs = discordant(200, 6, 0)
    comparison = compare(run_of(ours, tags=tags), run_of(theirs, tags=tags))
    slices = comparison.by_slice("exact", "locale", method="holm")
    assert len(slices) == 10
    assert slices[0].slice == "locale=l0"
    assert slices[0].comparison.p_value == 0.03125
    assert slices[0].p_adjusted == pytest.approx(0.3125)


def test_identical_runs_have_a_p_value_of_one_and_no_warning() -> None:
    found = compare(run_of([True] * 50), run_of([True] * 50)).difference("exact")
    assert (found.estimate, found.p_value) == (0.0, 1.0)


def test_repeats_of_a_case_count_as_one_pair_of_means() -> None:
    ours = run_of_tries([[True, True, False], [True] * 3, [False] * 3] * 5)
    theirs = run_of_tries([[True], [True], [False]] * 5)
    found = compare(ours, theirs).difference("exact")
    assert found.n == 15
    assert found.estimate == pytest.approx(-1 / 9)


def test_tries_made_because_the_first_disagreed_are_in_no_mean() -> None:
    ours = run_of_tries([[True, False, False, False, False]] * 12, planned=2)
    found = compare(ours, run_of([True] * 12)).difference("exact")
    assert found.estimate == pytest.approx(-0.5)


def test_without_a_case_the_others_keep_what_is_known_of_them() -> None:
    run = run_of_tries([[True] * 3, [True] * 3, [True, True, False]], planned=2)
    left = columns_without(run, frozenset({"case-0"}))
    assert left.keys == ("case-1", "case-2")
    found = stabilities(left, "exact")
    assert {key: each.verdict for key, each in found.items()} == {
        "case-1": "stable_pass",
        "case-2": "flaky",
    }


def test_a_case_whose_content_was_edited_is_another_case() -> None:
    ours = run_of([True] * 20)
    theirs = run_of([True] * 20, digest=lambda case: f"sha256:{case}{'x' * (case < 3)}")
    comparison = compare(ours, theirs)
    assert comparison.difference("exact").n == 17
    assert comparison.matching is not None
    assert comparison.matching.edited == ("case-0", "case-1", "case-2")


def test_other_datasets_are_compared_on_the_common_cases_and_it_says_so_loudly() -> None:
    ours = run_of([True] * 25, manifest={"root": "sha256:new"})
    theirs = run_of([True] * 20, manifest={"root": "sha256:old"})
    comparison = compare(ours, theirs)
    assert comparison.common == 20
    (note,) = comparison.notes
    assert note == (
        "DIFFERENT DATASETS: 20 cases are the same and compared; 0 were edited, 5 only the "
        "candidate ran, 0 only the baseline ran"
    )


def test_a_case_that_the_candidate_did_not_run_is_missing_when_the_version_is_the_same() -> None:
    comparison = compare(run_of([True] * 90), run_of([True] * 100))
    pairs = comparison.pairs("exact")
    assert len(pairs) == 100
    assert pairs.our_lost.sum() == 10
    assert "did not run 10" in comparison.notes[0]


@pytest.mark.parametrize("manifest", [{"selection": ["locale=de"]}, {"shard": [1, 4]}])
def test_a_case_that_was_not_selected_is_not_missing(manifest: dict[str, object]) -> None:
    comparison = compare(run_of([True] * 90, manifest=manifest), run_of([True] * 100))
    assert len(comparison.pairs("exact")) == 90


def test_scores_of_a_scorer_that_has_changed_are_not_compared() -> None:
    theirs = run_of([True] * 20, manifest={"scorers": {"exact": "sha256:another"}})
    comparison = compare(run_of([True] * 20), theirs)
    assert comparison.scorers == ()
    with pytest.raises(ConfigurationError, match=r"not the same on both sides.*re-score"):
        comparison.difference("exact")


def test_a_case_without_a_reference_on_both_sides_is_no_pair() -> None:
    values = [*passes(20, 0), "missing_reference", "not_applicable"]
    pairs = compare(run_of(values), run_of(values)).pairs("exact")
    assert (len(pairs), pairs.our_lost.sum()) == (20, 0)


def test_what_only_the_candidate_has_nothing_to_say_of_is_missing() -> None:
    pairs = compare(run_of([True, "not_applicable"]), run_of([True, True])).pairs("exact")
    assert pairs.our_lost.tolist() == [0.0, 1.0]


def test_a_slice_that_no_case_is_in_is_an_error() -> None:
    comparison = compare(run_of([True], tags=lambda case: {"locale": "de"}), run_of([True]))
    with pytest.raises(ConfigurationError, match="no case has 'local=de'; the tags are locale"):
        comparison.difference("exact", "local=de")
    with pytest.raises(ConfigurationError, match="is a tag; name one of its values"):
        comparison.difference("exact", "locale")


def test_a_metric_that_no_run_has_is_an_error_that_names_a_similar_one() -> None:
    comparison = compare(run_of([True]), run_of([True]))
    with pytest.raises(ConfigurationError, match=r"'exat' is no metric .* did you mean 'exact'"):
        comparison.difference("exat")


def test_without_a_baseline_nothing_can_be_compared() -> None:
    comparison = compare(run_of([True]))
    with pytest.raises(ConfigurationError, match="there is no baseline: none was given"):
        comparison.difference("exact")


def test_cases_that_became_worse_and_better_are_named_most_first() -> None:
    comparison = compare(run_of([0.1, 0.4, 0.5, 0.9]), run_of([0.5, 0.5, 0.5, 0.5]))
    assert comparison.changed("exact") == (("case-0", "case-1"), ("case-3",))


def test_measures_are_compared_as_scores_are() -> None:
    comparison = compare(run_of([True] * 3, cost=lambda case: 0.02), run_of([True] * 3))
    assert comparison.difference("cost_usd").estimate == pytest.approx(0.01)
    assert comparison.difference("failure_rate").estimate == 0.0


def test_the_challenge_score_stands_beside_the_estimate_for_production() -> None:
    chances = [1, 1, 0.01, 0.01, 0.01, 0.01]
    run = run_of([0, 0, 1, 1, 1, 0], chance=lambda case: chances[case])
    found = compare(run).production("exact")
    assert found is not None
    assert found.challenge == 0.5
    assert found.estimate == pytest.approx(0.7462686567)
    assert found.standard_error == pytest.approx(0.2154531988)


def test_cases_without_an_inclusion_probability_give_no_estimate_for_production() -> None:
    assert compare(run_of(passes(3, 1))).production("exact") is None


def test_many_retries_are_told_of() -> None:
    tried = [replace(each, retries=2) for each in trials([(True,) for _ in range(10)])]
    comparison = compare(columns_of_trials(tried, "run", {}, ()))
    assert "10 of 10 tries were answered only after retries" in comparison.notes[0]


def test_plain_data_tell_how_many_cases_have_a_score() -> None:
    data = compare(run_of(passes(80, 10, 10)), run_of(passes(100, 0))).to_dict()
    scores = data["scorers"]["exact"]
    assert (scores["n_scored"], scores["n_total"]) == (90, 100)
    assert scores["difference"]["n"] == 90


def test_the_difference_of_repeats_is_that_of_the_means_of_cases() -> None:
    first = [[1.0, 0.5], [0.5, 0.5], [0.0, 0.5]]
    found = compare(run_of_tries(first), run_of([0.5, 0.5, 0.5])).difference("exact")
    assert found == paired_difference([0.75, 0.5, 0.25], [0.5, 0.5, 0.5])

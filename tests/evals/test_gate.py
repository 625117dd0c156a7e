"""Gates: what passes, what fails, and what the evidence leaves open."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from reliai import ConfigurationError, GateFailed
from reliai.evals import Gate, Verdict, compare
from reliai.evals._columns import columns_of_trials
from reliai.evals.baselines import NoBaseline
from reliai.evals.trial import Score, Trial
from reliai.stats import sample_size, sign_e_value
from tests.evals.made_runs import discordant, passes, run_of, run_of_tries, trials

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reliai.evals import GateResult

PASS, FAIL = Verdict.PASS, Verdict.FAIL
INCONCLUSIVE, INCOMPLETE = Verdict.INCONCLUSIVE, Verdict.INCOMPLETE


def paired(n: int, better: int, worse: int, gate: Gate) -> GateResult:
    ours, theirs = discordant(n, better, worse)
    return gate.judge(compare(run_of(ours), run_of(theirs, "baseline")))


# --- non-inferiority ----------------------------------------------------------------------


@pytest.mark.parametrize(("margin", "enough"), [(0.05, 59), (0.03, 99), (0.02, 149), (0.01, 299)])
def test_identical_runs_pass_from_as_many_cases_as_the_margin_takes(
    margin: float, enough: int
) -> None:
    gate = Gate("exact", non_inferior=margin)
    assert paired(enough, 0, 0, gate).verdict is PASS
    assert paired(enough - 1, 0, 0, gate).verdict is INCONCLUSIVE


def test_identical_runs_have_a_p_value_of_one_and_say_how_many_cases_it_takes() -> None:
    (rule,) = paired(148, 0, 0, Gate("exact", non_inferior=0.02)).rules
    assert (rule.p_value, rule.cases_needed) == (1.0, 149)


def test_a_significant_drop_fails() -> None:
    result = paired(400, 10, 32, Gate("exact", non_inferior=0.05))
    assert result.verdict is FAIL
    assert result.exit_code == 1
    assert "significantly worse: -0.055" in result.rules[0].reason


def test_four_worse_pairs_are_no_evidence_of_a_drop_and_five_are() -> None:
    gate = Gate("exact", non_inferior=0.01)
    assert paired(100, 0, 4, gate).verdict is INCONCLUSIVE
    assert paired(100, 0, 5, gate).verdict is FAIL


def test_a_few_pairs_that_differ_do_not_prove_that_there_is_no_difference() -> None:
    gate = Gate("exact", non_inferior=0.02)
    # The spread of one loss in 150 would say that the drop is above -0.018.
    assert paired(150, 0, 1, gate).verdict is INCONCLUSIVE
    assert paired(250, 0, 1, gate).verdict is PASS


def test_a_drop_that_is_significant_but_within_the_margin_passes() -> None:
    assert paired(5000, 0, 20, Gate("exact", non_inferior=0.02)).verdict is PASS


def test_an_improvement_passes() -> None:
    assert paired(200, 20, 2, Gate("exact", non_inferior=0.01)).verdict is PASS


def test_forty_cases_are_too_few_for_a_margin_of_two_points_and_it_says_what_it_takes() -> None:
    result = paired(40, 3, 4, Gate("exact", non_inferior=0.02))
    (rule,) = result.rules
    assert (result.verdict, result.exit_code) == (INCONCLUSIVE, 3)
    variance = (7 / 40 - (1 / 40) ** 2) * 40 / 39  # of seven pairs in 40 that differ
    wanted = sample_size(0.02, between_variance=variance, alpha=0.1)
    assert rule.cases_needed == wanted
    assert f"needs about {rule.cases_needed:,} cases" in rule.reason
    assert rule.detectable == pytest.approx(0.1662623, abs=1e-6)
    assert "can detect ≥ 16.6 points" in rule.reason


def test_where_tries_of_a_case_vary_it_says_how_many_repeats_would_do() -> None:
    ours = run_of_tries([[i % 3 == 0, i % 3 == 1, i % 2 == 0] for i in range(150)])
    theirs = run_of_tries([[i % 5 == 0, i % 3 == 1, i % 4 == 0] for i in range(150)])
    (rule,) = Gate("exact", non_inferior=0.035).judge(compare(ours, theirs)).rules
    assert rule.repeats_needed is not None
    assert f"or {rule.repeats_needed} repeats" in rule.power


def test_fewer_than_ten_pairs_conclude_nothing() -> None:
    assert paired(9, 0, 9, Gate("exact", non_inferior=0.02)).verdict is INCONCLUSIVE


def test_six_improved_cases_of_two_hundred_in_ten_slices_do_not_fail() -> None:
    ours, theirs = discordant(200, 0, 6)

    def tags(case: int) -> dict[str, str]:
        return {"locale": "l0" if case >= 180 else f"l{case % 9 + 1}"}

    comparison = compare(run_of(ours, tags=tags), run_of(theirs, tags=tags))
    (rule,) = Gate("exact", non_inferior=0.05, slices="locale").judge(comparison).rules
    (worst,) = [each for each in rule.slices if each.slice == "locale=l0"]
    assert (worst.p_value, worst.p_drop) == (0.03125, 0.015625)
    assert worst.p_adjusted == pytest.approx(0.15625)
    assert worst.verdict is INCONCLUSIVE


def test_a_slice_with_a_significant_drop_fails_the_gate_whatever_the_rest_does() -> None:
    def tags(case: int) -> dict[str, str]:
        return {"locale": "de" if case >= 560 else "en"}

    ours, theirs = discordant(600, 30, 20)
    comparison = compare(run_of(ours, tags=tags), run_of(theirs, tags=tags))
    (rule,) = Gate("exact", non_inferior=0.05, slices=["locale"]).judge(comparison).rules
    assert rule.verdict is FAIL
    assert "but FAIL on locale=de" in rule.reason
    assert Gate("exact", non_inferior=0.05).judge(comparison).verdict is PASS


def test_a_slice_that_is_too_small_to_tell_does_not_hold_a_gate_up_unless_it_must_pass() -> None:
    def tags(case: int) -> dict[str, str]:
        return {"locale": "de" if case < 12 else "en"}

    same = compare(run_of([True] * 200, tags=tags), run_of([True] * 200, tags=tags))
    loose = Gate("exact", non_inferior=0.02, slices="locale").judge(same)
    strict = Gate("exact", non_inferior=0.02, slices="locale", slices_must="pass").judge(same)
    assert (loose.verdict, strict.verdict) == (PASS, INCONCLUSIVE)
    assert "1 of 2 slices are too small to tell a drop" in loose.rules[0].notes


def test_groups_that_are_alike_count_as_one_piece_of_evidence_each() -> None:
    ours, theirs = discordant(400, 0, 20)
    gate = Gate("exact", non_inferior=0.02)
    assert gate.judge(compare(run_of(ours), run_of(theirs))).verdict is FAIL

    def group(case: int) -> str:
        return f"session-{case // 20}"  # all twenty losses are of one session

    one = compare(run_of(ours, group=group), run_of(theirs, group=group))
    assert gate.judge(one).verdict is INCONCLUSIVE


def test_scores_beyond_one_have_the_range_that_was_seen_or_given() -> None:
    ours, theirs = run_of([4.0, 5.0] * 100), run_of([4.0, 5.0] * 100)
    seen = Gate("exact", non_inferior=0.1).judge(compare(ours, theirs))
    given = Gate("exact", non_inferior=0.1, score_range=(1, 5)).judge(compare(ours, theirs))
    assert seen.rules[0].low == pytest.approx(-5 * (1 - 0.05 ** (1 / 200)))
    assert given.rules[0].low == pytest.approx(-4 * (1 - 0.05 ** (1 / 200)))
    with pytest.raises(ConfigurationError, match="there are scores from 4 to 5"):
        Gate("exact", non_inferior=0.1, score_range=(0, 3)).judge(compare(ours, theirs))


def test_where_less_is_better_a_rise_fails() -> None:
    dearer = compare(
        run_of([True] * 100, cost=lambda case: 0.02 + case % 5 / 1000),
        run_of([True] * 100, cost=lambda case: 0.01 + case % 7 / 1000),
    )
    result = Gate("cost_usd", non_inferior=0.001).judge(dearer)
    assert result.verdict is FAIL
    assert result.rules[0].estimate == pytest.approx(0.0091, abs=0.001)
    assert Gate("cost_usd", max_ratio=1.2).judge(dearer).verdict is FAIL
    assert Gate("cost_usd", max_ratio=2.0).judge(dearer).verdict is PASS


def test_a_run_that_was_stopped_by_what_it_showed_is_judged_by_e_values() -> None:
    early = {"state": "partial", "stopped": "decided"}
    ours, theirs = discordant(60, 0, 12)
    stopped = compare(run_of(ours, manifest=early), run_of([*theirs, *[True] * 40]))
    result = Gate("exact", non_inferior=0.02).judge(stopped)
    assert result.verdict is FAIL
    assert result.rules[0].p_drop == pytest.approx(1 / sign_e_value(12, 0))
    better, worse = discordant(60, 12, 0)
    good = compare(run_of(better, manifest=early), run_of(worse))
    assert Gate("exact", non_inferior=0.02).judge(good).verdict is PASS


# --- what is missing ----------------------------------------------------------------------


def test_ten_errors_in_a_hundred_are_over_the_error_budget_and_the_bounds_are_shown() -> None:
    result = Gate("exact", min=0.85, max_missing=0.02).judge(run_of(passes(80, 10, 10)))
    (rule,) = result.rules
    assert (result.verdict, result.exit_code) == (INCOMPLETE, 4)
    assert rule.candidate == pytest.approx(0.889, abs=0.001)
    assert rule.bounds == (0.80, 0.90)
    assert "0.8889" in rule.reason
    assert "between 0.8 and 0.9" in rule.reason


def test_a_judge_that_fails_on_a_third_of_the_cases_is_no_bad_answer_and_no_good_one() -> None:
    values = ["judge_parse_failure" if i % 3 == 0 else True for i in range(100)]
    result = Gate("exact", min=0.5).judge(run_of(values))
    assert result.verdict is INCOMPLETE


def test_within_the_budget_what_is_missing_counts_against_the_candidate() -> None:
    whole = compare(run_of(passes(400, 0)), run_of([True] * 400))
    part = compare(run_of(passes(394, 0, 6)), run_of([True] * 400))
    gate = Gate("exact", non_inferior=0.02)
    assert gate.judge(whole).verdict is PASS
    assert gate.judge(part).verdict is INCONCLUSIVE  # six failures would be a drop of 1.5 points


def test_what_is_missing_is_no_evidence_of_a_drop() -> None:
    run = run_of([*[True] * 95, *["error"] * 5])
    result = Gate("exact", non_inferior=0.02, max_missing=0.05).judge(
        compare(run, run_of([True] * 100))
    )
    assert result.verdict is INCONCLUSIVE


def test_a_baseline_with_too_much_missing_concludes_nothing() -> None:
    result = Gate("exact", non_inferior=0.05).judge(
        compare(run_of([True] * 200), run_of(passes(150, 0, 50)))
    )
    assert result.verdict is INCONCLUSIVE
    assert "the baseline has no score of 50 of 200 cases" in result.rules[0].reason


def test_some_tries_of_a_case_that_are_missing_are_missing_in_part() -> None:
    tries: list[list[float | bool | str | None]] = [
        [True, True, "error"],
        *(passes(3, 0) for _ in range(99)),
    ]
    (rule,) = Gate("exact", min=0.5).judge(run_of_tries(tries)).rules
    assert rule.missing == pytest.approx(1 / 3)
    assert rule.bounds == pytest.approx((1 - 1 / 300, 1.0))


def test_a_partial_run_is_incomplete() -> None:
    run = run_of([True] * 300, manifest={"state": "partial", "stopped": "max_usd"})
    result = Gate("exact", min=0.5).judge(run)
    assert (result.verdict, result.exit_code) == (INCOMPLETE, 4)
    assert "partial (max_usd)" in result.notes[0]


@pytest.mark.parametrize("values", [[], ["skipped"] * 5])
def test_no_case_at_all_is_no_success(values: list[str | None]) -> None:
    result = Gate("exact", min=0.5).judge(run_of(values))
    assert (result.verdict, result.exit_code) == (INCONCLUSIVE, 5)
    with pytest.raises(GateFailed):
        Gate("exact", min=0.5).require(run_of(values))


def test_a_scorer_that_has_nothing_to_say_of_any_case_is_no_success() -> None:
    result = Gate("exact", min=0.5).judge(run_of(["missing_reference"] * 50))
    assert result.verdict is INCONCLUSIVE


# --- floors and ceilings --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("passed", "by", "verdict"),
    [
        (95, "bounds", PASS),
        (88, "bounds", INCONCLUSIVE),
        (82, "bounds", INCONCLUSIVE),
        (75, "bounds", FAIL),
        (88, "estimate", PASS),
        (85, "estimate", PASS),
        (84, "estimate", FAIL),
    ],
)
def test_a_floor_is_judged_by_bounds_or_by_the_number_itself(
    passed: int, by: Any, verdict: Verdict
) -> None:
    result = Gate("exact", min=0.85, by=by).judge(run_of(passes(passed, 100 - passed)))
    assert result.verdict is verdict


def test_by_the_number_itself_what_is_missing_can_still_decide() -> None:
    gate = Gate("exact", min=0.85, by="estimate", max_missing=0.2)
    assert gate.judge(run_of(passes(80, 10, 10))).verdict is INCONCLUSIVE
    assert gate.judge(run_of(passes(86, 4, 10))).verdict is PASS
    assert gate.judge(run_of(passes(70, 20, 10))).verdict is FAIL


def test_all_passes_do_not_prove_a_floor_that_is_too_high_for_their_number() -> None:
    gate = Gate("exact", min=0.95)
    assert gate.judge(run_of([True] * 58)).verdict is INCONCLUSIVE
    assert gate.judge(run_of([True] * 59)).verdict is PASS


def test_a_mean_of_numbers_in_groups_is_judged_robustly() -> None:
    def group(case: int) -> str:
        return f"g{case // 20}"

    values = [0.2 if case // 20 in {0, 1} else 0.9 for case in range(200)]
    assert Gate("exact", min=0.7).judge(run_of(values)).verdict is PASS
    assert Gate("exact", min=0.7).judge(run_of(values, group=group)).verdict is INCONCLUSIVE


def test_groups_that_all_have_the_same_mean_do_not_hide_the_level() -> None:
    run = run_of([True, False] * 60, group=lambda case: f"g{case // 2}")
    assert Gate("exact", min=0.9).judge(run).verdict is FAIL
    assert Gate("exact", min=0.3).judge(run).verdict is PASS


def test_a_rise_of_the_slow_tail_fails_and_quality_has_a_verdict_of_its_own() -> None:
    def slow(case: int) -> float:
        return 4.4 if case % 12 == 0 else 2.0

    gate = Gate("exact", non_inferior=0.05) & Gate("latency_p95", max=4)
    result = gate.judge(compare(run_of([True] * 300, duration=slow), run_of([True] * 300)))
    quality, latency = result.rules
    assert (quality.verdict, latency.verdict, result.verdict) == (PASS, FAIL, FAIL)
    assert latency.estimate == 4.4


def test_a_percentile_needs_enough_tries_for_a_bound() -> None:
    gate = Gate("latency_p95", max=4)
    assert gate.judge(run_of([True] * 58)).verdict is INCONCLUSIVE
    assert gate.judge(run_of([True] * 59)).verdict is PASS


def test_a_case_that_ran_out_of_time_is_slower_than_any_ceiling() -> None:
    values = ["timeout" if case % 10 == 0 else True for case in range(200)]
    gate = Gate("latency_p95", max=4)
    assert gate.judge(run_of(values)).verdict is FAIL


def test_a_call_that_failed_may_have_taken_any_time() -> None:
    values = passes(190, 0, 10)
    (rule,) = Gate("latency_p95", max=4, max_missing=0.1).judge(run_of(values)).rules
    assert rule.verdict is INCONCLUSIVE
    assert rule.high is None


def test_a_percentile_passes_by_the_bound_that_is_shown_and_not_by_another() -> None:
    """Fifty groups are too few to tell of a share of 5 %, but their calls are not alike."""
    values = [1e-5 * (1 + case * 37 % 150) for case in range(150)]
    run = run_of([True] * 150, duration=values.__getitem__, group=lambda case: f"g{case // 3}")
    (rule,) = Gate("latency_p95", max=4).judge(run).rules
    assert rule.high is not None
    assert rule.high < 0.0016
    assert rule.verdict is PASS


def test_groups_whose_calls_are_alike_count_once_for_a_percentile() -> None:
    values = [1e-5 * (1 + case // 3 * 37 % 50) for case in range(150)]
    run = run_of([True] * 150, duration=values.__getitem__, group=lambda case: f"g{case // 3}")
    (rule,) = Gate("latency_p95", max=4).judge(run).rules
    assert (rule.high, rule.verdict) == (None, INCONCLUSIVE)


def test_a_call_that_ran_out_of_time_is_slower_than_a_ceiling_above_that_time() -> None:
    values = ["timeout" if case % 20 == 0 else True for case in range(200)]
    (rule,) = Gate("latency_p95", max=4).judge(run_of(values, duration=lambda case: 1.0)).rules
    assert (rule.high, rule.verdict) == (None, INCONCLUSIVE)


def test_a_percentile_is_compared_with_that_of_the_baseline() -> None:
    def fast(case: int) -> float:
        return 1 + case / 1000

    def slow(case: int) -> float:
        return 1.5 * fast(case)

    slower = compare(run_of([True] * 400, duration=slow), run_of([True] * 400, duration=fast))
    assert Gate("latency_p95", max_ratio=1.2).judge(slower).verdict is FAIL
    assert Gate("latency_p95", max_ratio=1.7).judge(slower).verdict is PASS
    assert Gate("latency_p50", non_inferior=0.1).judge(slower).verdict is FAIL
    assert Gate("latency_p50", non_inferior=1.0).judge(slower).verdict is PASS


def test_failures_are_a_measure_of_their_own() -> None:
    gate = Gate("failure_rate", max=0.05)
    assert gate.judge(run_of(passes(200, 0))).verdict is PASS
    assert gate.judge(run_of(passes(160, 0, 40))).verdict is FAIL
    assert gate.judge(run_of(["degraded"] * 40 + ["rejected"] * 40)).verdict is FAIL


@pytest.mark.parametrize(
    ("text", "verdict"), [("throughput >= .5", PASS), ("throughput >= 2", FAIL)]
)
def test_calls_a_second_are_counted_over_the_time_in_which_some_were_running(
    text: str, verdict: Verdict
) -> None:
    assert Gate.parse(text).judge(run_of([True] * 200)).verdict is verdict


def test_the_rate_of_outputs_of_an_earlier_run_is_not_known() -> None:
    made = [replace(each, cached=True) for each in trials([(True,) for _ in range(100)])]
    result = Gate("throughput", min=0.5).judge(columns_of_trials(made, "run", {}, ("exact",)))
    assert result.verdict is INCONCLUSIVE


def test_tokens_and_costs_have_ceilings() -> None:
    run = run_of([True] * 100, cost=lambda case: 0.01 + case / 10_000)
    assert Gate.parse("tokens <= 15 AND cost_usd <= .02").judge(run).verdict is PASS
    assert Gate.parse("output_tokens <= 4").judge(run).verdict is FAIL


def test_a_cost_that_nobody_knows_is_missing_and_not_zero() -> None:
    run = run_of([True] * 100, cost=lambda case: None if case % 2 else 0.01)
    result = Gate("cost_usd", max=1.0).judge(run)
    assert result.verdict is INCOMPLETE
    assert "50 of 100 cases have no known cost_usd" in result.rules[0].reason


def test_a_floor_may_be_one_of_production_traffic() -> None:
    run = run_of([*[False] * 100, *[True] * 300], chance=lambda case: 1.0 if case < 100 else 0.01)
    assert Gate("exact", min=0.9).judge(run).verdict is FAIL
    assert Gate("exact", min=0.9, weighted=True).judge(run).verdict is PASS
    with pytest.raises(ConfigurationError, match="2 of 2 cases have no inclusion probability"):
        Gate("exact", min=0.9, weighted=True).judge(run_of([True, True]))


def test_what_stands_for_much_of_production_traffic_is_told_by_few() -> None:
    """20 cases of a sample of 1 % are nearly all of the traffic."""

    def chance(case: int) -> float:
        return 1.0 if case < 200 else 0.01

    def judged(values: list[bool]) -> GateResult:
        return Gate("exact", min=0.95, weighted=True).judge(run_of(values, chance=chance))

    (constant,) = judged([True] * 220).rules
    assert constant.verdict is INCONCLUSIVE
    assert constant.low == pytest.approx(0.05 ** (1 / 22))
    (nearly,) = judged([False, *[True] * 219]).rules
    assert nearly.verdict is INCONCLUSIVE
    assert nearly.low == pytest.approx(0.872, abs=0.001)


def test_groups_count_for_a_floor_of_production_traffic_too() -> None:
    values = [case // 10 % 4 > 0 for case in range(200)]
    run = run_of(values, chance=lambda case: 0.1, group=lambda case: f"g{case // 10}")
    (plain,) = Gate("exact", min=0.6).judge(run).rules
    (weighted,) = Gate("exact", min=0.6, weighted=True).judge(run).rules
    assert (weighted.low, weighted.verdict) == (plain.low, INCONCLUSIVE)


def test_a_failure_in_one_of_sixty_groups_is_no_proof_of_a_floor() -> None:
    values = [True] * 119 + [False]
    alone = run_of([True] * 59 + [False])
    groups = run_of(values, group=lambda case: f"g{case // 2}")
    tries = run_of_tries([values[i : i + 2] for i in range(0, 120, 2)])
    for run in (alone, groups, tries):
        assert Gate("exact", min=0.95).judge(run).verdict is INCONCLUSIVE


def test_floors_of_slices_are_judged_too() -> None:
    def tags(case: int) -> dict[str, str]:
        return {"locale": "de" if case < 60 else "en"}

    run = run_of([*[False] * 30, *[True] * 570], tags=tags)
    (rule,) = Gate("exact", min=0.9, slices="locale").judge(run).rules
    assert rule.verdict is FAIL
    assert [each.verdict for each in rule.slices] == [FAIL, PASS]


# --- each case ------------------------------------------------------------------------------


def test_a_case_that_always_fails_is_not_hidden_by_the_average() -> None:
    tries = [[False] * 3, *[[True] * 3] * 199]
    gate = Gate("exact", min=0.95) & Gate("exact", case_min=0.5)
    suite, each = gate.judge(run_of_tries(tries)).rules
    assert (suite.verdict, each.verdict) == (PASS, FAIL)
    assert each.cases == ("case-0",)


def test_so_many_cases_may_fail() -> None:
    gate = Gate("exact", case_min=0.5, failing_cases=1)
    assert gate.judge(run_of(passes(99, 1))).verdict is PASS
    assert gate.judge(run_of(passes(98, 2))).verdict is FAIL


def test_a_case_of_which_too_much_is_missing_is_neither() -> None:
    tries: list[list[float | bool | str | None]] = [
        [True, "error", "error"],
        *(passes(3, 0) for _ in range(99)),
    ]
    gate = Gate("exact", case_min=0.6)
    assert gate.judge(run_of_tries(tries)).verdict is INCONCLUSIVE


# --- judges of pairs --------------------------------------------------------------------------


def test_a_judge_that_prefers_whatever_is_first_decides_nothing() -> None:
    tied = Score(
        value=0.5, kind="label", label="tie", metadata={"votes": ["a", "b"], "flipped": True}
    )
    made = [
        replace(trial, scores={"pairwise": tied}) for trial in trials([(True,) for _ in range(200)])
    ]
    run = columns_of_trials(made, "candidate", {}, ("pairwise",))
    result = Gate("pairwise", min=0.4).judge(run)
    assert result.verdict is INCONCLUSIVE
    assert "the judge chose otherwise in 100 % of them" in result.rules[0].reason


# --- baselines that are not there -------------------------------------------------------------


@pytest.mark.parametrize(("policy", "verdict"), [("fail", FAIL), ("warn", INCONCLUSIVE)])
def test_a_missing_baseline_never_passes_silently(policy: Any, verdict: Verdict) -> None:
    comparison = compare(run_of([True] * 500), NoBaseline("no pin at abc", policy))
    gate = Gate("exact", non_inferior=0.02) & Gate("exact", min=0.9)
    result = gate.judge(comparison)
    assert result.verdict is verdict
    assert result.rules[0].reason == "no baseline: no pin at abc"
    assert "NO BASELINE: nothing was compared" in result.notes
    assert result.rules[1].verdict is PASS


def test_a_gate_that_compares_refuses_a_run_alone() -> None:
    with pytest.raises(ConfigurationError, match=r"give it run\.compare\(baseline\)"):
        Gate("exact", non_inferior=0.02).judge(run_of([True]))


def test_a_judge_that_has_changed_is_no_regression() -> None:
    theirs = run_of([True] * 300, manifest={"scorers": {"exact": "sha256:stricter"}})
    result = Gate("exact", non_inferior=0.02).judge(compare(run_of(passes(240, 60)), theirs))
    assert result.verdict is INCONCLUSIVE
    assert "the scorer is not the same on both sides" in result.rules[0].reason


def test_a_scorer_that_the_baseline_did_not_have_yet_has_no_baseline() -> None:
    comparison = compare(run_of([True] * 300, name="new"), run_of([True] * 300))
    result = Gate("new", non_inferior=0.02).judge(comparison)
    assert result.verdict is INCONCLUSIVE
    assert result.rules[0].reason.startswith("no baseline")


# --- all of it together ---------------------------------------------------------------------


def test_one_rule_that_does_not_pass_is_enough() -> None:
    gate = Gate("exact", min=0.9) & Gate("latency_p95", max=4)
    run = run_of([True] * 28)
    assert [rule.verdict for rule in gate.judge(run).rules] == [INCONCLUSIVE, INCONCLUSIVE]
    assert gate.judge(run_of(passes(10, 190))).verdict is FAIL


def test_a_rule_that_does_not_block_is_reported_only() -> None:
    gate = Gate("exact", min=0.9, blocking=False) & Gate("latency_p95", max=4)
    result = gate.judge(run_of(passes(10, 190)))
    assert (result.verdict, result.rules[0].verdict) == (PASS, FAIL)


def test_what_must_pass_raises_with_the_result_and_survives_pickling() -> None:
    with pytest.raises(GateFailed, match="FAIL") as caught:
        Gate("exact", min=0.9).require(run_of(passes(50, 50)))
    error = pickle.loads(pickle.dumps(caught.value))  # noqa: S301  our own
    assert error.result.verdict is FAIL
    assert Gate("exact", min=0.9).require(run_of([True] * 100)).verdict is PASS


def test_a_result_is_plain_data() -> None:
    result = paired(40, 3, 4, Gate("exact", non_inferior=0.02) & Gate("latency_p95", max=4))
    data = json.loads(json.dumps(result.to_dict()))
    assert (data["verdict"], data["exit_code"]) == ("INCONCLUSIVE", 3)
    assert data["rules"][0]["cases_needed"] > 1000
    assert data["about"]["compared"] == 40


def test_a_metric_that_is_not_there_is_an_error_and_no_warning() -> None:
    with pytest.raises(ConfigurationError, match="'f1' is no metric of candidate: its scorers are"):
        Gate("f1", min=0.5).judge(run_of([True] * 50))


def test_labels_cannot_be_averaged() -> None:
    labelled = [
        Trial(
            case=f"c{i}",
            digest="d",
            repeat=1,
            status="ok",
            scores={"tone": Score(value=None, kind="label", label="polite")},
        )
        for i in range(20)
    ]
    with pytest.raises(ConfigurationError, match="the scorer gives labels"):
        Gate("tone", min=0.5).judge(columns_of_trials(labelled, "run", {}, ("tone",)))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "asks nothing"),
        ({"non_inferior": 0}, r"non_inferior=0\): must be a number above 0"),
        ({"non_inferior": -0.1}, "must be a number above 0"),
        ({"min": float("nan")}, "must be a number"),
        ({"min": True}, "must be a number"),
        ({"min": 0.5, "confidence": 1.0}, "above 0.5 and below 1"),
        ({"min": 0.5, "power": 0}, "above 0 and below 1"),
        ({"min": 0.5, "max_missing": 2}, "a share of the cases"),
        ({"min": 0.5, "min_cases": 0}, "a whole number from 1 up"),
        ({"min": 0.5, "by": "mean"}, "'bounds' or 'estimate'"),
        ({"min": 0.5, "better": "more"}, "'higher' or 'lower'"),
        ({"non_inferior": 0.1, "by": "estimate"}, "needs min= or max="),
        ({"non_inferior": 0.1, "weighted": True}, "weighted=True"),
        ({"non_inferior": 0.1, "failing_cases": 1}, "0 without case_min="),
        ({"max_ratio": 1.1}, "less is better"),
        ({"min": 0.5, "score_range": (1, 1)}, r"as \(1, 5\)"),
        ({"case_min": 0.5, "slices": "locale"}, r"must be \(\)"),
        ({"min": 0.5, "slices": [""]}, "is no tag"),
        ({"min": 0.5, "slices_must": "hold"}, "'not_drop' or 'pass'"),
    ],
)
def test_a_setting_that_makes_no_sense_is_an_error(settings: Mapping[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        Gate("exact", **settings)


@pytest.mark.parametrize(
    ("metric", "settings", "said"),
    [
        ("", {"min": 1}, "must be the name of a scorer"),
        ("latency_p0", {"max": 1}, "above 0 and below 100"),
        ("latency_p95", {"min": 1}, "a latency has a ceiling"),
        ("latency_p95", {"case_min": 1}, "of a metric that each case has"),
        ("throughput", {"non_inferior": 1}, "has no pairs"),
        ("latency_p95", {"max": 1, "weighted": True}, "must be False"),
    ],
)
def test_a_metric_that_cannot_be_judged_so_is_an_error(
    metric: str, settings: Mapping[str, Any], said: str
) -> None:
    with pytest.raises(ConfigurationError, match=said):
        Gate(metric, **settings)

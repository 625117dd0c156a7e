"""Cases that one side did not run: a half of a run proves nothing of the whole."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from reliai import ConfigurationError
from reliai.evals import Gate, Pin, Verdict, compare, pin
from reliai.evals._columns import columns_of_trials
from reliai.evals.trial import Score
from tests.evals.made_runs import passes, run_of, trials

if TYPE_CHECKING:
    from reliai.evals._columns import Columns

HALF = {"state": "partial", "stopped": "max_usd"}
STOPPED: dict[str, Any] = {"manifest": {"state": "complete", "stopped": "decided"}}


@pytest.mark.parametrize(
    "text",
    [
        "latency_p95 ratio <= 1.2",
        "latency_p95 non_inferior 1",
        "exact non_inferior .05",
        "exact each >= .5",
        "exact >= .5",
        "latency_p95 <= 4",
        "throughput >= .1",
    ],
)
def test_half_a_run_is_incomplete_whatever_is_asked(text: str) -> None:
    half, whole = run_of([True] * 200, manifest=HALF), run_of([True] * 400)
    # Even where all may be missing: it is not known what was left out.
    gate = Gate.parse(text, max_missing=1.0)
    assert gate.judge(compare(half, whole)).verdict is Verdict.INCOMPLETE


def test_a_shard_by_itself_passes_nothing() -> None:
    shard = run_of([True] * 200, manifest={"state": "complete", "shard": [1, 2]})
    assert Gate("exact", min=0.5).judge(shard).verdict is Verdict.INCOMPLETE


def test_cases_that_are_known_to_fail_stay_so_in_half_a_run() -> None:
    half = run_of(passes(195, 5), manifest=HALF)
    assert Gate("exact", case_min=0.5).judge(half).verdict is Verdict.FAIL


def test_cases_that_only_the_baseline_ran_have_an_unknown_latency() -> None:
    comparison = compare(run_of([True] * 390), run_of([True] * 400))
    (rule,) = Gate("latency_p95", max_ratio=1.2).judge(comparison).rules
    assert rule.verdict is Verdict.INCOMPLETE
    assert rule.reason.startswith("10 of 400 tries have no known latency_p95")
    (some,) = Gate("latency_p95", max_ratio=1.2, max_missing=0.05).judge(comparison).rules
    (none,) = Gate("latency_p95", max_ratio=1.2).judge(compare(run_of([True] * 390))).rules
    assert some.missing == 10
    assert none.missing == 0


@pytest.mark.parametrize("text", ["exact non_inferior .05", "latency_p95 ratio <= 1.2"])
def test_half_a_baseline_concludes_nothing(text: str) -> None:
    half = run_of([True] * 200, "baseline", manifest=HALF)
    whole = run_of([True] * 400)
    for baseline in (half, Pin.read(pin(half).text())):
        (rule,) = Gate.parse(text).judge(compare(whole, baseline)).rules
        assert rule.verdict is Verdict.INCONCLUSIVE
        assert "of 200 of 400" in rule.reason
        assert "run it again" in rule.reason


def test_a_baseline_of_chosen_cases_is_compared_on_those() -> None:
    some = run_of([True] * 200, manifest={"selection": {"tags": {"locale": "de"}}})
    comparison = compare(run_of([True] * 400), some)
    assert comparison.common == 200
    assert Gate("exact", non_inferior=0.02).judge(comparison).verdict is Verdict.PASS


def test_only_what_both_ran_counts_as_compared() -> None:
    assert compare(run_of([True] * 400), run_of([True] * 200)).common == 200
    assert compare(run_of([True] * 200), run_of([True] * 400)).common == 200


def test_a_slice_counts_what_the_baseline_lost_against_the_candidate() -> None:
    def tags(case: int) -> dict[str, str]:
        return {"half": "second" if case >= 100 else "first"}

    comparison = compare(run_of(passes(195, 5), tags=tags), run_of([True] * 195, tags=tags))
    (rule,) = (
        Gate("exact", non_inferior=0.05, slices="half", max_missing=0.05).judge(comparison).rules
    )
    lows = {each.slice: each.low for each in rule.slices}
    assert lows["half=first"] == pytest.approx(0.05 ** (1 / 100) - 1)
    assert (lows["half=second"] or 0.0) < -0.05


# --- runs that were ended by what they showed ---------------------------------------------------


@pytest.mark.parametrize(
    ("passed", "limit", "verdict"),
    [
        (90, 0.8, Verdict.INCONCLUSIVE),  # of a run as planned the bound is 0.836
        (90, 0.79, Verdict.PASS),
        (70, 0.85, Verdict.FAIL),
        (100, 1.0, Verdict.INCONCLUSIVE),
    ],
)
def test_a_floor_of_a_run_that_was_stopped_early_has_bounds_that_hold_whenever_one_stops(
    passed: int, limit: float, verdict: Verdict
) -> None:
    (rule,) = Gate("exact", min=limit).judge(run_of(passes(passed, 100 - passed), **STOPPED)).rules
    assert rule.verdict is verdict
    assert rule.low is not None
    assert (rule.low >= limit) == (verdict is Verdict.PASS)


@pytest.mark.parametrize("text", ["latency_p95 ratio <= 1.2", "exact each >= .5", "exact >= .5"])
def test_what_has_no_such_bounds_does_not_pass_a_run_that_was_stopped_early(text: str) -> None:
    grouped = run_of([True] * 400, group=lambda case: f"g{case // 2}", **STOPPED)
    result = Gate.parse(text).judge(compare(grouped, run_of([True] * 400)))
    assert result.verdict is Verdict.INCONCLUSIVE


def test_a_percentile_of_a_run_that_was_stopped_early_takes_more_tries() -> None:
    gate = Gate("latency_p95", max=4)
    assert gate.judge(run_of([True] * 80, **STOPPED)).verdict is Verdict.INCONCLUSIVE
    (rule,) = gate.judge(run_of([True] * 200, **STOPPED)).rules
    assert rule.verdict is Verdict.PASS
    assert rule.notes[-1].startswith("at most 2.23 % of all")


def test_an_amount_of_a_run_that_was_stopped_early_needs_a_range() -> None:
    run = run_of([True] * 400, **STOPPED)
    (rule,) = Gate("cost_usd", max=0.05).judge(run).rules
    assert rule.verdict is Verdict.INCONCLUSIVE
    assert "needs score_range= of cost_usd" in rule.reason
    assert Gate("cost_usd", max=0.05, score_range=(0, 0.5)).judge(run).verdict is Verdict.PASS


# --- amounts that nobody knows ------------------------------------------------------------------


def test_amounts_that_nobody_knows_are_not_between_zero_and_one() -> None:
    run = run_of([True] * 100, cost=lambda case: None)
    (rule,) = Gate("cost_usd", max=1.0).judge(run).rules
    assert rule.verdict is Verdict.INCOMPLETE
    assert rule.reason.startswith("100 of 100 cases have no known cost_usd")
    assert (rule.low, rule.high, rule.bounds, rule.missing) == (None, None, None, 100)
    (all_may,) = Gate("cost_usd", max=1.0, max_missing=1.0).judge(run).rules
    assert (all_may.verdict, all_may.reason) == (
        Verdict.INCONCLUSIVE,
        "no case has a known cost_usd",
    )


def test_it_is_told_what_an_unknown_amount_is_taken_for() -> None:
    run = run_of([True] * 100, cost=lambda case: None if case == 7 else 0.01 + case / 1e4)
    (rule,) = Gate("cost_usd", max=1.0).judge(run).rules
    assert rule.bounds == pytest.approx((0.014843, 0.014843 + 0.01 * 0.0199))
    assert "counted as the least, and the most, that was seen" in rule.notes[-1]


# --- few groups ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "exact >= .1",
        "exact non_inferior .5",
        "latency_p50 <= 4",
        "latency_p50 ratio <= 3",
        "failure_rate <= .9",
    ],
)
@pytest.mark.parametrize(("groups", "passes_it"), [(2, False), (4, False), (40, True)])
def test_fewer_than_five_groups_conclude_nothing(text: str, groups: int, passes_it: bool) -> None:
    def made() -> Columns:
        return run_of(
            [0.3 + case * 7 % 11 / 50 for case in range(200)],
            group=lambda case: f"g{case % groups}",
            duration=lambda case: 1 + case * 7 % 11 / 50,
        )

    result = Gate.parse(text).judge(compare(made(), made()))
    assert (result.verdict is Verdict.PASS) == passes_it
    if not passes_it:
        assert result.verdict is Verdict.INCONCLUSIVE


# --- scorers that give several scores -----------------------------------------------------------


def several(unscored: str, scorer: str = "judge") -> Columns:
    """A scorer of two scores, which for every other case could not say anything."""
    both = {f"{scorer}.{part}": Score(value=1.0) for part in ("facts", "tone")}
    none = {scorer: Score(value=None, unscored=unscored)}
    made = trials([(True,)] * 200)
    found = [replace(each, scores=none if at % 2 else both) for at, each in enumerate(made)]
    about: dict[str, Any] = {"root": "sha256:root", "scorers": {scorer: "sha256:judge"}}
    return columns_of_trials(found, "run", about, (scorer,))


@pytest.mark.parametrize("scorer", ["judge", "team.judge"])
@pytest.mark.parametrize("reason", ["missing_reference", "not_applicable"])
def test_cases_without_a_reference_are_missing_in_none_of_several_scores(
    reason: str, scorer: str
) -> None:
    (rule,) = Gate(f"{scorer}.facts", min=0.5).judge(several(reason, scorer)).rules
    assert (rule.verdict, rule.n, rule.missing) == (Verdict.PASS, 100, 0)


def test_a_scorer_that_failed_lost_all_of_its_scores() -> None:
    (rule,) = Gate("judge.facts", min=0.5).judge(several("scorer_error")).rules
    assert (rule.verdict, rule.missing) == (Verdict.INCOMPLETE, 100)


def test_a_changed_scorer_with_dots_in_its_name_is_not_compared() -> None:
    ours = several("not_applicable", "team.judge")
    theirs = replace(ours, manifest={**ours.manifest, "scorers": {"team.judge": "sha256:other"}})
    (rule,) = Gate("team.judge.facts", non_inferior=0.05).judge(compare(ours, theirs)).rules
    assert rule.verdict is Verdict.INCONCLUSIVE
    assert "the scorer is not the same" in rule.reason


# --- what is no run -----------------------------------------------------------------------------


@pytest.mark.parametrize("given", ["run-1", 7, {"a": 1}, ["x"], None])
def test_what_is_no_run_is_told_so(given: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"is no run: give a Run"):
        Gate("exact", min=0.5).judge(given)
    with pytest.raises(ConfigurationError, match=r"is no run: give a Run"):
        compare(run_of([True]), given or [None])

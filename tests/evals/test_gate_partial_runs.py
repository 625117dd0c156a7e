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
EARLY = {"stopped": "decided"}


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

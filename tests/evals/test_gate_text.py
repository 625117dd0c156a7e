"""The text of a gate: read, written, and refused with what there is to say."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliai import ConfigurationError
from reliai.evals import Gate


@pytest.mark.parametrize(
    ("text", "gate"),
    [
        ("exact >= .85", Gate("exact", min=0.85)),
        ("latency_p95<=4", Gate("latency_p95", max=4)),
        ("exact non_inferior .02", Gate("exact", non_inferior=0.02)),
        ("exact non-inferior 2%", Gate("exact", non_inferior=0.02)),
        ("cost_usd ratio <= 1.2", Gate("cost_usd", max_ratio=1.2)),
        ("exact each >= .5", Gate("exact", case_min=0.5)),
        ("exact >= .8 by locale, tier", Gate("exact", min=0.8, slices=["locale", "tier"])),
        ("exact >= .8 by locale=de", Gate("exact", min=0.8, slices=["locale=de"])),
        (
            "exact >= .85 AND latency_p95 <= 4 AND exact non_inferior .02 by locale",
            Gate("exact", min=0.85)
            & Gate("latency_p95", max=4)
            & Gate("exact", non_inferior=0.02, slices="locale"),
        ),
        ("exact >= .5\nlatency_p99.9 <= 9", Gate("exact", min=0.5) & Gate("latency_p99.9", max=9)),
        (
            "exact >= .5 with by=estimate, max_missing=.1, blocking=no",
            Gate("exact", min=0.5, by="estimate", max_missing=0.1, blocking=False),
        ),
        ("judge >= 3 with score_range=1..5", Gate("judge", min=3, score_range=(1, 5))),
        ("distance <= 3 with better=lower", Gate("distance", max=3, better="lower")),
    ],
)
def test_a_text_is_read_and_written(text: str, gate: Gate) -> None:
    assert Gate.parse(text) == gate
    assert Gate.parse(str(gate)) == gate


@given(name=st.text(min_size=1, max_size=20).filter(lambda text: text.strip().strip("= ") != ""))
def test_any_slice_can_be_written_and_read(name: str) -> None:
    gate = Gate("exact", min=0.5, slices=[name, "locale"]) & Gate("exact", max=0.9)
    assert Gate.parse(str(gate)) == gate


def test_a_gate_is_written_down_without_the_packages_that_judge_it() -> None:
    program = (
        "import sys; from reliai.evals import Gate, Quarantine, Verdict, baseline, pin; "
        "Gate.parse('exact >= .5 by locale'); "
        "print([m for m in ('numpy', 'scipy', 'matplotlib', 'jinja2') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_settings_are_for_all_conditions() -> None:
    gate = Gate.parse("exact >= .5 AND exact each >= .5", max_missing=0.1)
    assert [rule.max_missing for rule in gate] == [0.1, 0.1]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "must be conditions: METRIC >= NUMBER"),
        ("exact", "cannot read 'exact'"),
        ("exact > .5", "use >= or <="),
        ("exact == .5", "use >= or <="),
        ("exact >= .5 OR f1 >= .5", "cannot read"),
        ("exact >= five", "cannot read"),
        ("exact >= .5 with colour=red", "'colour' is no setting; use max_missing"),
        ("exact >= .5 AND exact >= .6", "'exact' has min twice"),
        ("exact >= .5 with max_missing=lots", "a share of the cases"),
    ],
)
def test_a_text_that_is_none_is_refused(text: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        Gate.parse(text)


def test_gates_joined_are_one_gate_and_the_same_rule_is_there_once() -> None:
    gate = Gate("exact", min=0.5) & Gate("exact", min=0.5) & Gate("latency_p50", max=1)
    assert len(gate.rules) == 2
    assert repr(gate) == "<reliai.evals.Gate 'exact >= 0.5 AND latency_p50 <= 1'>"

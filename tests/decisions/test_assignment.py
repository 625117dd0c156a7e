"""Buckets: the same everywhere, even, and without anything to do with one another."""

from __future__ import annotations

import math
import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliai.decisions.assignment import BUCKETS, Lot, Split, bucket, unit_text
from reliai.errors import ConfigurationError

SALT = "summarizer-v2#1"
KNOWN = [
    ("user-1", 440035, 899976),
    ("user-42", 517728, 694471),
    ("ü-ñ-用户", 951718, 22940),
    ("a", 854632, 159076),
]


@pytest.mark.parametrize(("unit", "exposure", "variant"), KNOWN)
def test_known_units_fall_into_known_buckets(unit: str, exposure: int, variant: int) -> None:
    """Case 1: the numbers that any other implementation gives."""
    assert bucket(unit, SALT, "exposure") == exposure
    assert bucket(unit, SALT, "variant") == variant


@given(st.text(), st.text(), st.text())
def test_every_text_has_a_bucket(unit: str, salt: str, purpose: str) -> None:
    assert 0 <= bucket(unit, salt, purpose) < BUCKETS
    assert bucket(unit, salt, purpose) == bucket(unit, salt, purpose)


def test_another_process_with_another_hash_seed_gives_the_same() -> None:
    code = f"from reliai.decisions.assignment import bucket; print(bucket('user-1', {SALT!r}, 'x'))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(done.stdout) == bucket("user-1", SALT, "x")


def test_texts_that_only_join_to_the_same_are_not_the_same() -> None:
    assert bucket("bc", "a", "p") != bucket("c", "ab", "p")


def test_units_are_spread_evenly_and_purposes_are_independent() -> None:
    units = [f"user-{number}" for number in range(20_000)]
    some = [bucket(unit, SALT, "one") < 100_000 for unit in units]
    others = [bucket(unit, SALT, "other") < 100_000 for unit in units]
    both = sum(a and b for a, b in zip(some, others, strict=True))
    assert abs(sum(some) / len(units) - 0.1) < _four_errors(0.1, len(units))
    assert abs(both / len(units) - 0.01) < _four_errors(0.01, len(units))


def _four_errors(share: float, count: int) -> float:
    """Of a share, four standard errors: chance is outside them once in 16,000 times."""
    return 4.0 * math.sqrt(share * (1.0 - share) / count)


HALVES = {"control": 500_000, "candidate": 500_000}
UNITS = [f"user-{number}" for number in range(50_000)]


@pytest.mark.parametrize(("unit", "exposure", "variant"), KNOWN)
def test_known_units_get_known_arms(unit: str, exposure: int, variant: int) -> None:
    arm = "control" if variant < 500_000 else "candidate"
    assert Split(SALT, HALVES).arm(unit) == arm
    assert Split(SALT, HALVES, exposure).arm(unit) is None
    assert Split(SALT, HALVES, exposure + 1).arm(unit) == arm


def test_in_a_growing_exposure_nobody_who_is_in_leaves_or_changes_arm() -> None:
    """Case 2: and the share is the one asked for, within half a percent of all."""
    before: dict[str, str] = {}
    for share in (0.05, 0.25, 0.5, 1.0):
        split = Split("ramp#1", HALVES, round(share * BUCKETS))
        now = {unit: arm for unit in UNITS if (arm := split.arm(unit)) is not None}
        assert abs(len(now) / len(UNITS) - share) <= 0.005
        assert all(now.get(unit) == arm for unit, arm in before.items())
        before = now


def test_weight_that_moves_takes_units_one_way_only() -> None:
    first = Split(SALT, {"control": 900_000, "candidate": 100_000})
    second = Split(SALT, HALVES)
    moves = {(first.arm(unit), second.arm(unit)) for unit in UNITS}
    assert ("candidate", "control") not in moves
    assert ("control", "candidate") in moves


def test_who_is_in_and_which_arm_they_get_have_nothing_to_do_with_each_other() -> None:
    """Case 3: of a tenth of all units half get the candidate, as of all the others."""
    exposed, variant = Lot("a#1", "exposure"), Lot("a#1", "variant")
    drawn = [(exposed.draw(f"u{n}") < 100_000, variant.draw(f"u{n}")) for n in range(200_000)]
    inside = [bucket < 500_000 for is_in, bucket in drawn if is_in]
    outside = [bucket < 500_000 for is_in, bucket in drawn if not is_in]
    assert abs(sum(inside) / len(inside) - 0.5) < 0.01
    pooled = (sum(inside) + sum(outside)) / len(drawn)
    gap = sum(inside) / len(inside) - sum(outside) / len(outside)
    error = math.sqrt(pooled * (1 - pooled) * (1 / len(inside) + 1 / len(outside)))
    assert abs(gap) < 3.29 * error  # which chance exceeds once in a thousand times


def test_no_exposure_lets_nobody_in_and_a_full_one_everybody() -> None:
    """Case 4."""
    nobody, everybody = Split(SALT, HALVES, 0), Split(SALT, HALVES, BUCKETS)
    assert {nobody.arm(unit) for unit in UNITS[:2_000]} == {None}
    assert None not in {everybody.arm(unit) for unit in UNITS[:2_000]}


@pytest.mark.parametrize(
    "weights", [{"a": 999_999}, {"a": 600_000, "b": 500_000}, {"a": -1, "b": BUCKETS + 1}, {}]
)
def test_weights_that_do_not_add_up_are_a_value_error(weights: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="add up to 1,000,000"):
        Split(SALT, weights)


@pytest.mark.parametrize("exposure", [-1, BUCKETS + 1])
def test_an_exposure_out_of_its_range_is_a_value_error(exposure: int) -> None:
    with pytest.raises(ValueError, match="exposure"):
        Split(SALT, HALVES, exposure)


@given(st.text(), st.text(), st.text())
def test_a_lot_draws_what_bucket_gives(unit: str, salt: str, purpose: str) -> None:
    assert Lot(salt, purpose).draw(unit) == bucket(unit, salt, purpose)


def test_a_number_is_the_same_unit_as_its_digits() -> None:
    """Case 6."""
    assert unit_text(1) == unit_text("1") == "1"


@pytest.mark.parametrize("nobody", [None, "", ("a", None)])
def test_no_unit_is_none(nobody: object) -> None:
    assert unit_text(nobody) is None


@pytest.mark.parametrize("unit", [True, 1.0, b"a", object(), (), ("a", False)])
def test_what_two_programs_would_write_in_two_ways_is_no_unit(unit: object) -> None:
    with pytest.raises(ConfigurationError, match="cannot be assigned"):
        unit_text(unit)


def test_tuples_that_only_join_to_the_same_are_two_units() -> None:
    assert unit_text(("a", "b,c")) != unit_text(("a,b", "c"))

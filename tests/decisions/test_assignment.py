"""Buckets: the same everywhere, even, and without anything to do with one another."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliai.decisions.assignment import BUCKETS, bucket

SALT = "summarizer-v2#1"
KNOWN = [
    ("user-1", 440035, 899976),
    ("user-42", 517728, 694471),
    ("ü-ñ-用户", 951718, 22940),
    ("a", 854632, 159076),
]


@pytest.mark.parametrize(("unit", "exposure", "variant"), KNOWN)
def test_known_units_fall_into_known_buckets(unit: str, exposure: int, variant: int) -> None:
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
    assert 0.09 < sum(some) / len(units) < 0.11
    assert 0.007 < both / len(units) < 0.013

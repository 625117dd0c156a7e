"""The rows of held streams run and can be compared. No test asserts a time."""

from __future__ import annotations

import pytest

from benchmarks import _holding
from benchmarks._harness import Lab
from benchmarks._reliai import KINDS


@pytest.mark.slow
def test_every_way_is_compared_with_the_stream_without_validate() -> None:
    lab = Lab()
    try:
        timings = lab.interleave(_holding.holding_rows(), rounds=1, seconds=0.001)
    finally:
        lab.close()
    for kind in KINDS:
        assert set(_holding.added(timings, kind)) == set(_holding.WAYS) - {_holding.WITHOUT}

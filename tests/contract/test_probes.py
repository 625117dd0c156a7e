"""A probe of a half-open circuit gives its place back, however the call ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai.testing import records
from tests.contract._endings import bring_about, endings, item_for
from tests.contract._subjects import SHAPES, Shape, Subject

if TYPE_CHECKING:
    from collections.abc import Callable

    from reliai.testing import VirtualClock

PIPELINES: dict[str, Callable[[reliai.CircuitBreaker], Any]] = {
    "breaker": reliai.reliable,
    "standard": lambda breaker: reliai.standard(timeout=30, attempts=1, breaker=breaker),
}

LEARNT = {"value": "closed", "error": "open", "late error": "open"}


@pytest.mark.parametrize(
    ("shape", "ending"), [(shape, end) for shape in SHAPES for end in endings(shape)], ids=str
)
@pytest.mark.parametrize("pipeline", PIPELINES)
def test_probe_ends_with_its_call(
    pipeline: str, shape: Shape, ending: str, clock: VirtualClock
) -> None:
    """A9: what teaches nothing leaves the circuit half open, with room for the next probe."""
    breaker = reliai.CircuitBreaker(consecutive=1, open_for=5)
    stop = ConnectionError("down") if "error" in ending else KeyboardInterrupt("stop")
    answer: Any = ["one", "two"] if shape.streaming else "one"
    script = [ConnectionError("down"), item_for(ending, shape, stop), answer]
    subject = Subject(PIPELINES[pipeline](breaker), shape, script)
    with records() as seen:
        bring_about(subject, "value")
        assert breaker.snapshot().state == "open"
        clock.advance(5)
        bring_about(subject, ending)
        after = breaker.snapshot()
        assert len(seen) == 2
        assert after.state == LEARNT.get(ending, "half_open")
        if after.state == "half_open":
            assert (after.calls, after.ignored, after.retry_after) == (0, 1, 0.0)
        if after.state == "open":
            clock.advance(60)
        assert bring_about(subject, "value").value == answer, "the next probe passes"
    assert breaker.snapshot().state == "closed"
    assert subject.model.open_streams == 0

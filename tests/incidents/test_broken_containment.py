"""A replay sees it when what contains an incident is taken away: its facts can fail."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from reliai.incidents import ir20_bad_candidate as ir20
from tests.incidents.broken import missed

if TYPE_CHECKING:
    import pytest

    from reliai.incidents import Trial


def test_ir20_a_rollout_that_only_observes_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ir20, "Shipped", partial(ir20.Shipped, guarded=False))
    assert missed("IR-20") == [
        "canaries taken back, of 6",
        "calls of the candidate after the evidence",
    ]


def test_ir20_evidence_that_is_asked_for_too_little_takes_good_ones_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ir20, "ALPHA", 0.3)
    assert "good candidates taken back, of 2,000" in missed("IR-20")


def test_ir20_a_bad_candidate_on_a_healthy_day_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = ir20.Shipped

    def bad(trial: Trial, name: str, **given: Any) -> ir20.Shipped:
        return shipped(trial, name, **{**given, "bad": 0.2})

    monkeypatch.setattr(ir20, "Shipped", bad)
    assert {"where it stands", "decisions against it"} <= {*missed("IR-20", "healthy", calls=5_000)}

"""Incidents made for tests."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from reliai.incidents import Incident, incident

if TYPE_CHECKING:
    from reliai.incidents import Trial

__all__ = ["PAGE", "made"]

PAGE = Path(__file__).parents[2] / "docs" / "incidents.md"
"""What `reliai replay --write` wrote."""


def made(id: str, title: str = "made for a test") -> Incident:  # noqa: A002  what it is called
    """An incident whose parts do next to nothing."""
    mine = incident(id, title=title, scenario="nothing happens", evidence="a test", guard="-")

    @mine.unguarded
    def hurts(trial: Trial) -> None:
        trial.at_least("harm", 1, 1)

    @mine.guarded
    def is_contained(trial: Trial) -> None:
        trial.at_most("harm", 0, 0)

    @mine.healthy
    def is_quiet(trial: Trial) -> None:
        trial.made = trial.calls
        trial.none("alarms", 0)

    return mine

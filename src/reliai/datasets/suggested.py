"""Calls that the health of a dataset suggests, made into cases of it. Floor 5."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reliai.datasets.capture import Capture
from reliai.datasets.rules import uniform

if TYPE_CHECKING:
    from reliai.datasets.dataset import Dataset
    from reliai.datasets.health import Health
    from reliai.records.store import RecordStore

__all__ = ["add_suggested"]


def add_suggested(health: Health, dataset: Dataset, store: RecordStore, **settings: Any) -> int:
    """Make cases of calls that were suggested; commit afterwards.

    They are drawn at random, so each case has its chance with it.

    Args:
        health: what `Dataset.health` gave.
        dataset: to add them to.
        store: the same one; it must keep content.
        **settings: as of `Capture`, such as `scrub`, `only` or `seed`.

    Returns:
        How many calls were taken.

    Raises:
        DatasetError: when the store has no content.
    """
    added = 0
    for each in health.suggestions:
        capture = Capture(dataset, [uniform(1.0)], max_per_day=each.wanted, **settings)
        which = {"where": {f"tag:{each.slice}": each.value}}
        added += capture._read(store, each.since, which, by_day=False).handed_over  # noqa: SLF001
    return added

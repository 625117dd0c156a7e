"""Every incident of the catalogue: it hurts unguarded, is contained, and a healthy day is quiet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reliai.incidents import Incident, catalogue, run_incident
from reliai.incidents.page import section
from reliai.incidents.runner import CALLS
from tests.incidents.made import PAGE

if TYPE_CHECKING:
    from reliai.incidents import Report

INCIDENTS = catalogue()
QUICK = 2_000
# On a healthy day of these nothing fails and nothing gathers evidence that might one day be enough
# for a false alarm: a tenth of the day is like all of it, which `reliai replay` goes through. 15
# and 21 watch shares, as others do for a whole day (16, 24).
TENTH = {f"IR-{number:02}" for number in (4, 5, 6, 7, 8, 9, 11, 12, 14, 15, 21, 22, 28, 29, 30)}
IDS = [each.id for each in INCIDENTS]


def wrong(report: Report) -> list[str]:
    """What was not as it has to be."""
    return [
        f"{part.name}: {each.name}: {each.text} ({each.limit})"
        for part in report.parts
        for each in part.findings
        if not each.ok
    ] + [f"{part.name}: {part.error}" for part in report.parts if part.error is not None]


@pytest.mark.slow
@pytest.mark.parametrize("incident", INCIDENTS, ids=IDS)
def test_every_fact_is_what_it_has_to_be_and_what_the_page_says(incident: Incident) -> None:
    calls = CALLS // 10 if incident.id in TENTH else CALLS
    report = run_incident(incident, calls=calls)
    assert wrong(report) == []
    assert report.ok
    assert report.part("healthy").calls >= calls
    told = section(incident, report).replace(f" {calls:,} ", f" {CALLS:,} ")
    assert told in PAGE.read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("incident", INCIDENTS, ids=IDS)
def test_it_holds_with_other_chance_too(incident: Incident) -> None:
    report = run_incident(incident, seed=1, calls=QUICK)
    assert wrong(report) == []
    assert report.ok

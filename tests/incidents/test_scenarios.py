"""Every incident of the catalogue: it hurts unguarded, is contained, and a healthy day is quiet."""

from __future__ import annotations

import pytest

from reliai.incidents import PARTS, Incident, PartName, catalogue, run_incident, run_part

INCIDENTS = catalogue()
QUICK = 2_000
IDS = [each.id for each in INCIDENTS]


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("incident", INCIDENTS, ids=IDS)
def test_every_fact_is_what_it_has_to_be(incident: Incident, part: PartName) -> None:
    found = run_part(incident, part, calls=QUICK)
    assert found.error is None
    assert [f"{each.name}: {each.text}" for each in found.findings if not each.ok] == []
    assert found.findings
    assert found.calls >= (QUICK if part == "healthy" else 1)


@pytest.mark.slow
@pytest.mark.parametrize("incident", INCIDENTS, ids=IDS)
def test_a_hundred_thousand_healthy_calls_raise_no_alarm(incident: Incident) -> None:
    found = run_part(incident, "healthy", calls=100_000)
    assert found.error is None
    assert [f"{each.name}: {each.text}" for each in found.findings if not each.ok] == []


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("incident", INCIDENTS, ids=IDS)
def test_it_holds_with_other_chance_too(incident: Incident, seed: int) -> None:
    report = run_incident(incident, seed=seed, calls=QUICK)
    wrong = [
        f"{part.name}: {each.name}: {each.text} ({each.limit})"
        for part in report.parts
        for each in part.findings
        if not each.ok
    ]
    assert wrong == []
    assert report.ok

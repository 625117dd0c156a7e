"""The page of documentation has all incidents; what it says of each, `test_scenarios` compares."""

from __future__ import annotations

import re

import pytest

from reliai.cli.replay import QUICK
from reliai.incidents import Finding, Incident, Part, Report, catalogue
from reliai.incidents.page import page, table_of
from reliai.incidents.runner import CALLS
from tests.incidents.made import PAGE


@pytest.mark.parametrize("incident", catalogue(), ids=lambda each: each.id)
def test_the_page_says_what_the_incident_is(incident: object) -> None:
    text = PAGE.read_text(encoding="utf-8")
    for name in ("title", "evidence", "guard"):
        assert getattr(incident, name) in text


def test_everything_but_the_facts_is_on_the_page() -> None:
    start, end = page([], calls=CALLS, quick=QUICK).split("|  | incident")
    text = PAGE.read_text(encoding="utf-8")
    assert text.startswith(start)
    assert text.endswith(end[end.index("## Add an incident") :])


def test_its_sections_and_its_overview_are_of_the_incidents_there_are_in_their_order() -> None:
    text = PAGE.read_text(encoding="utf-8")
    ids = [each.id for each in catalogue() if each.id.startswith("IR-")]
    assert re.findall(r"^## (IR-\d+): ", text, re.MULTILINE) == ids
    assert re.findall(r"^\| \[(IR-\d+)\]", text, re.MULTILINE) == ids


@pytest.mark.parametrize("incident", catalogue(), ids=lambda each: each.id)
def test_the_overview_says_what_the_sections_say(incident: Incident) -> None:
    text = PAGE.read_text(encoding="utf-8")
    row = next(line for line in text.splitlines() if line.startswith(f"| [{incident.id}]"))
    told = text[text.index(f"\n## {incident.id}:") :].split("\n## ")[1]
    facts = [len(table.splitlines()) - 2 for table in told.split("\n\n") if table[0] == "|"]
    assert [int(number) for number in re.findall(r"of (\d+)\)", row)] == facts
    noticed = re.search(r"guarded; noticed: ([^|]*) \|", told)
    assert noticed is not None
    assert f"| {noticed[1]} |" in row
    assert "fails" not in row


def test_a_limit_that_was_not_kept_is_in_bold() -> None:
    part = Part("guarded", (Finding("waits", 9, "≤ 8 s", ok=False, unit="s"),), "1 s")
    assert table_of(part).splitlines() == [
        "| guarded; noticed: 1 s | measured | limit | met |",
        "| --- | --- | --- | --- |",
        "| waits | 9 s | ≤ 8 s | **no** |",
    ]


def test_an_overview_tells_what_fails() -> None:
    good, bad = (Finding("harm", 1, "≥ 1", ok=ok) for ok in (True, False))
    parts = Part("unguarded", (bad,)), Part("guarded", (good, bad)), Part("healthy", (good,))
    text = page([Report("IR-02", "brownout", parts)], calls=10, quick=1)
    assert "| **fails** (0 of 1) | **fails** (1 of 2) | quiet (1 of 1) |" in text

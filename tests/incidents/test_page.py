"""The page of documentation says what a replay measures."""

from __future__ import annotations

from pathlib import Path

import pytest

from reliai.cli.replay import QUICK
from reliai.incidents import Finding, Part, Report, catalogue, run_incident
from reliai.incidents.page import page, table_of
from reliai.incidents.runner import CALLS

PAGE = Path(__file__).parents[2] / "docs" / "incidents.md"


@pytest.mark.slow
def test_the_page_is_what_a_replay_measures_today() -> None:
    reports = [run_incident(each) for each in catalogue() if each.id.startswith("IR-")]
    assert PAGE.read_text(encoding="utf-8") == page(reports, calls=CALLS, quick=QUICK)


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

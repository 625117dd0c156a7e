"""The document of a rollout, as older and newer versions of reliai read and write it."""

from __future__ import annotations

import json

from reliai.rollout._book import Page, _told, core_of, digest_of, first_page, plan_of
from reliai.rollout.plan import Plan, Rule, Step
from reliai.rollout.status import replayed

RULE = Rule("f", "event", 1.5, 1.0, "hold")


def test_what_a_newer_reliai_wrote_is_read_and_kept() -> None:
    page = first_page(Plan((Step(0.1, 1.0, 1), Step(1.0, 1.0, 1)), ()), 5.0)
    raw = json.loads(page.dumped())
    raw["standing"]["novelty"] = raw["phases"][0]["novelty"] = raw["audit"][0]["novelty"] = 1
    raw["novelty"] = {"a": [1]}
    read = Page.loaded(json.dumps(raw).encode())
    assert (read.standing, read.phases, len(read.audit)) == (page.standing, page.phases, 1)
    assert json.loads(read.dumped())["novelty"] == {"a": [1]}


def test_settings_and_decisions_that_a_newer_reliai_wrote_are_read() -> None:
    page = first_page(Plan((Step(0.1, 1.0, 1), Step(1.0, 1.0, 1)), (RULE,)), 5.0)
    raw = json.loads(page.dumped())
    entry = raw["audit"][0]
    entry["action"] = "wait"
    entry["before"] = {**entry["after"], "novelty": 1}
    for part in (entry["plan"], entry["plan"]["steps"][0], entry["plan"]["rules"][0]):
        part["novelty"] = 1
    read = Page.loaded(json.dumps(raw).encode())
    assert plan_of(read) == plan_of(page)
    entry["counts"] = [{"share": 0.1, "calls": [0, 0], "units": [0, 0], "sums": {}}]
    assert replayed(Page.loaded(json.dumps(raw).encode()).audit[0]).decision is not None


def test_a_setting_at_its_default_is_in_no_digest() -> None:
    plan = Plan((Step(0.1, 1.0, 1), Step(1.0, 1.0, 1)), (RULE,))
    assert "mature" not in _told(plan)["rules"][0]
    assert "grace" not in _told(plan)
    assert digest_of(plan) != digest_of(plan._replace(grace=5.0))
    assert core_of(plan) == core_of(plan._replace(grace=5.0)) != core_of(plan._replace(alpha=0.1))

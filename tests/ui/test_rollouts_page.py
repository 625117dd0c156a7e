"""Rollouts in Chromium: where they stand, their evidence, and the buttons that operate them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai.evals import GateResult, Verdict
from reliai.rollout import Rollout, Step, failure_rate
from reliai.rollout.operating import Operated
from reliai.ui import create_app
from tests.integrations._web import served
from tests.ui._cookies import known_as
from tests.ui._plain import get
from tests.ui.conftest import TOKEN, left

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Page


def fine(text: str) -> str:
    return text


def broken(text: str) -> str:
    raise ValueError(text)


class Made:
    """A state that rollouts share, the page that shows it, and the application's rollouts."""

    def __init__(self, url: str, address: str, page: Page) -> None:
        self.url, self.address, self.page = url, address, page

    def begin(self, name: str, candidate: Callable[[str], str] = fine, **settings: Any) -> Rollout:
        """A rollout of the application with some calls; nothing decides by itself."""
        settings = {"steps": [0.5, 1.0], "dwell": 0, "min_calls": 5, **settings}
        rollout = Rollout(
            name,
            control=fine,
            candidate=candidate,
            state=self.url,
            background=False,
            guardrails=[failure_rate(max_ratio=1.5)],
            **settings,
        )
        rollout.sync()
        route = rollout.route()
        for number in range(120):
            with reliai.context(subject=f"user-{number}"):
                reliai.execute(route, "hello")
        rollout.sync()
        return rollout

    def show(self, name: str) -> Made:
        """Sign in, and look at a rollout."""
        known_as(self.page, self.address)
        self.page.goto(f"{self.address}/rollouts/one?name={name}")
        return self

    def press(self, key: str, why: str = "") -> None:
        """Press the key of an action, give a reason, and say yes."""
        self.page.keyboard.press(key)
        self.page.wait_for_url("**/rollouts/ask**")
        self.page.keyboard.type(why)
        self.page.keyboard.press("Enter")
        self.page.wait_for_url("**/rollouts/one**")

    @property
    def status(self) -> str:
        """What the page says of where it stands."""
        return self.page.locator("#standing .badge").first.inner_text()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    url = f"sqlite:///{tmp_path_factory.mktemp('state')}/state.db"
    with served(create_app(state=url, token=TOKEN)) as address:
        yield url, address


@pytest.fixture
def page(one_page: Page) -> Iterator[Page]:
    """The page of this module, as new for each test."""
    yield one_page
    left(one_page)


@pytest.fixture
def made(page: Page, shared: tuple[str, str]) -> Made:
    return Made(*shared, page)


def test_the_list_shows_each_rollout_and_leads_to_it_by_keyboard(made: Made) -> None:
    made.begin("listed", version="2/β")
    made.page.goto(f"{made.address}/rollouts")
    row = made.page.get_by_role("row").filter(has_text="listed").inner_text()
    assert "2/β" in row
    assert "1 of 2" in row
    assert "50 %" in row
    made.page.get_by_role("link", name="listed").focus()
    made.page.keyboard.press("Enter")
    made.page.wait_for_url("**/rollouts/one**")
    assert "version 2/β" in made.page.inner_text("main")


def test_hold_and_resume_reach_the_application_with_name_and_reason(made: Made) -> None:
    rollout = made.begin("held")
    made.show("held").press("h", "release freeze")
    assert made.status == "paused"
    assert rollout.status().status == "paused"
    entry = rollout.audit()[-1]
    assert (entry.action, entry.by, entry.why) == ("pause", "ana", "release freeze")
    made.press("r")
    assert rollout.status().status != "paused"


def test_kill_gives_every_call_of_the_application_the_control(made: Made) -> None:
    rollout = made.begin("killed")
    made.show("killed").press("x", "complaints")
    assert made.status == "killed"
    rollout.sync()
    assert {rollout.choose(f"user-{n}").name for n in range(50)} == {"control"}
    assert made.page.get_by_role("link", name="Hold").count() == 0


def test_rolled_back_is_for_good_and_says_by_whom(made: Made) -> None:
    made.begin("taken back")
    made.show("taken+back").press("b", "looks odd")
    assert made.status == "rolled back"
    row = made.page.locator("table").last.locator("tbody tr").first.inner_text()
    assert "rollback" in row
    assert "ana" in row
    assert "looks odd" in row


def test_a_step_is_approved_when_it_asks_for_it(made: Made) -> None:
    rollout = made.begin("asking", steps=[Step(0.3, approval=True), 0.6, 1.0])
    made.show("asking")
    if made.status != "awaiting approval":  # the controller decides once a second
        made.page.wait_for_timeout(1000)
        rollout.sync()
        made.page.reload()
    assert made.status == "awaiting approval"
    made.press("a")
    assert [entry.action for entry in rollout.audit()][-1] == "approve"


def test_to_advance_in_spite_of_what_is_missing_needs_a_reason(made: Made) -> None:
    rollout = made.begin("pushed", steps=[0.1, 0.5, 1.0], min_calls=10_000)
    made.show("pushed")
    made.page.keyboard.press("v")
    made.page.wait_for_url("**/rollouts/ask**")
    assert "Still missing" in made.page.inner_text("main")
    made.page.keyboard.press("Enter")  # the field is required: nothing is sent
    assert rollout.status().step == 1
    made.page.keyboard.type("tested by hand")
    made.page.keyboard.press("Enter")
    made.page.wait_for_url("**/rollouts/one**")
    assert rollout.status().step == 2


def test_of_two_who_go_on_from_one_step_the_second_is_told(made: Made) -> None:
    made.begin("contested", steps=[0.1, 0.5, 1.0], min_calls=10_000)
    made.show("contested")
    made.page.keyboard.press("v")
    made.page.wait_for_url("**/rollouts/ask**")
    Operated(made.url, "contested").advance(1, by="ben", why="first")
    made.page.keyboard.type("second")
    made.page.keyboard.press("Enter")
    made.page.wait_for_selector("[role=alert]")
    assert "step 1 of contested is not under way" in made.page.get_by_role("alert").inner_text()
    assert Operated(made.url, "contested").status().step == 2


def test_evidence_of_harm_is_shown_as_it_was_counted_and_made_again(made: Made) -> None:
    rollout = made.begin("harmful", broken)
    made.page.wait_for_timeout(1100)  # the controller decides once a second
    rollout.sync()
    made.show("harmful")
    assert made.status == "rolled back"
    finding = rollout.status().findings[0]
    row = made.page.get_by_role("row").filter(has_text="failure_rate").inner_text()
    assert "100.00 %" in row
    assert f"{finding.harm:.4g}" in row
    made.page.locator("table").last.locator("tbody th a").first.click()
    made.page.wait_for_url("**/rollouts/entry**")
    said = made.page.inner_text("main")
    assert "the decision is the same" in said
    assert f"{rollout.status().harm:.5g}" in said


def test_what_its_gate_refused_says_so_before_its_first_step(made: Made, tmp_path: Path) -> None:
    verdict = GateResult(gate="exact >= .9", verdict=Verdict.FAIL, rules=(), n=10)
    (tmp_path / "gate.json").write_text(json.dumps(verdict.to_dict()))
    rollout = made.begin("refused", gate=str(tmp_path / "gate.json"))
    made.page.wait_for_timeout(1100)  # the controller decides once a second
    rollout.sync()
    made.show("refused")
    assert made.status == "draft"
    said = made.page.inner_text("#standing")
    assert "before its first step" in said
    assert "its gate to pass; it says FAIL" in said
    for entry in rollout.audit():
        path = f"/rollouts/entry?name=refused&number={entry.number}"
        assert get(f"{made.address}{path}").status == 200
    made.press("v", "tested by hand")
    assert rollout.status().step == 1


def test_the_page_is_renewed_while_somebody_looks_at_it(made: Made) -> None:
    made.begin("watched")
    made.show("watched")
    Operated(made.url, "watched").kill(by="ben")
    made.page.locator("#standing .badge").filter(has_text="killed").first.wait_for()
    assert made.status == "killed"


def test_who_is_not_signed_in_sees_no_buttons_and_changes_nothing(made: Made) -> None:
    rollout = made.begin("looked at")
    made.page.goto(f"{made.address}/rollouts/one?name=looked+at")
    assert made.page.get_by_role("link", name="Kill").count() == 0
    form: dict[str, str | float | bool] = {
        "action": "kill",
        "name": "looked at",
        "version": "1",
        "step": "1",
    }
    answer = made.page.request.post(f"{made.address}/rollouts/act", form=form)
    assert answer.status == 403
    assert rollout.status().status != "killed"


def test_without_a_state_or_with_a_name_that_is_none_it_says_so(made: Made, tmp_path: Path) -> None:
    assert get(f"{made.address}/rollouts/one?name=nothing").status == 404
    assert get(f"{made.address}/rollouts/ask?name=nothing&action=kill").status == 404
    made.begin("something")
    number = "9" * 5000
    assert get(f"{made.address}/rollouts/entry?name=something&number={number}").status == 404
    assert get(f"{made.address}/rollouts/entry?name=something&number=77").status == 409
    with served(create_app(runs=tmp_path)) as address:
        assert "There is no shared state." in get(f"{address}/rollouts").text
        assert get(f"{address}/rollouts/one?name=nothing").status == 404

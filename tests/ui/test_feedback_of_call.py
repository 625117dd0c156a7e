"""What somebody says of a call on its page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai import feedback
from reliai.records import RecordStore
from reliai.ui import create_app
from tests.integrations._web import served
from tests.ui._cookies import known_as
from tests.ui._reviewing import answered
from tests.ui.conftest import TOKEN, left

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RecordStore]:
    store = RecordStore(f"sqlite:///{tmp_path_factory.mktemp('said')}/r.db", content="full")
    yield store
    store.close()


@pytest.fixture(scope="module")
def address(kept: RecordStore) -> Iterator[str]:
    with served(create_app(store=kept, token=TOKEN)) as address:
        yield address


class Call:
    """The page of a call."""

    def __init__(self, page: Page, address: str, store: RecordStore, output: Any) -> None:
        self.page, self.address, self.store = page, address, store
        (self.id,) = answered(output)

    def show(self) -> Call:
        known_as(self.page, self.address)
        self.page.goto(f"{self.address}/calls/{self.id}")
        return self

    def sent(self, *keys: str) -> None:
        """Press keys that send a form, and wait for the page after it."""
        with self.page.expect_navigation():
            for key in keys:
                self.page.keyboard.press(key)

    @property
    def said(self) -> list[tuple[str, Any, str | None]]:
        found = self.store.feedback.current(self.id)
        return [(one.name, one.value, one.by) for one in found]


@pytest.fixture
def page(one_page: Page) -> Iterator[Page]:
    """The page of this module, as new for each test."""
    yield one_page
    left(one_page)


@pytest.fixture
def call(page: Page, address: str, kept: RecordStore) -> Call:
    reliai.configure(observers=[], records=kept)
    return Call(page, address, kept, "You have 30 days.")


def test_what_others_said_does_not_stand_in_ones_own_form(call: Call) -> None:
    feedback.record(call.id, "thumbs", 1, by="ben")
    feedback.correct(call.id, output="Ben's words", by="ben")
    assert call.store.flush(10)
    page = call.show().page
    assert "Ben's words" in page.inner_text("main")
    assert page.input_value("[name=output]") == "You have 30 days."
    assert page.locator("[aria-pressed=true]").count() == 0


def test_thumbs_are_given_with_a_key_and_changed_with_another(call: Call) -> None:
    call.show().sent("y")
    assert call.said == [("thumbs", 1, "ana")]
    call.sent("n")
    assert call.said == [("thumbs", 0, "ana")]
    assert call.page.get_by_role("button", name="Bad").get_attribute("aria-pressed") == "true"


def test_anything_else_is_said_by_name_value_and_comment(call: Call) -> None:
    call.show().page.keyboard.press("m")
    call.page.get_by_label("What is judged").fill("tone")
    call.page.get_by_label("Value").fill("4.5")
    call.page.get_by_label("Comment").fill("a bit stiff")
    call.sent("Enter")
    (one,) = call.store.feedback.current(call.id)
    assert (one.name, one.value, one.by, one.comment) == ("tone", 4.5, "ana", "a bit stiff")


def test_the_output_is_corrected_and_the_correction_taken_back(call: Call) -> None:
    call.show().page.keyboard.press("e")
    call.page.get_by_label("What the output should have been").fill("You have 14 days.")
    with call.page.expect_navigation():
        call.page.get_by_role("button", name="Correct").click()
    assert call.said == [("correction", "You have 14 days.", "ana")]
    with call.page.expect_navigation():
        call.page.get_by_role("button", name="Take back").click()
    assert call.said == []
    assert "What was said before: 2" in call.page.inner_text("main")


def test_what_others_said_is_shown_and_not_theirs_to_take_back(call: Call) -> None:
    feedback.record(call.id, "thumbs", 0, by="u7", comment="<b>no</b>", durable=True)
    call.show()
    assert "<b>no</b>" in call.page.inner_text("main")
    assert call.page.get_by_role("button", name="Take back").count() == 0


def test_who_is_not_signed_in_says_nothing(call: Call) -> None:
    call.page.goto(f"{call.address}/calls/{call.id}")
    assert call.page.get_by_role("button", name="Good").count() == 0
    form: dict[str, str | float | bool] = {"call": call.id, "name": "thumbs", "value": "1"}
    assert call.page.request.post(f"{call.address}/feedback/value", form=form).status == 403
    assert call.said == []

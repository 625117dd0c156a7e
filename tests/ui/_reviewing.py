"""A store with calls to review, and what a reviewer sees of it in a browser."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import reliai
from reliai.feedback import ReviewQueue
from tests.ui._cookies import known_as

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from reliai.records import RecordStore

__all__ = ["Desk", "answered"]


def answered(*outputs: Any) -> list[str]:
    """Calls that gave these outputs, the first one first; their ids."""

    @reliai.reliable(name="answer")
    def answer(prompt: str, give: Any) -> Any:
        del prompt
        return give

    return [
        str(reliai.execute(answer, f"question {number}", give=output).call_id)
        for number, output in enumerate(outputs)
    ]


@dataclass
class Desk:
    """Somebody who reviews in a browser.

    Attributes:
        page: that they look at.
        address: of the server.
        store: where the calls are.
        name: of the queue, one of this desk's own.
    """

    page: Page
    address: str
    store: RecordStore
    name: str

    def fill(self, *outputs: Any, **settings: Any) -> list[str]:
        """Have a queue of calls with these outputs, in this order; their ids."""
        settings.setdefault("labels", ("right", "wrong", "unsafe"))
        ids = answered(*outputs)
        ReviewQueue(self.name, store=self.store, **settings).add(*ids)
        return ids

    @property
    def queue(self) -> ReviewQueue:
        """The queue, as others open it."""
        return ReviewQueue.open(self.name, store=self.store)

    @property
    def path(self) -> str:
        """The address of the queue's page."""
        return f"{self.address}/reviews/queue/{quote(self.name, safe='')}"

    def said(self, call_id: str, by: str = "ana") -> dict[str, Any]:
        """What somebody says of a call now: "label", and others by name."""
        found = self.store.feedback.current(call_id, by=by)
        return {one.name.replace(self.name, "label"): one.value for one in found}

    def beside(self, page: Page) -> Desk:
        """Another browser at the same queue."""
        return Desk(page, self.address, self.store, self.name)

    def sit_down(self, reviewer: str = "ana") -> Desk:
        """Come with the cookie of somebody who signed in, and take the first call."""
        known_as(self.page, self.address, reviewer)
        self.page.goto(self.path)
        if self.call is None:
            self.page.get_by_role("button", name="Take a call").click()
        self.page.wait_for_selector("[data-review]")
        return self

    @property
    def call(self) -> str | None:
        """The call that is shown; None for none."""
        shown = self.page.locator("[data-review]")
        return shown.get_attribute("data-review") if shown.count() else None

    def press(self, *keys: str) -> None:
        """Press keys."""
        for key in keys:
            self.page.keyboard.press(key)

    def press_on(self, *keys: str) -> None:
        """Press keys that lead to another call, or to the end, and wait for it."""
        before = self.call
        self.press(*keys)
        shown = "document.querySelector('[data-review]')?.dataset.review ?? null"
        self.page.wait_for_function(f"before => ({shown}) !== before", arg=before)

    @property
    def alarm(self) -> str:
        """What is said to be wrong."""
        return self.page.get_by_role("alert").inner_text()

"""A browser that has signed in already: the form has tests of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reliai.ui._sessions import Sessions
from tests.ui.conftest import TOKEN

if TYPE_CHECKING:
    from playwright.sync_api import Page

__all__ = ["known_as"]


def known_as(page: Page, address: str, name: str = "ana") -> None:
    """Give a browser the cookie that signing in gives."""
    sessions = Sessions(TOKEN)
    page.context.add_cookies(
        [{"name": sessions.cookie, "value": sessions.begun(name), "url": address}]
    )

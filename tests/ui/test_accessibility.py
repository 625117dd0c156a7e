"""Every page, light and dark, wide and narrow: names, headings, contrast, and the keyboard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from reliai.monitoring import Monitor
from tests.ui._accessibility import problems
from tests.ui.conftest import TOKEN, opened, sign_in

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playwright.sync_api import Browser, Page

    from reliai.records import RecordStore


@pytest.fixture
def paths(store: RecordStore) -> list[str]:
    """A path of each kind of page."""
    calls = store.calls(limit=None)
    one = {(call.name, call.status, len(call.attempts) > 1): call.id for call in calls}
    same = ["/", "/sign-in", "/calls", "/calls?since=never", "/monitor", "/nope"]
    return [*same, *(f"/calls/{each}" for each in one.values())]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_stands_in_the_way(
    browser: Browser,
    serve: Callable[..., str],
    store: RecordStore,
    paths: list[str],
    scheme: Any,
) -> None:
    address = serve(store=store, token=TOKEN)
    found: dict[str, list[str]] = {}
    with opened(browser, color_scheme=scheme) as page:
        for path in paths:
            page.goto(address + path)
            for width in (1280, 390):
                page.set_viewport_size({"width": width, "height": 900})
                found |= {f"{path} at {width}": wrong} if (wrong := problems(page)) else {}
    assert not found


def test_nothing_stands_in_the_way_where_nothing_is_configured(
    page: Page, serve: Callable[..., str], tmp_path: Path
) -> None:
    address = serve(datasets=tmp_path / "datasets", runs=tmp_path / "runs")
    for path in "/ /calls /monitor /datasets /experiments /reviews /rollouts /sign-in".split():
        page.goto(address + path)
        assert not problems(page), path


def test_nothing_stands_in_the_way_on_the_page_of_a_live_monitor(
    page: Page, serve: Callable[..., str], store: RecordStore
) -> None:
    monitor = Monitor(alerts=[])
    for call in reversed(store.calls(limit=None)):
        monitor.on_end(call)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    page.goto(serve(monitor=monitor) + "/monitor")
    assert not problems(page)


def test_the_first_tab_stop_skips_to_the_content(page: Page, serve: Callable[..., str]) -> None:
    page.goto(serve())
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to content"
    assert page.locator(".skip").bounding_box()["x"] >= 0  # type: ignore[index]  # pyright: ignore[reportOptionalSubscript]
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def test_all_that_can_be_reached_with_tab_shows_that_it_is(
    page: Page, serve: Callable[..., str], store: RecordStore
) -> None:
    page.goto(serve(store=store, token=TOKEN) + "/calls")
    for _ in range(18):
        page.keyboard.press("Tab")
        style = page.evaluate(
            "(({ outlineStyle, outlineWidth }) => [outlineStyle, parseFloat(outlineWidth)])"
            "(getComputedStyle(document.activeElement))"
        )
        assert style[0] != "none"
        assert style[1] >= 2


def test_all_of_the_pages_can_be_read_without_a_script(
    browser: Browser, serve: Callable[..., str], store: RecordStore
) -> None:
    address = serve(store=store)
    with opened(browser, java_script_enabled=False) as page:
        page.goto(f"{address}/calls")
        page.get_by_label("Status").select_option("degraded")
        page.get_by_role("button", name="Show").click()
        page.locator("tbody a").first.click()
        assert page.locator("h1").inner_text() == "answer"
        assert page.get_by_role("heading", name="Attempts").is_visible()
        assert page.locator("[data-shortcuts]").is_hidden()


def test_signing_in_and_out_needs_no_mouse(page: Page, serve: Callable[..., str]) -> None:
    address = serve(token=TOKEN)
    page.goto(f"{address}/sign-in")
    page.get_by_label("Your name").press_sequentially("ana")
    page.keyboard.press("Tab")
    page.keyboard.type(TOKEN)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{address}/")
    assert page.locator(".who").inner_text().startswith("ana")
    page.get_by_role("button", name="Sign out").focus()
    page.keyboard.press("Enter")
    page.get_by_text("Read-only").wait_for()


def test_keys_lead_from_page_to_page_and_through_rows(
    page: Page, serve: Callable[..., str], store: RecordStore
) -> None:
    address = serve(store=store)
    page.goto(address)
    page.keyboard.press("g")
    page.keyboard.press("c")
    page.wait_for_url(f"{address}/calls")
    for key in "jjk":
        page.keyboard.press(key)
    first = page.locator("tbody a").first
    assert first.evaluate("element => element === document.activeElement")
    page.keyboard.press("n")
    page.wait_for_url("**/calls?page=*")
    page.keyboard.press("p")
    page.wait_for_url("**/calls?page=*2B*")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="What happened").wait_for()


def test_keys_are_letters_while_one_writes_and_can_be_turned_off(
    page: Page, serve: Callable[..., str], store: RecordStore
) -> None:
    page.goto(f"{serve(store=store)}/calls")
    page.keyboard.press("f")
    field = page.get_by_label("Function")
    page.keyboard.type("jn?")
    assert field.input_value() == "jn?"
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keyboard shortcuts")
    assert "Older" in dialog.inner_text()
    assert not problems(page)
    dialog.get_by_label("Shortcuts of one letter").uncheck()
    dialog.get_by_role("button", name="Close").click()
    page.keyboard.press("j")
    assert page.evaluate("document.activeElement.tagName") != "A"


def test_who_is_signed_in_is_said_on_every_page(
    page: Page, serve: Callable[..., str], store: RecordStore
) -> None:
    address = serve(store=store, token=TOKEN)
    sign_in(page, address, name="Ana <b>")
    page.goto(f"{address}/monitor")
    assert page.locator(".who span").inner_text() == "Ana <b>"
    assert not problems(page)

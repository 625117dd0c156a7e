"""A real server, a real browser, and stores with something in them."""

from __future__ import annotations

import shutil
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import sync_playwright

from reliai.ui import create_app
from tests.integrations._web import served
from tests.servers import missing
from tests.ui._calls import filled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page, Playwright

    from reliai.records import RecordStore

TOKEN = "a token of the tests, long enough"  # noqa: S105  of the tests
_ARGUMENTS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-sync "
    "--disable-background-networking --disable-component-update --disable-dev-shm-usage"
)


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    """What drives browsers; one for a module, as it keeps an event loop in this thread."""
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="module")
def browser(playwright: Playwright) -> Iterator[Browser]:
    """Chromium."""
    with launched(playwright) as browser:
        yield browser


def launched(playwright: Playwright, *arguments: str) -> Browser:
    """Debian's Chromium, with further arguments."""
    program = shutil.which("chromium")
    if program is None:
        missing("there is no chromium on the PATH; Debian has it in the package of that name")
    return playwright.chromium.launch(
        executable_path=program, args=[*_ARGUMENTS.split(), *arguments]
    )


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of a visitor who was never here; the test fails when its console tells of an error."""
    with opened(browser) as page:
        yield page


@pytest.fixture(scope="module")
def one_page(browser: Browser) -> Iterator[Page]:
    """One page for all tests of a module: a new one takes longer than most of them."""
    with opened(browser) as page:
        yield page


def left(page: Page) -> None:
    """Have a page as new for the next test."""
    page.unroute_all()
    page.context.clear_cookies()
    if page.url.startswith("http"):
        page.evaluate("() => { localStorage.clear(); sessionStorage.clear(); }")
    page.goto("about:blank")


@contextmanager
def opened(browser: Browser, **options: Any) -> Iterator[Page]:
    """A page with options of Playwright's such as `color_scheme` and `java_script_enabled`."""
    with browser.new_context(**options) as context:
        page = context.new_page()
        page.set_default_timeout(15_000)
        said: list[str] = []
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on(
            "console",
            lambda line: said.append(line.text) if "Content Security" in line.text else None,
        )
        yield page
        assert not said


@pytest.fixture
def serve() -> Iterator[Callable[..., str]]:
    """Serve the web page with these arguments of `create_app`; gives its address."""
    with ExitStack() as stack:
        yield lambda **given: stack.enter_context(served(create_app(**given)))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RecordStore]:
    """A store with calls of all kinds in it, made once for a module: only read it."""
    path: Path = tmp_path_factory.mktemp("store") / "calls.db"
    with filled(path) as store:
        yield store


def sign_in(page: Page, address: str, name: str = "ana") -> None:
    """Sign in with the token; ends on the first page."""
    page.goto(f"{address}/sign-in")
    page.get_by_label("Your name").fill(name)
    page.get_by_label("Token").fill(TOKEN)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{address}/")

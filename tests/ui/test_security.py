"""Who may ask, who may change something, and that what a model says is never run."""

from __future__ import annotations

import asyncio
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

import reliai.ui
from reliai.errors import ConfigurationError
from reliai.testing import virtual_clock
from reliai.ui import create_app
from reliai.ui._gate import host_of
from reliai.ui._sessions import LIFETIME, Sessions
from reliai.ui.pages.sign_in import local
from reliai.ui.rendering import environment
from tests.ui.conftest import TOKEN, launched, sign_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page, Playwright

    from reliai.records import RecordStore

BASE = "http://localhost"


def client(**given: Any) -> TestClient:
    return TestClient(create_app(**given), base_url=BASE, follow_redirects=False)


@pytest.fixture
def signed_in() -> TestClient:
    """Somebody who signed in."""
    made = client(token=TOKEN)
    answer = made.post("/sign-in", data={"name": "ana", "token": TOKEN})
    assert answer.status_code == 303
    return made


def csrf_of(made: TestClient) -> str:
    found = re.search(r'name="csrf" value="(\w+)"', made.get("/").text)
    assert found
    return found[1]


# --- who may ask ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    ["evil.test", "evil.test:80", "localhost.evil.test", "127.0.0.1.evil.test", "", "10.0.0.1",
     "localhost@evil.test", "evil.test#localhost", "[::2]", "[::1", "127.0.0.2",
     "evil@localhost", "localhost/sign-in?", "localhost#", "localhost:80:80", "localhost:a",
     "[.:.]"],
)  # fmt: skip
def test_another_host_name_is_answered_with_nothing_of_ours(host: str) -> None:
    answer = client().get("/", headers={"host": host})
    assert answer.status_code == 421
    assert "reliai" not in answer.text


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:7070", "127.0.0.1:80", "[::1]:8", "LOCALHOST", "localhost."]
)
def test_the_names_of_this_machine_are_answered(host: str) -> None:
    assert client().get("/", headers={"host": host}).status_code == 200


def test_a_further_name_is_answered_where_it_was_given() -> None:
    assert client(hosts=["ui.team.test"]).get("/", headers={"host": "ui.team.test"}).is_success


def test_a_host_header_is_read_without_its_port() -> None:
    assert [host_of(each) for each in ("a:1", "[::1]:2", "", "[", "a@b:1")] == [
        "a", "::1", "", "", ""
    ]  # fmt: skip


def test_a_page_whose_name_is_bound_anew_to_this_machine_learns_nothing(
    playwright: Playwright, serve: Callable[..., str], store: RecordStore
) -> None:
    port = serve(store=store).rpartition(":")[2]
    rebound = "--host-resolver-rules=MAP evil.test 127.0.0.1"
    with launched(playwright, rebound) as browser:
        page = browser.new_page()
        answer = page.goto(f"http://evil.test:{port}/calls")
        assert answer is not None
        assert answer.status == 421
        assert "answer" not in page.content()


# --- who may change something -------------------------------------------------------------------


def test_without_a_token_nothing_can_be_changed() -> None:
    made = client()
    assert made.post("/sign-in", data={"name": "ana", "token": ""}).status_code == 403
    assert made.post("/sign-out").status_code == 403
    assert "read-only" in made.get("/sign-in").text


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_no_request_that_may_change_something_passes_without_signing_in(method: str) -> None:
    made = client(token=TOKEN)
    answer = made.request(method, "/sign-out", data={"csrf": "x"})
    assert answer.status_code == 403


@pytest.mark.parametrize("token", ["", "wrong", TOKEN[:-1], TOKEN + "x", "\ud800", "ä" * 40])
def test_a_wrong_token_does_not_sign_in(token: str) -> None:
    made = client(token=TOKEN)
    data = {"name": "ana", "token": token.encode(errors="replace").decode()}
    answer = made.post("/sign-in", data=data)
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers
    assert token not in answer.text or not token


@pytest.mark.parametrize("name", ["", "  ", "a" * 101, "a\nb", "\u202eana", "\x00"])
def test_nobody_signs_in_under_a_name_that_cannot_be_read(name: str) -> None:
    answer = client(token=TOKEN).post("/sign-in", data={"name": name, "token": TOKEN})
    assert answer.status_code == 403


def test_a_form_without_the_proof_of_its_page_is_refused(signed_in: TestClient) -> None:
    assert signed_in.post("/sign-out").status_code == 403
    assert signed_in.post("/sign-out", data={"csrf": "0" * 64}).status_code == 403
    assert signed_in.post("/sign-out", data={"csrf": "ä"}).status_code == 403
    assert signed_in.post("/sign-out", data={"csrf": csrf_of(signed_in)}).status_code == 303


def test_a_page_that_forgets_to_look_for_the_proof_is_not_reached_without_it() -> None:
    app = create_app(token=TOKEN)
    app.router.routes.append(Route("/bare", lambda _: PlainTextResponse("done"), methods=["POST"]))
    made = TestClient(app, base_url=BASE, follow_redirects=False)
    made.post("/sign-in", data={"name": "ana", "token": TOKEN})
    assert made.post("/bare", data={"csrf": "another"}).status_code == 403
    assert made.post("/bare", data={"csrf": csrf_of(made)}).text == "done"


def test_the_proof_of_another_session_is_refused(signed_in: TestClient) -> None:
    other = client(token=TOKEN)
    other.post("/sign-in", data={"name": "ana", "token": TOKEN})
    assert csrf_of(other) != csrf_of(signed_in)
    assert signed_in.post("/sign-out", data={"csrf": csrf_of(other)}).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.test"},
        {"origin": "http://localhost:1"},
        {"origin": "null"},
        {"origin": ""},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_a_form_of_another_site_is_refused_even_with_the_proof(
    signed_in: TestClient, headers: dict[str, str]
) -> None:
    data = {"csrf": csrf_of(signed_in)}
    assert signed_in.post("/sign-out", data=data, headers=headers).status_code == 403


def test_another_site_cannot_sign_a_browser_in() -> None:
    data = {"name": "eve", "token": TOKEN}
    answer = client(token=TOKEN).post("/sign-in", data=data, headers={"origin": "http://evil.test"})
    assert answer.status_code == 403


@pytest.mark.parametrize("kind", ["text/plain", "application/json", "multipart/form-data", ""])
def test_what_is_no_form_is_refused(signed_in: TestClient, kind: str) -> None:
    body = f"csrf={csrf_of(signed_in)}"
    answer = signed_in.post("/sign-out", content=body, headers={"content-type": kind})
    assert answer.status_code == 403


@pytest.mark.parametrize("origin", ["http://[", "http://evil.test", "null", "localhost", ""])
def test_a_form_with_another_origin_is_refused(signed_in: TestClient, origin: str) -> None:
    data = {"csrf": csrf_of(signed_in)}
    assert signed_in.post("/sign-out", data=data, headers={"origin": origin}).status_code == 403


def test_a_form_of_very_many_fields_is_refused(signed_in: TestClient) -> None:
    body = f"csrf={csrf_of(signed_in)}" + 200 * "&a=b"
    kind = {"content-type": "application/x-www-form-urlencoded"}
    assert signed_in.post("/sign-out", content=body, headers=kind).status_code == 403


def test_what_somebody_sends_who_may_not_is_not_even_read() -> None:
    app: Any = create_app(token=TOKEN)
    sent = list[Any]()

    async def receive() -> Any:
        raise AssertionError("it was read")

    async def send(message: Any) -> None:
        sent.append(message)

    kind = b"application/x-www-form-urlencoded"
    headers = [(b"host", b"localhost"), (b"content-type", kind)]
    scope = {
        "type": "http", "method": "POST", "path": "/feedback/value", "scheme": "http",
        "query_string": b"", "headers": headers, "root_path": "", "server": None,
    }  # fmt: skip
    with ThreadPoolExecutor(1) as elsewhere:  # a browser's loop runs in this thread
        elsewhere.submit(asyncio.run, app(scope, receive, send)).result()
    assert sent[0]["status"] == 403


def test_a_form_too_large_is_refused(signed_in: TestClient) -> None:
    answer = signed_in.post("/sign-out", data={"csrf": csrf_of(signed_in), "x": "y" * (1 << 20)})
    assert answer.status_code == 403
    assert "1 MB" in answer.text


def test_the_cookie_is_kept_from_scripts_and_other_sites() -> None:
    made = client(token=TOKEN)
    cookie = made.post("/sign-in", data={"name": "a", "token": TOKEN}).headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert TOKEN not in cookie
    behind = TestClient(create_app(token=TOKEN), base_url="https://localhost")
    answer = behind.post("/sign-in", data={"name": "a", "token": TOKEN}, follow_redirects=False)
    assert "Secure" in answer.headers["set-cookie"]


def test_a_cookie_that_was_changed_or_made_elsewhere_is_none() -> None:
    sessions, others = Sessions(TOKEN), Sessions(TOKEN + "x")
    good = sessions.begun("ana")
    assert sessions.read(good) == (sessions.read(good))
    said, _, signature = good.rpartition(".")
    changed = [said, f"{said}.", f"{said}.{'0' * 64}", f"x{good}", f"{said}x.{signature}", "", "…"]
    assert [sessions.read(each) for each in (*changed, others.begun("ana"), None)] == [None] * 9


def test_a_name_comes_back_from_the_cookie_as_it_was() -> None:
    sessions = Sessions(TOKEN)
    names = ["ana", "Ana <b>", "鈴木", "a.b.c", "🎉"]
    assert [sessions.read(sessions.begun(name)).visitor for name in names] == names  # type: ignore[union-attr]  # pyright: ignore[reportOptionalMemberAccess]


def test_a_session_ends_by_itself() -> None:
    sessions = Sessions(TOKEN)
    with virtual_clock() as clock:
        cookie = sessions.begun("ana")
        clock.advance(LIFETIME - 1)
        assert sessions.read(cookie)
        clock.advance(1)
        assert sessions.read(cookie) is None


def test_a_private_page_shows_nothing_before_signing_in(store: RecordStore) -> None:
    made = client(store=store, token=TOKEN, private=True)
    answer = made.get("/calls")
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?next=/calls")
    assert made.get("/sign-in").status_code == 200
    assert made.get("/static/style.css").status_code == 200
    made.post("/sign-in", data={"name": "ana", "token": TOKEN})
    assert made.get("/calls").status_code == 200


def test_settings_that_would_let_anybody_in_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="16"):
        create_app(token="short")  # noqa: S106  that is the point
    with pytest.raises(ConfigurationError, match="token"):
        create_app(private=True)


@pytest.mark.parametrize(
    "path",
    ["//evil.test", "https://evil.test", "/\\evil.test", "\\/evil.test", "", "calls", None, 3,
     "/a\nb", "javascript:alert(1)", "/\t/evil.test"],
)  # fmt: skip
def test_signing_in_leads_to_no_other_site(path: object) -> None:
    assert local(path) == "/"


def test_signing_in_leads_to_where_one_was() -> None:
    assert local("/calls?status=error&page=-1") == "/calls?status=error&page=-1"


@pytest.fixture
def elsewhere() -> Iterator[Callable[[str], str]]:
    """Serve a page of another site (another port of this machine); gives its address."""
    pages: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(pages[-1])

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the same
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()

        def show(text: str) -> str:
            pages.append(text.encode())
            return f"http://127.0.0.1:{server.server_port}/"

        yield show
        server.shutdown()
        thread.join()


@pytest.fixture
def plain_page(browser: Browser) -> Iterator[Page]:
    """A page that may try what is forbidden."""
    with browser.new_context() as context:
        yield context.new_page()


def test_a_page_of_another_site_can_neither_send_forms_nor_frame_nor_read(
    plain_page: Page, serve: Callable[..., str], elsewhere: Callable[[str], str]
) -> None:
    page, address = plain_page, serve(token=TOKEN)
    sign_in(page, address)
    reading = (
        f"fetch('{address}/', {{credentials: 'include'}}).then(answer => answer.text())"
        ".then(text => document.title = text, () => document.title = 'kept')"
    )
    page.goto(
        elsewhere(
            f"<form method=post action={address}/sign-out><button>win</button></form>"
            f"<iframe src={address}/></iframe><script>{reading}</script>"
        )
    )
    page.wait_for_function("document.title === 'kept'")
    assert page.frames[1].content().count("Overview") == 0
    page.get_by_role("button", name="win").click()
    page.get_by_text("The form came from another site.").wait_for()
    page.goto(address)
    assert page.locator(".who").inner_text().startswith("ana")


# --- what is sent along ---------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/nope", "/static/style.css", "/static/nope", "/sign-in"])
def test_every_answer_forbids_what_is_not_of_this_server(path: str) -> None:
    headers = client().get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"


def test_only_files_of_a_version_are_kept_by_browsers() -> None:
    made = client()
    style = re.search(r'href="(/static/style\.css\?v=\w+)"', made.get("/").text)
    assert style
    assert "immutable" in made.get(style[1]).headers["cache-control"]
    assert made.get("/static/nope.css?v=1").headers["cache-control"] == "no-store"
    assert made.get("/?v=1").headers["cache-control"] == "no-store"


def test_a_page_that_fails_says_nothing_of_why(
    caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    (tmp_path / "snapshot.json").write_text('{"calls": {"a": "secret"}}')
    answer = client(monitor=str(tmp_path / "snapshot.json")).get("/monitor")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text
    assert "content-security-policy" in answer.headers
    assert "the page /monitor failed" in caplog.text


def test_no_template_has_a_script_or_a_style_of_its_own_or_leaves_anything_unescaped() -> None:
    loader = environment().loader
    assert loader
    for name in loader.list_templates():
        text = loader.get_source(environment(), name)[0]
        assert not re.search(r"\|\s*safe|autoescape|Markup", text), name
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|javascript:", text), name
        assert not re.search(r"<[^>{%]*\s(style|on\w+)=", text), name
        assert not re.search(r"<[^>{%]*\s[\w-]+=\{\{", text), f"{name}: no quotes"
    assert environment().autoescape is True


def test_nothing_is_loaded_from_anywhere_else() -> None:
    folder = reliai.ui.__path__[0]
    for name in ("style.css", "script.js"):
        with open(f"{folder}/static/{name}", encoding="utf-8") as file:  # noqa: PTH123  short
            assert not re.search(r"https?://|@import|url\(|innerHTML|eval\(", file.read()), name

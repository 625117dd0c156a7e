"""Calls in the browser: found, paged through, explained, and never run."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

import pytest
from starlette.testclient import TestClient

import reliai
from reliai.errors import ConfigurationError
from reliai.records import RecordStore
from reliai.testing import virtual_clock
from reliai.ui import create_app
from reliai.ui._asking import condition_of, page_of, seconds_of
from reliai.ui.explaining import explained
from tests.ui._calls import HOSTILE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playwright.sync_api import Page

BASE = "http://localhost"


@pytest.fixture(scope="module")
def client(store: RecordStore) -> TestClient:
    return TestClient(create_app(store=store), base_url=BASE)


def rows(client: TestClient, query: str) -> int:
    answer = client.get(f"/calls?{query}")
    assert answer.status_code == 200
    return answer.text.count("<th scope=row") or answer.text.count('<th scope="row"')


# --- finding ----------------------------------------------------------------------------------


def test_calls_are_found_by_what_they_are(client: TestClient, store: RecordStore) -> None:
    assert rows(client, "status=rejected") == 1
    assert rows(client, "name=agent") == 1
    assert rows(client, "status=degraded") == len(store.calls(status="degraded"))
    assert rows(client, "subject=user-2") == len(store.calls(subject="user-2"))
    assert rows(client, "where=duration>1") == len(store.calls(where={"duration": (">", 1)}))
    where = "tag:team%3Dsupport,%20event:fallback%3Dtrue"
    assert rows(client, f"where={where}") == len(store.calls(status="degraded"))
    assert rows(client, "since=1h&name=agent") == 0
    assert rows(client, "since=2023-11-14&name=agent") == 1


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("since=yesterday", "give a span such as"),
        ("where=duration", "give a name, one of"),
        ("where=nonsense=1", "use tag:NAME"),
        ("page=x", "address of this page"),
        ("page=-1:2:3", "address of this page"),
        ("page=-1e999:1", "address of this page"),
        ("since=99999999999999999999d", "give a span such as"),
    ],
)
def test_what_cannot_be_asked_is_said(client: TestClient, query: str, said: str) -> None:
    answer = client.get(f"/calls?{query}")
    assert answer.status_code == 400
    assert said in answer.text


@pytest.mark.parametrize("query", ["name=%00", "subject=%ED%A0%80", "where=tag:%00=1", "name=%F0"])
def test_odd_texts_are_not_found_and_harm_nothing(client: TestClient, query: str) -> None:
    assert client.get(f"/calls?{query}").status_code in {200, 400}


def test_conditions_are_read_as_they_are_meant() -> None:
    assert condition_of("duration > 5") == ("duration", (">", 5.0))
    assert condition_of("release=7") == ("release", "7")
    assert condition_of("tag:team=3") == ("tag:team", "3")
    assert condition_of("value:age<=6") == ("value:age", ("<=", 6.0))
    assert condition_of("check:pii=false") == ("check:pii", False)
    assert condition_of("model_served=none") == ("model_served", None)
    assert condition_of("value:label=nan") == ("value:label", "nan")


def test_a_span_is_that_long_ago() -> None:
    with virtual_clock() as clock:
        assert seconds_of("90m") == clock.time() - 5400
        assert seconds_of("2024-01-01T00:00:00+00:00") == 1704067200.0


def test_there_are_as_many_pages_as_calls_need_and_they_lead_back(store: RecordStore) -> None:
    every = [call.id for call in store.calls(limit=None)]
    seen: list[str] = []
    page = page_of(store, {}, None, 20)
    first = page
    while True:
        seen += [call.id for call in page.calls]
        if page.older is None:
            break
        page = page_of(store, {}, page.older, 20)
    assert seen == every
    back = [page]
    while back[-1].newer is not None:
        back.append(page_of(store, {}, back[-1].newer, 20))
    assert back[-1].calls[0].id == every[0]
    assert [call.id for call in back[-1].calls] == [call.id for call in first.calls]


def test_calls_of_one_moment_are_on_one_page_each(tmp_path: Path) -> None:
    store = RecordStore(f"sqlite:///{tmp_path}/calls.db")
    with virtual_clock():
        echo = reliai.reliable(name="echo", observers=[store])(lambda x: x)
        for number in range(7):
            echo(number)
    pages = [page_of(store, {}, None, 3)]
    while pages[-1].older:
        pages.append(page_of(store, {}, pages[-1].older, 3))
    store.close()
    found = [call.id for page in pages for call in page.calls]
    assert len(found) == len(set(found)) == 7


def test_a_cursor_is_refused_where_it_is_none(store: RecordStore) -> None:
    with pytest.raises(ConfigurationError):
        page_of(store, {}, "1; drop table calls", 3)


# --- one call ---------------------------------------------------------------------------------


def test_a_call_is_found_by_a_part_of_its_id(client: TestClient, store: RecordStore) -> None:
    call = store.calls(limit=1)[0]
    answer = client.get(f"/calls/{call.id[-8:]}")
    assert answer.url.path == f"/calls/{call.id}"
    shared = client.get(f"/calls/{call.id[:4]}")
    assert "Which call?" in shared.text


@pytest.mark.parametrize("identifier", ["nope", "%00", "%25", "..%2f..", "'--"])
def test_a_call_that_is_not_there_is_not_found(client: TestClient, identifier: str) -> None:
    answer = client.get(f"/calls/{identifier}")
    assert answer.status_code == 404


def test_what_happened_is_told_in_its_order(store: RecordStore) -> None:
    call = store.calls(status="degraded", limit=1)[0]
    told = explained(call)
    assert told[0].startswith("Attempt 1 asked primary and failed after 200 ms: connection: conn")
    assert "after a wait of" in told[1]
    assert told[3] == "Attempt 4 asked spare and had its answer after 50 ms."
    assert told[4].startswith("It was answered with a stand-in by spare after")
    assert told[5] == "What it cost is not known."


def test_a_call_that_asked_no_model_says_so(store: RecordStore) -> None:
    told = explained(store.calls(status="rejected", limit=1)[0])
    assert told[0] == "No model was asked."
    assert told[1].startswith("It was turned away after 0 ms: rejected:")
    assert len(told) == 2


def test_calls_made_inside_are_shown(client: TestClient, store: RecordStore) -> None:
    agent = store.calls(name="agent")[0]
    inside = store.calls(where={"parent_id": agent.id})
    text = client.get(f"/calls/{agent.id}").text
    assert len(inside) == 2
    assert all(f"/calls/{call.id}" in text for call in inside)
    assert f"/calls/{agent.id}" in client.get(f"/calls/{inside[0].id}").text


def test_a_store_without_content_says_that_there_is_none(tmp_path: Path) -> None:
    with RecordStoreOf(tmp_path) as store:
        reliai.reliable(name="echo", observers=[store])(lambda x: x)("secret")
        call = store.calls()[0]
        text = TestClient(create_app(store=store), base_url=BASE).get(f"/calls/{call.id}").text
    assert "keeps none of this call" in text
    assert "secret" not in text


class RecordStoreOf:
    """A store of a test's folder, closed at its end."""

    def __init__(self, folder: Path) -> None:
        self._store = RecordStore(f"sqlite:///{folder}/calls.db")

    def __enter__(self) -> RecordStore:
        return self._store

    def __exit__(self, *_: object) -> None:
        self._store.close()


@pytest.mark.parametrize(
    "content",
    [None, "", {}, [], "x" * 9000, {"a": {"b": [1, None, "ä\ud800"]}}, 3.5, True, [HOSTILE]],
)
def test_content_of_any_shape_is_shown(tmp_path: Path, content: Any) -> None:
    store = RecordStore(f"sqlite:///{tmp_path}/calls.db", content="full")
    reliai.reliable(name="echo", observers=[store])(lambda x: x)(content)
    call = store.calls()[0]
    answer = TestClient(create_app(store=store), base_url=BASE).get(f"/calls/{call.id}")
    store.close()
    assert answer.status_code == 200


def test_a_database_that_is_away_is_said(tmp_path: Path) -> None:
    store = RecordStore(f"sqlite:///{tmp_path}/calls.db")
    client = TestClient(create_app(store=store), base_url=BASE)
    with sqlite3.connect(tmp_path / "calls.db") as database:
        database.execute("ALTER TABLE calls RENAME TO gone")
    database.close()
    answer = client.get("/calls")
    store.close()
    assert answer.status_code == 503
    assert "cannot be read now" in answer.text


# --- what a model said ------------------------------------------------------------------------


def test_what_a_model_said_is_shown_and_never_run(
    page: Page, serve: Callable[..., str], store: RecordStore
) -> None:
    call = store.calls(name="echo")[0]
    address = serve(store=store)
    for path in (f"/calls/{call.id}", "/calls", f"/calls?{'name=' + HOSTILE[:60]}"):
        page.goto(address + path)
        page.wait_for_timeout(50)
        assert page.title().endswith("· reliai")
        assert page.locator("main img, main script, main a[href^=javascript]").count() == 0
    page.goto(f"{address}/calls/{call.id}")
    output = page.locator("pre[aria-labelledby=output]").inner_text()
    assert "<script>document.title='owned'</script>" in output
    assert "{{7*7}}" in output
    page.locator(".lead a").click()
    page.wait_for_url(lambda url: "/calls?subject=" in url)
    assert page.locator("tbody tr").count() == 1


def test_what_hides_in_a_text_is_made_visible(client: TestClient, store: RecordStore) -> None:
    call = store.calls(name="echo")[0]
    text = client.get(f"/calls/{call.id}").text
    assert '<span class="hidden-sign">⟨U+202E⟩</span>gnirts' in text

"""The pages that read the record store, on PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from starlette.testclient import TestClient

from reliai.monitoring import SLO
from reliai.records import RecordStore
from reliai.testing import virtual_clock
from reliai.ui import create_app
from reliai.ui._asking import page_of
from reliai.ui._watching import Watch
from reliai.ui.traffic import traffic_of
from tests.servers import PostgresServer, postgres_server
from tests.ui._calls import make_calls

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    with postgres_server() as server:
        yield server


@pytest.mark.slow
def test_pages_read_postgresql_as_they_read_sqlite(postgres: PostgresServer) -> None:
    store = RecordStore(postgres.database(), content="full")
    with virtual_clock() as clock:
        make_calls(store, clock)
        store.flush()
        every = [call.id for call in store.calls(limit=None)]
        page, seen = page_of(store, {}, None, 50), list[str]()
        while page.older:
            seen += [call.id for call in page.calls]
            page = page_of(store, {}, page.older, 50)
        assert [*seen, *(call.id for call in page.calls)] == every
        assert traffic_of(store, 0.0, clock.time()).calls == len(every)
        state = Watch(store, None, [SLO("success", 0.9), SLO("guard", 0.9)]).look(60.0).state
        assert state
        assert state["slos"][0]["good"] == len(every) - 1
        client = TestClient(create_app(store=store), base_url="http://localhost")
        for path in ("/", "/calls", "/monitor", f"/calls/{every[0]}", f"/calls/{every[0][-8:]}"):
            assert client.get(path).status_code == 200
        assert "secret" not in client.get("/").text
    store.close()

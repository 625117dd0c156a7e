"""Stores of call records for the tests: on SQLite, and on a PostgreSQL of one's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import reliai
from reliai.records import RecordStore
from tests.servers import postgres_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.servers import PostgresServer


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    with postgres_server() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database of its own for each test."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/records.db"
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.database()


@pytest.fixture
def opened(url: str) -> Iterator[Callable[..., RecordStore]]:
    """Opens stores on the test's database."""
    stores: list[RecordStore] = []

    def open_store(**settings: object) -> RecordStore:
        stores.append(RecordStore(url, **settings))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        return stores[-1]

    yield open_store
    for store in stores:
        store.close()


@pytest.fixture
def store(opened: Callable[..., RecordStore]) -> RecordStore:
    """A store that all calls of the test go to."""
    made = opened()
    reliai.configure(observers=[], records=made)
    return made

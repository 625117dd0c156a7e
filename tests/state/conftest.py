"""The same tests for every backend."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING

import pytest

from reliai.state import open_state
from reliai.state.keeper import _keepers
from reliai.state.opening import _opened
from reliai.state.postgres import PostgresState
from tests.servers import PostgresServer, RedisServer, postgres_server, redis_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from reliai.state import State


@pytest.fixture(scope="session")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """One Redis for the tests of this folder that a process runs."""
    with redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """One PostgreSQL for the tests of this folder that a process runs."""
    with postgres_server() as server:
        yield server


@pytest.fixture(scope="session")
def database(postgres: PostgresServer) -> str:
    """The URL of a database for all of them: prefixes keep them apart."""
    return postgres.database()


def _url(kind: str, request: pytest.FixtureRequest, folder: Path) -> str:
    if kind == "memory":
        return "memory"
    if kind == "sqlite":
        return f"sqlite:///{folder / 'state.db'}"
    if kind == "postgres":
        return f"{request.getfixturevalue('database')}?prefix={uuid.uuid4().hex}"
    server: RedisServer = request.getfixturevalue("redis")
    return f"{server.url}?prefix={uuid.uuid4().hex}"


@pytest.fixture(params=["memory", "sqlite", "redis", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where an empty state of each kind is."""
    return _url(request.param, request, tmp_path)


@pytest.fixture
def state(url: str) -> Iterator[State]:
    """An empty state of each kind."""
    opened = open_state(url)
    yield opened
    opened.close()


@pytest.fixture(params=["sqlite", "redis", "postgres"])
def shared_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where an empty state that several processes can open is."""
    return _url(request.param, request, tmp_path)


@pytest.fixture(autouse=True)
def a_busy_machine_is_no_server_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a PostgreSQL answer in a second at most: it works in processes of its own."""
    asking = PostgresState._asking
    monkeypatch.setattr(
        PostgresState, "_asking", lambda self, within: asking(self, within and max(within, 1.0))
    )


@pytest.fixture(autouse=True)
def no_connection_is_kept() -> Iterator[None]:
    """Hang up what states hold of a server: those with a keeper live as long as the process."""
    yield
    for state in [*_opened.values(), *_keepers]:
        if isinstance(state, PostgresState):
            state.close()


@pytest.fixture
def until() -> Callable[[Callable[[], bool]], None]:
    """Waits for something that real time brings."""

    def wait(happened: Callable[[], bool]) -> None:
        given_up = time.monotonic() + 30
        while not happened():
            assert time.monotonic() < given_up, "it did not happen within 30 s"
            time.sleep(0.005)

    return wait

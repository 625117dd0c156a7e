"""The same tests for every backend."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING

import pytest

from reliai.state import open_state
from tests.servers import RedisServer, redis_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from reliai.state import State


@pytest.fixture(scope="session")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """One Redis for the tests of this folder that a process runs."""
    with redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(params=["memory", "sqlite", "redis"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where an empty state of each kind is."""
    if request.param == "memory":
        return "memory"
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'state.db'}"
    server: RedisServer = request.getfixturevalue("redis")
    return f"{server.url}?prefix={uuid.uuid4().hex}"


@pytest.fixture
def state(url: str) -> Iterator[State]:
    """An empty state of each kind."""
    opened = open_state(url)
    yield opened
    opened.close()


@pytest.fixture(params=["sqlite", "redis"])
def shared_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where an empty state that several processes can open is."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'state.db'}"
    server: RedisServer = request.getfixturevalue("redis")
    return f"{server.url}?prefix={uuid.uuid4().hex}"


@pytest.fixture
def until() -> Callable[[Callable[[], bool]], None]:
    """Waits for something that real time brings."""

    def wait(happened: Callable[[], bool]) -> None:
        given_up = time.monotonic() + 30
        while not happened():
            assert time.monotonic() < given_up, "it did not happen within 30 s"
            time.sleep(0.005)

    return wait

"""A server for the recipes' clients, and clients that leave retries and time to reliai."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reliai.testing import FaultServer, fault_server

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def _server() -> Iterator[FaultServer]:
    with fault_server() as server:
        yield server


@pytest.fixture
def server(_server: FaultServer) -> FaultServer:
    """A server without requests; `server.reset([…])` gives it a script."""
    _server.reset(None)
    return _server

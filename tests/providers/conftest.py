"""One HTTP server for all tests of this folder that a process runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.providers.wire import serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.providers.wire import Wire


@pytest.fixture(scope="session")
def wire() -> Iterator[Wire]:
    with serving() as server:
        yield server

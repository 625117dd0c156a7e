"""One HTTP server for all tests of this folder that a process runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reliai.errors import verdicts
from reliai.providers.traits import _registered, forget_types
from tests.providers.wire import serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.providers.wire import Wire


@pytest.fixture(scope="session")
def wire() -> Iterator[Wire]:
    with serving() as server:
        yield server


@pytest.fixture(autouse=True)
def kept_tables() -> Iterator[None]:
    """Put back the table of verdicts and the registered types."""
    table, types = dict(verdicts), set(_registered)
    yield
    verdicts.clear()
    verdicts.update(table)
    _registered.clear()
    _registered.update(types)
    forget_types()

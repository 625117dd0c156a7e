"""What the tests of evaluations share: functions for users leave no circuits to other tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reliai import clock
from reliai.policies._circuit_home import registry

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def no_circuit_stays() -> Iterator[None]:
    """Forget the circuits of a test: many of them have no clock of their own."""
    yield
    registry(clock.active()).clear()

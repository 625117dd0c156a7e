"""Virtual time for the whole contract, and nothing left behind by any of it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

import reliai
from reliai._core import workers
from reliai.testing import VirtualClock, virtual_clock

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def clock() -> Iterator[VirtualClock]:
    """Time that jumps; afterwards no worker is held and no call is current."""
    before = set(threading.enumerate())  # a test elsewhere may have left one behind on purpose
    with virtual_clock() as made:
        yield made
    assert reliai.current_call() is None
    for thread in set(threading.enumerate()) - before:
        if thread.name == "reliai-call" and not _idle(thread):
            thread.join(timeout=5)  # one that was just retiring ends at once
            assert not thread.is_alive(), "a worker was taken and never given back"


def _idle(thread: threading.Thread) -> bool:
    target = getattr(thread, "_target", None)
    return getattr(target, "__self__", None) in list(workers._idle)

"""What every test gets: this machine only, the settings of a fresh process, and no wall clock."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
from time import monotonic
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from reliai import clock
from reliai._core.hub import hub
from reliai._core.settings import settings

if TYPE_CHECKING:
    from collections.abc import Iterator

# No test asserts a time, not even Hypothesis: a busy machine must not fail one.
hypothesis_settings.register_profile(
    "house", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis_settings.load_profile("house")

for _name in [name for name in os.environ if name.startswith("RELIAI_")]:
    del os.environ[_name]  # a developer's own settings change no test

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Of a run in the background, programs that tests interrupt would inherit that they ignore it.
    signal.signal(signal.SIGINT, signal.default_int_handler)

_HERE = ("127.", "::1", "localhost")


def _stay_here(event: str, args: tuple[object, ...]) -> None:
    """Refuse every connection and every look-up that leaves this machine."""
    if event == "socket.connect":
        address = args[1]
        host = address[0] if isinstance(address, tuple) else None  # a path is a local socket
    elif event == "socket.getaddrinfo":
        host = args[0]
    else:
        return
    host = host.decode() if isinstance(host, bytes) else host
    if host is not None and not str(host).startswith(_HERE):
        raise ConnectionRefusedError(f"a test tried to reach {host!r}; tests stay on this machine")


sys.addaudithook(_stay_here)


@pytest.fixture(autouse=True, scope="module")
def little_to_collect() -> None:
    """Put what is there already out of the garbage collector's sight, for good.

    All tests and what they import are a million objects, half a second of each collection; hundreds
    of tests ask for one, or for several.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True, scope="module")
def settings_of_a_module() -> Iterator[None]:
    """Put back what the fixtures of a module set for the process."""
    kept = dict(vars(settings))
    yield
    vars(settings).update(kept)


@pytest.fixture(autouse=True)
def no_keeper_goes_on() -> Iterator[None]:
    """Stop the threads that keep shared states in step: their store ends with the test."""
    yield
    threads = [each for each in threading.enumerate() if each.name == "reliai-state"]
    for keeper in [getattr(vars(each).get("_target"), "__self__", None) for each in threads]:
        if keeper is not None:
            keeper._stopped = True
            keeper._wake.set()
    for each in threads:
        each.join(timeout=0.5)  # what redis-py leaves of a failure would be another test's garbage


@pytest.fixture(autouse=True)
def no_observer_is_waited_for() -> Iterator[None]:
    """Forget the observers that a test leaves hanging: the next one that flushes would wait."""
    yield
    known = [(key, lane) for key, lane in list(hub._lanes.items()) if lane.thread is not None]
    asked = [(key, lane, lane.run(lane.observer, int)) for key, lane in known]
    until = monotonic() + 0.5
    for key, lane, done in asked:
        if done is not None and not done.wait(max(0.0, until - monotonic())):
            hub._lanes.pop(key, None)
            lane.end()


@pytest.fixture(autouse=True)
def fresh_settings() -> Iterator[None]:
    """Put back the settings of the process, and see that the test gave back the clock."""
    kept, time = dict(vars(settings)), clock.active()
    settings.recent.clear()  # calls that the fixtures of a module made
    yield
    vars(settings).update(kept)
    settings.recent.clear()
    assert clock.active() is time, "the test left another clock installed"

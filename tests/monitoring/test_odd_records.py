"""Records with odd times and values, and what shares a name: they cost no more than themselves."""

from __future__ import annotations

import math
import os
import threading
from typing import Any

import numpy as np
import pytest

from reliai.errors import ConfigurationError
from reliai.monitoring import SLO, Monitor, Profile, signals
from reliai.testing import virtual_clock
from tests.monitoring._traffic import START, record

HOUR = 3600.0


def judged(*odd: Any) -> list[str]:
    """Alarms of an objective after some healthy calls, odd ones, and an hour of failures."""
    with virtual_clock() as clock:
        clock.advance(max(0.0, START + 2 * HOUR - clock.time()))
        monitor = Monitor([], slos=[SLO("success", 0.99)], alerts=[])
        for second in range(2000):
            monitor.on_end(record(second))
        for each in odd:
            monitor.on_end(each)
        for second in range(2000, 6000):
            monitor.on_end(record(second, failed=True))
        return [alert.severity for alert in monitor.alerts()]


@pytest.mark.parametrize("ahead", [86_400.0, 1e9, 1e15, 1e300])
def test_one_record_from_a_wrong_clock_does_not_end_all_judging(ahead: float) -> None:
    assert "page" in judged(record(ahead))


@pytest.mark.parametrize("duration", [math.nan, math.inf, -math.inf])
def test_a_record_of_no_moment_is_left_out(duration: float) -> None:
    assert judged(record(duration=duration)) == judged()


def test_a_snapshot_from_a_wrong_clock_does_not_end_all_judging() -> None:
    with virtual_clock() as clock:
        clock.advance(max(0.0, START + 2 * HOUR - clock.time()))
        monitor, other = Monitor([], alerts=[]), Monitor([], alerts=[])
        other.on_end(record())
        monitor.merge({**other.snapshot(), "at": clock.time() + 86_400.0})
        assert monitor.snapshot()["at"] < clock.time() + HOUR


def test_numbers_whose_squares_are_none_are_left_out() -> None:
    monitor = Monitor([signals.cost()], alerts=[])
    for number in range(300):
        monitor.on_end(record(number, cost_usd=1e200 if number % 2 else 0.1))
    (state,) = monitor.snapshot()["signals"]
    assert state["value"] == pytest.approx(0.1)


def test_two_objectives_of_one_name_are_an_error() -> None:
    one = SLO("success", 0.99, where={"tenant": "a"})
    other = SLO("success", 0.99, where={"tenant": "b"})
    with pytest.raises(ConfigurationError, match="two are called 'all calls: success'"):
        Monitor(slos=[one, other])
    Monitor(slos=[one, SLO("success", 0.99, where={"tenant": "b"}, name="of b")])


def test_an_objective_can_be_asked_by_who_holds_it() -> None:
    objective, done = SLO("success", 0.99), threading.Event()

    def handle() -> None:
        with objective._lock:
            objective.judge(START)
        done.set()

    threading.Thread(target=handle, daemon=True).start()
    assert done.wait(5)


class _Silent:
    def __repr__(self) -> str:
        raise RuntimeError


_ODD: dict[str, Any] = {
    "array": np.zeros(3),
    "float64": np.float64(1.5),
    "point": np.array(1.0),
    "huge": 10**400,
    "silent": _Silent(),
}


@pytest.mark.parametrize("odd", list(_ODD.values()), ids=list(_ODD))
def test_an_odd_value_does_not_keep_others_from_being_profiled(odd: Any) -> None:
    profile = Profile()
    for _ in range(150):
        profile.on_end(record(values={"odd": odd, "usual": 1}))
    fields = profile.of("ask")
    assert fields["value:usual"].n == fields["value:odd"].n == 150
    profile.snapshot()


def test_a_forked_child_profiles_what_it_sees_itself() -> None:
    profile = Profile()
    profile.on_end(record(values={"age": 1}))
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.write(writing, str(len(profile.snapshot())).encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reading, 10) == b"0"
    os.close(reading)
    os.close(writing)
    assert profile.of("ask")["value:age"].n == 1

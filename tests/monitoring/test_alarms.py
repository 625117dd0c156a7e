"""How findings become alerts: one at a time, not again within the hour, from any thread."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest

from reliai.monitoring import Alert, Monitor, alerts, signals
from tests.monitoring._traffic import record


class Told:
    """A monitor of errors that notes what it tells, and a way to make calls."""

    def __init__(self, **settings: Any) -> None:
        self.alerts: list[Alert] = []
        route = alerts.call(self.alerts.append)
        chosen = [signals.errors(reference=0.01, shift=0.3)]
        self.monitor = Monitor(chosen, alerts=[route], inline=True, **settings)
        self.at = 0.0

    def calls(self, count: int, *, failed: bool, gap: float = 1.0, **fields: Any) -> None:
        for _ in range(count):
            self.at += gap
            self.monitor.on_end(record(self.at, failed=failed, **fields))

    @property
    def states(self) -> list[str]:
        self.monitor.flush()
        return [f"{alert.state} {alert.slice}".strip() for alert in self.alerts]


def test_a_field_raises_one_alert_an_hour() -> None:
    told = Told()
    for _ in range(5):
        told.calls(10, failed=True)
        told.calls(100, failed=False)
    assert told.states == ["firing", "resolved"]
    told.calls(60, failed=False, gap=60.0)
    told.calls(10, failed=True)
    assert told.states == ["firing", "resolved", "firing"]


def test_what_still_fires_after_the_hour_is_told_then() -> None:
    told = Told()
    told.calls(10, failed=True)
    told.calls(100, failed=False)
    told.calls(400, failed=True)
    assert told.states == ["firing", "resolved"]
    told.calls(70, failed=True, gap=60.0)
    assert told.states == ["firing", "resolved", "firing"]


def test_the_cooldown_can_be_set() -> None:
    told = Told(cooldown=0.0)
    for _ in range(3):
        told.calls(10, failed=True)
        told.calls(100, failed=False)
    assert told.states == ["firing", "resolved"] * 3


def test_slices_are_not_told_of_while_the_whole_traffic_fires() -> None:
    told = Told(slices=["variant"])
    told.calls(20, failed=True, variant="a")
    assert told.states == ["firing"]
    assert [row["state"] for row in told.monitor.snapshot()["signals"]] == ["firing", "firing"]


def test_what_fires_can_be_accepted_as_normal() -> None:
    told = Told()
    told.calls(20, failed=True)
    told.monitor.rebaseline("ask")
    assert told.states == ["firing", "resolved"]
    assert told.monitor.alerts() == []


def test_of_a_version_that_gave_way_nothing_fires_any_more() -> None:
    told = Told()
    told.calls(20, failed=True, fingerprint="old")
    for version in "abcd":
        told.calls(20, failed=False, fingerprint=version, gap=10.0)
    assert told.states == ["firing", "resolved"]


def test_slices_are_bounded_and_the_rest_is_counted_together() -> None:
    monitor = Monitor([signals.errors()], slices=["tenant"], max_slices=3, alerts=[], inline=True)
    for number in range(1000):
        monitor.on_end(record(number, tenant=str(number)))
    rows = {row["slice"]: row["n"] for row in monitor.snapshot()["signals"]}
    assert rows == {"": 1000, "tenant=0": 1, "tenant=1": 1, "tenant=2": 1, "tenant=_other": 997}


def test_fields_are_bounded_whatever_the_slices_names_and_versions() -> None:
    monitor = Monitor(
        [signals.errors(), signals.cost()],
        slices=["tenant", "variant"],
        max_slices=1000,
        max_fields=100,
        alerts=[],
        inline=True,
    )
    for number in range(3000):
        names = {"tenant": str(number), "variant": str(number), "fingerprint": str(number % 7)}
        monitor.on_end(record(number, name=f"f{number % 5}", **names))
    assert len(monitor.snapshot()["fields"]) <= 100 + 2 * 5 * 4


def test_a_slice_may_be_a_function_and_one_that_raises_is_left_out() -> None:
    def country(found: Any) -> str | None:
        return found.values["country"]  # type: ignore[no-any-return]

    monitor = Monitor([signals.errors()], slices=[country, "value:plan"], alerts=[], inline=True)
    monitor.on_end(record(values={"country": "de", "plan": 3}))
    monitor.on_end(record())
    rows = {row["slice"]: row["n"] for row in monitor.snapshot()["signals"]}
    assert rows == {"": 2, "country=de": 1, "value:plan=3": 1}


def test_records_may_come_from_many_threads() -> None:
    monitor = Monitor(slices=["variant"], alerts=[], inline=True)

    def work(name: str) -> None:
        for number in range(1000):
            monitor.on_end(record(number, variant=name, cost_usd=0.1, duration=0.5))

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for _ in range(20):
        monitor.snapshot()
    for thread in threads:
        thread.join()
    rows = {(r["signal"], r["slice"]): r["n"] for r in monitor.snapshot()["signals"]}
    assert rows["cost", ""] == 4000
    assert all(rows["errors", f"variant={name}"] == 1000 for name in "abcd")


def test_records_that_come_late_are_counted() -> None:
    monitor = Monitor([signals.errors()], alerts=[], inline=True)
    for at in (100.0, 50.0, 200.0, 10.0):
        monitor.on_end(record(at))
    assert monitor.snapshot()["signals"][0]["n"] == 4


def test_a_call_that_still_runs_is_left_out() -> None:
    monitor = Monitor(alerts=[], inline=True)
    monitor.on_end(record(duration=None))
    assert monitor.snapshot()["at"] is None
    assert monitor.alerts() == []


@pytest.mark.parametrize("what", ["itself", "schema"])
def test_what_cannot_be_merged_is_refused(what: str) -> None:
    monitor = Monitor(alerts=[])
    other: Any = monitor if what == "itself" else {"schema": 99}
    with pytest.raises(ValueError, match="same monitor" if what == "itself" else "schema 99"):
        monitor.merge(other)


def test_changes_that_another_process_saw_are_known_after_a_merge() -> None:
    first, second = (Monitor([signals.errors()], alerts=[], inline=True) for _ in range(2))
    first.on_end(record(1, release="1"))
    first.on_end(record(2, release="2"))
    second.merge(first)
    assert [each["after"] for each in second.snapshot()["changes"]] == ["2"]


def test_a_forked_child_begins_anew_with_the_same_references() -> None:
    monitor = Monitor([signals.errors(reference=0.01)], alerts=[], inline=True)
    for number in range(50):
        monitor.on_end(record(number, failed=True))
    source = monitor.snapshot()["source"]
    monitor._renew()  # what the child does
    assert monitor.alerts() == []
    assert monitor.snapshot()["fields"] == []
    assert monitor.snapshot()["source"] != source
    for number in range(50):
        monitor.on_end(record(number, failed=True))
    assert [alert.signal for alert in monitor.alerts()] == ["errors"]


def test_an_alert_travels_as_json() -> None:
    told = Told()
    told.calls(5, failed=False, release="1")
    told.calls(20, failed=True, release="2")
    alert = told.monitor.alerts()[0]
    assert alert.changes
    assert Alert.from_dict(json.loads(json.dumps(alert.to_dict()))) == alert
    assert repr(alert) == "<reliai.monitoring.Alert firing: ask errors>"

"""From a guarded call to the receiver of an alert, in virtual time."""

from __future__ import annotations

import threading
from datetime import datetime
from typing import Any

import reliai
from reliai.monitoring import SLO, Monitor, alerts
from reliai.testing import virtual_clock
from tests.monitoring._receiver import receiver


def answering(monitor: Monitor) -> Any:
    @reliai.reliable(name="answer", observers=[monitor])
    def answer(error: Exception | None = None) -> str:
        if error is not None:
            raise error
        return "yes"

    return answer


def test_an_hour_of_two_percent_errors_is_one_incident_with_a_beginning_and_an_end() -> None:
    """Case 29: 99.9 % over 30 days, one call a second."""
    with receiver() as web, virtual_clock() as clock:
        monitor = Monitor(
            signals=[],
            slos=[SLO("success", 0.999, calls="answer")],
            alerts=[alerts.pagerduty("key", url=web.url, severities={"page"})],
            inline=True,
        )
        answer = answering(monitor)

        def traffic(seconds: int, failing: int = 0) -> float:
            for number in range(seconds):
                error = ValueError("odd") if failing and number % failing == 0 else None
                reliai.execute(answer, error)
                clock.advance(1)
            return clock.time()

        began = traffic(3600)
        ended = traffic(3600, failing=50)
        traffic(300)
        monitor.flush(30)
        sent = [
            each.json
            for each in web.deliveries
            if each.json["event_action"] == "resolve"
            or each.json["payload"]["custom_details"]["long_window"] == "1h"
        ]
        trigger = next(each for each in sent if each["event_action"] == "trigger")
        own = [each for each in sent if each["dedup_key"] == trigger["dedup_key"]]
        assert [each["event_action"] for each in own] == ["trigger", "resolve"]
        fired = datetime.fromisoformat(trigger["payload"]["timestamp"]).timestamp()
        assert 0.70 * 3600 <= fired - began <= 0.74 * 3600
        assert all(alert.evidence["long_window"] != "1h" for alert in monitor.alerts())
        assert clock.time() - ended <= 301
        monitor.close()


def test_calls_do_not_wait_for_a_receiver_that_hangs() -> None:
    """Case 32."""
    with receiver() as web:
        web.hanging.clear()
        monitor = Monitor(
            signals=[], slos=[SLO("success", 0.99)], alerts=[alerts.webhook(web.url)], inline=True
        )
        answer = answering(monitor)
        for _ in range(50):
            reliai.execute(answer, ValueError("odd"))
        monitor.alerts()
        web.wait_for(1)
        for _ in range(1000):
            answer()
        assert not web.hanging.is_set()
        assert len(web.deliveries) == 1
        web.hanging.set()
        monitor.flush(30)
        monitor.close()


def test_a_target_that_nobody_set_is_seen_and_sent_nowhere() -> None:
    sent: list[Any] = []
    monitor = Monitor(
        signals=[], slos=[SLO("success")], alerts=[alerts.call(sent.append)], inline=True
    )
    answer = answering(monitor)
    for _ in range(50):
        reliai.execute(answer, ValueError("odd"))
    monitor.flush(30)
    assert all(alert.muted for alert in monitor.alerts())
    assert len(monitor.alerts()) == 4
    assert sent == []
    monitor.close()


def test_an_alarm_says_what_changed_just_before() -> None:
    sent: list[Any] = []
    monitor = Monitor(
        signals=[], slos=[SLO("success", 0.99)], alerts=[alerts.call(sent.append)], inline=True
    )
    reliai.configure(release="1.0")
    answering(monitor)()
    reliai.configure(release="1.1")
    answer = answering(monitor)
    for _ in range(50):
        reliai.execute(answer, ValueError("odd"))
    (firing, *_) = monitor.alerts()
    monitor.flush(30)
    assert firing.changes == sent[0].changes
    changed = [(change.kind, change.before, change.after) for change in sent[0].changes]
    assert ("release", "1.0", "1.1") in changed
    monitor.close()


def test_alarms_come_from_many_threads_at_once_and_are_told_once() -> None:
    sent: list[Any] = []
    monitor = Monitor(
        signals=[], slos=[SLO("success", 0.99)], alerts=[alerts.call(sent.append)], inline=True
    )
    answer = answering(monitor)

    def failing() -> None:
        for _ in range(100):
            reliai.execute(answer, ValueError("odd"))

    threads = [threading.Thread(target=failing) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    monitor.alerts()
    monitor.flush(30)
    keys = [alert.key for alert in sent]
    assert len(keys) == len(set(keys)) == 4
    assert monitor.snapshot()["slos"][0]["bad"] == 800
    monitor.close()

"""Alerts on their way: never in the way of a call, tried again, given up, counted, and resolved."""

from __future__ import annotations

import gc
import logging
import os
import threading
from typing import TYPE_CHECKING, Any

import pytest

from reliai.errors import ConfigurationError
from reliai.monitoring import alerts
from reliai.monitoring.routing import CAPACITY, RouteCounts, Routing, Undelivered
from tests.monitoring._alerts import alert, resolved
from tests.monitoring._receiver import Receiver, receiver

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reliai.monitoring.alert import Alert

SOON = (0.01, 0.01, 0.01)


@pytest.fixture
def web() -> Iterator[Receiver]:
    with receiver() as started:
        yield started


class Inbox:
    """A route that keeps what it gets, or fails as it is told."""

    def __init__(self, *failures: BaseException, **settings: Any) -> None:
        self.taken: list[Alert] = []
        self.tries = 0
        self.failures = list(failures)
        vars(self).update(settings)

    def send(self, alert: Alert) -> None:
        self.tries += 1
        if self.failures:
            raise self.failures.pop(0)
        self.taken.append(alert)

    def states(self) -> list[str]:
        return [alert.state for alert in self.taken]


def flushed(routing: Routing) -> None:
    assert routing.flush(20)


def test_a_webhook_that_is_down_is_tried_four_times_and_the_next_change_is_sent(
    web: Receiver,
) -> None:
    """Case 32."""
    web.answers = [503] * 4
    routing = Routing([alerts.webhook(web.url)], backoff=SOON)
    routing.put(alert())
    flushed(routing)
    assert routing.counts == RouteCounts(retried=3, failed=1)
    assert len(web.deliveries) == 4
    routing.put(resolved())
    flushed(routing)
    assert web.deliveries[-1].json["state"] == "resolved"
    assert routing.counts == RouteCounts(sent=1, retried=3, failed=1)


def test_a_receiver_that_nobody_runs_is_a_failure_like_others() -> None:
    from tests.servers import free_port

    routing = Routing([alerts.webhook(f"http://127.0.0.1:{free_port()}")], backoff=SOON)
    routing.put(alert())
    flushed(routing)
    assert routing.counts.failed == 1


def test_taking_an_alert_in_waits_for_nothing(web: Receiver) -> None:
    """Case 32: calls are unaffected, also by a receiver that never answers."""
    web.hanging.clear()
    routing = Routing([alerts.webhook(web.url)])
    routing.put(alert())
    web.wait_for(1)
    for number in range(50):
        routing.put(alert(key=f"k{number}"))
    assert routing.counts.pending == 51
    assert routing.flush(0.05) is False
    web.hanging.set()
    flushed(routing)
    assert routing.counts == RouteCounts(sent=51)


def test_a_receiver_that_hangs_is_left_after_its_timeout(web: Receiver) -> None:
    web.hanging.clear()
    routing = Routing([alerts.webhook(web.url, timeout=0.05)], backoff=SOON)
    routing.put(alert())
    flushed(routing)
    assert routing.counts == RouteCounts(retried=3, failed=1)


def test_a_route_that_is_down_holds_up_no_other_route() -> None:
    down, well = Inbox(*[OSError()] * 9), Inbox()
    routing = Routing([down, well], backoff=(30.0,))
    routing.put(alert())
    routing.put(resolved())
    assert routing.flush(0.3) is False
    assert well.states() == ["firing", "resolved"]
    assert down.tries == 1


def test_an_alert_and_its_end_arrive_in_order_over_a_failure() -> None:
    inbox = Inbox(OSError())
    routing = Routing([inbox], backoff=SOON)
    routing.put(alert())
    routing.put(resolved())
    flushed(routing)
    assert inbox.states() == ["firing", "resolved"]


def test_a_refused_alert_is_not_tried_again(web: Receiver) -> None:
    web.answers = [400]
    routing = Routing([alerts.webhook(web.url)], backoff=SOON)
    routing.put(alert())
    flushed(routing)
    assert routing.counts == RouteCounts(failed=1)


def test_a_receiver_that_asks_for_time_gets_it(web: Receiver) -> None:
    web.answers, web.headers = [429], {"Retry-After": "0.3"}
    routing = Routing([alerts.webhook(web.url)], backoff=SOON)
    routing.put(alert())
    assert routing.flush(0.2) is False
    flushed(routing)
    assert routing.counts == RouteCounts(sent=1, retried=1)


def test_a_redirect_is_a_refusal(web: Receiver) -> None:
    web.answers, web.headers = [302], {"Location": "/elsewhere"}
    routing = Routing([alerts.webhook(web.url)], backoff=SOON)
    routing.put(alert())
    flushed(routing)
    assert routing.counts.failed == 1
    assert len(web.deliveries) == 1


def test_the_same_state_is_told_once() -> None:
    inbox = Inbox()
    routing = Routing([inbox])
    for each in (alert(), alert(at=5.0), resolved(), resolved(at=9.0), alert()):
        routing.put(each)
    flushed(routing)
    assert inbox.states() == ["firing", "resolved", "firing"]
    assert routing.repeated == 2


def test_routes_get_the_severities_they_want() -> None:
    pages, everything = Inbox(severities=frozenset({"page"})), Inbox()
    routing = Routing([pages, everything])
    for severity in ("page", "ticket", "info"):
        routing.put(alert(key=severity, severity=severity))
    flushed(routing)
    assert [each.severity for each in pages.taken] == ["page"]
    assert len(everything.taken) == 3
    assert [counts.skipped for counts in routing.by_route()] == [2, 0]


def test_a_muted_alert_is_recorded_and_sent_nowhere() -> None:
    inbox = Inbox()
    routing = Routing([inbox])
    routing.put(alert(muted=True))
    flushed(routing)
    assert inbox.taken == []
    assert routing.muted == 1
    assert [each.key for each in routing.recorded] == ["slo-1"]


def test_what_fires_is_sent_again_until_it_is_resolved() -> None:
    inbox = Inbox(resend=0.02)
    routing = Routing([inbox])
    routing.put(alert())
    until(lambda: len(inbox.taken) >= 4)
    routing.put(resolved())
    flushed(routing)
    assert inbox.states()[-1] == "resolved"
    assert set(inbox.states()[:-1]) == {"firing"}
    assert all(not lane.firing for lane in routing._lanes)


def test_an_alert_that_was_given_up_is_sent_again_where_alerts_are_repeated() -> None:
    inbox = Inbox(*[OSError()] * 2, resend=0.02)
    routing = Routing([inbox], backoff=(0.01,))
    routing.put(alert())
    until(lambda: len(inbox.taken) >= 1)
    assert routing.counts.failed == 1
    routing.put(resolved())
    flushed(routing)


def until(condition: Any) -> None:
    pause = threading.Event()
    for _ in range(2000):
        if condition():
            return
        pause.wait(0.01)
    raise AssertionError("it did not come")


def test_what_waits_is_bounded_and_the_oldest_gives_way() -> None:
    inbox = Inbox(*[OSError()] * 9)
    routing = Routing([inbox], backoff=(30.0,))
    for number in range(CAPACITY + 10):
        routing.put(alert(key=f"k{number}"))
    until(lambda: inbox.tries)
    counts = routing.counts
    assert counts.pending <= CAPACITY + 1
    assert counts.dropped + counts.pending == CAPACITY + 10


def test_what_became_of_each_route_s_alerts_is_plain_data() -> None:
    routing = Routing([alerts.log(), alerts.slack("https://hooks.slack.com/services/SECRET")])
    found = routing.to_list()
    assert [row["route"] for row in found] == ["alerts.log()", "alerts.slack(hooks.slack.com)"]
    assert found[0]["sent"] == found[1]["failed"] == 0


@pytest.mark.parametrize("failure", [ValueError("x"), SystemExit(), KeyboardInterrupt()])
def test_a_route_that_raises_anything_is_tried_again(failure: BaseException) -> None:
    inbox = Inbox(failure)
    routing = Routing([inbox], backoff=SOON)
    routing.put(alert())
    flushed(routing)
    assert inbox.states() == ["firing"]


def test_a_failure_is_said_once_and_without_the_address(
    web: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    web.answers = [500] * 8
    route = alerts.slack(f"{web.url}/services/SECRET")
    routing = Routing([route], backoff=SOON)
    with caplog.at_level(logging.WARNING, "reliai"):
        routing.put(alert())
        routing.put(resolved())
        flushed(routing)
        routing.put(alert())
        flushed(routing)
    said = [each.getMessage() for each in caplog.records]
    assert len(said) == 2
    assert "answered 500" in said[0]
    assert "again" in said[1]
    assert "SECRET" not in " ".join(said)
    assert "SECRET" not in repr(routing)


def test_a_thread_runs_only_while_there_is_something_to_send() -> None:
    routing = Routing([Inbox()])
    assert routing._thread is None
    routing.put(alert())
    flushed(routing)
    routing.close()
    until(lambda: routing._thread is None)
    routing.put(resolved())
    flushed(routing)
    assert routing.counts.sent == 2
    routing.close()


def test_a_routing_that_nobody_holds_goes_away() -> None:
    import weakref

    inbox = Inbox()
    routing = Routing([inbox])
    routing.put(alert())
    flushed(routing)
    routing.close()
    until(lambda: routing._thread is None)
    gone, routing = weakref.ref(routing), Routing([])
    gc.collect()
    assert gone() is None


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_sends_its_own_alerts_and_none_of_its_parent_s(web: Receiver) -> None:
    from tests.programs import printed

    program = """
        import os, sys, threading
        from reliai.monitoring import alerts
        from reliai.monitoring.alert import Alert
        from reliai.monitoring.routing import Routing

        def made(key):
            return Alert(key=key, name="n", signal="s", slice="", severity="page",
                         state="firing", at=1.0, summary=key)

        free, begun = threading.Event(), threading.Event()
        class Slow:
            def send(self, alert):
                begun.set()
                free.wait(10)
                web.send(alert)
        web = alerts.webhook(sys.argv[1])
        routing = Routing([Slow()])
        routing.put(made("parent"))
        begun.wait(10)
        child = os.fork()
        free.set()
        if child == 0:
            routing.put(made("child"))
            done = routing.flush(5)
            os._exit(0 if done else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert routing.flush(5)
        print(routing.counts.sent)
    """
    assert printed(program, web.url) == ["1"]
    assert sorted(each.json["key"] for each in web.deliveries) == ["child", "parent"]


def test_alerts_that_wait_are_sent_when_the_program_ends(web: Receiver) -> None:
    from tests.programs import printed

    program = """
        import sys
        from reliai.monitoring import alerts
        from reliai.monitoring.alert import Alert
        from reliai.monitoring.routing import Routing

        routing = Routing([alerts.webhook(sys.argv[1])])
        routing.put(Alert(key="k", name="n", signal="s", slice="", severity="page",
                          state="firing", at=1.0, summary="x"))
    """
    assert printed(program, web.url) == []
    assert len(web.deliveries) == 1


@pytest.mark.parametrize("given", [alerts.log(), [print], [Inbox], 3, None])
def test_what_is_no_list_of_routes_is_named(given: Any) -> None:
    with pytest.raises(ConfigurationError, match="alerts="):
        Routing(given)


def test_undelivered_says_whether_to_try_again() -> None:
    assert Undelivered("x").again
    assert not Undelivered("x", again=False).again
    assert Undelivered("x", again=False, wait=3).wait == 3

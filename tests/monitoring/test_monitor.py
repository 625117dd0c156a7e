"""The monitor on calls that are really made: what it notices, tells, and leaves alone."""

from __future__ import annotations

import json
from contextlib import suppress
from random import Random
from typing import Any

import pytest

import reliai
from reliai._core.scores import Score, score
from reliai.errors import ConfigurationError
from reliai.monitoring import SLO, Alert, Monitor, alerts, signals
from reliai.testing import virtual_clock
from tests.monitoring._traffic import START, record


def run(
    monitor: Monitor, shares: list[tuple[int, float]], *, seed: int = 0, **tags: str
) -> list[Alert]:
    """So many calls, ten a second, of which a share fails each; what fires at the end."""
    random = Random(seed)
    with virtual_clock() as clock:

        @reliai.reliable(observers=[monitor], name="ask")
        def ask(*, fails: bool) -> str:
            if fails:
                raise ValueError("no")
            return "yes"

        for count, share in shares:
            for _ in range(count):
                clock.advance(0.1)
                with reliai.context(tags=tags), suppress(ValueError):
                    ask(fails=random.random() < share)
        return monitor.alerts()


def test_a_rise_of_errors_raises_one_alert_that_says_what_changed() -> None:
    told: list[Alert] = []
    monitor = Monitor(inline=True, alerts=[alerts.call(told.append)])
    firing = run(monitor, [(2000, 0.01), (100, 0.4)])
    monitor.flush()
    assert [alert.signal for alert in firing] == ["errors"]
    alert = firing[0]
    assert (alert.name, alert.slice, alert.state, alert.severity) == ("ask", "", "firing", "ticket")
    assert alert.evidence["share_before"] == pytest.approx(0.01, abs=0.005)
    assert float(alert.evidence["share"]) > 0.2
    assert "ask: errors changed" in alert.summary
    assert "34.6% of the last 26 records, 1.33% before" in alert.summary
    assert told == [alert]


def test_the_end_of_it_is_told_under_the_same_key() -> None:
    told: list[Alert] = []
    monitor = Monitor(inline=True, alerts=[alerts.call(told.append)])
    assert run(monitor, [(2000, 0.01), (100, 0.4), (300, 0.01)]) == []
    monitor.flush()
    assert [alert.state for alert in told] == ["firing", "resolved"]
    assert told[0].key == told[1].key


def test_healthy_calls_raise_nothing() -> None:
    assert run(Monitor(inline=True, alerts=[]), [(20_000, 0.02)]) == []


def test_one_slice_alone_is_named() -> None:
    random = Random(5)
    monitor = Monitor([signals.errors()], slices=["tag:place"], inline=True, alerts=[])
    for number in range(40_000):
        place = "others" if number % 50 else "b7"
        share = 0.4 if number > 30_000 and place == "b7" else 0.02
        monitor.on_end(record(number, failed=random.random() < share, tags={"place": place}))
    assert [alert.slice for alert in monitor.alerts()] == ["tag:place=b7"]


def test_its_snapshot_is_json_and_another_process_can_merge_it() -> None:
    monitor = Monitor(inline=True, alerts=[])
    run(monitor, [(500, 0.02)])
    other = Monitor(inline=True, alerts=[])
    run(other, [(700, 0.02)])
    other.merge(json.loads(json.dumps(monitor.snapshot())))
    assert other.snapshot()["calls"]["ask"]["count"] == 1200


def test_a_source_that_is_merged_again_is_not_counted_twice() -> None:
    monitor, other = Monitor(inline=True, alerts=[]), Monitor(inline=True, alerts=[])
    run(monitor, [(500, 0.02)])
    other.merge(monitor)
    run(monitor, [(100, 0.02)])
    other.merge(monitor)
    other.merge(monitor)
    found = other.snapshot()
    assert found["calls"]["ask"]["count"] == 600
    errors = next(each for each in found["fields"] if each["signal"] == "errors")
    assert errors["total"]["n"] == 600


def test_a_source_that_goes_on_is_not_forgotten_for_new_ones() -> None:
    steady, fleet = (Monitor([signals.errors()], inline=True, alerts=[]) for _ in range(2))
    run(steady, [(5, 0.0)])
    data = steady.snapshot()
    for number in range(1_200):
        fleet.merge({**data, "source": f"host-{number}", "fields": [], "calls": {}})
        if number % 100 == 0:
            fleet.merge(data)
    fleet.merge(data)
    assert fleet.snapshot()["calls"]["ask"]["count"] == 5


def test_shadows_and_experiments_are_left_out() -> None:
    monitor = Monitor(inline=True, alerts=[])
    monitor.on_end(record(environment="eval"))
    monitor.on_end(record(tags={"shadow": "candidate"}))
    assert monitor.snapshot()["calls"] == {}


def test_another_model_that_answers_is_told_at_the_first_call_and_does_not_begin_anew() -> None:
    monitor = Monitor([signals.errors()], inline=True, alerts=[])
    for number in range(300):
        monitor.on_end(record(number, model_requested="m", model_served="m-1"))
    monitor.on_end(record(301, model_requested="m", model_served="m-2"))
    found = monitor.alerts()
    assert [(alert.signal, alert.severity) for alert in found] == [("identity", "info")]
    assert found[0].at == START + 301
    assert [state["state"] for state in monitor.snapshot()["signals"]] == ["ok"]


def test_an_alert_lists_what_changed_just_before() -> None:
    monitor = Monitor([signals.errors()], inline=True, alerts=[])
    for number in range(600):
        monitor.on_end(record(number, model_served="m-1", release="1.0"))
    for number in range(600, 700):
        monitor.on_end(record(number, model_served="m-2", release="1.1", failed=number > 650))
    found = next(alert for alert in monitor.alerts() if alert.signal == "errors")
    assert [(each.kind, each.before, each.after) for each in found.changes] == [
        ("model_served", "m-1", "m-2"),
        ("release", "1.0", "1.1"),
    ]
    assert "m-1 to m-2" in found.summary


def test_few_records_are_insufficient_and_raise_nothing() -> None:
    monitor = Monitor([signals.errors()], inline=True, alerts=[])
    for number in range(199):
        monitor.on_end(record(number, failed=number > 100))
    assert monitor.alerts() == []
    assert [state["state"] for state in monitor.snapshot()["signals"]] == ["insufficient"]


@pytest.mark.parametrize("field", ["fingerprint", "model_requested"])
def test_a_new_version_is_learnt_anew_without_an_alarm(field: str) -> None:
    monitor = Monitor([signals.errors()], inline=True, alerts=[])
    for number in range(1000):
        monitor.on_end(record(number))
    for number in range(1000, 1150):
        monitor.on_end(record(number, failed=number % 2, **{field: "new"}))
    assert monitor.alerts() == []
    assert [state["state"] for state in monitor.snapshot()["signals"]] == ["rebaselining"]


def test_calls_refused_before_a_model_was_asked_are_failures_of_the_version_at_work() -> None:
    monitor = Monitor([signals.errors()], inline=True, alerts=[])
    for number in range(1000):
        monitor.on_end(record(number, model_requested="m"))
    for number in range(1000, 1060):
        monitor.on_end(record(number, status="rejected", model_requested=None))
    assert [alert.signal for alert in monitor.alerts()] == ["errors"]
    assert [state["n"] for state in monitor.snapshot()["signals"]] == [1060]


def test_a_call_without_a_model_belongs_to_the_version_of_its_own_prompt() -> None:
    monitor = Monitor([signals.errors()], inline=True, alerts=[])
    for number in range(100):
        prompt = {"prompt": f"v{number % 2}"}
        monitor.on_end(record(number, tags=prompt, model_requested="m"))
    monitor.on_end(record(100, tags={"prompt": "v0"}, model_requested=None))
    versions = monitor.snapshot()["fields"]
    assert [row["version"][1:] for row in versions] == [["m", "v1"], ["m", "v0"]]


def test_a_version_that_gave_way_takes_no_more_calls() -> None:
    monitor = Monitor([signals.errors()], inline=True, alerts=[])
    for number, model in enumerate("abcde"):
        monitor.on_end(record(number, fingerprint=model, model_requested=model))
    monitor.on_end(record(9, fingerprint="a", model_requested=None))
    versions = [row["version"][:2] for row in monitor.snapshot()["fields"]]
    assert versions == [["c", "c"], ["d", "d"], ["e", "e"], ["a", None]]


def test_a_new_prompt_is_a_new_version() -> None:
    monitor = Monitor([signals.errors()], inline=True, alerts=[])
    for number in range(1000):
        monitor.on_end(record(number, values={"prompt": "v1"}))
    for number in range(1000, 1150):
        monitor.on_end(record(number, failed=number % 2, tags={"prompt": "v2"}))
    assert monitor.alerts() == []
    assert [state["state"] for state in monitor.snapshot()["signals"]] == ["rebaselining"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"signals": signals.errors()}, "give a list"),
        ({"signals": ["errors"]}, "'errors' is no signal"),
        ({"signals": [signals.errors(), signals.errors()]}, "twice"),
        ({"slices": "variant"}, "give a list"),
        ({"slices": ["colour"]}, "colour"),
        ({"slices": ["variant", "variant"]}, "twice"),
        ({"slos": [3]}, "no objective"),
        ({"warm_up": 10}, "warm_up=10"),
        ({"learn": -1}, "learn=-1"),
        ({"arl": 1}, "arl=1"),
        ({"max_slices": 0}, "max_slices=0"),
        ({"cooldown": "1h"}, "cooldown='1h'"),
        ({"hours_of_week": "x"}, r"hours_of_week='x'\): must be True or False"),
        ({"inline": "no"}, r"inline='no'\): must be True or False"),
        ({"alerts": "log"}, r"alerts='log': give a list.*\[alerts.log\(\)\]"),
    ],
)
def test_a_setting_that_is_none_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        Monitor(**settings)


def test_objectives_are_judged_whenever_it_is_asked() -> None:
    monitor = Monitor([], slos=[SLO("success", target=0.99)], inline=True, alerts=[])
    for number in range(600):
        monitor.on_end(record(number / 600, failed=number > 5))
    assert {alert.signal for alert in monitor.alerts()} == {"slo:success"}


def test_what_is_over_is_told_while_no_call_comes() -> None:
    told: list[Alert] = []
    monitor = Monitor(inline=True, alerts=[alerts.call(told.append)])
    with virtual_clock() as clock:
        for number in range(1000):
            clock.advance(0.1)
            monitor.on_end(record(clock.time() - START, failed=number > 900))
        assert len(monitor.alerts()) == 1
        clock.advance(3700.0)
        monitor.on_idle()
        assert monitor.alerts() == []
    monitor.flush()
    assert [alert.state for alert in told] == ["firing", "resolved"]
    assert "no more records" in told[1].summary


def test_a_high_share_is_not_learnt_as_normal_without_a_word() -> None:
    monitor = Monitor([signals.errors()], inline=True, alerts=[])
    for number in range(200):
        monitor.on_end(record(number, failed=number % 9 == 0))
    assert [(alert.signal, alert.severity) for alert in monitor.alerts()] == [("errors", "info")]
    assert "taken as normal" in monitor.alerts()[0].summary


def test_a_signal_that_raises_is_left_out_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    def broken(_: Any) -> float:
        raise ValueError("secret")

    monitor = Monitor([signals.number("mine", broken), signals.errors()], inline=True, alerts=[])
    for number in range(3):
        monitor.on_end(record(number))
    assert [message for message in caplog.messages if "mine" in message] == [
        "monitor: signal mine raised ValueError; records go on without it"
    ]
    assert monitor.snapshot()["calls"]["ask"]["count"] == 3


def test_scores_given_after_the_call_are_watched_for_each_judge_by_itself() -> None:
    random, monitor = Random(1), Monitor([signals.score("help")], inline=True, alerts=[])

    def judged(count: int, mean: float, version: str) -> list[tuple[str, str]]:
        for number in range(count):
            score = Score("help", random.gauss(mean, 0.1), evaluator="judge", version=version)
            monitor.on_score("0", record(number), score)
        return [(alert.signal, alert.slice) for alert in monitor.alerts()]

    assert judged(600, 0.8, "1") == []
    assert judged(300, 0.5, "2") == []
    assert judged(50, 0.6, "1") == [("score:help", "evaluator=judge@1")]


def test_a_score_reaches_the_monitor_of_a_call() -> None:
    monitor = Monitor([signals.score("help")], alerts=[])
    with reliai.collect() as records:
        reliai.reliable(observers=[monitor], name="ask")(lambda question: question)("why")
    score(records[0], "help", 0.9)
    reliai.flush()
    found = [each for each in monitor.snapshot()["signals"] if each["n"]]
    assert [(each["signal"], each["n"], each["value"]) for each in found] == [
        ("score:help", 1, 0.9)
    ]


@pytest.mark.parametrize("about", ["slo", "signal"])
def test_a_function_that_is_called_otherwise_is_said_once(
    about: str, caplog: pytest.LogCaptureFixture
) -> None:
    slos = [SLO("success", 0.99, calls="answer")] if about == "slo" else []
    watched = [signals.errors(calls="answer")] if about == "signal" else [signals.errors()]
    monitor = Monitor(watched, slos=slos, alerts=[], inline=True)
    for _ in range(3):
        monitor.on_end(record(name="shop.answer"))
    assert len([said for said in caplog.messages if "'shop.answer'" in said]) == 1


def test_a_function_that_is_called_so_is_met_without_a_word(
    caplog: pytest.LogCaptureFixture,
) -> None:
    slo = SLO("success", 0.99, calls="answer")
    monitor = Monitor(slos=[slo], alerts=[], inline=True)
    monitor.on_end(record(name="answer"))
    monitor.on_end(record(name="shop.answer"))
    assert caplog.messages == []

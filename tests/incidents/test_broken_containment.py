"""A replay sees it when what contains an incident is taken away: its facts can fail."""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai._tool.approval import Approvals
from reliai.incidents import ir12_poisoned_config as ir12
from reliai.incidents import ir14_retired_model as ir14
from reliai.incidents import ir15_broken_fallback as ir15
from reliai.incidents import ir20_bad_candidate as ir20
from reliai.incidents import ir21_losing_product as ir21
from reliai.incidents import ir29_side_effects as ir29
from reliai.incidents import ir30_leaks as ir30
from reliai.incidents import leaking
from reliai.incidents.monitored import noticed
from reliai.policies import fallback
from reliai.policies.once import Once
from reliai.policies.retry import Retry
from reliai.prompts import Prompt
from reliai.prompts._files import Snapshots
from reliai.providers.retirements import retiring
from reliai.rollout import Rollout
from reliai.rollout._snapshot import Snapshot
from tests.incidents.broken import missed

if TYPE_CHECKING:
    from reliai.incidents import Trial


@pytest.fixture(autouse=True)
def _fewer(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is broken shows in a few calls, where it shows at all."""
    for module, name, few in (
        (ir14, "WARM", 5.0),
        (ir14, "SECONDS", 10.0),
        (ir15, "ONSETS", 20),
        (ir15, "EXERCISED", 120.0),
        (ir20, "ONSETS", 20),
        (ir20, "CANARIES", 1),
        (ir20, "NULL_RUNS", 200),
        (ir21, "ONSETS", 3),
        (ir21, "ROLLOUTS", 1),
        (ir30, "PAIRS", 100),
        (ir30, "RETRIEVED", 20),
    ):
        monkeypatch.setattr(module, name, few)


def test_ir20_a_rollout_that_only_observes_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ir20, "Shipped", partial(ir20.Shipped, guarded=False))
    assert missed("IR-20") == [
        "canaries taken back, of 5",
        "calls of the candidate after the evidence",
    ]


def test_ir20_evidence_that_is_asked_for_too_little_takes_good_ones_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ir20, "ALPHA", 0.3)
    assert "good candidates taken back, of 2,000" in missed("IR-20")


def test_ir20_a_bad_candidate_on_a_healthy_day_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    shipped: Any = ir20.Shipped

    def bad(trial: Trial, name: str, **given: Any) -> Any:
        return shipped(trial, name, **{**given, "bad": 0.2})

    monkeypatch.setattr(ir20, "Shipped", bad)
    assert {"where it stands", "decisions against it"} <= {*missed("IR-20", "healthy", calls=5_000)}


def test_ir14_retries_of_what_no_retry_mends_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    retry, every = reliai.Retry, ["server", *ir14.PERMANENT]
    monkeypatch.setattr(reliai, "Retry", lambda attempts: retry(attempts, on=every))
    assert missed("IR-14") == [f"{kind}: retries" for kind in ir14.PERMANENT]


def test_ir14_a_stand_in_that_is_not_of_the_kind_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    fallback = reliai.Fallback
    monkeypatch.setattr(reliai, "Fallback", lambda on: fallback(on["not_found"]))
    assert missed("IR-14") == [
        f"{kind}: {what}"
        for kind, instead in list(ir14.PERMANENT.items())[1:]
        for what in ("calls until it is known to be that", f"calls answered by {instead}")
    ]


def test_ir14_an_alert_that_never_comes_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ir14, "is_permanent", lambda _: False)
    assert missed("IR-14")[:2] == [
        "not_found: calls until the alert",
        "not_found: alerts for 10 places and all calls",
    ]


def test_ir14_a_warning_that_comes_late_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ir14, "retiring", partial(retiring, within=20))
    assert "days before that a retirement is told" in missed("IR-14")


def test_ir29_payments_of_one_key_that_are_made_again_are_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Once, "_key_of", lambda *_: None)
    assert "payments of a key, at most" in missed(ir29._paid_once)
    assert "payments of a key, at most" in missed("IR-29", "healthy")


def test_ir29_a_bank_that_is_never_tried_again_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Retry, "run", lambda _, call, proceed: proceed(call))
    assert missed(ir29._paid_once) == ["tries that found no bank and were repeated"]


def test_ir29_tools_that_need_nobodys_consent_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Approvals, "refusal", lambda *_: None)
    assert missed(ir29._waits_for_consent) == [
        "tables deleted without anybody's consent, of 50",
        "calls that hear why",
        "what is gone once ana has said yes to one",
    ]


def test_ir29_a_switch_that_stops_nothing_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Rollout, "kill", lambda *_, **__: None)
    assert missed(ir29._stopped) == ["steps begun after the switch", "who is written down"]


def test_ir12_a_text_that_has_grown_and_serves_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ir12, "no_more_than_grown", lambda _: None)
    assert "versions that serve" in missed("IR-12")


def test_ir12_what_was_good_last_and_is_not_kept_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Snapshots, "read", lambda _: None)
    monkeypatch.setattr(Snapshot, "read", lambda *_: None)
    assert missed("IR-12") == [
        "what serves after a start with a poisoned file",
        "the same, at least",
    ]


def test_ir12_an_age_that_does_not_rise_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Prompt, "age", 0.0)
    assert missed("IR-12") == ["age before it is well again", "the age rises all the time"]


def test_ir12_a_start_that_takes_long_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ir12, "BOOT", 0.0)
    assert missed("IR-12") == ["the program starts within 50 ms without the registry"]


def test_ir12_a_registry_that_breaks_on_a_healthy_day_is_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ir12, "content", lambda *_, **__: "")
    monkeypatch.setattr(ir12, "DELIVERED", "Delivered {question}")
    assert missed("IR-12", "healthy")[0] == "looks that find anything wrong"


def test_ir15_a_failure_that_is_hidden_by_another_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fallback, "follow", lambda *_: None)
    assert missed(ir15._down) == ["of these, errors with the model's own behind them"]


def test_ir15_a_stand_in_that_is_never_tried_before_is_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ir15, "EXERCISE", 0.00001)
    assert missed(ir15._exercised) == [
        "minutes until the exercise tells that the stand-in rejects",
        "what it fails with",
    ]


def test_ir15_a_circuit_that_stays_open_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    breaker: Any = reliai.CircuitBreaker

    def stays_open(**given: Any) -> Any:
        return breaker(**{**given, "open_for": 300.0, "max_open_for": 300.0})

    monkeypatch.setattr(reliai, "CircuitBreaker", stays_open)
    assert missed(ir15._down) == ["seconds until the model answers all again"]


def test_ir15_a_stand_in_whose_share_nobody_watches_is_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ir15, "_by_another", lambda _: False)
    monkeypatch.setattr(ir15, "noticed", partial(noticed, most=200))
    assert "calls until it is told that a stand-in stays, median" in missed(ir15._stuck)


def test_ir21_a_rollout_without_the_other_guardrail_is_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ir21, "Tried", partial(ir21.Tried, guarded=False))
    assert {"candidates promoted, of 3", "candidates taken back"} <= {*missed(ir21._blocked)}


def test_ir21_a_product_that_nobody_judges_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ir21, "_agrees", lambda _: None)
    monkeypatch.setattr(ir21, "noticed", partial(noticed, most=700))
    assert missed(ir21._told)[0] == "judged calls until it is told, median"


def test_ir21_a_candidate_that_does_not_flatter_is_no_incident(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ir21, "MORE", 0.0501)
    monkeypatch.setattr(ir21, "LIKED", (0.4, 0.4))
    assert {"what it says of the truth", "what it says of the release"} <= {*missed(ir21._gated)}
    assert "that the sign has turned" in missed(ir21._flipped)


def test_ir30_tenants_that_the_application_does_not_tell_apart_are_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reliai, "context", lambda **_: nullcontext())
    assert missed(ir30._tenants) == ["answers of another tenant"]


@pytest.mark.parametrize("sink", ["RecordStore", "JsonLines"])
def test_ir30_a_sink_that_writes_everything_down_is_seen(
    monkeypatch: pytest.MonkeyPatch, sink: str
) -> None:
    make: Any = getattr(leaking, sink)
    monkeypatch.setattr(leaking, sink, lambda place, **_: make(place, content="full"))
    assert missed(ir30._sinks)[:2] == [
        "kinds of secrets in any sink",
        "secrets in any sink, of 200",
    ]


def test_ir30_texts_that_may_give_orders_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Approvals, "refusal", lambda *_: None)
    assert missed(ir30._orders) == [
        "tables deleted on the word of retrieved texts",
        "calls refused for want of an approval",
    ]


def test_ir30_streams_that_nobody_looks_at_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reliai, "Validate", lambda *_: reliai.Timeout(60))
    assert missed(ir30._canary) == ["streams that deliver the canary, of 12"]
    assert missed(ir30._streams) == [
        "personal signs delivered",
        "redacted streams whose other words have changed",
    ]

"""Slices that people find worse served: rules that route them elsewhere, and alerts."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai import feedback
from reliai.feedback import Bias, SliceRate
from reliai.monitoring import alerts
from reliai.records import RecordStore
from reliai.rollout import SliceAlerts, SliceRouter, SliceRule, slice_rules

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from reliai.monitoring import Alert

VARIANTS = {"usual": "Be brief.", "careful": "Be brief, and careful."}


def rate(value: str, verdict: Any, bad: int = 18, n: int = 120) -> SliceRate:
    return SliceRate(value, bad, n, bad / n, 0.1, 0.2, 2.5, 0.001, 0.003, verdict)


def found(*slices: SliceRate, name: str = "locale") -> Bias:
    return Bias(name, "thumbs", slices, 0)


MIXED = found(
    rate("pt", "worse"),
    rate("en", "better"),
    rate("de", "no difference seen"),
    rate("vi", "insufficient"),
)


def chosen(router: SliceRouter, **context: Any) -> tuple[str, str]:
    with reliai.context(**context):
        choice = router.choose()
    return choice.name, choice.reason


@pytest.fixture
def store(tmp_path: Path) -> Iterator[RecordStore]:
    made = RecordStore(f"sqlite:///{tmp_path}/records.db")
    reliai.configure(observers=[], records=made)
    yield made
    reliai.configure(observers=[])
    made.close()


# --- rules ----------------------------------------------------------------------------------------
def test_only_what_is_significantly_worse_becomes_a_rule() -> None:
    (rule,) = slice_rules(MIXED, "careful")
    assert (rule.slice, rule.value, rule.to) == ("locale", "pt", "careful")
    assert (rule.evidence["metric"], rule.evidence["bad"], rule.evidence["n"]) == (
        "thumbs",
        18,
        120,
    )
    assert rule.evidence["adjusted"] == 0.003
    assert slice_rules(found(rate("vi", "insufficient")), "careful") == ()


@pytest.mark.parametrize("name", ["model_served", "status", "variant"])
def test_nothing_is_routed_by_what_is_known_afterwards_only(name: str) -> None:
    with pytest.raises(reliai.ConfigurationError, match="not known before it is made"):
        slice_rules(found(rate("x", "worse"), name=name), "careful")


def test_calls_of_the_slice_get_the_other_variant_and_all_others_the_usual_one() -> None:
    router = SliceRouter(VARIANTS, default="usual", rules=slice_rules(MIXED, "careful"))
    assert chosen(router, tags={"locale": "pt"}) == ("careful", "SLICE")
    assert chosen(router, tags={"locale": "en"}) == ("usual", "DEFAULT")
    assert chosen(router, tags={"other": "pt"}) == ("usual", "DEFAULT")
    assert chosen(router) == ("usual", "DEFAULT")


def test_a_tenant_and_a_tag_with_its_prefix_are_slices_too() -> None:
    rules = (
        *slice_rules(found(rate("acme", "worse"), name="tenant"), "careful"),
        *slice_rules(found(rate("pt", "worse"), name="tag:locale"), "careful"),
    )
    router = SliceRouter(VARIANTS, default="usual", rules=rules)
    assert chosen(router, tenant="acme") == ("careful", "SLICE")
    assert chosen(router, tags={"locale": "pt"}) == ("careful", "SLICE")
    assert chosen(router, tenant="other") == ("usual", "DEFAULT")


def test_the_rule_that_comes_first_holds_and_newer_ones_come_first() -> None:
    variants = {**VARIANTS, "large": "Think."}
    router = SliceRouter(variants, default="usual", rules=[SliceRule("locale", "pt", "careful")])
    newer = router.with_rules([SliceRule("locale", "pt", "large"), SliceRule("team", "a", "large")])
    assert chosen(newer, tags={"locale": "pt"}) == ("large", "SLICE")
    assert len(newer.rules) == 2
    assert chosen(router, tags={"locale": "pt"}) == ("careful", "SLICE")
    assert len(newer.with_rules([]).rules) == 2


def test_route_sends_a_call_to_the_variant_of_its_slice_and_its_record_says_so() -> None:
    router = SliceRouter(VARIANTS, default="usual", rules=slice_rules(MIXED, "careful"))

    @reliai.Route(router, into="template")
    def answer(prompt: str, template: str = "") -> str:
        return f"{template} {prompt}"

    with reliai.context(tags={"locale": "pt"}), reliai.collect() as records:
        assert answer("oi") == "Be brief, and careful. oi"
    with reliai.collect() as others:
        assert answer("hi") == "Be brief. hi"
    assert (records[0].variant, others[0].variant) == ("careful", "usual")
    event = next(event for event in records[0].events if event.kind == "route")
    assert event.attributes["reason"] == "SLICE"


def test_route_sends_asynchronous_calls_to_functions() -> None:
    async def large(prompt: str) -> str:
        return f"large {prompt}"

    async def answer(prompt: str) -> str:
        return f"usual {prompt}"

    router = SliceRouter(
        {"usual": answer, "large": large},
        default="usual",
        rules=[SliceRule("locale", "pt", "large")],
    )
    guarded = reliai.Route(router)(answer)
    with reliai.context(tags={"locale": "pt"}):
        assert asyncio.run(guarded("oi")) == "large oi"
    assert asyncio.run(guarded("hi")) == "usual hi"


def test_rules_come_back_from_their_file(tmp_path: Path) -> None:
    router = SliceRouter(VARIANTS, default="usual", rules=slice_rules(MIXED, "careful"))
    path = router.write(tmp_path / "rules" / "slices.json")
    again = SliceRouter.load(path, VARIANTS)
    assert again.rules == router.rules
    assert dict(again.rules[0].evidence) == dict(router.rules[0].evidence)
    assert again.default == "usual"
    assert [each.name for each in path.parent.iterdir()] == ["slices.json"]


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"reliai_slices": 2}', '{"reliai_slices": 1, "default": "usual"}']
    + [
        json.dumps({"reliai_slices": 1, "default": "usual", "rules": [rule]})
        for rule in ({}, {"slice": "a", "value": 1, "to": "careful"}, 7, {"slice": ""})
    ],
)
def test_a_file_that_is_none_says_so(text: str, tmp_path: Path) -> None:
    path = tmp_path / "slices.json"
    path.write_text(text)
    with pytest.raises(reliai.ConfigurationError, match=r"slices\.json: is no file of routing"):
        SliceRouter.load(path, VARIANTS)


def test_a_variant_that_there_is_not_is_named_with_those_there_are(tmp_path: Path) -> None:
    rules = [SliceRule("locale", "pt", "gone")]
    with pytest.raises(reliai.ConfigurationError, match=r"'gone'; there are 'usual', 'careful'"):
        SliceRouter(VARIANTS, default="usual", rules=rules)
    with pytest.raises(reliai.ConfigurationError, match="no variant 'none'"):
        SliceRouter(VARIANTS, default="none")
    with pytest.raises(reliai.ConfigurationError, match="values by name"):
        SliceRouter({}, default="none")


# --- alerts ---------------------------------------------------------------------------------------
def test_an_alert_is_sent_once_and_once_when_it_is_over() -> None:
    sent: list[Alert] = []
    watching = SliceAlerts([alerts.call(sent.append)], name="answer")
    assert len(watching.look(MIXED)) == 1
    assert watching.look(MIXED) == ()
    assert watching.look(found(rate("pt", "insufficient"))) == ()
    (over,) = watching.look(found(rate("pt", "no difference seen", bad=5)))
    assert watching.flush(5.0)
    assert [alert.state for alert in sent] == ["firing", "resolved"]
    assert (over.key, over.state) == (sent[0].key, "resolved")
    assert sent[0].slice == "tag:locale=pt"
    assert sent[0].signal == "feedback:thumbs"
    assert sent[0].evidence["n"] == 120
    assert sent[0].summary == (
        "answer: thumbs of tag:locale=pt: 18 of 120 are bad (10.0% to 20.0%), "
        "2.5 times as often as of all others"
    )
    (again,) = watching.look(MIXED)
    assert again.state == "firing"


def test_what_is_no_route_or_severity_is_an_error() -> None:
    with pytest.raises(reliai.ConfigurationError, match="is no route"):
        SliceAlerts(["slack"])
    with pytest.raises(reliai.ConfigurationError, match="severity="):
        SliceAlerts([], severity="loud")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


# --- the whole way --------------------------------------------------------------------------------
def test_what_people_say_routes_their_slice_elsewhere(store: RecordStore, tmp_path: Path) -> None:
    pytest.importorskip("scipy")

    @reliai.reliable(name="answer")
    def answer(prompt: str) -> str:
        return prompt

    for locale, bad, count in (("en", 2, 60), ("pt", 14, 35), ("vi", 3, 6)):
        for number in range(count):
            with reliai.context(tags={"locale": locale}):
                call_id = reliai.execute(answer, "x").call_id
            feedback.record(call_id, "thumbs", int(number >= bad))
    bias = feedback.bias("locale")
    path = SliceRouter(VARIANTS, default="usual", rules=slice_rules(bias, "careful")).write(
        tmp_path / "slices.json"
    )
    router = SliceRouter.load(path, VARIANTS)
    assert [rule.value for rule in router.rules] == ["pt"]
    assert chosen(router, tags={"locale": "pt"})[0] == "careful"
    assert chosen(router, tags={"locale": "vi"})[0] == "usual"
    sent: list[Alert] = []
    watching = SliceAlerts([alerts.call(sent.append)])
    watching.look(bias)
    assert watching.flush(5.0)
    assert [alert.slice for alert in sent] == ["tag:locale=pt"]


def test_the_first_rule_that_a_call_matches_holds_whichever_slices_they_are_of() -> None:
    rules = (
        SliceRule("locale", "pt", "careful"),
        SliceRule("tenant", "acme", "usual"),
        SliceRule("locale", "vi", "careful"),
    )
    router = SliceRouter(VARIANTS, default="usual", rules=rules)
    assert chosen(router, tenant="acme", tags={"locale": "vi"}) == ("usual", "SLICE")
    assert chosen(router, tenant="acme", tags={"locale": "pt"}) == ("careful", "SLICE")
    assert chosen(router, tenant="other", tags={"locale": "vi"}) == ("careful", "SLICE")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        reliai.ConfigurationError, match=r"rules\.json: cannot be read: No such file"
    ):
        SliceRouter.load(tmp_path / "rules.json", VARIANTS)

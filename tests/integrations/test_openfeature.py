"""Rollouts through the real SDK of OpenFeature, and its flags through Route."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from openfeature import api
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import ErrorCode
from openfeature.flag_evaluation import Reason
from openfeature.provider.in_memory_provider import InMemoryFlag, InMemoryProvider

import reliai
from reliai.errors import ConfigurationError, ReliaiWarning
from reliai.integrations.openfeature import FlagChooser, RolloutProvider
from reliai.rollout import Rollout, force

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _own_providers() -> Iterator[None]:
    yield
    api.clear_providers()


def rollout(control: Any, candidate: Any, **given: Any) -> Rollout:
    settings: dict[str, Any] = {"steps": [0.5, 1.0], "background": False, **given}
    made = Rollout(settings.pop("name", "tone"), control, candidate, **settings)
    made.sync()
    return made


def client_for(*rollouts: Rollout) -> Any:
    api.set_provider(RolloutProvider(*rollouts))
    return api.get_client()


def here(unit: str | None = "u1", **attributes: Any) -> EvaluationContext:
    return EvaluationContext(targeting_key=unit, attributes=attributes)


def test_a_flag_has_the_variant_that_the_rollout_chooses() -> None:
    ro = rollout("plain", "kind")
    client = client_for(ro)
    units = [f"u{number}" for number in range(50)]
    found = [client.get_string_details("tone", "default", here(unit)) for unit in units]
    chosen = [ro.choose(unit) for unit in units]
    assert [(each.value, each.variant) for each in found] == [
        (each.value, each.name) for each in chosen
    ]
    details = found[0]
    assert (details.reason, details.error_code) == (Reason.SPLIT, None)
    assert details.flag_metadata == {
        "rollout": "tone",
        "version": "1",
        "reason": "SPLIT",
        "share": 0.5,
        "phase": 0,
    }


@pytest.mark.parametrize(
    ("kind", "control", "candidate", "default"),
    [
        ("boolean", False, True, False),
        ("string", "a", "b", "c"),
        ("integer", 1, 2, 3),
        ("float", 0.25, 1, 3.0),
        ("object", {"a": 1}, {"a": 2}, {}),
    ],
)
def test_flags_are_of_every_type(kind: str, control: Any, candidate: Any, default: Any) -> None:
    client = client_for(rollout(control, candidate))
    ask = getattr(client, f"get_{kind}_value")
    with force("control"):
        assert ask("tone", default, here()) == control
    with force("candidate"):
        assert ask("tone", default, here()) == candidate


@pytest.mark.parametrize(
    ("kind", "value", "default"),
    [("boolean", 1, False), ("integer", True, 7), ("string", 1, "d"), ("float", "x", 7.0)],
)
def test_a_value_of_another_type_is_a_mismatch(kind: str, value: Any, default: Any) -> None:
    client = client_for(rollout(value, value))
    details = getattr(client, f"get_{kind}_details")("tone", default, here())
    assert (details.value, details.error_code) == (default, ErrorCode.TYPE_MISMATCH)


def test_a_flag_that_is_no_rollout_is_not_found() -> None:
    details = client_for(rollout("a", "b")).get_string_details("other", "default", here())
    assert (details.value, details.error_code) == ("default", ErrorCode.FLAG_NOT_FOUND)


def test_reasons_are_those_of_openfeature_and_the_metadata_has_ours() -> None:
    ro = rollout("a", "b", force={"ana": "candidate"}, target={"locale": ["de"]})
    client = client_for(ro)

    def reasons(context: EvaluationContext) -> tuple[Any, Any]:
        details = client.get_string_details("tone", "d", context)
        return details.reason, details.flag_metadata["reason"]

    assert reasons(here("ana")) == (Reason.TARGETING_MATCH, "FORCED")
    assert reasons(here("u")) == (Reason.TARGETING_MATCH, "NOT_TARGETED")
    assert reasons(here("u", locale="de")) == (Reason.SPLIT, "SPLIT")
    assert reasons(here(None, locale="de")) == (Reason.DEFAULT, "NO_UNIT")
    ro.kill(by="ana")
    assert reasons(here("ana")) == (Reason.DISABLED, "KILLED")


def test_without_a_targeting_key_the_subject_here_is_the_unit() -> None:
    ro = rollout("a", "b")
    client = client_for(ro)
    with reliai.context(subject="ana"):
        details = client.get_string_details("tone", "d")
    assert details.variant == ro.choose("ana").name


def test_an_asynchronous_evaluation_is_the_same() -> None:
    ro = rollout("a", "b")
    details = asyncio.run(client_for(ro).get_string_details_async("tone", "d", here("ana")))
    assert details.variant == ro.choose("ana").name


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (lambda: ["tone"], "must be a Rollout"),
        (lambda: [rollout(str, str.upper)], "are functions; a flag has values"),
        (lambda: [rollout("a", "b"), rollout("a", "b")], "'tone' is there twice"),
    ],
)
def test_what_cannot_be_a_flag_is_refused(given: Any, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        RolloutProvider(*given())


# --- flags through Route


def flagged(**values: str) -> None:
    flags = {
        name: InMemoryFlag("on", {"on": value, "off": "other"}) for name, value in values.items()
    }
    api.set_provider(InMemoryProvider(flags))


def test_route_goes_where_a_flag_says_and_the_record_tells_it() -> None:
    flagged(tone="kind")
    chooser = FlagChooser("tone", {"kind": "Be kind.", "plain": "Be brief."}, "plain")

    @reliai.Route(chooser, into="template")
    def answer(question: str, template: str = "") -> str:
        return f"{template} {question}"

    with reliai.context(subject="ana"):
        outcome = reliai.execute(answer, "why?")
    assert outcome.value == "Be kind. why?"
    assert outcome.record is not None
    assert outcome.record.variant == "kind"
    (event,) = [each for each in outcome.record.events if each.kind == "route"]
    assert event.attributes["reason"] == "STATIC"


def test_a_flag_that_is_not_there_gives_the_default() -> None:
    flagged()
    choice = FlagChooser("tone", {"kind": 1, "plain": 2}, "plain").choose("ana")
    assert (choice.name, choice.value, choice.reason) == ("plain", 2, "ERROR")


def test_a_flag_with_another_value_gives_the_default_and_is_said() -> None:
    flagged(tone="rude")
    with pytest.warns(ReliaiWarning, match="a value that is none of 'kind', 'plain'"):
        choice = FlagChooser("tone", {"kind": 1, "plain": 2}, "plain").choose("ana")
    assert (choice.name, choice.reason) == ("plain", "ERROR")


def test_a_client_that_fails_gives_the_default_and_is_said() -> None:
    class Broken:
        def get_string_details(self, *_: Any) -> Any:
            raise OSError

    client: Any = Broken()
    with pytest.warns(ReliaiWarning, match=r"cannot be evaluated \(OSError\)"):
        choice = FlagChooser("t", {"kind": 1, "plain": 2}, "plain", client=client).choose("ana")
    assert (choice.name, choice.reason) == ("plain", "ERROR")


def test_a_default_that_is_no_variant_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="is none of 'kind'"):
        FlagChooser("tone", {"kind": 1}, "plain")

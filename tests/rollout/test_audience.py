"""Who takes part in a rollout: targets and layers."""

from __future__ import annotations

from typing import Any

import pytest

import reliai
from reliai.errors import ConfigurationError, ReliaiWarning
from reliai.rollout import Rollout, force


def rollout(name: str = "aimed", **given: Any) -> Rollout:
    settings: dict[str, Any] = {"steps": [0.5, 1.0], "background": False, **given}
    made = Rollout(name, "a", "b", **settings)
    made.sync()
    return made


def reasons(ro: Rollout, count: int = 200) -> set[str]:
    return {ro.choose(f"u{number}").reason for number in range(count)}


def test_calls_that_are_not_meant_get_the_control_and_are_not_analysed() -> None:
    ro = rollout(target={"locale": ["de", "at"], "plan": "pro"})
    with reliai.context(tags={"locale": "de", "plan": "pro"}):
        assert reasons(ro) == {"SPLIT"}
    for tags in ({"locale": "fr", "plan": "pro"}, {"locale": "de"}, {}):
        with reliai.context(tags=tags):
            choice = ro.choose("u1")
            assert (choice.value, choice.reason, choice.share) == ("a", "NOT_TARGETED", None)


def test_a_target_may_be_of_tenants_subjects_and_sessions() -> None:
    ro = rollout(target={"tenant": ["acme"]})
    with reliai.context(tenant="acme"):
        assert ro.choose("u").reason == "SPLIT"
    with reliai.context(tenant="other"):
        assert ro.choose("u").reason == "NOT_TARGETED"


def test_a_target_may_be_a_function_of_the_context() -> None:
    ro = rollout(target=lambda here: here.subject is not None and here.subject.startswith("b"))
    with reliai.context(subject="ben"):
        assert ro.choose().reason == "SPLIT"
    with reliai.context(subject="ana"):
        assert ro.choose().reason == "NOT_TARGETED"


def test_a_function_that_fails_gives_the_control_and_is_said() -> None:
    ro = rollout(target=lambda here: here.missing)
    with pytest.warns(ReliaiWarning, match="AttributeError; the control is chosen"):
        assert ro.choose("u").reason == "ERROR"


def test_what_is_forced_is_forced_whoever_is_meant() -> None:
    ro = rollout(target={"locale": "de"})
    with force("candidate"):
        assert ro.choose("u").reason == "FORCED"


def test_a_promoted_candidate_stays_with_those_who_are_meant() -> None:
    ro = rollout(target={"locale": "de"}, layer=("l", 0.0, 0.5))
    ro.advance(1, by="ana")
    with reliai.context(tags={"locale": "de"}):
        assert reasons(ro) == {"PROMOTED"}
    assert reasons(ro) == {"NOT_TARGETED"}


@pytest.mark.parametrize(
    "target", [{}, "de", 5, {"locale": 5}, {"locale": []}, {"locale": ["de", 5]}, dict]
)
def test_what_is_no_target_is_refused(target: Any) -> None:
    with pytest.raises(ConfigurationError, match="target="):
        rollout(target=target)


def test_rollouts_in_parts_of_a_layer_that_do_not_meet_share_no_unit() -> None:
    one = rollout("one", layer=("search", 0.0, 0.4))
    two = rollout("two", layer=("search", 0.4, 1.0))
    units = [f"u{number}" for number in range(5_000)]
    in_one = {unit for unit in units if one.choose(unit).reason == "SPLIT"}
    in_two = {unit for unit in units if two.choose(unit).reason == "SPLIT"}
    assert not in_one & in_two
    assert in_one | in_two == set(units)
    assert abs(len(in_one) / 5_000 - 0.4) < 0.03
    assert one.choose(next(iter(in_two))).reason == "OTHER_LAYER"


def test_within_its_part_of_a_layer_units_are_divided_as_anywhere() -> None:
    ro = rollout("part", layer=("divided", 0.2, 0.7))
    arms = [ro.choose(f"u{number}") for number in range(8_000)]
    inside = [each.name for each in arms if each.reason == "SPLIT"]
    assert abs(inside.count("candidate") / len(inside) - 0.5) < 0.03


def test_parts_of_a_layer_that_meet_are_refused_naming_the_other() -> None:
    kept = rollout("first", layer=("met", 0.0, 0.5))
    again = rollout("first", layer=("met", 0.2, 0.6))  # another version of itself may
    with pytest.raises(ConfigurationError, match=r"meets that of 'first', 0"):
        rollout("second", layer=("met", 0.4, 1.0))
    rollout("third", layer=("met", 0.6, 1.0))
    rollout("fourth", layer=("other", 0.0, 1.0))
    assert kept.name == again.name


@pytest.mark.parametrize(
    "layer", ["search", ("search",), ("", 0, 1), ("s", 0.5, 0.5), ("s", -1, 1), ("s", 0, 2), 7]
)
def test_what_is_no_part_of_a_layer_is_refused(layer: Any) -> None:
    with pytest.raises(ConfigurationError, match="layer="):
        rollout(layer=layer)

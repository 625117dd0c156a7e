"""The settings of a rollout, checked: those that its file may change, as one value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from reliai.decisions.assignment import BUCKETS
from reliai.errors import ConfigurationError
from reliai.policies._keys import key_of
from reliai.rollout._audience import Layer, Target, checked_layer, checked_target
from reliai.rollout._settings import (
    among,
    chance,
    checked_force,
    count,
    seconds,
    share,
    text,
    yes_or_no,
)
from reliai.rollout.guardrails import Guardrail, checked_guardrails, failure_rate
from reliai.rollout.plan import Plan, Rule, checked_steps

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Given", "checked", "named"]


class Given(NamedTuple):
    """What a rollout was given, checked.

    Attributes:
        version, unit, mode, salt, max_staleness: as they were given.
        plan: what decisions hang on.
        guardrails: with what they read.
        exposure, holdout: in buckets.
        force: variants by unit.
        target: what calls are meant; None for all.
        layer: the part of a layer; None for everybody.
        sticky: whether who has had the candidate keeps it.
    """

    version: str
    unit: Any
    mode: str
    salt: str
    max_staleness: float
    plan: Plan
    guardrails: tuple[Guardrail, ...]
    exposure: int
    holdout: int
    force: Mapping[str, str]
    target: Target | None
    layer: Layer | None
    sticky: bool


def named(name: Any) -> str:
    """The name of a rollout, checked."""
    return text("name", name)


def checked(name: str, settings: Mapping[str, Any]) -> Given:
    """The settings of a rollout: all arguments of `Rollout` that are data.

    Raises:
        ConfigurationError: for a value out of its range.
    """
    it = settings
    unit, mode = it["unit"], among("mode", it["mode"], ("enforce", "observe"))
    key_of(unit, "Rollout(unit)")
    if unit is None:
        raise ConfigurationError("Rollout(unit=None): must say who is assigned")
    version = text("version", str(it["version"]))
    rails = it["guardrails"]
    chosen = (failure_rate(),) if rails is None else checked_guardrails(rails)
    salt = it["salt"]
    return Given(
        version=version,
        unit=unit,
        mode=mode,
        salt=f"{name}#{version}" if salt is None else text("salt", salt),
        max_staleness=seconds("max_staleness", it["max_staleness"]),
        plan=_plan(it, chosen),
        guardrails=chosen,
        exposure=round(share("exposure", it["exposure"]) * BUCKETS),
        holdout=round(share("holdout", it["holdout"]) * BUCKETS),
        force=checked_force(it["force"]),
        target=checked_target(it["target"]),
        layer=checked_layer(it["layer"]),
        sticky=yes_or_no("sticky", it["sticky"]),
    )


def _plan(it: Mapping[str, Any], chosen: tuple[Guardrail, ...]) -> Plan:
    return Plan(
        steps=checked_steps(it["steps"], it["dwell"], it["min_calls"]),
        rules=tuple(Rule(**each.described()) for each in chosen),
        alpha=chance("alpha", it["alpha"]),
        beta=chance("beta", it["beta"]),
        max_duration=seconds("max_duration", it["max_duration"]),
        on_no_data=among("on_no_data", it["on_no_data"], ("hold", "rollback")),
        grace=seconds("no_data_grace", it["no_data_grace"], or_none=True),
        stale_after=seconds("stale_after", it["stale_after"]),
        observe=it["mode"] == "observe",
        gate=it["gate"] is not None,
        shadow="" if it["shadow"] is None else it["on_shadow"],
        shadow_pairs=count("shadow_pairs", it["shadow_pairs"]),
    )

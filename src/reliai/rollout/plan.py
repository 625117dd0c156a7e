"""What is meant to happen: the steps of a rollout, and the settings of its decisions."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from reliai.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["Plan", "Rule", "Step", "checked_steps"]


class Step(NamedTuple):
    """One step of the ramp.

    Attributes:
        share: of the units that get the candidate, in (0, 1]; the last one's is 1.
        dwell: seconds that it lasts at least; None for the rollout's.
        min_calls: calls of the candidate that it needs at least; None for the rollout's.
        approval: whether somebody must approve before the next step begins.
    """

    share: float
    dwell: float | None = None
    min_calls: int | None = None
    approval: bool = False


class Rule(NamedTuple):
    """A guardrail as decisions know it; see `Guardrail`."""

    name: str
    kind: str
    max_ratio: float
    tolerated: float
    action: str
    mature: float | None = None


class Plan(NamedTuple):
    """All that a decision hangs on, besides what was counted; goes into the audit with it.

    Attributes:
        steps: with every setting filled in.
        rules: the guardrails.
        alpha: chance to roll back a candidate that is as good, at any time.
        beta: chance to promote one that is worse by the largest ratios.
        max_duration: seconds after which a rollout that is not through is held.
        on_no_data: "hold", or "rollback" when no call came for `grace` seconds after the dwell.
        grace: seconds.
        stale_after: seconds without a call of the candidate after which what is known is stale.
        observe: whether decisions are only written down.
        tuned_for: calls at which intervals of means are as narrow as they can be.
        gate: whether a gate has to pass before it begins.
        shadow: what to do when a shadow before the first step shows a difference: "rollback",
            "hold" or "observe"; "" without a shadow.
        shadow_pairs: pairs of answers that the shadow needs at least.
    """

    steps: tuple[Step, ...]
    rules: tuple[Rule, ...]
    alpha: float = 0.05
    beta: float = 0.05
    max_duration: float = 604_800.0
    on_no_data: str = "hold"
    grace: float = 3_600.0
    stale_after: float = 3_600.0
    observe: bool = False
    tuned_for: float = 5_000.0
    gate: bool = False
    shadow: str = ""
    shadow_pairs: int = 100

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        steps, rules = [step._asdict() for step in self.steps], [r._asdict() for r in self.rules]
        return {**self._asdict(), "steps": steps, "rules": rules}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Plan:
        """What `to_dict` gave, also that of a newer reliai: what is not known here is left out."""
        steps = tuple(Step(**_known(Step, each)) for each in data["steps"])
        rules = tuple(Rule(**_known(Rule, each)) for each in data["rules"])
        read: dict[str, Any] = {**_known(cls, data), "steps": steps, "rules": rules}
        return cls(**read)


def _known(kind: type[Any], data: Mapping[str, Any]) -> dict[str, Any]:
    return {name: data[name] for name in kind._fields if name in data}


def checked_steps(given: Iterable[Any], dwell: float, min_calls: int) -> tuple[Step, ...]:
    """The steps, with the rollout's settings where they have none of their own.

    Raises:
        ConfigurationError: when they do not grow, or do not end with everybody.
    """
    try:
        raw = [each if isinstance(each, Step) else Step(each) for each in given]
    except TypeError:
        raise ConfigurationError(f"Rollout(steps={given!r}): must be a list of shares") from None
    steps = tuple(_filled(step, dwell, min_calls) for step in raw)
    shares = [step.share for step in steps]
    if len(shares) < 2 or shares[-1] != 1.0 or any(a >= b for a, b in pairwise(shares)):
        raise ConfigurationError(
            f"Rollout(steps={shares!r}): must be at least two shares that grow and end with 1.0, "
            "such as [0.01, 0.05, 0.25, 1.0]; for a test of two halves give [0.5, 1.0]"
        )
    return steps


def _filled(step: Step, dwell: float, min_calls: int) -> Step:
    share = step.share
    if not _is_number(share) or not 0 < share <= 1:
        raise ConfigurationError(f"Rollout(steps=[{share!r}]): a share must be in (0, 1]")
    if round(share * 1_000_000) < 1 or (share < 1 and round(share * 1_000_000) > 999_999):
        raise ConfigurationError(
            f"Rollout(steps=[{share!r}]): a share below 1 must be 0.000001 to 0.999999"
        )
    seconds = dwell if step.dwell is None else step.dwell
    calls = min_calls if step.min_calls is None else step.min_calls
    if not _is_number(seconds) or seconds < 0:
        raise ConfigurationError(f"Step(dwell={seconds!r}): must be seconds of at least 0")
    if not isinstance(calls, int) or isinstance(calls, bool) or calls < 1:
        raise ConfigurationError(f"Step(min_calls={calls!r}): must be a whole number of at least 1")
    return Step(float(share), float(seconds), calls, bool(step.approval))


def _is_number(value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and math.isfinite(value)

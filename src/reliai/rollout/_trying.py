"""A shadow before the first step of a rollout, which runs then and only then."""

from __future__ import annotations

from inspect import unwrap
from typing import TYPE_CHECKING, Any

from reliai._core.target import target_name
from reliai.errors import ConfigurationError
from reliai.policies.shadow import Shadow

if TYPE_CHECKING:
    from reliai._core.record import CallRecord
    from reliai.rollout._follower import Follower

__all__ = ["checked_shadow", "try_with"]


def checked_shadow(given: Any, acting: str, candidate: Any) -> Shadow | None:
    """A shadow that tries the candidate, and can tell a difference from chance.

    Raises:
        ConfigurationError: for anything else.
    """
    if given is None:
        if acting != "hold":
            raise ConfigurationError(f"Rollout(on_shadow={acting!r}): needs shadow=")
        return None
    if not isinstance(given, Shadow):
        raise ConfigurationError(
            f"Rollout(shadow={type(given).__name__}): must be a Shadow, such as "
            "Shadow(candidate, rate=0.1, noise_baseline=1.0)"
        )
    if not given.noise_baseline:
        raise ConfigurationError(
            f"Rollout(shadow={given.name}): its noise_baseline is 0, so it never compares the "
            "control with itself and comes to no verdict; give it noise_baseline=1.0"
        )
    if callable(candidate) and not _same(given.candidate, candidate):
        raise ConfigurationError(
            f"Rollout(shadow={given.name}): tries another function than the candidate "
            f"{target_name(candidate)}, which its verdict would begin or roll back; give "
            f"Shadow({target_name(candidate)}, …)"
        )
    return given


def _same(one: Any, other: Any) -> bool:
    """Whether two are one function, with policies around it or none; methods are made anew."""
    one, other = unwrap(one), unwrap(other)
    return one is other or bool(one == other)


def try_with(shadow: Shadow, follower: Follower) -> None:
    """Have the shadow run in its step of the rollout, and its pairs counted."""

    def is_due(record: CallRecord) -> bool:
        traffic = follower.traffic
        ours = record.variant in {None, "control"}  # not of calls that were forced
        return traffic is not None and traffic.reason == "SHADOW" and ours

    def pairs() -> tuple[int, int, int]:
        report = shadow.report()
        return report.pairs, report.candidate_differs, report.primary_differs

    shadow.only_while(is_due)
    follower.tally.shadow = pairs

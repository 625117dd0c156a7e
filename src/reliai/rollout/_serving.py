"""What calls of a rollout are chosen by: one set of settings with all that follows from it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from reliai.decisions.assignment import BUCKETS, Split
from reliai.decisions.choice import Choice
from reliai.rollout._audience import Audience
from reliai.rollout._forcing import forced
from reliai.rollout._sticky import Sticky

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reliai.rollout._controller import Controller, Traffic
    from reliai.rollout._given import Given

__all__ = ["Serving"]


class Serving:
    """Replaced as a whole when the settings change, so that no call sees parts of two.

    Args:
        name: of the rollout.
        given: the settings.
        controller: of their version.
        variants: by name.
    """

    __slots__ = (
        "__weakref__",
        "_name",
        "_special",
        "_split",
        "_variants",
        "_version",
        "audience",
        "controller",
        "given",
        "sticky",
    )

    def __init__(
        self, name: str, given: Given, controller: Controller, variants: Mapping[str, Any]
    ) -> None:
        self._name = name
        self._variants = variants
        self.given = given
        self.controller = controller
        self.sticky = Sticky(controller.key, lambda: controller.state) if given.sticky else None
        self.audience = Audience(name, given.force, given.holdout, given.target, given.layer)
        self._special = self.audience.special
        self._version = given.version
        self._split: tuple[float, Split] = (math.nan, Split(given.salt, {"control": BUCKETS}))

    def choice(self, traffic: Traffic, who: str | None) -> Choice:
        """The variant for a unit, None where nobody said whom a call is for."""
        if who is None or traffic.reason is not None or self._special or forced(self._name):
            apart = self._apart(traffic, who)
            if apart is not None or who is None:
                return apart or self.made("control", "NO_UNIT", traffic)
        share, phase, _ = traffic
        split = self._split
        arm = (split[1] if split[0] == share else self._split_for(share)).arm(who)
        if arm is None:
            return self._unless_sticky("NOT_EXPOSED", traffic, who)
        if arm == "control":
            share = 1.0 - share
        elif self.sticky is not None:
            self.sticky.remember(who)
        return Choice(arm, self._variants[arm], "SPLIT", self._version, share, phase, who)

    def _apart(self, traffic: Traffic, who: str | None) -> Choice | None:
        """What a unit gets without the hash; None when the hash is asked."""
        by_hand = self.audience.forced(who)
        if by_hand is not None:
            return self.made(by_hand, "FORCED", traffic, who)
        promoted = traffic.reason == "PROMOTED"
        outside = None if who is None else self.audience.outside(who, promoted=promoted)
        if outside is not None and who is not None:
            return self._unless_sticky(outside, traffic, who)
        if traffic.reason is None:
            return None
        return self.made("candidate" if promoted else "control", traffic.reason, traffic, who)

    def _unless_sticky(self, reason: str, traffic: Traffic, who: str) -> Choice:
        """The control for who takes no part, unless the unit has had the candidate."""
        sticky = self.sticky
        ramping = traffic.reason is None and reason != "HOLDOUT"
        if sticky is not None and ramping and sticky.holds(who):
            return self.made("candidate", "STICKY", traffic, who)
        return self.made("control", reason, traffic, who)

    def made(self, name: str, reason: str, traffic: Traffic, unit: str | None = None) -> Choice:
        """A variant that the hash did not give."""
        value = self._variants[name]
        return Choice(name, value, reason, self._version, None, traffic.phase, unit)

    def _split_for(self, share: float) -> Split:
        """How units are divided while the candidate has a share."""
        candidate = round(share * BUCKETS)
        weights = {"control": BUCKETS - candidate, "candidate": candidate}
        split = Split(self.given.salt, weights, self.given.exposure)
        self._split = (share, split)
        return split

"""A candidate that takes over from a control step by step, as long as nothing gets worse."""

from __future__ import annotations

import math
from collections import Counter
from threading import Lock
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from reliai._core.ambient import ambient
from reliai._core.complaints import warn_once
from reliai._core.forking import renew_after_fork
from reliai._core.policy import plain
from reliai.decisions.assignment import BUCKETS, Lot, Split, unit_text
from reliai.decisions.choice import Choice
from reliai.errors import ConfigurationError, ReliaiError
from reliai.pipeline import reliable
from reliai.policies._keys import key_of
from reliai.policies.route import Route
from reliai.rollout._controller import Controller
from reliai.rollout._forcing import forced
from reliai.rollout._gating import checked_gate
from reliai.rollout._index import key_of_rollout
from reliai.rollout._minder import minder
from reliai.rollout._operable import Operable
from reliai.rollout._settings import among, chance, checked_force, count, seconds, share, text
from reliai.rollout._trying import checked_shadow, try_with
from reliai.rollout.guardrails import checked_guardrails, failure_rate
from reliai.rollout.plan import Plan, Rule, checked_steps

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from os import PathLike

    from reliai._core.record import CallRecord
    from reliai.evals.gate import GateResult
    from reliai.policies.shadow import Shadow
    from reliai.rollout._book import AuditEntry
    from reliai.rollout._controller import Traffic

__all__ = ["Rollout"]

_HOLDOUT: Final = "holdout"


class Rollout(Operable):
    """Gives a growing share of the units the candidate, and takes it back when it does harm.

    A unit gets the same variant on every machine; in a growing share nobody who has the candidate
    loses it. What calls come to is counted in all processes that share a state. Whichever of them
    holds the lease decides once a second, on a thread that the first call starts: it goes to the
    next step, holds, promotes or rolls back, and writes down what it was decided from. A candidate
    that is as good as the control is rolled back with a probability of `alpha` at most, however
    often it is looked at.

    Args:
        name: of the rollout.
        control: what all get now: a function, or a value such as a prompt.
        candidate: what is tried.
        unit: who is assigned: as `key=` of other policies, "subject" at first. A call without a
            unit gets the control.
        steps: shares of the candidate, growing, the last one 1; or `Step`s.
        dwell: seconds that a step lasts at least (>= 0).
        guardrails: what must not get worse; None for `failure_rate()`.
        alpha: chance to roll back a candidate that is as good, in (0, 1).
        mode: "enforce", or "observe" to write down what would be done and do nothing.
        state: where it is shared, as for other policies; None for the configured one, or else this
            process alone.
        version: another try of another candidate is another version, with new chances for all.
        beta: chance to promote one that is worse by the largest ratios, in (0, 1).
        min_calls: calls of the candidate that a step needs at least (>= 1).
        max_duration: seconds (> 0) after which one that is not through is held.
        exposure: share of the units that take part, in [0, 1]; the others get the control.
        holdout: share of the units, in [0, 1), that always get the control: the same ones in
            every rollout.
        force: variants of units by hand; they are not analysed.
        salt: what units are drawn with; None for name and version.
        on_no_data: "hold" when no call comes, or "rollback" after `no_data_grace` seconds of it.
        no_data_grace: seconds (>= 0).
        stale_after: seconds (> 0) without a call of the candidate after which the ramp is held.
        snapshot: a file to keep what was known last, to boot with while the state is away.
        max_staleness: seconds (> 0) for which what was known last is good.
        notify: is given each `AuditEntry` of this process, on the thread that decides.
        background: False to have nothing decided until `sync()` is called.
        gate: what has to pass before it begins: what `Gate.judge` gave, or the path of the
            gate.json that a report wrote, read again when it changes. Until then all get the
            control.
        shadow: a `Shadow` with a `noise_baseline`, which then runs before the first step; `route()`
            puts it around the control, elsewhere decorate the function with it.
        on_shadow: what is done when the candidate's answers differ by more than chance: "hold" to
            wait for somebody who resumes it, "rollback", or "observe" to only show it.
        shadow_pairs: pairs of answers that the shadow needs at least (>= 1).

    Raises:
        ConfigurationError: for a value out of its range.
    """

    def __init__(  # noqa: PLR0917  the order of the contract
        self,
        name: str,
        control: Any,
        candidate: Any,
        unit: Any = "subject",
        steps: Iterable[Any] = (0.01, 0.05, 0.25, 1.0),
        dwell: float = 600.0,
        guardrails: Iterable[Any] | None = None,
        alpha: float = 0.05,
        mode: str = "enforce",
        state: Any = None,
        *,
        version: str | int = 1,
        beta: float = 0.05,
        min_calls: int = 100,
        max_duration: float = 604_800.0,
        exposure: float = 1.0,
        holdout: float = 0.0,
        force: Mapping[Any, str] | None = None,
        salt: str | None = None,
        on_no_data: str = "hold",
        no_data_grace: float = 3_600.0,
        stale_after: float = 3_600.0,
        snapshot: str | None = None,
        max_staleness: float = 300.0,
        notify: Callable[[AuditEntry], Any] | None = None,
        background: bool = True,
        gate: GateResult | str | PathLike[str] | None = None,
        shadow: Shadow | None = None,
        on_shadow: str = "hold",
        shadow_pairs: int = 100,
    ) -> None:
        self.name = text("name", name)
        self.version = text("version", str(version))
        self.control, self.candidate = control, candidate
        self.variants = MappingProxyType({"control": control, "candidate": candidate})
        self.unit = unit
        self.mode = among("mode", mode, ("enforce", "observe"))
        key_of(unit, "Rollout(unit)")
        if unit is None:
            raise ConfigurationError("Rollout(unit=None): must say who is assigned")
        acting = among("on_shadow", on_shadow, ("hold", "rollback", "observe"))
        self.shadow = checked_shadow(shadow, acting)
        chosen = (failure_rate(),) if guardrails is None else checked_guardrails(guardrails)
        self.guardrails = chosen
        self.plan = Plan(
            steps=checked_steps(steps, dwell, min_calls),
            rules=tuple(Rule(**each.described()) for each in chosen),
            alpha=chance("alpha", alpha),
            beta=chance("beta", beta),
            max_duration=seconds("max_duration", max_duration),
            on_no_data=among("on_no_data", on_no_data, ("hold", "rollback")),
            grace=seconds("no_data_grace", no_data_grace, or_none=True),
            stale_after=seconds("stale_after", stale_after),
            observe=self.mode == "observe",
            gate=gate is not None,
            shadow="" if self.shadow is None else acting,
            shadow_pairs=count("shadow_pairs", shadow_pairs),
        )
        self._exposure = round(share("exposure", exposure) * BUCKETS)
        self._holdout = round(share("holdout", holdout) * BUCKETS)
        self._held_out = Lot("reliai", _HOLDOUT)
        self._force = checked_force(force)
        self.salt = f"{self.name}#{self.version}" if salt is None else text("salt", salt)
        self._controller = Controller(
            key_of_rollout(self.name, self.version),
            self.plan,
            chosen,
            state,
            listing=(self.name, self.version),
            snapshot=snapshot,
            max_staleness=seconds("max_staleness", max_staleness),
            notify=notify,
            gate=checked_gate(gate),
        )
        if self.shadow is not None:
            try_with(self.shadow, self._controller)
        self._background = background
        self._split: tuple[float, Split] = (math.nan, Split(self.salt, {"control": BUCKETS}))
        self._special = bool(self._force or self._holdout)
        self._reasons: Counter[str] = Counter()
        self._renew()
        renew_after_fork(self)

    def _renew(self) -> None:
        self._lock = Lock()
        self._minded = False

    def describe(self) -> dict[str, Any]:
        """The settings as plain data."""
        names = ("name", "version", "unit", "mode", "salt")
        return {**{name: plain(getattr(self, name)) for name in names}, **self.plan.to_dict()}

    # --- calls

    def route(self, **as_reliable: Any) -> Callable[..., Any]:
        """The control as a guarded function whose calls go where the rollout says.

        Args:
            as_reliable: the keyword arguments of `reliable`.

        Raises:
            ConfigurationError: when the variants are no functions, or the candidate cannot stand
                in for the control.
        """
        if not callable(self.control) or isinstance(self.control, type):
            raise ConfigurationError(
                f"Rollout({self.name!r}).route(): the control is of type "
                f"{type(self.control).__name__} and no function; guard the function that uses it "
                "with Route(rollout, into='parameter')"
            )
        options: dict[str, Any] = {"name": self.name, **as_reliable}
        policies = [Route(self)] if self.shadow is None else [Route(self), self.shadow]
        routed: Callable[..., Any] = reliable(*policies, **options)(self.control)
        return routed

    def choose(self, unit: Any = None) -> Choice:
        """The variant for a unit; never raises.

        Args:
            unit: a text, a whole number or a tuple of these; None for the subject (or tenant) that
                the code here runs for. Without any the control, and the reason "NO_UNIT".
        """
        try:
            choice = self._chosen(unit)
        except Exception as error:  # noqa: BLE001  calls go on, with what they had
            warn_once(
                f"rollout:{self.name}:choose:{type(error).__name__}",
                f"rollout {self.name}: {_told(error)}; the control is chosen",
            )
            choice = Choice("control", self.control, "ERROR", self.version)
        with self._lock:
            self._reasons[choice.reason] += 1
        return choice

    def _chosen(self, unit: Any) -> Choice:
        traffic = self._controller.traffic
        if traffic is None or not self._minded:
            traffic = self._started()
        if traffic.reason == "KILLED":
            return self._made("control", "KILLED", traffic)
        who = unit_text(self._unit_here() if unit is None else unit)
        if who is None or traffic.reason is not None or self._special or forced(self.name):
            apart = self._apart(traffic, who)
            if apart is not None or who is None:
                return apart or self._made("control", "NO_UNIT", traffic)
        known = self._split
        split = self._split_for(traffic.share) if known[0] != traffic.share else known[1]
        arm = split.arm(who)
        if arm is None:
            return self._made("control", "NOT_EXPOSED", traffic, who)
        part = traffic.share if arm == "candidate" else 1.0 - traffic.share
        return Choice(arm, self.variants[arm], "SPLIT", self.version, part, traffic.phase, who)

    def _apart(self, traffic: Traffic, who: str | None) -> Choice | None:
        """What a unit gets without the hash; None when the hash is asked."""
        by_hand = forced(self.name) or (self._force.get(who) if self._force and who else None)
        if by_hand is not None:
            return self._made(by_hand, "FORCED", traffic, who)
        if who is not None and self._holdout and self._held_out.draw(who) < self._holdout:
            return self._made("control", "HOLDOUT", traffic, who)
        if traffic.reason is None:
            return None
        name = "candidate" if traffic.reason == "PROMOTED" else "control"
        return self._made(name, traffic.reason, traffic, who)

    def _made(self, name: str, reason: str, traffic: Traffic, unit: str | None = None) -> Choice:
        value = self.variants[name]
        return Choice(name, value, reason, self.version, None, traffic.phase, unit)

    def _unit_here(self) -> Any:
        if self.unit in {"subject", "tenant"}:
            return getattr(ambient.get(), self.unit)
        return None

    def _split_for(self, share: float) -> Split:
        candidate = round(share * BUCKETS)
        weights = {"control": BUCKETS - candidate, "candidate": candidate}
        split = Split(self.salt, weights, self._exposure)
        self._split = (share, split)
        return split

    def _started(self) -> Traffic:
        """What calls are to get, when one comes for the first time in this process."""
        traffic = self._controller.traffic or self._controller.begin()
        self._minded = True
        if self._background:
            minder.mind(self)
        return traffic

    def ended(self, choice: Choice, record: CallRecord) -> None:
        """Count a call that has ended; `Route` tells of each."""
        if choice.reason == "SPLIT":
            self._controller.tally.note(choice, record)

    def tick(self) -> None:
        """What the thread does five times a second."""
        self._controller.sync(aside=True)

    def sync(self) -> bool:
        """Tell what was counted, read what others did, and decide: now, in this thread.

        Returns:
            Whether the state answered.
        """
        return self._controller.sync()

    # --- operating

    def kill(self, by: str, why: str = "") -> None:
        """Give all calls the control, forced ones too: here at once, elsewhere within 0.2 s.

        For good: another try is another version. Works while the state is away, which is told of it
        as soon as it answers. Streams under way go on.
        """
        self._controller.kill(text("by", by), why)
        if self._background and not self._minded:
            self._started()

    def __repr__(self) -> str:
        return f"reliai.rollout.Rollout({self.name!r}, version={self.version!r})"


def _told(error: Exception) -> str:
    """What may be said of an error: the text of one that is not ours may quote content."""
    name = type(error).__name__
    return f"{name}: {error}" if isinstance(error, ReliaiError) else name

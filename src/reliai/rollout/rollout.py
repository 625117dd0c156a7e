"""A candidate that takes over from a control step by step, as long as nothing gets worse."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from threading import Lock
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from reliai._core.ambient import ambient
from reliai._core.complaints import warn_once
from reliai._core.forking import renew_after_fork
from reliai._core.policy import plain
from reliai.decisions.assignment import unit_text
from reliai.decisions.choice import Choice
from reliai.errors import ConfigurationError, ReliaiError
from reliai.pipeline import reliable
from reliai.policies.route import Route
from reliai.rollout._audience import layers
from reliai.rollout._controller import Controller
from reliai.rollout._file import RolloutFile
from reliai.rollout._gating import checked_gate
from reliai.rollout._given import checked, named
from reliai.rollout._index import key_of_rollout
from reliai.rollout._minder import minder
from reliai.rollout._operable import Operable
from reliai.rollout._reloading import Reloading
from reliai.rollout._serving import Serving
from reliai.rollout._settings import among, text
from reliai.rollout._trying import checked_shadow, try_with

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from os import PathLike

    from reliai._core.record import CallRecord
    from reliai.evals.gate import GateResult
    from reliai.policies.shadow import Shadow
    from reliai.rollout._book import AuditEntry
    from reliai.rollout._controller import Traffic
    from reliai.rollout._given import Given
    from reliai.rollout.plan import Plan
    from reliai.rollout.status import RolloutStatus

__all__ = ["Rollout"]


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
        target: which calls take part: values by tag, or of "subject", "tenant" or "session", such
            as {"locale": ["de", "at"]}; or a function of the context. The others get the control.
        layer: a name and two shares, such as ("search", 0.0, 0.5): only units in this part of the
            layer take part, so rollouts with other parts of it share no unit.
        sticky: whether who has had the candidate keeps it when who takes part changes; of those
            outside it asks the state, once for each unit and process, which takes 50 ms at most.
        bundled: a file that `reliai rollout snapshot` wrote, delivered with the program: what calls
            get, whatever its age, from a process that starts and never reaches the state.

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
        target: Mapping[str, Any] | Callable[[Any], Any] | None = None,
        layer: tuple[str, float, float] | None = None,
        sticky: bool = False,
        bundled: str | None = None,
    ) -> None:
        self.name = named(name)
        self.control, self.candidate = control, candidate
        self.variants = MappingProxyType({"control": control, "candidate": candidate})
        self.shadow = checked_shadow(
            shadow, among("on_shadow", on_shadow, ("hold", "rollback", "observe")), candidate
        )
        given = checked(
            self.name,
            {
                "version": version,
                "unit": unit,
                "steps": steps,
                "dwell": dwell,
                "guardrails": guardrails,
                "alpha": alpha,
                "beta": beta,
                "mode": mode,
                "min_calls": min_calls,
                "max_duration": max_duration,
                "exposure": exposure,
                "holdout": holdout,
                "force": force,
                "salt": salt,
                "on_no_data": on_no_data,
                "no_data_grace": no_data_grace,
                "stale_after": stale_after,
                "max_staleness": max_staleness,
                "target": target,
                "layer": layer,
                "sticky": sticky,
                "gate": gate,
                "shadow": self.shadow,
                "on_shadow": on_shadow,
                "shadow_pairs": shadow_pairs,
            },
        )
        self.unit = given.unit
        self._controlled: dict[str, Any] = {
            "state": state,
            "snapshot": snapshot,
            "bundled": bundled,
            "notify": notify,
            "gate": checked_gate(gate),
        }
        self._background = background
        self._reloading: Reloading | None = None
        self._former: tuple[Serving, ...] = ()
        self._serve(Serving(self.name, given, self._made_controller(given), self.variants))
        if self.shadow is not None:
            try_with(self.shadow, self._controller)
        self._reasons: Counter[str] = Counter()
        self._renew()
        renew_after_fork(self)

    def _renew(self) -> None:
        self._lock = Lock()
        self._minded = False

    @classmethod
    def load(
        cls,
        path: str | PathLike[str],
        control: Any,
        candidate: Any,
        *,
        reload: bool = True,
        **in_code: Any,
    ) -> Rollout:
        """A rollout whose settings stand in a file, and follow it while the program runs.

        An edit that is no good changes nothing: the old settings stay, `problem` and the log say
        why. A good one is written into the audit with the difference. Under the same version steps
        to come, times, numbers of calls, approvals, mode and who takes part may change; all else
        needs another version, which then begins.

        Args:
            path: of a .toml or .json file, with the names of the arguments of `Rollout`. A step
                may be a table such as {share = 0.25, approval = true}, a guardrail one such as
                {kind = "latency", max_ratio = 1.2}. Without a name the file's own.
            control: what all get now.
            candidate: what is tried.
            reload: False to read the file only once.
            **in_code: the arguments of `Rollout` that the file does not give.

        Raises:
            ConfigurationError: when the file cannot be read, or gives what it must not.
        """
        file = RolloutFile(path)
        given = file.given()
        twice = sorted(set(given) & set(in_code))
        if twice:
            raise ConfigurationError(
                f"{file.path}: {', '.join(twice)} stands in the file and in the code; give it once"
            )
        made = cls(control=control, candidate=candidate, **given, **in_code)
        made._reloading = Reloading(made, file, in_code, watch=reload)
        return made

    def _made_controller(self, given: Given) -> Controller:
        return Controller(
            key_of_rollout(self.name, given.version),
            given.plan,
            given.guardrails,
            listing=(self.name, given.version),
            max_staleness=given.max_staleness,
            **self._controlled,
        )

    def _serve(self, serving: Serving) -> None:
        """From now on calls get what these settings say."""
        layers.enter(serving.audience)
        self._serving, self._controller = serving, serving.controller
        given = serving.given
        self.version, self.mode, self.salt = given.version, given.mode, given.salt
        self.guardrails = given.guardrails

    @property
    def plan(self) -> Plan:
        """What decisions hang on, as it is in force."""
        return self._controller.plan

    @property
    def problem(self) -> str | None:
        """What is wrong with the file as it is now; None when nothing is, or there is none."""
        return None if self._reloading is None else self._reloading.problem

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
        serving = self._serving
        traffic = serving.controller.traffic
        if traffic is None or not self._minded:
            traffic = self._started(serving)
        if traffic.reason == "KILLED":
            return serving.made("control", "KILLED", traffic)
        return serving.choice(traffic, unit_text(self._unit_here() if unit is None else unit))

    def _unit_here(self) -> Any:
        if self.unit in {"subject", "tenant"}:
            return getattr(ambient.get(), self.unit)
        return None

    def _started(self, serving: Serving) -> Traffic:
        """What calls are to get, when one comes for the first time in this process."""
        traffic = serving.controller.traffic or serving.controller.begin()
        self._minded = True
        if self._background:
            minder.mind(self, serving.controller.state)
        return traffic

    def ended(self, choice: Choice, record: CallRecord) -> None:
        """Count a call that has ended; `Route` tells of each."""
        if choice.reason != "SPLIT":
            return
        for serving in (self._serving, *self._former):
            if serving.given.version == choice.version:
                serving.controller.tally.note(choice, record)
                return

    def tick(self) -> None:
        """What the thread does five times a second."""
        self._synced(aside=True)

    def sync(self) -> bool:
        """Tell what was counted, read what others did, and decide: now, in this thread.

        Returns:
            Whether the state answered.
        """
        return self._synced(aside=False)

    def _synced(self, *, aside: bool) -> bool:
        sticky = self._serving.sticky
        if sticky is not None:
            sticky.tell()
        for serving in self._former:  # calls that began under another version end after all
            serving.controller.sync(deciding=False)
        reached = self._controller.sync(aside=aside)
        if self._reloading is not None:
            self._reloading.look(reached=reached)
        return reached

    def status(self) -> RolloutStatus:
        """How it stands, by all that is known of all processes."""
        return replace(super().status(), problem=self.problem)

    # --- operating

    def kill(self, by: str, why: str = "") -> None:
        """Give all calls the control, forced ones too: here at once, elsewhere within 0.2 s.

        For good: another try is another version. Works while the state is away, which is told of it
        as soon as it answers. Streams under way go on.
        """
        self._controller.kill(text("by", by), why)
        if self._background and not self._minded:
            self._started(self._serving)

    def __repr__(self) -> str:
        return f"reliai.rollout.Rollout({self.name!r}, version={self.version!r})"


def _told(error: Exception) -> str:
    """What may be said of an error: the text of one that is not ours may quote content."""
    name = type(error).__name__
    return f"{name}: {error}" if isinstance(error, ReliaiError) else name

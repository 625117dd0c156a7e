"""IR-17: a few users are tied to a bad deployment, and no average shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import reliai
from reliai.incidents.monitored import Inline, in_turn, noticed
from reliai.incidents.registry import incident
from reliai.monitoring import Monitor, signals

if TYPE_CHECKING:
    from reliai.incidents.trial import Trial
    from reliai.monitoring import Alert

IR_17 = incident(
    "IR-17",
    title="a few users on a bad deployment",
    scenario="10 calls/s over five deployments; users stay on theirs, and 0.8 % are on one where "
    "30 % of the answers fail their check in place of 8 %. Here the alarm has the application's "
    "router take it out of its table",
    evidence="a routing mistake that began with 0.8 % of the requests, and met three in ten users "
    "of a coding assistant at least once",
    guard="Validate(check, mode='observe'); Monitor(slices=['value:deployment']); an alert route",
    needs=("monitoring",),
)

RATE = 10.0
HEALTHY, ILL = 0.08, 0.3
SHARE = 0.008
USERS = 1_000
CALLS = 30_000
FAILED, GOOD = "no", "yes"


class Router:
    """Users, each tied to a deployment: eight of a thousand to the last one.

    Attributes:
        bad: what that one is called.
        table: the deployments that users may be sent to.
    """

    bad = "e"

    def __init__(self) -> None:
        self.table = ["a", "b", "c", "d", "e"]

    def deployment_of(self, user: int) -> str:
        """Where a user's calls go; when that is no longer in the table, elsewhere for good."""
        tied = self.bad if user < USERS * SHARE else self.table[user % 4]
        return tied if tied in self.table else self.table[user % len(self.table)]

    def told(self, alert: Alert) -> None:
        """What the application makes of an alarm: the deployment that it names is taken out."""
        kind, _, name = alert.slice.partition("=")
        if kind == "value:deployment" and name in self.table:
            self.table.remove(name)


def check(answer: str) -> str | None:
    """A cheap check that looks at every answer."""
    return "it is not what was asked for" if answer == FAILED else None


class Guarded:
    """The function as its users would decorate it, and its monitor.

    Args:
        trial: gives time and chance.
        pinned: whether the calls are all of users of the bad deployment.

    Attributes:
        ill: whether it is bad yet.
        failed: answers that failed, and calls, of the users tied to it.
    """

    def __init__(self, trial: Trial, *, pinned: bool = False, acts: bool = True) -> None:
        self._chance = trial.random
        self._pinned = pinned
        self.router = Router()
        self.ill = False
        self.failed: list[bool] = []
        self.everyone: list[bool] = []
        signal = signals.validation_failures(reference=HEALTHY, shift=ILL)
        monitor = Monitor(signals=[signal], slices=["value:deployment"], alerts=[])
        self.watch = Inline(trial, monitor, self.router.told if acts else None)

        async def ask(user: int) -> str:
            deployment = self.router.deployment_of(user)
            reliai.measure(deployment=deployment)
            return self.answer(deployment)

        policy = reliai.Validate(check, mode="observe")
        self._ask = reliai.reliable(policy, name="ask", observers=(self.watch,))(ask)

    def answer(self, deployment: str) -> str:
        """What a deployment says."""
        bad = self.ill and deployment == Router.bad
        return FAILED if self._chance.random() < (ILL if bad else HEALTHY) else GOOD

    async def ask(self, _number: int) -> None:
        """A call of some user."""
        user = self._chance.randrange(int(USERS * SHARE) if self._pinned else USERS)
        failed = await self._ask(user) == FAILED
        self.everyone.append(failed)
        if user < USERS * SHARE:
            self.failed.append(failed)


@IR_17.unguarded
async def the_average_is_well(trial: Trial) -> None:
    """A monitor of all calls sees nothing in an hour; whoever is on that deployment does."""
    guarded = Guarded(trial, acts=False)
    guarded.ill = True
    await in_turn(trial, guarded.ask, rate=RATE, calls=CALLS)
    trial.none("alarms of all calls together", len(guarded.watch.of("validation_failures", "")))
    share = 100 * sum(guarded.failed) / len(guarded.failed)
    trial.at_least("bad answers to users of the deployment", share, 25, "%")
    shift = 100 * sum(guarded.everyone) / len(guarded.everyone) - 100 * HEALTHY
    trial.at_most("by how much the share of all rises", shift, 0.5, "%")


@IR_17.guarded
async def its_slice_tells(trial: Trial) -> None:
    """Each deployment is watched by itself, and the alarm names the one."""
    guarded = Guarded(trial)
    guarded.ill = True
    await in_turn(trial, guarded.ask, rate=RATE, calls=CALLS, until=lambda: guarded.watch.alarms)
    alarms = guarded.watch.alarms
    told = ", ".join(heard.alert.slice for heard in alarms) or "nothing"
    trial.exactly("what the alarm names", told, "value:deployment=e")
    guarded.failed.clear()
    await in_turn(trial, guarded.ask, rate=RATE, calls=CALLS)
    share = 100 * sum(guarded.failed) / len(guarded.failed)
    trial.at_most("bad answers to its users after that", share, 100 * HEALTHY, "%", give=5)
    trial.none(
        "further alarms, of all calls or of a slice", len(guarded.watch.alarms) - len(alarms)
    )
    await _how_soon(trial)


async def _how_soon(trial: Trial) -> None:
    """Its users' calls alone, at their rate: all calls there are, then, are those of its slice."""
    delays = await noticed(
        trial,
        lambda: Guarded(trial, pinned=True),
        "validation_failures",
        times=120,
        rate=RATE * SHARE,
    )
    trial.at_most("calls of the slice to detection, median", delays.calls(0.5), 62, give=8)
    trial.at_most("calls of the slice to detection, 95 %", delays.calls(0.95), 104, give=22)
    minutes = delays.seconds(0.5) / 60
    trial.at_most("minutes to detection, median", minutes, 13, "min", give=2)
    trial.detected(f"{minutes:.0f} / {delays.seconds(0.95) / 60:.0f} min ({_calls(delays)})")


def _calls(delays: Any) -> str:
    return f"{delays.calls(0.5):.0f} / {delays.calls(0.95):.0f} calls of the slice"


@IR_17.healthy
async def a_quiet_day(trial: Trial) -> None:
    """All deployments are alike."""
    guarded = Guarded(trial)
    await in_turn(trial, guarded.ask, rate=RATE, calls=trial.calls)
    trial.none("alarms", len(guarded.watch.alarms))
    trial.exactly("deployments in use", len(guarded.router.table), 5)

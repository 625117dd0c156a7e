"""IR-20: a candidate that fails more often is shipped, and a canary has to notice."""

from __future__ import annotations

import contextlib
from math import ceil, log, sqrt
from typing import TYPE_CHECKING, Any, NamedTuple

import reliai
from reliai.incidents.monitored import in_turn
from reliai.incidents.registry import incident
from reliai.incidents.simulated import HttpError
from reliai.incidents.trial import percentile
from reliai.rollout import Rollout, failure_rate
from reliai.stats import event_e_value

if TYPE_CHECKING:
    from random import Random

    from reliai.incidents.trial import Trial

IR_20 = incident(
    "IR-20",
    title="a bad candidate is shipped",
    scenario="10 calls/s, each of another user; a canary of 5 % gets a candidate that fails in "
    "10 % of its calls in place of 2 %",
    evidence="every team that ships by looking at a dashboard; a test that is looked at again and "
    "again finds a difference sooner or later",
    guard="Rollout(steps=[0.05, …], guardrails=[failure_rate()], alpha=0.01)",
)

RATE, SHARE = 10.0, 0.05
GOOD, BAD = 0.02, 0.10
ALPHA = 0.01
LOOK = 1.0
"""Seconds between two decisions."""
NULL_RUNS, NULL_CALLS, PEEKS = 2_000, 20_000, 60
ONSETS, CANARIES = 400, 5


class Shipped:
    """A function in a canary, both variants of which may fail.

    Args:
        trial: gives time and chance.
        name: of the rollout.
        bad: the share of the candidate's calls that fail.
        guarded: whether anybody decides.
        every: seconds between two decisions.

    Attributes:
        calls: of control and candidate.
        failures: likewise.
        after: calls of the candidate after the decision at which the evidence was enough.
    """

    def __init__(
        self, trial: Trial, name: str, *, bad: float, guarded: bool = True, every: float = LOOK
    ) -> None:
        self._trial = trial
        self._every = every
        self._due = trial.now + every
        self._guarded = guarded
        self._enough = False
        self.calls, self.failures = [0, 0], [0, 0]
        self.after = 0
        chance = trial.random.random

        async def answer(arm: int, share: float) -> str:
            self.calls[arm] += 1
            if arm and self._enough:
                self.after += 1
            if chance() < share:
                self.failures[arm] += 1
                raise HttpError(503)
            return "the answer"

        async def control(question: int) -> str:
            del question
            return await answer(0, GOOD)

        async def candidate(question: int) -> str:
            del question
            return await answer(1, bad)

        self.rollout = Rollout(
            name,
            control,
            candidate,
            steps=(SHARE, 1.0),
            dwell=86_400.0 * 365,
            guardrails=(failure_rate(),),
            alpha=ALPHA,
            mode="enforce" if guarded else "observe",
            max_duration=86_400.0 * 365,
            background=False,
        )
        self._ask: Any = self.rollout.route()

    async def ask(self, number: int) -> None:
        """A call of another user; decisions are made when it is time."""
        with reliai.context(subject=f"user {number}"), contextlib.suppress(HttpError):
            await self._ask(number)
        if self._trial.now >= self._due:
            self._due = self._trial.now + self._every
            self.rollout.sync()
            self._enough = self._enough or self.evidence >= 1 / ALPHA

    @property
    def evidence(self) -> float:
        """That the candidate fails more often, by what happened."""
        if not any(self.failures):
            return 1.0
        return event_e_value(self.failures[1], self.failures[0], SHARE)

    @property
    def over(self) -> bool:
        """Whether the candidate was taken back, or should have been."""
        return self._enough


@IR_20.unguarded
async def nobody_decides(trial: Trial) -> None:
    """The canary goes on; where a test is looked at each hour, good ones are taken back, too."""
    shipped = Shipped(trial, "nobody", bad=BAD, guarded=False)
    await in_turn(trial, shipped.ask, rate=RATE, calls=5_000)
    trial.at_least("calls that the bad candidate gets in 8 minutes", shipped.calls[1], 200)
    failed = 100 * shipped.failures[1] / shipped.calls[1]
    trial.at_least("of these fail", failed, 5, "%")
    runs = 150
    fooled = 100 * sum(_fooled(trial.random) for _ in range(runs)) / runs
    trial.at_least("good candidates taken back by a z-test with 60 looks", fooled, 20, "%")


def _fooled(chance: Random) -> bool:
    """Whether a z-test at 5 %, looked at 60 times, takes back a candidate that is as good."""
    part = NULL_CALLS // PEEKS
    others = round(part * (1 - SHARE) / SHARE)
    spread = sqrt(others * GOOD * (1 - GOOD))
    ours = theirs = 0
    for look in range(1, PEEKS + 1):
        ours += _failed(chance, part)
        theirs += round(chance.gauss(others * GOOD, spread))  # of thousands of calls
        if _z(ours, look * part, theirs, look * others) > 1.645:
            return True
    return False


def _failed(chance: Random, calls: int) -> int:
    """How many of so many calls fail."""
    failed, at = -1, 0
    while at <= calls:
        at += _gap(chance, GOOD)
        failed += 1
    return failed


def _gap(chance: Random, share: float) -> int:
    """Calls up to the next one that fails, itself included."""
    return ceil(log(1.0 - chance.random()) / log(1.0 - share)) or 1


def _z(ours: int, our_calls: int, theirs: int, their_calls: int) -> float:
    pooled = (ours + theirs) / (our_calls + their_calls)
    error = sqrt(pooled * (1 - pooled) * (1 / our_calls + 1 / their_calls))
    return (ours / our_calls - theirs / their_calls) / error


@IR_20.guarded
async def it_is_taken_back(trial: Trial) -> None:
    """The failures say whose they are, and at the next decision nobody gets the candidate."""
    canaries = [await _shipped(trial, number) for number in range(CANARIES)]
    back = [each.rollout.status() for each in canaries]
    trial.exactly(
        "canaries taken back, of 5", [s.status for s in back].count("rolled_back"), CANARIES
    )
    trial.none("calls of the candidate after the evidence", sum(each.after for each in canaries))
    entries = [each.rollout.audit()[-1] for each in canaries]
    same = sum(
        each.rollout.explain(entry.number).agrees
        for each, entry in zip(canaries, entries, strict=True)
    )
    trial.exactly("decisions that follow again from the counts in their audit", same, CANARIES)
    _delays(trial)
    _false_ones(trial)


async def _shipped(trial: Trial, number: int) -> Shipped:
    """A bad candidate, until the evidence is there and for half a minute more."""
    shipped = Shipped(trial, f"canary {number}", bad=BAD)
    await in_turn(trial, shipped.ask, rate=RATE, calls=20_000, until=lambda: shipped.over)
    await in_turn(trial, shipped.ask, rate=RATE, calls=300)
    return shipped


class _Onset(NamedTuple):
    exposed: float
    minutes: float


def _delays(trial: Trial) -> None:
    """Many onsets, of which only the failures are drawn: the evidence hangs on them alone."""
    onsets = [_onset(trial.random) for _ in range(ONSETS)]
    half, most = (percentile([each.exposed for each in onsets], share) for share in (0.5, 0.95))
    trial.at_most("calls exposed to the candidate, median", half, 77, give=10)
    trial.at_most("calls exposed to the candidate, 95 %", most, 200)
    minutes = percentile([each.minutes for each in onsets], 0.95)
    trial.at_most("minutes until it is taken back, 95 %", minutes, 6.3, "min", give=0.5)
    middle = percentile([each.minutes for each in onsets], 0.5)
    trial.detected(
        f"{middle:.1f} / {minutes:.1f} min ({half:.0f} / {most:.0f} calls of the canary)"
    )


def _onset(chance: Random) -> _Onset:
    """Failures of both arms in their order, until the evidence is enough."""
    rate = SHARE * BAD + (1 - SHARE) * GOOD
    ours, calls, counts = SHARE * BAD / rate, 0.0, [0, 0]
    while True:
        calls += chance.expovariate(rate)
        arm = chance.random() < ours
        counts[arm] += 1
        if arm and event_e_value(counts[1], counts[0], SHARE) >= 1 / ALPHA:
            seconds = ceil(calls / RATE / LOOK) * LOOK  # decided at the next look
            return _Onset(seconds * RATE * SHARE, seconds / 60)


def _false_ones(trial: Trial) -> None:
    """Good candidates, looked at after each failure of 20,000 calls."""
    most = _most_others()
    fooled = sum(_falsely_taken_back(trial.random, most) for _ in range(NULL_RUNS))
    trial.at_most(
        "good candidates taken back, of 2,000", 100 * fooled / NULL_RUNS, 1, "%", give=0.4
    )


def _falsely_taken_back(chance: Random, most: list[int]) -> bool:
    """Whether chance alone takes one back; evidence rises at failures of the candidate only."""
    others, failures = 0, round(NULL_CALLS / SHARE * GOOD)
    for ours in range(1, len(most)):
        others += _gap(chance, SHARE) - 1
        if ours + others > failures:
            return False
        if others <= most[ours]:
            return True
    return False


def _most_others() -> list[int]:
    """For each number of failures of the candidate, the most of the control's that convict it."""
    found = [-1]
    for ours in range(1, round(NULL_CALLS * GOOD * 2)):
        most = found[-1]
        while event_e_value(ours, most + 1, SHARE) >= 1 / ALPHA:
            most += 1
        found.append(most)
    return found


@IR_20.healthy
async def as_good_as_the_control(trial: Trial) -> None:
    """The candidate fails as seldom as what it is to replace."""
    shipped = Shipped(trial, "as good", bad=GOOD, every=10.0)
    await in_turn(trial, shipped.ask, rate=RATE, calls=trial.calls)
    shipped.rollout.sync()
    status = shipped.rollout.status()
    trial.exactly("where it stands", status.status, "ramping")
    trial.exactly("calls counted, of all", sum(status.calls), sum(shipped.calls))
    trial.none("decisions against it", len(shipped.rollout.audit()) - 1)

"""IR-29: effects that happen twice, and effects that nobody wanted."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from typing import TYPE_CHECKING, Any

import reliai
from reliai.incidents.registry import incident
from reliai.incidents.simulated import Watch
from reliai.rollout import Rollout

if TYPE_CHECKING:
    from reliai.incidents.trial import Trial

IR_29 = incident(
    "IR-29",
    title="effects that happen twice, or should not happen",
    scenario="400 runs of an agent pay an invoice each; in 5 % the tool answers too late, after "
    "the money has gone, in 5 % it cannot be reached. A model deletes a table after its context "
    "was compacted and the rule against it lost. Somebody stops an agent that goes on and on",
    evidence="a database deleted in a code freeze in July 2025; a production volume gone in 9 s; "
    "a mailbox emptied after a compaction; agents that retried tools that had worked",
    guard='Once() and Retry(3) around tool(idempotency_key="key"), tool(approval=True), '
    "Rollout.kill",
)

RUNS = 400
LATE, DOWN = 0.05, 0.05
LIMIT, SLOW = 5.0, 60.0
TRIES = 3
"""How often an agent calls a tool that has failed."""
DELETES, STEP, ORDER = 50, 3.0, 40
"""Runs that lose their rule; seconds a step of an agent takes; the step at which it is stopped."""


class Bank:
    """Pays; sometimes it answers too late, sometimes it cannot be reached.

    Args:
        trial: gives chance.
        ill: whether it ever fails.

    Attributes:
        paid: how often for each key.
    """

    def __init__(self, trial: Trial, *, ill: bool = True) -> None:
        self._chance = trial.random
        self._ill = ill
        self.paid: Counter[str] = Counter()

    async def pay(self, key: str) -> str:
        """Pay an invoice."""
        luck = self._chance.random()
        if self._ill and luck < DOWN:
            raise ConnectionRefusedError("the bank cannot be reached")
        self.paid[key] += 1
        if self._ill:
            await asyncio.sleep(SLOW if luck < DOWN + LATE else 0.2)
        return f"paid {key}"


def guarded(bank: Bank, *observers: Any) -> Any:
    """The tool as its users would decorate it."""

    async def pay(key: str) -> str:
        """Pay the invoice of a key."""
        return await bank.pay(key)

    tool = reliai.tool(name="pay", idempotency_key="key", observers=observers)(pay)
    return reliai.Once()(reliai.Retry(3, budget=None)(reliai.Timeout(LIMIT)(tool)))


async def agent(pay: Any, key: str) -> str:
    """Calls the tool until it hears that it was paid, as models do; gives what it heard last."""
    heard = "nothing"
    for _ in range(TRIES):
        try:
            return str(await pay(key=key))
        except Exception as error:  # noqa: BLE001  told to the model, whatever it is
            heard = type(error).__name__
    return heard


@IR_29.unguarded
async def effects_happen_as_they_like(trial: Trial) -> None:
    """The agent tries again what has worked, and the rule was in its context alone."""
    bank = Bank(trial)

    async def pay(key: str) -> str:
        async with asyncio.timeout(LIMIT):
            return await bank.pay(key)

    await asyncio.gather(*(agent(pay, f"invoice {run}") for run in range(RUNS)))
    trial.made = RUNS
    twice = sum(count > 1 for count in bank.paid.values())
    trial.at_least("invoices paid more than once, of 400", twice, 10)
    database = Database()
    for run in range(DELETES):
        await _compacted(database.delete, f"table {run}")
    trial.at_least("tables deleted without anybody's consent, of 50", len(database.gone), DELETES)


class Database:
    """Tables that can be deleted, once and for all.

    Attributes:
        gone: those that were.
    """

    def __init__(self) -> None:
        self.gone: list[str] = []

    async def delete(self, table: str) -> str:
        """Delete a table."""
        self.gone.append(table)
        return f"{table} is gone"


RULE = "Never delete a table before a person has said yes."


async def _compacted(delete: Any, table: str) -> str:
    """A model that obeys the rules that it still remembers."""
    context = [RULE, *(f"step {number}: cleaned up" for number in range(40))]
    summary = [line for line in context[-8:] if line]  # what fits into the window
    if any(line == RULE for line in summary):
        return "asks"
    try:
        return str(await delete(table=table))
    except reliai.GuardRejected as refused:
        return str(refused.check)


@IR_29.guarded
async def they_happen_once_and_by_consent(trial: Trial) -> None:
    """A key pays once, whoever calls again; what cannot be undone waits; a switch stops all."""
    await _paid_once(trial)
    await _waits_for_consent(trial)
    await _stopped(trial)
    trial.detected("at the call")


async def _paid_once(trial: Trial) -> None:
    bank, watch = Bank(trial), Watch(trial)
    pay = guarded(bank, watch)
    keys = [f"invoice {run}" for run in range(RUNS)]
    # Two workers have each run: a queue delivers it twice.
    heard = await asyncio.gather(*(agent(pay, key) for key in (*keys, *keys)))
    trial.made += RUNS
    trial.exactly("payments of a key, at most", max(bank.paid.values()), 1)
    unpaid = [key for key in keys if not bank.paid[key]]
    doubtful = {key for key, said in zip((*keys, *keys), heard, strict=True) if "paid" not in said}
    late = sum(1 for key in doubtful if bank.paid[key])
    trial.at_least("payments that were made and never confirmed", late, 10)
    trial.exactly("keys that were not paid", len(unpaid), 0)
    told = {said for said in heard if "paid" not in said}
    trial.exactly("what agents hear of those", ", ".join(sorted(told)), "AmbiguousOutcome")
    trial.at_least("tries that found no bank and were repeated", watch.counts["retry"], 10)


async def _waits_for_consent(trial: Trial) -> None:
    database = Database()

    @reliai.tool(approval=True)
    async def delete(table: str) -> str:
        """Delete a table."""
        return await database.delete(table)

    heard = [await _compacted(delete, f"table {run}") for run in range(DELETES)]
    trial.none("tables deleted without anybody's consent, of 50", len(database.gone))
    trial.exactly("calls that hear why", heard.count("approval"), DELETES)
    consent = reliai.tool.approve(delete, {"table": "table 7"}, by="ana")
    with reliai.tool.approved(consent):
        heard = [await _compacted(delete, f"table {run}") for run in range(DELETES)]
        await _compacted(delete, "table 7")
    trial.exactly("what is gone once ana has said yes to one", ", ".join(database.gone), "table 7")


async def _stopped(trial: Trial) -> None:
    """An agent that never ends is stopped by somebody else, in the middle of a step."""
    done: list[str] = []

    async def step(number: int) -> str:
        done.append(f"step {number}")
        await asyncio.sleep(STEP)
        return "go on"

    async def hand_over(number: int) -> str:
        return f"a person takes over at {number}"

    switch = Rollout(
        "agent", control=hand_over, candidate=step, steps=(0.999999, 1.0), background=False
    )
    act: Any = switch.route()
    after = -1

    async def stop() -> None:
        nonlocal after
        await asyncio.sleep(ORDER * STEP + STEP / 2)
        switch.kill(by="ana", why="it goes in circles")
        after = len(done)

    stopping = asyncio.ensure_future(stop())
    with reliai.context(subject="agent 1"):
        for number in range(10 * ORDER):
            if await act(number) != "go on":
                break
    await stopping
    trial.made += len(done)
    trial.at_most("steps begun after the switch", len(done) - after, 1)
    trial.exactly("steps done before it", after, ORDER + 1)
    entry = switch.audit()[-1]
    trial.exactly("who is written down", f"{entry.action} by {entry.by}", "kill by ana")


@IR_29.healthy
async def a_quiet_day(trial: Trial) -> None:
    """The bank answers; some invoices come twice, and people approve what they ask for."""
    bank, watch = Bank(trial, ill=False), Watch(trial)
    pay = guarded(bank, watch)
    database = Database()

    @reliai.tool(approval=True)
    async def delete(table: str) -> str:
        """Delete a table."""
        return await database.delete(table)

    wrong = 0
    for number in range(trial.calls):
        key = f"invoice {number - number % 10 if number % 10 == 9 else number}"
        wrong += await agent(pay, key) != f"paid {key}"
        if number % 100 == 0:
            consent = reliai.tool.approve(delete, {"table": f"{number}"}, by="ana")
            with reliai.tool.approved(consent), contextlib.suppress(reliai.GuardRejected):
                await delete(f"{number}")
    trial.made += trial.calls
    trial.none("agents that hear anything but that it was paid", wrong)
    trial.exactly("payments of a key, at most", max(bank.paid.values()), 1)
    trial.none("approved calls that were refused", -(-trial.calls // 100) - len(database.gone))
    trial.none("retries and refusals", watch.counts["retry"] + watch.refusals)

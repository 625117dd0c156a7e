"""IR-28: an agent that goes round in circles, and many calls that overspend together."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import reliai
from reliai.incidents.registry import incident
from reliai.incidents.simulated import Watch

if TYPE_CHECKING:
    from reliai.incidents.trial import Trial

IR_28 = incident(
    "IR-28",
    title="runaway agent, overspent budget",
    scenario="two tools hand a task to each other, a step of $0.045 every 3 s; 50 workers at a "
    "time spend $0.40 a call of $10",
    evidence="two agents that talked to each other for 264 h and $47,000; races in the budgets of "
    "a gateway",
    guard="reliai.run(max_usd=2), reliai.tool, Budget(usd=10)",
)

STEP, STEP_SECONDS = 0.045, 3.0
CALL, CAP, WORKERS = 0.40, 10.0, 50
DAY = 24 * 3600.0
RUN_CAP = 2.0


class Agent:
    """A model that always asks for the other tool, and never finishes.

    Args:
        trial: gives the time.
        varied: whether the arguments differ from step to step, so that no loop can be seen.

    Attributes:
        spent: US dollars that its provider bills.
        steps: calls of the model.
    """

    def __init__(self, trial: Trial, *, varied: bool) -> None:
        self._trial = trial
        self._varied = varied
        self.spent = 0.0
        self.steps = 0

    async def think(self, task: str) -> str:
        """One step of the model: which tool comes next."""
        self.steps += 1
        self.spent += STEP
        await asyncio.sleep(STEP_SECONDS)
        reliai.usage(model="simulated", input_tokens=1_000, output_tokens=500, cost_usd=STEP)
        return f"{task} {self.steps}" if self._varied else task

    async def ask_other(self, question: str) -> str:
        """A tool that hands the task to the other side."""
        return question


async def _go_on(agent: Agent, think: Any, tools: tuple[Any, Any], until: float) -> None:
    """The agent's loop: think, then do as the model says, until somebody stops it."""
    task = "reconcile the invoices"
    while agent._trial.now < until:  # noqa: SLF001  the scenario's own
        task = await think(task)
        await tools[agent.steps % 2](task)


@IR_28.unguarded
async def it_goes_on(trial: Trial) -> None:
    """Nobody stops it: a day is played, the real one lasted eleven."""
    agent = Agent(trial, varied=False)
    with reliai.mode("off"):
        await _go_on(agent, agent.think, (agent.ask_other, agent.ask_other), DAY)
    trial.made = agent.steps
    trial.above("spent by the agent in a day", agent.spent, 1_000, "$")
    purse = _Purse()
    await asyncio.gather(*(purse.worker(trial, number) for number in range(WORKERS)))
    trial.above("spent when each checks, then pays", purse.spent, CAP, "$")


@IR_28.guarded
async def it_is_stopped(trial: Trial) -> None:
    """The loop is seen; where no loop can be seen, the run's cap holds; budgets are reserved."""
    steps = await _runaway(trial, varied=False)
    trial.at_most("steps of the agent, equal arguments", steps.steps, 12)
    trial.at_most("spent by it", steps.spent, RUN_CAP, "$")
    trial.detected(f"{steps.steps} steps")
    varied = await _runaway(trial, varied=True)
    trial.at_most("spent by one whose arguments differ", varied.spent, RUN_CAP, "$")
    spent, refused = await _fifty(trial)
    trial.exactly("spent by 50 workers under a cap of $10", round(spent, 6), CAP, "$")
    trial.at_least("calls refused at admission", refused, WORKERS)


@IR_28.healthy
async def a_quiet_day(trial: Trial) -> None:
    """Agents that finish, twenty calls a run, and a budget that is enough."""
    watch = Watch(trial)

    async def think(task: str) -> str:
        reliai.usage(model="simulated", input_tokens=100, output_tokens=50, cost_usd=0.001)
        return task

    async def look_up(key: str) -> str:
        return key

    budget = reliai.Budget(usd=0.001 * trial.calls + 1.0, estimate=0.001)
    ask = reliai.reliable(budget, name="think", observers=(watch,))(think)
    tool = reliai.tool(look_up)
    refused = 0
    for number in range(0, trial.calls, 20):
        with reliai.run(f"run {number}", max_calls=50, max_usd=RUN_CAP):
            for step in range(10):
                try:
                    await ask(f"task {number}")
                    await tool(f"key {number} {step}")
                except reliai.BudgetExceeded:
                    refused += 1
        trial.made += 20
        await asyncio.sleep(1.0)
    trial.none("calls refused", refused + watch.refusals)
    trial.none("loops seen", watch.counts["tool_repeated"])


async def _runaway(trial: Trial, *, varied: bool) -> Agent:
    agent = Agent(trial, varied=varied)
    think = reliai.reliable(name="think")(agent.think)

    async def ask_billing(question: str) -> str:
        return await agent.ask_other(question)

    async def ask_research(question: str) -> str:
        return await agent.ask_other(question)

    tools = reliai.tool(ask_billing), reliai.tool(ask_research)
    with (
        contextlib.suppress(reliai.BudgetExceeded),
        reliai.run("invoices", max_usd=RUN_CAP),
    ):
        await _go_on(agent, think, tools, trial.now + DAY)
    trial.made += agent.steps
    return agent


async def _fifty(trial: Trial) -> tuple[float, int]:
    """Fifty workers that call until they are refused; gives what was billed and refused."""
    billed, refused = 0.0, 0

    async def spend(question: int) -> str:
        nonlocal billed
        billed += CALL
        await asyncio.sleep(2.0)
        reliai.usage(model="simulated", input_tokens=10, output_tokens=10, cost_usd=CALL)
        return f"{question}"

    ask = reliai.reliable(reliai.Budget(usd=CAP, estimate=CALL), name="spend")(spend)

    async def worker(number: int) -> None:
        nonlocal refused
        for _ in range(4):
            trial.made += 1
            await asyncio.sleep(trial.random.uniform(0.0, 0.5))
            try:
                await ask(number)
            except reliai.BudgetExceeded:
                refused += 1

    await asyncio.gather(*(worker(number) for number in range(WORKERS)))
    return billed, refused


class _Purse:
    """A budget as it is often written: look at what was spent, call, add what it cost."""

    def __init__(self) -> None:
        self.spent = 0.0

    async def worker(self, trial: Trial, _number: int) -> None:
        while self.spent < CAP:
            trial.made += 1
            await asyncio.sleep(trial.random.uniform(1.0, 3.0))
            self.spent += CALL

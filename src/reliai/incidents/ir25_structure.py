"""IR-25: after an update, structured answers no longer have the structure that was asked for."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import reliai
from reliai.incidents.monitored import Inline, in_turn, noticed
from reliai.incidents.registry import incident
from reliai.monitoring import Monitor, signals

if TYPE_CHECKING:
    from reliai.incidents.trial import Trial

IR_25 = incident(
    "IR-25",
    title="structured output breaks after an update",
    scenario="10 calls/s; the share of answers that are not of the wanted form rises from 0.5 % to "
    "4 %; asked again, the model gets one in five wrong once more",
    evidence="models that began to rename fields and to write numbers out, overnight",
    guard="Budget(usd=…), Validate(reask=1), output=Ticket; Monitor",
    needs=("monitoring",),
)

RATE = 10.0
HEALTHY, ILL, AGAIN = 0.005, 0.04, 0.2
CALLS = 5_000
COST = 0.002
"""US dollars a request."""

GOOD = '{"team": "billing", "urgency": 3}'
BAD = (
    '{"team": "Billing and payments", "urgency": 3}',
    '{"team": "billing", "urgency": "high"}',
    '{"department": "billing", "urgency": 3}',
)


@dataclass(frozen=True)
class Ticket:
    """What is asked for."""

    team: Literal["billing", "returns", "shipping"]
    urgency: int


class Model:
    """Writes tickets, some of another form.

    Args:
        trial: gives chance.

    Attributes:
        wrong: the share of those.
        requests: how many it got.
    """

    def __init__(self, trial: Trial) -> None:
        self._chance = trial.random
        self.wrong = HEALTHY
        self.requests = 0

    async def write(self, prompt: str) -> str:
        """One request."""
        self.requests += 1
        wrong = AGAIN if "was not accepted" in prompt else self.wrong
        return self._chance.choice(BAD) if self._chance.random() < wrong else GOOD

    @property
    def spent(self) -> float:
        """What it bills, in US dollars."""
        return self.requests * COST


class Guarded:
    """The function as its users would decorate it, and its monitor.

    Args:
        trial: gives time and chance.
        usd: the budget.
    """

    def __init__(self, trial: Trial, usd: float = 1e6) -> None:
        self.model = Model(trial)
        signal = signals.validation_failures(reference=HEALTHY, shift=ILL)
        self.watch = Inline(trial, Monitor(signals=[signal], alerts=[]))

        async def ticket(prompt: str) -> str:
            text = await self.model.write(prompt)
            reliai.usage(cost_usd=COST)
            return text

        self._ask: Any = reliai.reliable(
            reliai.Budget(usd=usd, estimate=COST),
            reliai.Validate(reask=1),
            output=Ticket,
            name="ticket",
            observers=(self.watch,),
        )(ticket)

    @property
    def ill(self) -> bool:
        """Whether the model was updated."""
        return self.model.wrong == ILL

    @ill.setter
    def ill(self, ill: bool) -> None:
        self.model.wrong = ILL if ill else HEALTHY

    async def ask(self, number: int) -> Any:
        """A call: a ticket, or the error that came in its place."""
        try:
            return await self._ask(f"What team is e-mail {number} for, and how urgent is it?")
        except (reliai.OutputInvalid, reliai.BudgetExceeded) as error:
            return error.with_traceback(None)


@IR_25.unguarded
async def what_uses_it_breaks(trial: Trial) -> None:
    """It is JSON, so it goes on, until somebody looks for the team."""
    model = Model(trial)
    model.wrong = ILL
    broken = 0

    async def ask(number: int) -> None:
        nonlocal broken
        found = json.loads(await model.write(f"e-mail {number}"))
        broken += found.get("team") not in {"billing", "returns", "shipping"}
        broken += not isinstance(found["urgency"], int)

    made = await in_turn(trial, ask, rate=RATE, calls=CALLS)
    trial.at_least("answers that whoever uses them cannot use", 100 * broken / made, 3, "%")


@IR_25.guarded
async def only_tickets_come_out(trial: Trial) -> None:
    """The model is told what was wrong, once; what is wrong again is an error."""
    guarded = Guarded(trial)
    guarded.ill = True
    model, got, most = guarded.model, [], 0

    async def ask(number: int) -> None:
        nonlocal most
        before = model.requests
        got.append(await guarded.ask(number))
        most = max(most, model.requests - before)

    made = await in_turn(trial, ask, rate=RATE, calls=CALLS)
    others = [each for each in got if not isinstance(each, Ticket)]
    invalid = sum(isinstance(each, reliai.OutputInvalid) for each in others)
    trial.none("objects delivered that are no ticket", len(others) - invalid)
    trial.at_most("requests for one call", most, 2)
    trial.at_most("calls that end in OutputInvalid", 100 * invalid / made, 1.2, "%")
    trial.at_most("requests for each call", model.requests / made, 1.06)
    await _within_its_budget(trial)
    await _how_soon(trial)


async def _within_its_budget(trial: Trial) -> None:
    """A model that gets everything wrong is asked again only as long as there is money."""
    guarded = Guarded(trial, usd=101 * COST)
    guarded.model.wrong = 1.0
    got = [await guarded.ask(number) for number in range(120)]
    trial.made += len(got)
    trial.at_most(
        "spent under a budget of $0.202 when all is wrong", guarded.model.spent, 0.202, "$"
    )
    refused = sum(isinstance(each, reliai.BudgetExceeded) for each in got)
    trial.at_least("calls refused by then", refused, 1)


async def _how_soon(trial: Trial) -> None:
    signal = "validation_failures"
    delays = await noticed(trial, lambda: Guarded(trial), signal, times=100, rate=RATE)
    trial.at_most("calls to detection, median", delays.calls(0.5), 337, give=50)
    trial.at_most("calls to detection, 95 %", delays.calls(0.95), 559, give=130)
    trial.at_most("seconds to detection, median", delays.seconds(0.5), 34, "s", give=5)
    trial.detected(delays.text)


@IR_25.healthy
async def a_quiet_day(trial: Trial) -> None:
    """One answer in two hundred is of another form."""
    guarded = Guarded(trial)
    failed = 0

    async def ask(number: int) -> None:
        nonlocal failed
        failed += not isinstance(await guarded.ask(number), Ticket)

    made = await in_turn(trial, ask, rate=RATE, calls=trial.calls)
    trial.none("alarms", len(guarded.watch.alarms))
    trial.at_most("calls that failed", 100 * failed / made, 0.2, "%")
    trial.at_most("requests for each call", guarded.model.requests / made, 1.01)

"""A worker of the tests of shared limits: one of several processes with the same policies.

Its arguments: what it does, the shared state's URL, a folder, and settings as JSON. It makes a file
`ready/…` when it knows the store, begins when there is a file `go`, and prints what it did as JSON.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
import warnings
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import reliai
from reliai.state import shared_state
from reliai.state.keeper import keeper_of

if TYPE_CHECKING:
    from collections.abc import Callable

WHAT, URL, FOLDER = sys.argv[1], sys.argv[2], Path(sys.argv[3])
SETTINGS: dict[str, Any] = json.loads(sys.argv[4])
OWN = str(os.getpid())


class Tally:
    """Counts outcomes; safe to use from threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.counts: Counter[str] = Counter()
        self.took: list[float] = []
        self.unexpected: list[str] = []

    def call(self, function: Callable[..., Any], *given: Any, **named: Any) -> Any:
        began = time.perf_counter()
        outcome = reliai.execute(function, *given, **named)
        took = time.perf_counter() - began
        with self._lock:
            self.took.append(took)
            self.counts["ok" if outcome.ok else type(outcome.error).__name__] += 1
            assert outcome.record is not None
            for event in outcome.record.events:
                self.counts[event.kind] += 1
        return outcome

    def report(self, **facts: Any) -> None:
        took = sorted(self.took) or [0.0]
        p99 = took[int(len(took) * 0.99)]
        print(json.dumps({**self.counts, "p99": p99, "slowest": took[-1], **facts}))


def in_threads(size: int, work: Callable[[], None]) -> None:
    threads = [threading.Thread(target=work) for _ in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def begin() -> None:
    keeper = keeper_of(shared_state(URL))
    while not keeper.exchanges:
        time.sleep(0.005)
    (FOLDER / "ready").mkdir(exist_ok=True)
    (FOLDER / "ready" / OWN).touch()
    while not (FOLDER / "go").exists():
        time.sleep(0.005)


def limit_rate(tally: Tally) -> None:
    """Call as often as a rate limit lets through."""
    limit = reliai.RateLimit(SETTINGS["rate"], burst=SETTINGS["burst"])
    ask = reliai.reliable(limit, name="ask")(lambda: None)
    begin()
    until = time.monotonic() + SETTINGS["seconds"]
    while time.monotonic() < until:
        tally.call(ask)
        time.sleep(0.01)


def spend(tally: Tally) -> None:
    """Call until a budget is spent, from several threads."""
    budget = reliai.Budget(usd=SETTINGS["usd"], estimate=SETTINGS["estimate"], per=3600.0)

    @reliai.reliable(budget, name="ask")
    def ask() -> str:
        time.sleep(0.002)
        reliai.usage(model="m", input_tokens=1, output_tokens=1, cost_usd=SETTINGS["cost"])
        return "answer"

    begin()
    if SETTINGS.get("die"):
        threading.Timer(SETTINGS["die"], os._exit, (9,)).start()

    def work() -> None:
        refused = 0
        while refused < 20:
            outcome = tally.call(ask)
            if isinstance(outcome.error, reliai.BudgetExceeded):
                refused += 1
                time.sleep(0.02)  # what others hold is given back a moment later

    in_threads(4, work)


def pay(tally: Tally) -> None:
    """Call with the same idempotency keys as all the others."""

    @reliai.reliable(reliai.Once(), effects="once", idempotency_key="key", name="pay")
    def pay_once(key: str) -> str:
        with (FOLDER / f"paid-{OWN}").open("a") as file:
            file.write(key + "\n")
        time.sleep(0.005)
        return f"{key} by {OWN}"

    begin()
    results: dict[str, set[str]] = {}

    def work() -> None:
        for number in range(SETTINGS["keys"]):
            outcome = tally.call(pay_once, f"k{number}")
            if outcome.ok:
                results.setdefault(f"k{number}", set()).add(outcome.value)

    in_threads(2, work)
    (FOLDER / f"results-{OWN}").write_text(json.dumps({k: sorted(v) for k, v in results.items()}))


def use_all(tally: Tally) -> None:
    """Make calls through all policies that share, while the store comes and goes."""
    budget = reliai.Budget(usd=1e6, estimate=0.001)
    limit = reliai.RateLimit(1e5)
    breaker = reliai.CircuitBreaker("provider")
    retries = reliai.RetryBudget(name="team")
    once = reliai.Once()

    @reliai.reliable(
        reliai.Cache(shared=True),
        budget,
        once,
        reliai.Retry(2, budget=retries, wait=lambda _: 0.0),
        breaker,
        limit,
        name="ask",
        idempotency_key="key",
    )
    def ask(prompt: str, key: str) -> str:
        made[prompt] = made.get(prompt, 0) + 1
        if made[prompt] == 1 and prompt.endswith("7"):
            raise ConnectionRefusedError("once in ten")
        reliai.usage(model="m", input_tokens=1, output_tokens=1, cost_usd=0.0001)
        return prompt.upper()

    made: dict[str, int] = {}
    begin()
    numbers = iter(range(10**9))
    lock = threading.Lock()

    def work() -> None:
        while not (FOLDER / "stop").exists():
            with lock:
                number = next(numbers)
            prompt = f"{OWN} {number - number % 2}"  # each prompt twice
            outcome = tally.call(ask, prompt, prompt)
            if not outcome.ok or outcome.value != prompt.upper():
                with lock:
                    tally.unexpected.append(repr(outcome.error))
            time.sleep(0.002)

    in_threads(2, work)
    deadline = time.monotonic() + 30
    keeper = keeper_of(shared_state(URL))
    while not keeper.available and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(1.0)
    (FOLDER / f"done-{OWN}").touch()
    while len(list(FOLDER.glob("done-*"))) < SETTINGS["size"] and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(1.0)
    account = budget.snapshot()["usd"]
    spent = account.spent + account.reserved
    tally.report(unexpected=tally.unexpected[:3], spent=spent, available=keeper.available)


def show_circuits(tally: Tally) -> None:
    """Fail five times, and wait until the health page shows what all did."""
    breaker = reliai.CircuitBreaker("provider", min_calls=1000)

    @reliai.reliable(breaker)
    def ask() -> str:
        raise ConnectionError("down")

    begin()
    for _ in range(5):
        tally.call(ask)
    until = time.monotonic() + 20
    while True:
        (seen,) = reliai.circuits()
        if seen.failures == 5 * SETTINGS["size"] or time.monotonic() > until:
            break
        time.sleep(0.01)
    (FOLDER / f"done-{OWN}").touch()
    tally.report(calls=seen.calls, failures=seen.failures, name=seen.name)


def main() -> None:
    warnings.simplefilter("ignore")
    reliai.configure(state=URL)
    tally = Tally()
    works = {
        "all": use_all,
        "budget": spend,
        "circuits": show_circuits,
        "once": pay,
        "rate": limit_rate,
    }
    works[WHAT](tally)
    if WHAT not in {"all", "circuits"}:
        tally.report()


main()

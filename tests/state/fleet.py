"""A worker of the fleet tests: one of several processes that guard the same provider.

Its arguments: the shared state's URL, a folder, seconds between two calls. In the folder the file
`down` says that the provider is down, `stop` that it is time to end. Each call that reaches the
provider while it is down leaves a line in a file of its own, with the time.
"""

from __future__ import annotations

import json
import random
import sys
import time
import warnings
from pathlib import Path

import reliai

URL, FOLDER, PERIOD = sys.argv[1], Path(sys.argv[2]), float(sys.argv[3])
SETTINGS = json.loads(sys.argv[4])
OWN = FOLDER / f"worker-{random.randrange(10**12)}.jsonl"


def say(**facts: object) -> None:
    with OWN.open("a") as file:
        file.write(json.dumps({"at": time.time(), **facts}) + "\n")


def provider() -> str:
    if (FOLDER / "down").exists():
        began = time.time()
        time.sleep(0.02)
        say(reached="down", began=began)
        raise ConnectionError("down")
    return "an answer"


def main() -> None:
    warnings.simplefilter("ignore")
    breaker = reliai.CircuitBreaker("provider", **SETTINGS)
    reliai.configure(state=URL)
    guarded = reliai.reliable(breaker, name="ask")(provider)
    before = ""
    slowest: list[float] = []
    (FOLDER / "ready").mkdir(exist_ok=True)
    (FOLDER / "ready" / OWN.name).touch()
    while not (FOLDER / "stop").exists():
        began = time.perf_counter()
        outcome = reliai.execute(guarded)
        took = time.perf_counter() - began
        if outcome.ok:
            slowest.append(took)
        elif not isinstance(outcome.error, (ConnectionError, reliai.CircuitOpen)):
            say(unexpected=repr(outcome.error))
        next_call = began + PERIOD * random.uniform(0.95, 1.05)
        while True:  # its state may change between two calls
            if breaker.state != before:
                before = breaker.state
                say(state=before)
            left = next_call - time.perf_counter()
            if left <= 0:
                break
            time.sleep(min(left, 0.02))
    slowest.sort()
    say(calls=len(slowest), p99=slowest[int(len(slowest) * 0.99)] if slowest else None)


main()

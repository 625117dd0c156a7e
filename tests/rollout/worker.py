"""A process of an application with rollouts, which does what it reads and says what came of it.

Run by `fleet.py`. Reads lines `[command, {arguments}]` and prints one line of JSON for each.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import warnings
from typing import Any

import reliai
from reliai.rollout import Rollout, RolloutConflict, _controller
from reliai.rollout._minder import minder
from reliai.state import open_state

warnings.simplefilter("ignore")
PATIENCE = 60.0
LEASE = 0.5


class Doomed:
    """A state in whose midst its process is killed.

    Args:
        state: that it hands everything on to.
        question: at which one.
        after: whether once it was answered; else before it is asked.
    """

    shared = True

    def __init__(self, state: Any, question: str, *, after: bool) -> None:
        self._state = state
        self._question = question
        self._after = after
        self.armed = False

    def __getattr__(self, name: str) -> Any:
        asked = getattr(self._state, name)
        if not self.armed or name != self._question:
            return asked

        def last(*args: Any, **given: Any) -> Any:
            if self._after:
                asked(*args, **given)
            os.kill(os.getpid(), signal.SIGKILL)

        return last


class Worker:
    """What a process of the fleet can do."""

    state: Any
    ro: Rollout
    ask: Any

    def use(self, url: str) -> None:
        """Share over this state from now on."""
        self.state = open_state(url)

    def begin(self, name: str, **given: Any) -> None:
        """Make a rollout; its candidate fails when it is asked to."""
        settings: dict[str, Any] = {"state": self.state, **given}
        self.ro = Rollout(name, "a", "b", **settings)

        @reliai.Route(self.ro, into="variant")
        def ask(bad: bool, variant: str = "") -> str:
            if bad and variant == "b":
                raise ConnectionError
            return variant

        self.ask = ask

    def choose(self, unit: str) -> list[str]:
        choice = self.ro.choose(unit)
        return [choice.name, choice.reason]

    def serve(self, calls: int, prefix: str, *, bad: bool = False) -> None:
        for number in range(calls):
            with reliai.context(subject=f"{prefix}-{number}"):
                reliai.execute(self.ask, bad)

    def sync(self) -> bool:
        return self.ro.sync()

    def operate(self, action: str, **given: Any) -> str:
        try:
            getattr(self.ro, action)(**given)
        except RolloutConflict as conflict:
            return str(conflict)
        return "done"

    def kill(self, by: str) -> float:
        began = time.time()
        self.ro.kill(by=by)
        return began

    def killed(self, unit: str) -> float:
        """When the kill was seen here."""
        until = time.monotonic() + PATIENCE
        while self.ro.choose(unit).reason != "KILLED" and time.monotonic() < until:
            time.sleep(0.002)
        return time.time()

    def decided(self) -> list[list[Any]]:
        """Go on until something was decided; what was, with its epoch."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            self.ro.sync()
            entries = [each for each in self.ro.audit() if each.action != "start"]
            if entries:
                return [[each.action, each.epoch] for each in entries]
            time.sleep(0.02)
        return []

    def status(self) -> dict[str, Any]:
        return self.ro.status().to_dict()

    def audit(self) -> list[list[Any]]:
        return [[each.action, each.by, each.after["step"]] for each in self.ro.audit()]

    def doom(self, name: str, question: str, calls: int, *, after: bool, **given: Any) -> int:
        """In a child of this process: lead a rollout, and be killed in its midst; the signal."""
        child = os.fork()
        if not child:
            doomed = Doomed(self.state, question, after=after)
            self.begin(name, **{"state": doomed, **given})
            self.ro.sync()  # it leads
            self.serve(calls, "doomed", bad=True)
            doomed.armed = True
            self.ro._controller._decided = -1e300
            self.ro.sync()
            os._exit(0)
        return os.WTERMSIG(os.waitpid(child, 0)[1])

    def preload(self, name: str, children: int, calls: int, **given: Any) -> list[int]:
        """As a server that loads the application before it forks: children that serve until it
        is killed, and end as they should; their exit codes."""
        self.begin(name, **given)
        self.ro.choose("before the fork")
        served = os.pipe()
        pids = [self._child(number, calls, served) for number in range(children)]
        os.close(served[1])
        told = b""
        while len(told) < children:
            told += os.read(served[0], children)
        os.close(served[0])
        self.ro.kill(by="ana")
        return [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]

    def _child(self, number: int, calls: int, served: tuple[int, int]) -> int:
        child = os.fork()
        if not child:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            self.serve(calls, f"child{number}")
            os.write(served[1], b".")
            self.killed("u")
            minder.tick_all()  # what happens at exit; a fork of this program must not end as it
            os._exit(0 if self.ro.choose("u").reason == "KILLED" else 1)
        return child


def main() -> None:
    setattr(_controller, "_LEASE", LEASE)  # noqa: B010  what it may be is said once, elsewhere
    worker = Worker()
    print('"up"', flush=True)
    for line in sys.stdin:
        command, given = json.loads(line)
        print(json.dumps(getattr(worker, command)(**given)), flush=True)


if __name__ == "__main__":
    main()

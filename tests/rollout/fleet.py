"""Processes with rollouts that share a real state, told what to do one by one or all at once."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

from tests.programs import environment

WORKER = Path(__file__).parent / "worker.py"


class Fleet:
    """Worker processes.

    Args:
        size: how many.

    Attributes:
        url: of the state that they share now.
    """

    url = ""

    def __init__(self, size: int) -> None:
        self._workers = [
            subprocess.Popen(
                [sys.executable, str(WORKER)],
                env=environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(size)
        ]
        for number in range(size):
            assert self._heard(number) == "up"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.kill()
            worker.communicate()

    def use(self, url: str) -> Self:
        """Have them share over another state."""
        self.url = url
        self.tell_all("use", url=url)
        return self

    def tell(self, number: int, command: str, **given: Any) -> Any:
        """Have one do something; what came of it."""
        self._say(number, command, given)
        return self._heard(number)

    def tell_all(self, command: str, **given: Any) -> list[Any]:
        """Have all do something at the same time; what came of it for each."""
        everybody = range(len(self._workers))
        for number in everybody:
            self._say(number, command, given)
        return [self._heard(number) for number in everybody]

    def start(self, number: int, command: str, **given: Any) -> None:
        """Have one do something, and do not wait for it; `finish` does."""
        self._say(number, command, given)

    def finish(self, number: int) -> Any:
        """What came of what was started."""
        return self._heard(number)

    def _say(self, number: int, command: str, given: dict[str, Any]) -> None:
        pipe = self._workers[number].stdin
        assert pipe is not None
        pipe.write(json.dumps([command, given]) + "\n")
        pipe.flush()

    def _heard(self, number: int) -> Any:
        pipe = self._workers[number].stdout
        assert pipe is not None
        line = pipe.readline()
        assert line, f"worker {number} has ended"
        return json.loads(line)

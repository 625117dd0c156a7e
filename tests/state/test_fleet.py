"""Real processes that share a circuit through a real store."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from reliai.policies.circuit_breaker import CircuitBreaker
from reliai.state import open_state
from tests.programs import environment
from tests.servers import redis_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.servers import RedisServer

pytestmark = pytest.mark.slow
WORKER = Path(__file__).parent / "fleet.py"


class Fleet:
    """Worker processes, and what they wrote down."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def down(self) -> None:
        (self.folder / "down").touch()

    def heal(self) -> None:
        (self.folder / "down").unlink()

    def facts(self, name: str) -> list[dict[str, Any]]:
        lines = [
            json.loads(line)
            for path in self.folder.glob("worker-*.jsonl")
            for line in path.read_text().splitlines()
        ]
        return sorted((each for each in lines if name in each), key=lambda each: each["at"])

    def states(self) -> list[str]:
        """What each worker said last of its circuit."""
        last: dict[Path, str] = {}
        for path in self.folder.glob("worker-*.jsonl"):
            for line in path.read_text().splitlines():
                last[path] = json.loads(line).get("state", last.get(path, ""))
        return list(last.values())


@contextmanager
def fleet(folder: Path, url: str, size: int, period: float, **settings: object) -> Iterator[Fleet]:
    command = [sys.executable, str(WORKER), url, str(folder), str(period), json.dumps(settings)]
    workers = [subprocess.Popen(command, env=environment()) for _ in range(size)]
    try:
        while len(list(folder.glob("ready/*"))) < size:
            assert all(worker.poll() is None for worker in workers)
            time.sleep(0.01)
        yield Fleet(folder)
        (folder / "stop").touch()
        assert [worker.wait(60) for worker in workers] == [0] * size
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()


def healthy_for(seconds: float) -> None:
    time.sleep(seconds)


def outage(fleet: Fleet, size: int, until: Callable[..., None]) -> tuple[float, int]:
    """Take the provider down; seconds until all circuits are open, calls that reached it."""
    fleet.down()
    began = time.time()
    until(lambda: fleet.states() == ["open"] * size)
    took = max(each["at"] for each in fleet.facts("state")) - began
    return took, len(fleet.facts("reached"))


def test_sixteen_processes_open_together_and_probe_one_at_a_time(
    redis: RedisServer, tmp_path: Path, until: Callable[..., None], record_property: Any
) -> None:
    settings = {"window": 10.0, "min_calls": 20, "open_for": 3.0}
    with fleet(tmp_path, f"{redis.url}?prefix=fleet", 16, 0.8, **settings) as workers:
        healthy_for(10)  # the window is full of calls that went well
        took, leaked = outage(workers, 16, until)
        record_property("seconds until all are open", took)
        record_property("calls that reached the provider", leaked)
        assert took <= 6
        assert leaked <= 150
        opened = time.time()
        until(lambda: any(each["began"] > opened + 2 for each in workers.facts("reached")))
        until(lambda: time.time() > opened + 9)
        probes = [each for each in workers.facts("reached") if each["began"] > opened + 1]
        assert 1 <= len(probes) <= 3  # after 3 s, and after 6 s more
        assert all(one["at"] <= next_["began"] for one, next_ in pairwise(probes))
        workers.heal()
        until(lambda: workers.states() == ["closed"] * 16)
    assert workers.facts("unexpected") == []


def test_eight_processes_open_together_over_sqlite(
    tmp_path: Path, until: Callable[..., None], record_property: Any
) -> None:
    url = f"sqlite:///{tmp_path / 'state' / 'shared.db'}"
    settings = {"window": 10.0, "min_calls": 20, "open_for": 2.0}
    with fleet(tmp_path, url, 8, 0.4, **settings) as workers:
        healthy_for(10)
        took, leaked = outage(workers, 8, until)
        record_property("seconds until all are open", took)
        assert took <= 6
        assert leaked <= 150
        workers.heal()
        until(lambda: workers.states() == ["closed"] * 8)
    assert workers.facts("unexpected") == []


def test_no_call_fails_because_the_store_dies_and_comes_back(
    tmp_path: Path, until: Callable[..., None], record_property: Any
) -> None:
    settings = {"window": 10.0, "min_calls": 20}
    (tmp_path / "redis").mkdir()
    with (
        redis_server(tmp_path / "redis") as server,
        fleet(tmp_path, server.url, 4, 0.002, **settings) as workers,
    ):
        state = open_state(server.url)
        until(lambda: state.exchange([], []).now > 0)
        server.kill()
        time.sleep(1.5)
        server.start()
        CircuitBreaker("provider", state=state).isolate()  # the store is in use again
        until(lambda: workers.states() == ["isolated"] * 4)
    assert workers.facts("unexpected") == []
    record_property("p99 of a guarded call", [each["p99"] for each in workers.facts("p99")])


def test_what_an_operator_says_reaches_all_and_survives_their_restart(
    shared_url: str, tmp_path: Path, until: Callable[..., None]
) -> None:
    operator = CircuitBreaker("provider", state=open_state(shared_url))
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    with fleet(tmp_path / "one", shared_url, 2, 0.02) as workers:
        operator.isolate()
        until(lambda: workers.states() == ["isolated"] * 2)
    with fleet(tmp_path / "two", shared_url, 2, 0.02) as workers:
        until(lambda: workers.states() == ["isolated"] * 2)
        if not shared_url.startswith("postgres"):  # to connect may take longer than a call waits
            assert [each["state"] for each in workers.facts("state")] == ["isolated"] * 2
        operator.close()
        until(lambda: workers.states() == ["closed"] * 2)

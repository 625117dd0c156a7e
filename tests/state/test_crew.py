"""Real processes that share limits, budgets, keys and answers through real stores."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any, Self

import pytest

from reliai.state import open_state
from reliai.state.keeper import INTERVAL
from tests.programs import environment
from tests.servers import PostgresServer, redis_server

pytestmark = pytest.mark.slow
WORKER = Path(__file__).parent / "crew.py"


class Crew:
    """Worker processes, and what they printed."""

    def __init__(self, what: str, url: str, folder: Path, size: int, **settings: Any) -> None:
        given = json.dumps({"size": size, **settings})
        command = [sys.executable, str(WORKER), what, url, str(folder), given]
        self._folder = folder
        self._size = size
        self._workers = [
            subprocess.Popen(
                command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
            )
            for _ in range(size)
        ]

    def __enter__(self) -> Self:
        while len(list(self._folder.glob("ready/*"))) < self._size:
            ended = [each for each in self._workers if each.poll() is not None]
            assert not ended, ended[0].communicate()[1]
            time.sleep(0.01)
        (self._folder / "go").touch()
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.kill()
            worker.communicate()

    def stop(self) -> None:
        (self._folder / "stop").touch()

    def reports(self) -> list[dict[str, Any]]:
        """What each said at its end; none said anything else."""
        said = []
        for worker in self._workers:
            out, err = worker.communicate(timeout=60)
            assert "locked" not in err.decode()
            assert err == b""
            if worker.returncode == 0:
                said.append(json.loads(out))
        return said


def total(reports: list[dict[str, Any]], name: str) -> int:
    return sum(each.get(name, 0) for each in reports)


# --- RateLimit ----------------------------------------------------------------------------
def test_sixteen_processes_keep_to_one_rate_limit(
    redis: Any, tmp_path: Path, record_property: Any
) -> None:
    """IR-10"""
    check_rate(f"{redis.url}?prefix={tmp_path.name}", tmp_path, 16, record_property)


def test_eight_processes_keep_to_one_rate_limit_over_sqlite(
    tmp_path: Path, record_property: Any
) -> None:
    check_rate(f"sqlite:///{tmp_path / 'state.db'}", tmp_path, 8, record_property)


def check_rate(url: str, folder: Path, size: int, record_property: Any) -> None:
    rate, burst, seconds = 50.0, 5.0, 5.0
    with Crew("rate", url, folder, size, rate=rate, burst=burst, seconds=seconds) as crew:
        reports = crew.reports()
    passed = total(reports, "ok")
    record_property("let through", passed)
    record_property("rate * time + burst", rate * seconds + burst)
    lag = (size - 1) * burst + 2 * INTERVAL * rate
    assert passed <= rate * (seconds + 0.5) + burst + lag
    assert passed >= 0.7 * rate * seconds
    assert total(reports, "RateLimited") > 0


# --- Budget -------------------------------------------------------------------------------
def test_eight_processes_spend_one_budget(
    shared_url: str, tmp_path: Path, record_property: Any
) -> None:
    """IR-28"""
    settings = {"usd": 1.0, "estimate": 0.012, "cost": 0.01}
    with Crew("budget", shared_url, tmp_path, 8, **settings) as crew:
        reports = crew.reports()
    spent = 0.01 * total(reports, "ok")
    record_property("spent of 1 dollar", spent)
    record_property("p99", max(each["p99"] for each in reports))
    unasked = total(reports, "budget_state_unavailable")  # on a machine that is busy with others
    record_property("reserved without the store", unasked)
    assert spent <= 1.0 + 0.012 + 0.01 * unasked
    assert spent >= 0.85


def test_calls_that_cost_more_than_estimated_exceed_a_shared_budget_by_their_error(
    shared_url: str, tmp_path: Path
) -> None:
    settings = {"usd": 2.0, "estimate": 0.01, "cost": 0.02}
    with Crew("budget", shared_url, tmp_path, 4, **settings) as crew:
        reports = crew.reports()
    spent = 0.02 * total(reports, "ok")
    calls_at_a_time = 4 * 4
    assert spent <= 2.0 + calls_at_a_time * 0.01 + 0.02 * INTERVAL / 0.002 * 4


def test_what_a_killed_process_had_reserved_stays_spent(shared_url: str, tmp_path: Path) -> None:
    settings = {"usd": 1.0, "estimate": 0.1, "cost": 0.0001, "die": 0.5}
    with Crew("budget", shared_url, tmp_path, 4, **settings) as crew:
        assert crew.reports() == []
    now = time.time()
    width = 3600.0 / 60
    from reliai.state import Count

    ask = Count("budget:ask:usd:3600", int(now // width), width, 61, ())
    counted = open_state(shared_url).exchange([ask], []).counted[ask.key]
    assert 0 < sum(amounts[0] for amounts in counted.values()) <= 1.0 + 1e-6


# --- Once ---------------------------------------------------------------------------------
def test_eight_processes_run_each_key_once(
    shared_url: str, tmp_path: Path, record_property: Any
) -> None:
    with Crew("once", shared_url, tmp_path, 8, keys=15) as crew:
        reports = crew.reports()
    paid = Counter(key for path in tmp_path.glob("paid-*") for key in path.read_text().splitlines())
    unshared = total(reports, "once_unshared")
    record_property("calls made without the store", unshared)
    record_property("p99", max(each["p99"] for each in reports))
    assert total(reports, "ok") == 8 * 2 * 15
    assert set(paid) == {f"k{number}" for number in range(15)}
    assert sum(paid.values()) - 15 <= unshared
    results: dict[str, set[str]] = {}
    for path in tmp_path.glob("results-*"):
        for key, values in json.loads(path.read_text()).items():
            results.setdefault(key, set()).update(values)
    if not unshared:
        assert all(len(values) == 1 for values in results.values())


# --- CircuitBreaker -----------------------------------------------------------------------
def test_a_health_page_shows_the_circuits_of_the_fleet(shared_url: str, tmp_path: Path) -> None:
    with Crew("circuits", shared_url, tmp_path, 3) as crew:
        reports = crew.reports()
    assert [each["failures"] for each in reports] == [15] * 3
    assert [each["name"] for each in reports] == ["provider"] * 3


# --- all of them --------------------------------------------------------------------------
def test_no_call_fails_because_the_store_freezes_dies_and_comes_back(
    tmp_path: Path, record_property: Any
) -> None:
    """A76"""
    (tmp_path / "redis").mkdir()
    with (
        redis_server(tmp_path / "redis") as server,
        Crew("all", server.url, tmp_path, 4) as crew,
    ):
        time.sleep(1.0)
        server.freeze()
        time.sleep(1.5)
        server.thaw()
        time.sleep(1.0)
        server.kill()
        time.sleep(1.5)
        server.start()
        time.sleep(1.5)
        crew.stop()
        reports = crew.reports()
    record_property("p99 of a call", [each["p99"] for each in reports])
    record_property("slowest call", [each["slowest"] for each in reports])
    print([each["p99"] for each in reports], [each["slowest"] for each in reports])
    assert [each["unexpected"] for each in reports] == [[]] * 4
    assert all(each["available"] for each in reports)
    assert max(each["spent"] for each in reports) == pytest.approx(
        min(each["spent"] for each in reports)
    )


def test_no_call_fails_because_postgresql_crashes_and_comes_back(
    postgres: PostgresServer, tmp_path: Path, record_property: Any
) -> None:
    with Crew("all", postgres.database(), tmp_path, 3) as crew:
        time.sleep(0.7)
        postgres.kill()
        time.sleep(0.7)
        postgres.start()
        time.sleep(2.0)
        crew.stop()
        reports = crew.reports()
    record_property("p99 of a call", [each["p99"] for each in reports])
    assert [each["unexpected"] for each in reports] == [[]] * 3
    assert all(each["available"] for each in reports)
    spent = [each["spent"] for each in reports]
    assert max(spent) == pytest.approx(min(spent))


def test_eight_processes_with_all_policies_over_sqlite_never_see_a_locked_database(
    tmp_path: Path, record_property: Any
) -> None:
    with Crew("all", f"sqlite:///{tmp_path / 'state.db'}", tmp_path, 8) as crew:
        time.sleep(4.0)
        crew.stop()
        reports = crew.reports()
    record_property("p99 of a call", [each["p99"] for each in reports])
    print([each["p99"] for each in reports])
    assert [each["unexpected"] for each in reports] == [[]] * 8

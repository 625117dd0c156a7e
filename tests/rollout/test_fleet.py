"""Rollouts of processes of their own, over SQLite, Redis and PostgreSQL."""

from __future__ import annotations

import signal
import uuid
import warnings
from typing import TYPE_CHECKING, Any

import pytest

from reliai.errors import ReliaiWarning
from reliai.rollout import Rollout
from reliai.rollout.operating import Operated
from tests.rollout.fleet import Fleet
from tests.servers import free_port, postgres_server, redis_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SIZE = 4


@pytest.fixture(scope="module")
def workers() -> Iterator[Fleet]:
    """Four processes for all tests of this file: to start them takes longer than most."""
    with Fleet(SIZE) as made:
        yield made


@pytest.fixture(scope="module", params=["sqlite", "redis", "postgres"])
def fleet(
    request: pytest.FixtureRequest, workers: Fleet, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Fleet]:
    """Four processes that share a state of each kind."""
    folder = tmp_path_factory.mktemp("fleet")
    if request.param == "sqlite":
        yield workers.use(f"sqlite:///{folder}/state.db")
    elif request.param == "redis":
        with redis_server(folder) as redis:
            yield workers.use(redis.url)
    else:
        with postgres_server() as postgres:
            yield workers.use(postgres.database())


@pytest.fixture
def name() -> str:
    return f"r{uuid.uuid4().hex[:8]}"


def test_a_kill_is_served_by_every_process_within_a_second_and_written_once(
    fleet: Fleet, name: str
) -> None:
    """Cases 7 and 8: also for a unit that is forced to the candidate."""
    fleet.tell_all("begin", name=name, steps=[0.999999, 1.0], force={"ana": "candidate"})
    assert fleet.tell_all("choose", unit="ana") == [["candidate", "FORCED"]] * SIZE
    for number in range(1, SIZE):
        fleet.start(number, "killed", unit="ana")
    killed = fleet.tell(0, "kill", by="ana")
    for number in range(1, SIZE):
        assert fleet.finish(number) - killed < 1.0
    assert fleet.tell_all("choose", unit="ana") == [["control", "KILLED"]] * SIZE
    actions = [entry[:2] for entry in fleet.tell(2, "audit")]
    assert actions == [["start", "reliai"], ["kill", "ana"]]


def test_a_kill_from_outside_reaches_every_process(fleet: Fleet, name: str) -> None:
    fleet.tell_all("begin", name=name, steps=[0.5, 1.0])
    fleet.tell_all("choose", unit="u")
    fleet.tell(0, "sync")
    for number in range(SIZE):
        fleet.start(number, "killed", unit="u")
    Operated(fleet.url, name).kill(by="ops", why="complaints")
    for number in range(SIZE):
        fleet.finish(number)
    assert fleet.tell_all("choose", unit="u") == [["control", "KILLED"]] * SIZE


def test_of_processes_that_advance_the_same_step_at_once_one_does(fleet: Fleet, name: str) -> None:
    """Case 10: the others get a conflict, and the audit has one entry of it."""
    fleet.tell_all("begin", name=name, steps=[0.1, 0.2, 0.5, 1.0], background=False)
    fleet.tell_all("sync")
    for step in (1, 2):
        said = fleet.tell_all("operate", action="advance", step=step, by="somebody")
        assert sorted(each == "done" for each in said) == [False, False, False, True]
        refused = f"advance: step {step} of {name} is not under way, step {step + 1} is"
        assert {each for each in said if each != "done"} == {refused}
    entries = fleet.tell(3, "audit")
    assert [entry[0] for entry in entries] == ["start", "advance", "advance"]
    assert len({fleet.tell(number, "status")["step"] for number in range(SIZE)} | {3}) == 1


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("question", ["exchange", "lease", "put"])
def test_a_leader_that_is_killed_at_any_point_decides_nothing_twice(
    fleet: Fleet, name: str, question: str, *, after: bool
) -> None:
    """Case 11: counting, taking the lease and writing the decision, before and after each."""
    settings: dict[str, Any] = {"steps": [0.5, 1.0], "background": False}
    died = fleet.tell(0, "doom", name=name, question=question, after=after, calls=100, **settings)
    assert died == signal.SIGKILL
    fleet.tell(1, "begin", name=name, **settings)
    fleet.tell(1, "choose", unit="u")
    fleet.tell(1, "serve", calls=60, prefix="follower", bad=True)
    decided = fleet.tell(1, "decided")
    written = question == "put" and after
    assert decided == [["rollback", 1 if written else 2]]
    fleet.tell(2, "begin", name=name, **settings)
    fleet.tell(2, "sync")
    assert [entry[0] for entry in fleet.tell(2, "audit")] == ["start", "rollback"]
    assert fleet.tell(2, "choose", unit="u") == ["control", "ROLLED_BACK"]
    told = 100 if (question, after) != ("exchange", False) else 0
    followed = 0 if written else 60
    assert sum(fleet.tell(2, "status")["calls"]) == told + followed


def test_workers_forked_from_a_loaded_application_share_as_any_others(
    fleet: Fleet, name: str
) -> None:
    """Case 12: each sees the kill, tells its own counts, and no decision is made twice."""
    settings: dict[str, Any] = {"steps": [0.1, 0.5, 1.0], "dwell": 0.0, "min_calls": 1}
    codes = fleet.tell(0, "preload", name=name, children=4, calls=30, **settings)
    assert codes == [0, 0, 0, 0]
    fleet.tell(1, "begin", name=name, background=False, **settings)
    fleet.tell(1, "sync")
    entries = fleet.tell(1, "audit")
    assert [entry[0] for entry in entries].count("kill") == 1
    advanced = [entry[2] for entry in entries if entry[0] == "advance"]
    assert len(advanced) == len(set(advanced))
    outside = Operated(fleet.url, name)
    outside.status()
    assert sum(sum(phase.calls) for phase in outside._controller.counts) == 120


def test_a_state_that_loses_everything_is_told_again_by_those_that_know(
    workers: Fleet, tmp_path: Path, name: str
) -> None:
    with redis_server(tmp_path) as server:
        workers.use(server.url)
        workers.tell_all("begin", name=name, steps=[0.1, 0.5, 1.0], background=False)
        workers.tell(0, "operate", action="advance", step=1, by="ana")
        workers.tell_all("sync")
        server.kill()
        assert workers.tell(0, "choose", unit="u")[1] == "SPLIT"
        server.start()
        workers.tell_all("sync")
        workers.tell_all("sync")
        assert [each["step"] for each in workers.tell_all("status")] == [2] * SIZE
        assert Operated(server.url, name).version == "1"


# --- without the state


@pytest.fixture(params=["sqlite", "redis", "postgres"])
def unreachable(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where no state is."""
    if request.param == "sqlite":
        (tmp_path / "file").write_text("no folder")
        return f"sqlite:///{tmp_path}/file/state.db"
    if request.param == "redis":
        return f"redis://127.0.0.1:{free_port()}/0"
    return f"postgresql+psycopg://reliai@127.0.0.1:{free_port()}/none"


def test_without_a_state_and_a_snapshot_calls_get_the_control(unreachable: str, name: str) -> None:
    """Case 13: reason ERROR, no exception, not ready, and said once."""
    ro = Rollout(name, "a", "b", state=unreachable, background=False)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        choices = [ro.choose(f"u{number}") for number in range(50)]
        ro.sync()
    assert {(choice.value, choice.reason) for choice in choices} == {("a", "ERROR")}
    assert [each.category for each in said] == [ReliaiWarning]
    assert not ro.ready


@pytest.mark.parametrize("damage", [b"", b"{", b"\xff\xfe", b'{"key": 1}', b"[]"])
def test_a_damaged_snapshot_is_left_out_with_a_warning(
    unreachable: str, name: str, damage: bytes, tmp_path: Path
) -> None:
    """Case 15."""
    snapshot = tmp_path / "known.json"
    snapshot.write_bytes(damage)
    ro = Rollout(name, "a", "b", state=unreachable, background=False, snapshot=str(snapshot))
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        assert ro.choose("u").reason == "ERROR"
    assert any("is left out" in str(each.message) for each in said)

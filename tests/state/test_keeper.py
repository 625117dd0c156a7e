"""Processes in step: what is counted here is known there, with the store there or away."""

from __future__ import annotations

import asyncio
import os
import sys
import time
import warnings
from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai._core.runtime import ASYNCIO, BLOCKING
from reliai.state import Count, Exchanged, State, StateUnavailable, open_state
from reliai.state.base import StateBusy
from reliai.state.keeper import Keeper, keeper_of
from reliai.state.presence import Presence
from tests.programs import run_program
from tests.servers import redis_server

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tests.servers import RedisServer

WIDTH = 3600.0


class Tally:
    """Counts things together with other processes."""

    def __init__(self) -> None:
        self.pending = 0.0
        self.total = 0.0
        self.word: bytes | None = None

    def offer(self, now: float) -> tuple[Sequence[Count], Sequence[str]]:
        pending, self.pending = self.pending, 0.0
        return [Count("tally", int(now // WIDTH), WIDTH, 2, (pending,))], ["word"]

    def learn(self, exchanged: Exchanged, state: State) -> None:
        self.total = sum(amounts[0] for amounts in exchanged.counted["tally"].values())
        entry = exchanged.entries["word"]
        self.word = None if entry is None else entry.value

    def keep(self, counts: Sequence[Count]) -> None:
        self.pending += sum(count.amounts[0] for count in counts)


def joined(state: State) -> tuple[Keeper, Tally]:
    keeper, tally = Keeper(state), Tally()
    keeper._participants.add(tally)  # no thread: the test steps
    return keeper, tally


def test_two_processes_know_what_both_counted(shared_url: str) -> None:
    (one, ones), (other, others) = joined(open_state(shared_url)), joined(open_state(shared_url))
    ones.pending, others.pending = 2, 3
    one.step()
    other.step()
    one.step()
    assert ones.total == others.total == 5


def test_a_value_that_one_writes_reaches_the_other(shared_url: str) -> None:
    one = open_state(shared_url)
    other, others = joined(open_state(shared_url))
    one.put("word", b"stop")
    other.step()
    assert others.word == b"stop"


def test_what_was_counted_while_the_store_was_away_is_told_afterwards(tmp_path: Path) -> None:
    with redis_server(tmp_path) as server:
        keeper, tally = joined(open_state(server.url))
        server.kill()
        tally.pending = 4
        with pytest.warns(reliai.ReliaiWarning, match="does not answer"):
            assert not keeper.step()
        assert not keeper.available
        server.start()
        tally.pending += 1
        assert keeper.step()
        assert keeper.available
        assert tally.total == 5


def test_a_store_that_is_away_is_not_asked_on_the_path_of_a_call(tmp_path: Path) -> None:
    with redis_server(tmp_path) as server:
        keeper, _ = joined(open_state(server.url))
        server.kill()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert asked(keeper, keeper.state.get, "k") is StateUnavailable
        server.start()
        assert asked(keeper, lambda _: "an answer", "k") is StateUnavailable
        keeper.step()
        assert asked(keeper, lambda _: "an answer", "k") == "an answer"


def asked(keeper: Keeper, question: Callable[..., Any], *given: Any) -> Any:
    try:
        keeper.ask(BLOCKING, question, *given).send(None)
    except StopIteration as stop:
        return stop.value
    except StateUnavailable:
        return StateUnavailable


def test_a_store_that_hangs_is_given_up_after_its_time(tmp_path: Path) -> None:
    with redis_server(tmp_path) as server:
        state = open_state(server.url)
        state.put("k", b"one")
        server.freeze()
        with pytest.raises(StateUnavailable):
            state.get("k")
        server.thaw()
        assert state.get("k", within=5) is not None


def test_a_question_of_an_asynchronous_call_does_not_block_its_loop(shared_url: str) -> None:
    keeper = Keeper(open_state(shared_url))
    threads: list[str] = []

    def question() -> int:
        import threading

        threads.append(threading.current_thread().name)
        return 7

    assert asyncio.run(keeper.ask(ASYNCIO, question)) == 7
    assert threads != ["MainThread"]


def test_the_thread_keeps_processes_in_step(shared_url: str, until: Callable[..., None]) -> None:
    one, other = Keeper(open_state(shared_url)), Keeper(open_state(shared_url))
    ones, others = Tally(), Tally()
    one.join(ones)
    other.join(others)
    ones.pending = 3
    one.hurry()
    until(lambda: others.total == 3)
    one.stop()
    other.stop()


def test_the_thread_goes_on_when_the_store_comes_back(
    tmp_path: Path, until: Callable[..., None]
) -> None:
    with redis_server(tmp_path) as server, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        keeper, tally = Keeper(open_state(server.url)), Tally()
        keeper.join(tally)
        until(lambda: keeper.exchanges > 0)
        server.kill()
        until(lambda: not keeper.available)
        tally.pending = 2
        server.start()
        until(lambda: tally.total == 2)
        keeper.stop()


def test_a_participant_that_nobody_holds_is_forgotten(shared_url: str) -> None:
    keeper = Keeper(open_state(shared_url))
    keeper._participants.add(Tally())
    import gc

    gc.collect()
    assert not list(keeper._participants)


def test_one_that_crashes_does_not_keep_the_others_from_learning(shared_url: str) -> None:
    class Crashing(Tally):
        def learn(self, exchanged: Exchanged, state: State) -> None:
            raise LookupError

    keeper, tally = joined(open_state(shared_url))
    crashing = Crashing()
    keeper._participants.add(crashing)
    tally.pending = 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert keeper.step()
    assert tally.total == 1


def test_a_store_has_one_keeper_in_a_process(shared_url: str) -> None:
    state = open_state(shared_url)
    assert keeper_of(state) is keeper_of(state)
    assert keeper_of(open_state(shared_url)) is not keeper_of(state)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_forked_child_shares_through_connections_of_its_own(
    shared_url: str, until: Callable[..., None]
) -> None:
    keeper, tally = Keeper(open_state(shared_url)), Tally()
    keeper.join(tally)
    until(lambda: keeper.exchanges > 0)
    child = os.fork()
    if child == 0:  # pragma: no cover  another process
        tally.pending = 3
        ok = keeper.step() and tally.total >= 3
        sys.stdout.flush()
        os._exit(0 if ok else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    until(lambda: tally.total == 3)
    keeper.stop()


def test_a_disk_that_is_full_or_a_path_that_is_none_is_a_store_that_is_away(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    state = open_state(f"sqlite:///{tmp_path / 'file' / 'state.db'}")
    with pytest.raises(StateUnavailable):
        state.get("k")


def test_a_file_that_another_process_locks_is_given_up_after_its_time(tmp_path: Path) -> None:
    import sqlite3

    path = tmp_path / "state.db"
    state = open_state(f"sqlite:///{path}")
    state.put("k", b"one")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StateBusy):
        state.put("k", b"two")
    other.execute("COMMIT")
    other.close()
    assert state.put("k", b"two") == 2
    state.close()


def test_a_store_that_is_busy_is_asked_again(shared_url: str) -> None:
    keeper, _ = joined(open_state(shared_url))

    def busy() -> None:
        message = "others write"
        raise StateBusy(message)

    assert asked(keeper, busy) is StateUnavailable
    assert asked(keeper, lambda: "an answer") == "an answer"


def test_one_that_finds_the_store_busy_has_another_turn(shared_url: str) -> None:
    class Unlucky(Tally):
        def learn(self, exchanged: Exchanged, state: State) -> None:
            raise StateBusy

    keeper, _ = joined(open_state(shared_url))
    unlucky = Unlucky()
    keeper._participants.add(unlucky)
    assert keeper.step()


def test_what_may_wait_is_written_soon(shared_url: str) -> None:
    keeper = Keeper(open_state(shared_url))
    keeper.later(lambda state: state.put("k", b"v"))
    assert keeper.settled(20)
    assert keeper.state.get("k") is not None
    keeper.stop()


def test_what_may_wait_is_dropped_while_the_store_is_away(shared_url: str) -> None:
    keeper = Keeper(open_state(shared_url))
    keeper.available = False
    written: list[int] = []
    keeper.later(lambda _: written.append(1))
    assert keeper.settled(0)
    keeper.step()
    assert written == []


@pytest.mark.parametrize("error", [StateUnavailable, StateBusy])
def test_a_write_that_fails_takes_nothing_with_it(shared_url: str, error: type[Exception]) -> None:
    keeper = Keeper(open_state(shared_url))

    def fails(_: State) -> None:
        raise error

    keeper._later.append(fails)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        keeper._write()
    assert keeper.settled(0) is (error is StateUnavailable)
    assert keeper.available is (error is StateBusy)


def test_what_was_counted_last_is_told_when_the_program_ends(shared_url: str) -> None:
    done = run_program(
        """
        import sys, time
        import reliai
        from reliai.state import shared_state
        from reliai.state.keeper import keeper_of

        reliai.configure(state=sys.argv[1])

        @reliai.reliable(reliai.Budget(usd=10, estimate=4), name="ask")
        def ask():
            reliai.usage(model="m", input_tokens=1, output_tokens=1, cost_usd=1.0)

        keeper = keeper_of(shared_state(sys.argv[1]))
        while not keeper.exchanges:
            time.sleep(0.005)
        ask()
        """,
        shared_url,
    )
    assert done.returncode == 0, done.stderr
    width = 86400.0 / 60
    count = Count("budget:ask:usd:86400", int(time.time() // width), width, 61, ())
    counted = open_state(shared_url).exchange([count], []).counted[count.key]
    assert sum(amounts[0] for amounts in counted.values()) == pytest.approx(1.0)


@pytest.mark.parametrize("size", [1, 3])
def test_processes_that_share_something_are_counted(shared_url: str, size: int) -> None:
    crew = [(open_state(shared_url), Presence("budget")) for _ in range(size)]
    for _ in range(2):
        for state, presence in crew:
            now = state.exchange([], []).now
            presence.hear(state.exchange([presence.count(now)], []))
    assert [presence.processes for _, presence in crew] == [size] * size


@pytest.mark.parametrize(
    "given", ["", "sqlite://", "sqlite:///", "mysql://x", 7, "redis://127.0.0.1:port/0"]
)
def test_what_is_no_state_is_refused_with_the_fix(given: object) -> None:
    with pytest.raises(reliai.ConfigurationError, match=r"redis://|is no URL"):
        open_state(given)


def test_a_password_is_not_told(redis: RedisServer) -> None:
    state = open_state(redis.url.replace("redis://", "redis://:hunter2@").replace("/0", "/99"))
    with pytest.raises(StateUnavailable) as caught:
        state.get("k")
    assert "hunter2" not in str(caught.value)

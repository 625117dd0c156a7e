"""What is PostgreSQL's own: connections, time, and who may do what."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from math import inf
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

import reliai
from reliai.state import Count, StateUnavailable, _postgres_line, open_state
from reliai.state._postgres_line import _MOST
from reliai.state.base import StateBusy
from reliai.state.keeper import Keeper

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from reliai.state.postgres import PostgresState
    from tests.servers import PostgresServer


@pytest.fixture
def state(database: str, request: pytest.FixtureRequest) -> Iterator[PostgresState]:
    opened: Any = open_state(f"{database}?prefix={request.node.name}")
    yield opened
    opened.close()


def plain(database: str) -> str:
    return database.replace("+psycopg", "")


@contextmanager
def session(database: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(plain(database), autocommit=True) as connection:
        yield connection


def backend_of(state: PostgresState) -> int:
    line = state._lines._idle[-1]
    return line._connection.backend_pid


def test_all_the_usual_urls_open_one(database: str) -> None:
    rest = database.partition("://")[2]
    for scheme in ("postgresql+psycopg", "postgresql", "postgres"):
        state = open_state(f"{scheme}://{rest}?prefix=urls&connect_timeout=5")
        state.put(f"k{scheme}", b"one")
        assert state.get(f"k{scheme}") is not None
        state.close()


def test_prefixes_keep_applications_apart(database: str) -> None:
    one, other = open_state(f"{database}?prefix=one"), open_state(f"{database}?prefix=other")
    one.put("k", b"one")
    assert other.get("k") is None
    one.close()
    other.close()


def test_keys_owners_and_values_may_hold_anything(state: PostgresState) -> None:
    keys = ["ü-用户-🎉", "a'b\"c\\d%s", "line\nbreak", "zero\x00byte", "half \ud83d", "{now}", ""]
    for number, key in enumerate(keys):
        assert state.put(key, bytes(range(256)), expected=0) == 1
        assert state.lease(key, f"o'{key}", 60) == 1
        state.exchange([Count(key, 0, 1e10, 1, (number,))], [])
    found = state.exchange([Count(key, 0, 1e10, 1, ()) for key in keys], keys)
    assert [dict(found.counted[key]) for key in keys] == [{0: (float(n),)} for n in range(7)]
    assert [found.entries[key] for key in keys] == [state.get(key) for key in keys]
    assert {entry.value for entry in found.entries.values() if entry} == {bytes(range(256))}


def test_keys_that_no_ascii_can_say_are_told_apart(state: PostgresState) -> None:
    keys = ["ä", "é", "?", "\\xe4", b"\\xe4".hex(), "\udce4", "'", "\\'", "\0", "\\0"]
    for key in keys:
        state.put(key, key.encode("utf-8", "surrogatepass"), within=5)
    found = [state.get(key, within=5) for key in keys]
    assert [each and each.value for each in found] == [
        key.encode("utf-8", "surrogatepass") for key in keys
    ]


def test_a_rate_and_a_room_without_end_hold(state: PostgresState) -> None:
    assert state.take("b", 7, 1e-9, inf, partly=True).amount == 7


def test_a_counter_that_comes_twice_in_an_exchange_is_added_twice(state: PostgresState) -> None:
    twice = [Count("c", 0, 1e10, 1, (1.0, 2.0))] * 2
    assert dict(state.exchange(twice, []).counted["c"]) == {0: (2.0, 4.0)}


def test_what_has_expired_is_swept(state: PostgresState, database: str) -> None:
    state.put("gone", b"one", ttl=-1)
    state.exchange([Count("gone", -5, 1.0, 10**10, (1.0,))], [])
    state.put("stays", b"one")
    with session(database) as other:
        other.execute("UPDATE reliai_state_counts SET until = 0 WHERE key LIKE '%:gone'")
        state._exchanges = 999
        state.exchange([], [])
        keys = other.execute(
            "SELECT key FROM reliai_state_entries UNION SELECT key FROM reliai_state_counts"
        ).fetchall()
    assert f"{state._prefix}stays" in {key for (key,) in keys}
    assert f"{state._prefix}gone" not in {key for (key,) in keys}


def test_many_processes_that_begin_at_once_make_the_tables_once(postgres: PostgresServer) -> None:
    url = postgres.database()

    def begin(number: int) -> int | None:
        state = open_state(url)
        try:
            return state.put(f"k{number}", b"one", within=20)
        finally:
            state.close()

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(begin, range(8))) == [1] * 8


def test_who_may_make_no_tables_uses_those_that_are_there(
    postgres: PostgresServer, database: str
) -> None:
    url = postgres.database()
    with session(url) as owner:
        owner.execute("CREATE ROLE guest LOGIN")
        guest = url.replace("reliai@", "guest@")
        refused = open_state(guest)
        with pytest.raises(StateUnavailable, match="permission denied"):
            refused.get("k", within=5)
        refused.close()
        made = open_state(url)
        made.put("k", b"one", within=5)
        made.close()
        owner.execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO guest")
        state = open_state(guest)
        assert state.get("k", within=5) is not None
        state.close()


def test_another_isolation_by_default_changes_nothing(postgres: PostgresServer) -> None:
    url = postgres.database()
    with session(url) as owner:
        name = url.rpartition("/")[2]
        owner.execute(
            f"ALTER DATABASE {name} SET default_transaction_isolation = 'serializable'".encode()
        )
    state = open_state(url)

    def reserve(_: int) -> bool:
        return state.reserve(Count("c", 0, 1e10, 1, (1.0,)), (10.0,), within=20)[0]

    with ThreadPoolExecutor(_MOST) as pool:
        assert sum(pool.map(reserve, range(30))) == 10
    state.close()


# --- time


def test_one_that_others_keep_busy_is_not_away(state: PostgresState, database: str) -> None:
    bucket = Count("c", 0, 1e10, 1, (1.0,))
    state.reserve(bucket, (inf,), within=5)
    key = f"{state._prefix}c"
    with session(database) as other, other.transaction():
        other.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (key,))
        with pytest.raises(StateBusy, match="statement timeout"):
            state.reserve(bucket, (inf,))
    assert state.reserve(bucket, (inf,), within=5)[1] == {0: (2.0,)}


def test_more_threads_than_connections_wait_for_one(state: PostgresState) -> None:
    state.put("k", b"one", within=5)
    with ThreadPoolExecutor(4 * _MOST) as pool:
        found = list(pool.map(lambda _: state.get("k", within=20), range(64)))
    assert len(set(found)) == 1
    assert len(state._lines._idle) <= _MOST


def test_when_all_connections_are_in_use_it_is_busy(state: PostgresState) -> None:
    lines = [state._lines.take(time.monotonic() + 5) for _ in range(_MOST)]
    with pytest.raises(StateBusy, match="in use"):
        state.get("k")
    for line in lines:
        state._lines.give_back(line)
    assert state.get("k", within=5) is None


def test_a_server_that_does_not_even_greet_is_busy_at_first_and_then_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        state = open_state(f"postgresql://reliai:hunter2@127.0.0.1:{port}/x?sslmode=disable")
        began = time.monotonic()
        with pytest.raises(StateBusy, match="not there yet"):
            state.get("k")
        assert time.monotonic() - began < 5
        monkeypatch.setattr(_postgres_line, "PATIENT", 0.0)
        with pytest.raises(StateUnavailable, match="no answer in time") as caught:
            state.get("k")
        assert not isinstance(caught.value, StateBusy)
        assert "hunter2" not in str(caught.value)
        state.close()


def test_connections_that_cannot_be_made_take_no_place() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    state = open_state(f"postgresql://reliai@127.0.0.1:{port}/x")
    for _ in range(2 * _MOST):
        with pytest.raises(StateUnavailable, match="refused"):
            state.get("k", within=2)
    state.close()


def test_a_question_waits_for_a_connection_that_is_in_use_rather_than_make_one(
    state: PostgresState, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_postgres_line, "_SOON", 20.0)
    state.put("k", b"one", within=5)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: state.get("k", within=20), range(40)))
    assert len(state._lines._idle) == 1


def test_a_connection_that_takes_longer_than_a_call_is_gone_on_with(state: PostgresState) -> None:
    with pytest.raises(StateBusy, match="not there yet"):
        state.get("k", within=0)
    (begun,) = state._lines._opening
    assert state.get("k", within=5) is None
    assert state._lines._idle == [begun]


@pytest.mark.skipif(sys.platform == "win32", reason="a process cannot be stopped there")
def test_when_one_connection_fails_those_that_are_idle_are_closed_too(
    state: PostgresState,
) -> None:
    lines, until = state._lines, time.monotonic() + 5
    idle, broken = lines.take(until), lines.take(until)
    lines.give_back(idle)
    lines.drop(broken)
    assert not idle.alive
    assert lines._idle == []
    state.put("k", b"again")


def test_a_server_that_hangs_is_given_up_after_its_time(state: PostgresState) -> None:
    state.put("k", b"one", within=5)
    backend = backend_of(state)
    os.kill(backend, signal.SIGSTOP)
    try:
        with pytest.raises(StateUnavailable, match="no answer in time") as caught:
            state.get("k")
        assert not isinstance(caught.value, StateBusy)
        assert state.get("k", within=5) is not None  # over another connection
    finally:
        os.kill(backend, signal.SIGCONT)


def test_a_connection_that_the_server_closed_is_replaced_unnoticed(
    state: PostgresState, database: str, until: Callable[[Callable[[], bool]], None]
) -> None:
    state.put("k", b"one", within=5)
    line = state._lines._idle[-1]
    with session(database) as other:
        other.execute("SELECT pg_terminate_backend(%s)", (backend_of(state),))
    until(lambda: not line.alive)
    assert state.get("k", within=5) is not None


def test_what_was_counted_while_the_server_was_down_is_told_afterwards(
    postgres: PostgresServer,
) -> None:
    from tests.state.test_keeper import Tally

    keeper, tally = Keeper(open_state(postgres.database())), Tally()
    keeper._participants.add(tally)
    keeper._stopped = True
    tally.pending = 1
    assert keeper.step()
    postgres.kill()
    tally.pending = 4
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert not keeper.step()
    assert not keeper.available
    postgres.start()
    assert keeper.step(within=20)
    assert tally.total == 5
    keeper.state.close()


def test_a_forked_child_opens_connections_of_its_own(state: PostgresState) -> None:
    state.put("k", b"parent", within=5)
    before = backend_of(state)
    child = os.fork()
    if not child:  # pragma: no cover  not seen from here
        status = 1
        try:
            state.put("k", b"child", within=5)
            status = 0 if backend_of(state) != before else 2
            state.close()
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    found = state.get("k", within=5)
    assert found is not None
    assert found.value == b"child"
    assert backend_of(state) == before


# --- what cannot be


def test_what_is_no_url_of_a_postgresql_is_refused_without_its_password() -> None:
    with pytest.raises(reliai.ConfigurationError, match="is no URL of a PostgreSQL") as caught:
        open_state("postgresql://ana:hunter2@host/name?nonsense=1")
    assert "hunter2" not in str(caught.value)


def test_without_psycopg_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(reliai.ConfigurationError, match=r"reliai\[postgres\]"):
        open_state("postgresql://host/name")

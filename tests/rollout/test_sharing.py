"""Rollouts that share a state: two of them in one process, and some in processes of their own."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai.errors import ReliaiWarning
from reliai.policies.route import Route
from reliai.rollout import Rollout, RolloutConflict
from reliai.rollout._controller import _LEASE
from reliai.state import open_state
from reliai.state.base import StateUnavailable
from reliai.testing import virtual_clock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from reliai.state import State
    from reliai.testing import VirtualClock


@pytest.fixture
def clock() -> Iterator[VirtualClock]:
    with virtual_clock() as virtual:
        yield virtual


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR, logger="reliai")


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    made = open_state(f"sqlite:///{tmp_path}/state.db")
    yield made
    made.close()


class Away:
    """A state that answers only while it is told to."""

    shared = True

    def __init__(self, state: State, *, away: bool = True) -> None:
        self._state = state
        self.away = away

    exchange = property(lambda self: self._ask("exchange"))
    reserve = property(lambda self: self._ask("reserve"))
    take = property(lambda self: self._ask("take"))
    get = property(lambda self: self._ask("get"))
    put = property(lambda self: self._ask("put"))
    lease = property(lambda self: self._ask("lease"))
    release = property(lambda self: self._ask("release"))
    close = property(lambda self: self._ask("close"))

    def _ask(self, name: str) -> Any:
        def asked(*args: Any, **kwargs: Any) -> Any:
            if self.away:
                message = "away"
                raise StateUnavailable(message)
            return getattr(self._state, name)(*args, **kwargs)

        return asked


def rollout(state: Any, **settings: Any) -> Rollout:
    given: dict[str, Any] = {"steps": [0.5, 1.0], "background": False, "state": state, **settings}
    return Rollout("shared", given.pop("control", "a"), given.pop("candidate", "b"), **given)


def serve(ro: Rollout, calls: int, *, name: str, bad: bool = False) -> None:
    def control(text: str) -> str:
        return text

    def candidate(text: str) -> str:
        if bad:
            raise ConnectionError
        return text

    ask = reliai.reliable(Route(ro, into="variant"))(
        lambda text, variant: candidate(text) if variant == "b" else control(text)
    )
    for number in range(calls):
        with reliai.context(subject=f"{name}-{number}"):
            reliai.execute(ask, "hi", None)


def test_a_kill_in_one_reaches_the_other_and_is_written_once(
    state: State, clock: VirtualClock
) -> None:
    one, other = rollout(state), rollout(state)
    one.choose("u")
    other.choose("u")
    one.kill(by="ana")
    other.sync()
    assert other.choose("u").reason == "KILLED"
    other.kill(by="ben")
    assert [each.action for each in one.audit()] == ["start", "kill"]


def test_counts_of_all_are_added_up(state: State, clock: VirtualClock) -> None:
    one, other = rollout(state), rollout(state)
    serve(one, 100, name="one")
    serve(other, 50, name="other")
    one.sync()
    other.sync()
    assert sum(one.status().calls) == sum(other.status().calls) == 150


def test_harm_that_no_process_sees_alone_is_seen_together(
    state: State, clock: VirtualClock
) -> None:
    fleet = [rollout(state) for _ in range(8)]
    for number, each in enumerate(fleet):
        serve(each, 4, name=f"p{number}", bad=True)
        each.sync()
    clock.advance(2)
    for each in fleet:
        each.sync()
        clock.advance(2)
    assert [each.action for each in fleet[3].audit()] == ["start", "rollback"]
    assert {each.choose("u").reason for each in fleet} == {"ROLLED_BACK"}


def test_of_two_who_advance_the_same_step_one_is_refused(state: State, clock: VirtualClock) -> None:
    one, other = (rollout(state, steps=[0.1, 0.5, 1.0]) for _ in range(2))
    one.choose("u")
    other.choose("u")
    one.advance(1, by="ana")
    with pytest.raises(RolloutConflict, match="step 1 of shared is not under way, step 2 is"):
        other.advance(1, by="ben")
    assert [each.by for each in one.audit()] == ["reliai", "ana"]


def test_many_who_advance_at_the_same_time_advance_once(state: State) -> None:
    fleet = [rollout(state, steps=[0.1, 0.5, 1.0]) for _ in range(6)]
    refused: list[object] = []

    def advance(ro: Rollout) -> None:
        try:
            ro.advance(1, by="somebody")
        except RolloutConflict as conflict:
            refused.append(conflict)

    threads = [threading.Thread(target=advance, args=(each,)) for each in fleet]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 5
    assert [each.action for each in fleet[0].audit()] == ["start", "advance"]


def test_only_the_one_with_the_lease_decides_and_another_follows_with_the_next_epoch(
    state: State, clock: VirtualClock
) -> None:
    one, other = rollout(state), rollout(state)
    one.sync()
    serve(other, 400, name="other", bad=True)
    other.sync()  # it has the counts, and not the lease
    assert [each.action for each in other.audit()] == ["start"]
    clock.advance(_LEASE + 1)  # the leader is gone
    other.sync()
    rolled_back = other.audit()[-1]
    assert (rolled_back.action, rolled_back.epoch) == ("rollback", 2)


def test_a_leader_that_slept_decides_nothing_twice(state: State, clock: VirtualClock) -> None:
    one, other = rollout(state), rollout(state)
    one.sync()
    stale = one._controller.page
    assert stale is not None
    clock.advance(_LEASE + 1)
    serve(other, 100, name="other", bad=True)
    other.sync()
    one._controller._apply(one._controller.decision(), clock.time(), 1)
    assert [each.action for each in other.audit()] == ["start", "rollback"]
    entry = stale.audit[0]
    assert not one._controller._write(stale.with_entry(entry), entry, clock.time())
    assert [each.action for each in one.audit()] == ["start", "rollback"]


def test_other_settings_under_the_same_version_follow_and_do_not_count(
    state: State, clock: VirtualClock
) -> None:
    one, other = rollout(state), rollout(state, steps=[0.2, 1.0])
    one.sync()
    with pytest.warns(ReliaiWarning, match="begun with other settings"):
        other.sync()
    assert other.choose("u") == one.choose("u")
    serve(other, 50, name="other")
    other.sync()
    one.sync()
    assert sum(one.status().calls) == 0


def test_other_settings_can_kill_and_roll_back_and_nothing_else(
    state: State, clock: VirtualClock
) -> None:
    one, other = rollout(state, version="o", steps=[0.1, 0.2, 1.0]), rollout(state, version="o")
    one.advance(1, by="ana")
    with pytest.warns(ReliaiWarning, match="begun with other settings"):
        assert other.status().reason == "OTHER_SETTINGS"
    with pytest.raises(RolloutConflict, match="begun with other settings"):
        other.advance(2, by="ben")
    other.rollback(by="ben")
    other.kill(by="ben")
    one.sync()
    assert one.choose("u").reason == "KILLED"


def test_from_observe_to_enforce_nothing_begins_anew(state: State, clock: VirtualClock) -> None:
    one, other = rollout(state, mode="observe"), rollout(state)
    serve(one, 100, name="one", bad=True)
    one.sync()
    clock.advance(_LEASE + 1)
    other.sync()
    assert [each.action for each in other.audit()] == ["start", "would_rollback", "rollback"]


def test_a_document_that_cannot_be_read_gives_the_control(
    state: State, clock: VirtualClock
) -> None:
    state.put("rollout:shared#broken", b'{"standing": 5}')
    ro = rollout(state, version="broken")
    with pytest.warns(ReliaiWarning, match="what it holds cannot be read"):
        assert ro.choose("u").reason == "ERROR"
    with pytest.raises(RolloutConflict, match="does not answer"):
        ro.pause(by="ana")


def test_a_state_that_lost_everything_is_told_again(state: State, clock: VirtualClock) -> None:
    ro = rollout(state)
    ro.kill(by="ana")
    state.delete("rollout:shared#1")
    ro.sync()
    assert rollout(state).choose("u").reason == "KILLED"


def test_without_the_state_the_control_is_given_and_nothing_is_raised(
    state: State, clock: VirtualClock
) -> None:
    ro = rollout(Away(state))
    with pytest.warns(ReliaiWarning, match="does not answer"):
        choice = ro.choose("u")
    assert (choice.name, choice.reason) == ("control", "ERROR")
    assert not ro.ready
    assert ro.status().status == "unknown"
    assert ro.audit() == ()
    with pytest.raises(RolloutConflict, match="does not answer; try again"):
        ro.pause(by="ana")


def test_when_the_state_is_back_it_is_followed_and_nothing_counted_is_lost(
    state: State, clock: VirtualClock
) -> None:
    door = Away(state, away=False)
    ro = rollout(door, version="back")
    ro.sync()
    door.away = True
    serve(ro, 60, name="away")
    with pytest.warns(ReliaiWarning, match="does not answer"):
        assert not ro.sync()
    door.away = False
    assert ro.sync()
    assert sum(ro.status().calls) == 60
    assert ro.ready


def test_what_was_known_last_is_good_for_a_while(state: State, clock: VirtualClock) -> None:
    door = Away(state, away=False)
    ro = rollout(door, version="stale", max_staleness=60)
    known = ro.choose("u")
    door.away = True
    with pytest.warns(ReliaiWarning, match="does not answer"):
        ro.sync()
    assert ro.choose("u") == known
    clock.advance(61)
    ro.sync()
    assert (ro.choose("u").name, ro.choose("u").reason) == ("control", "STALE")
    door.away = False
    ro.sync()
    assert ro.choose("u") == known


def test_one_that_was_promoted_stays_so_without_the_state(
    state: State, clock: VirtualClock
) -> None:
    door = Away(state, away=False)
    ro = rollout(door, version="promoted", max_staleness=60)
    ro.advance(1, by="ana")
    door.away = True
    clock.advance(1e6)
    with pytest.warns(ReliaiWarning, match="does not answer"):
        ro.sync()
    assert ro.choose("u").name == "candidate"


def test_a_kill_works_without_the_state_which_is_told_later(
    state: State, clock: VirtualClock
) -> None:
    door = Away(state, away=False)
    ro, other = rollout(door, version="k"), rollout(state, version="k")
    ro.sync()
    door.away = True
    with pytest.warns(ReliaiWarning, match="does not answer"):
        ro.kill(by="ana", why="now")
    assert ro.choose("u").reason == "KILLED"
    door.away = False
    ro.sync()
    other.sync()
    assert other.choose("u").reason == "KILLED"
    assert [(each.action, each.why) for each in other.audit()] == [("start", ""), ("kill", "now")]


# --- snapshots


def test_a_snapshot_serves_a_process_that_boots_without_the_state(
    state: State, clock: VirtualClock, tmp_path: Path
) -> None:
    path = str(tmp_path / "last" / "known.json")
    first = rollout(state, version="s1", steps=[0.3, 0.6, 1.0], snapshot=path)
    first.advance(1, by="ana")
    booted = rollout(Away(state), version="s1", steps=[0.3, 0.6, 1.0], snapshot=path)
    with pytest.warns(ReliaiWarning, match="does not answer"):
        assert booted.choose("u") == first.choose("u")
    assert booted.ready


def test_an_old_snapshot_gives_the_control_unless_it_is_final(
    state: State, clock: VirtualClock, tmp_path: Path
) -> None:
    path = str(tmp_path / "known.json")
    first = rollout(state, version="s2", snapshot=path, max_staleness=60)
    first.sync()
    clock.advance(61)
    booted = rollout(Away(state), version="s2", snapshot=path, max_staleness=60)
    with pytest.warns(ReliaiWarning, match="does not answer"):
        assert booted.choose("u").reason == "ERROR"
    first.advance(1, by="ana")
    clock.advance(1e6)
    booted = rollout(Away(state), version="s2", snapshot=path, max_staleness=60)
    assert booted.choose("u").reason == "PROMOTED"


@pytest.mark.parametrize("damage", ["", "{", '{"key": "rollout:shared#s3"}', "[]"])
def test_a_damaged_snapshot_is_said_and_left_out(
    state: State, clock: VirtualClock, tmp_path: Path, damage: str
) -> None:
    path = tmp_path / "known.json"
    path.write_text(damage)
    ro = rollout(Away(state), version="s3", snapshot=str(path))
    with pytest.warns(ReliaiWarning) as said:
        assert ro.choose("u").reason == "ERROR"
    assert any("is left out" in str(each.message) for each in said)


def test_a_snapshot_says_now_and_then_that_it_still_holds(
    state: State, clock: VirtualClock, tmp_path: Path
) -> None:
    path = tmp_path / "known.json"
    ro = rollout(state, version="s4", snapshot=str(path), max_staleness=60)
    ro.sync()
    written = json.loads(path.read_text())["at"]
    clock.advance(20)
    ro.sync()
    assert json.loads(path.read_text())["at"] == written + 20


# --- processes of their own

_PROGRAM = """
import sys, time
from reliai.rollout import Rollout

ro = Rollout("fleet", "a", "b", steps=[0.999999, 1.0], state=sys.argv[1])
ro.choose("u")
print("up", flush=True)
until = time.monotonic() + 20
while ro.choose("u").reason != "KILLED" and time.monotonic() < until:
    time.sleep(0.005)
print(time.time(), flush=True)
"""


def test_a_kill_reaches_every_process_within_a_second(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/fleet.db"
    fleet = [
        subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", _PROGRAM, url],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        for _ in range(2)
    ]
    try:
        for process in fleet:
            assert process.stdout is not None
            assert process.stdout.readline() == "up\n"
        ro = Rollout("fleet", "a", "b", steps=[0.999999, 1.0], state=url, background=False)
        ro.choose("u")
        killed = time.time()
        ro.kill(by="ana")
        for process in fleet:
            assert process.stdout is not None
            assert float(process.stdout.readline()) - killed < 1.0
        assert [each.action for each in ro.audit()] == ["start", "kill"]
    finally:
        for process in fleet:
            process.kill()
            process.communicate()

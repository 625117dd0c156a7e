"""Rollouts in forked processes, with leaders that are killed, and what calls leave behind."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from typing import TYPE_CHECKING

import pytest

import reliai
from reliai.policies.route import Route
from reliai.rollout import Rollout, RolloutConflict
from reliai.state import open_state
from tests.servers import RedisServer, redis_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_LEADER = """
import sys, time
from reliai.rollout import Rollout, _controller

_controller._LEASE = 0.3
ro = Rollout("led", "a", "b", steps=[0.5, 1.0], dwell=0, min_calls=1, state=sys.argv[1],
             background=False)
ro.sync()
print("leads", flush=True)
while True:
    ro.sync()
    time.sleep(0.05)
"""


def test_a_leader_that_is_killed_is_followed_with_the_next_epoch(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/led.db"
    leader = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", _LEADER, url], stdout=subprocess.PIPE, text=True
    )
    try:
        assert leader.stdout is not None
        assert leader.stdout.readline() == "leads\n"
        follower = Rollout(
            "led", "a", "b", steps=[0.5, 1.0], dwell=0, min_calls=1, state=url, background=False
        )
        follower.choose("u")
        leader.send_signal(signal.SIGKILL)
        leader.wait()
        bad = Route(follower, into="variant")(_fails_for_b)
        for number in range(100):
            with reliai.context(subject=f"u{number}"):
                reliai.execute(bad)
        until = time.monotonic() + 20
        while follower.choose("u").reason == "SPLIT" and time.monotonic() < until:
            follower.sync()
            time.sleep(0.01)
        decided = [each for each in follower.audit() if each.action == "rollback"]
        assert [each.epoch for each in decided] == [2]
    finally:
        leader.kill()
        leader.communicate()


def _fails_for_b(variant: str = "") -> str:
    if variant == "b":
        raise ConnectionError
    return variant


def test_a_forked_child_counts_its_own_calls_and_follows_the_state(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/forked.db"
    ro = Rollout("forked", "a", "b", steps=[0.5, 1.0], state=url, background=False)
    ask = Route(ro, into="variant")(lambda variant="": variant)

    def serve(name: str, calls: int) -> None:
        for number in range(calls):
            with reliai.context(subject=f"{name}-{number}"):
                ask()

    serve("parent", 30)
    child = os.fork()
    if not child:  # pragma: no cover  not seen from here
        status = 1
        try:
            serve("child", 20)
            ro.sync()
            ro.kill(by="child")
            status = 0
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    ro.sync()
    assert sum(ro.status().calls) == 50
    assert ro.choose("u").reason == "KILLED"


def test_routed_calls_leave_no_cycles_whatever_they_come_to() -> None:
    ro = Rollout("clean", _answers, _fails, steps=[0.5, 1.0], background=False)
    ask = ro.route()

    def serve() -> None:
        for number in range(40):
            with reliai.context(subject=f"u{number}"):
                reliai.execute(ask, "hi")
        ro.sync()

    serve()
    gc.collect()
    gc.disable()
    try:
        serve()
        assert gc.collect() == 0
    finally:
        gc.enable()


def _answers(text: str) -> str:
    return text


def _fails(text: str) -> str:
    raise ConnectionError(text)


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield server


def test_rollouts_share_through_redis(redis: RedisServer) -> None:
    url = f"{redis.url}?prefix={uuid.uuid4().hex}"
    fleet = [
        Rollout("r", "a", "b", steps=[0.5, 0.8, 1.0], state=open_state(url), background=False)
        for _ in range(3)
    ]
    for number, ro in enumerate(fleet):
        ask = Route(ro, into="variant")(lambda variant="": variant)
        for call in range(20):
            with reliai.context(subject=f"{number}-{call}"):
                ask()
        ro.sync()
    assert {sum(ro.status().calls) for ro in fleet} == {60}
    fleet[0].advance(1, by="ana")
    with pytest.raises(RolloutConflict, match="step 1 of r is not under way"):
        fleet[1].advance(1, by="ben")
    assert fleet[1].status().share == 0.8
    fleet[2].kill(by="cleo")
    fleet[0].sync()
    assert fleet[0].choose("u").reason == "KILLED"
    assert [each.action for each in fleet[1].audit()] == ["start", "advance", "kill"]


def test_the_thread_rolls_back_by_itself() -> None:
    ro = Rollout("minded", "a", "b", steps=[0.5, 1.0])
    ask = Route(ro, into="variant")(_fails_for_b)
    for number in range(100):
        with reliai.context(subject=f"u{number}"):
            reliai.execute(ask)
    until = time.monotonic() + 20
    while ro.choose("u").reason == "SPLIT" and time.monotonic() < until:
        time.sleep(0.01)
    assert ro.choose("u").reason == "ROLLED_BACK"


def test_calls_of_many_threads_are_counted_once_each_while_others_look() -> None:
    ro = Rollout("threads", "a", "b", steps=[0.5, 1.0], background=False)
    ask = Route(ro, into="variant")(lambda variant="": variant)

    def serve(thread: int) -> None:
        for number in range(200):
            with reliai.context(subject=f"{thread}-{number}"):
                ask()
            if number % 20 == 0:
                ro.sync()

    threads = [threading.Thread(target=serve, args=(each,)) for each in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ro.sync()
    assert sum(ro.status().calls) == 1_200
    assert ro.status().reasons == {"SPLIT": 1_200}

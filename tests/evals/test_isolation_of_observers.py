"""Who sees the calls of an evaluation, and what is kept of them."""

from __future__ import annotations

import asyncio
import gc
import json
import weakref
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

import reliai
from reliai._core.evaluation import Evaluation
from reliai._core.scores import Score, score
from reliai._core.settings import settings
from reliai.cli.app import app
from reliai.evals._isolation import isolated
from reliai.policies.fallback import Value
from reliai.records import RecordStore
from reliai.telemetry import Memory
from tests.evals.isolating import every_way, failing, of_kind
from tests.policies._guarded import every_kind

if TYPE_CHECKING:
    from pathlib import Path

    from reliai._core.call import Proceed


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs are written into the working directory."""
    monkeypatch.chdir(tmp_path)


# Who sees it


@every_way
@every_kind
def test_observers_and_the_report_see_only_calls_of_users(kind: str, policies: str) -> None:
    memory, own = Memory(), Memory()
    reliai.configure(observers=[memory])
    guarded = isolated(of_kind(kind, str.upper, observers=[own]), policies)
    guarded.call({"prompt": "a"})
    assert (len(memory), len(own), reliai.report()) == (0, 0, "")


@every_way
@every_kind
def test_an_observer_that_wants_evaluations_sees_them(kind: str, policies: str) -> None:
    memory = Memory()
    memory.evaluations = True
    reliai.configure(observers=[memory])
    isolated(of_kind(kind, str.upper), policies, run_id="r-1").call({"prompt": "a"})
    assert [(each.environment, each.run_id) for each in memory] == [("eval", "r-1")]


def test_an_observer_that_comes_later_sees_what_comes_later() -> None:
    guarded = isolated(of_kind("sync", str.upper))
    guarded.call({"prompt": "a"})
    memory = Memory()
    memory.evaluations = True
    reliai.configure(observers=[memory])
    guarded.call({"prompt": "a"})
    assert len(memory) == 1


def test_starts_and_events_are_not_shown_either() -> None:
    seen: list[str] = []

    class Watcher:
        def on_start(self, call: reliai.Call) -> None:
            seen.append("start")

        def on_event(self, call: reliai.Call, event: object) -> None:
            seen.append("event")

    answer = of_kind("sync", failing, reliai.Retry(2, wait=0), observers=[Watcher()])
    isolated(answer).call({"prompt": "a"})
    reliai.flush()
    assert seen == []


def test_a_score_of_an_evaluated_call_reaches_no_monitor() -> None:
    seen: list[str] = []

    class Judge:
        def on_score(self, call_id: str, record: object, score: Score) -> None:
            seen.append(score.name)

        def on_end(self, record: object) -> None:
            pass

    reliai.configure(observers=[Judge()])
    guarded = isolated(of_kind("sync", str.upper))
    record = guarded.call({"prompt": "a"}).record
    assert record is not None
    score(record, "good", 1.0)
    with guarded.scope():
        score("0" * 32, "good", 1.0)
    reliai.flush()
    assert seen == []


@every_way
def test_a_store_keeps_an_evaluated_call_so_that_it_can_be_explained(
    policies: str, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path}/records.db"
    store = RecordStore(url)
    reliai.configure(observers=[store])
    outcome = isolated(of_kind("sync", failing, reliai.Retry(2, wait=0)), policies).call(
        {"prompt": "a"}
    )
    assert outcome.call_id is not None
    kept = store.get(outcome.call_id)
    assert kept is not None
    assert kept.environment == "eval"
    store.close()
    shown = CliRunner().invoke(app, ["show", outcome.call_id, "--store", url])
    assert "ConnectionError" in shown.output


def test_reliai_monitor_over_a_store_leaves_evaluations_out(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/records.db"
    store = RecordStore(url)
    reliai.configure(observers=[store])
    answer = of_kind("sync", str.upper, name="answer")
    answer("a")
    wrong = isolated(of_kind("sync", failing, name="answer"))
    for _ in range(30):
        wrong.call({"prompt": "a"})
    store.close()
    seen = CliRunner().invoke(app, ["monitor", "--store", url, "--json"])
    assert seen.exit_code == 0
    assert json.loads(seen.output)["calls"]["answer"]["count"] == 1


# Housekeeping


def test_the_record_keeps_the_name_and_the_fingerprint_of_the_function() -> None:
    answer = of_kind("sync", str.upper, reliai.Cache(), reliai.Retry(2), name="answer")
    served = reliai.execute(answer, "a").record
    evaluated = isolated(answer).call({"prompt": "a"}).record
    assert served is not None
    assert evaluated is not None
    assert (served.name, served.fingerprint) == (evaluated.name, evaluated.fingerprint)


def test_the_fingerprint_is_that_of_the_code_the_policies_and_the_way() -> None:
    def fingerprint(*policies: Any, way: str = "evaluation") -> str:
        return isolated(of_kind("sync", str.upper, *policies), way).fingerprint

    assert fingerprint(reliai.Retry(2)) == fingerprint(reliai.Retry(2))
    others = {fingerprint(reliai.Retry(3)), fingerprint(), fingerprint(way="bare")}
    assert len({fingerprint(reliai.Retry(2)), *others}) == 4


def test_a_policy_of_the_users_own_can_say_what_stands_in_for_it() -> None:
    class Counter(reliai.Policy):
        def __init__(self) -> None:
            self.calls = 0

        def isolated(self, evaluation: Evaluation) -> reliai.Policy:
            return Counter()

        async def run(self, call: reliai.Call, proceed: Proceed) -> reliai.Outcome:
            self.calls += 1
            return await proceed(call)

    counter = Counter()
    isolated(of_kind("sync", str.upper, counter)).call({"prompt": "a"})
    assert counter.calls == 0


def test_what_was_said_when_decorating_is_not_said_again(
    recwarn: pytest.WarningsRecorder,
) -> None:
    from reliai.testing import ScriptedModel

    assert isolated(reliai.reliable(reliai.Retry(2))(ScriptedModel(["a"]))).call({}).value == "a"
    assert len(recwarn) == 0


def test_nothing_is_kept_of_an_evaluation_that_has_ended() -> None:
    answer = of_kind("sync", str.upper, reliai.CircuitBreaker("gone"), reliai.Retry(2))
    with isolated(answer) as guarded:
        guarded.call({"prompt": "a"})
    gone = weakref.ref(guarded._evaluation)
    assert (guarded._evaluation._sites, guarded._evaluation._kept) == ({}, {})
    settings.recent.clear()
    del guarded
    gc.collect()
    assert gone() is None


def test_a_store_keeps_none_of_an_evaluation_that_has_ended(tmp_path: Path) -> None:
    store = RecordStore(f"sqlite:///{tmp_path}/records.db")
    reliai.configure(observers=[store])
    with isolated(of_kind("sync", str.upper, reliai.Retry(2))) as guarded:
        guarded.call({"prompt": "a"})
    gone = weakref.ref(guarded._evaluation)
    store.flush()
    del guarded
    gc.collect()
    assert gone() is None
    store.close()


@every_kind
@pytest.mark.parametrize("function", [str.upper, failing])
def test_a_trial_leaves_no_cyclic_garbage(kind: str, function: Any) -> None:
    policies = reliai.Retry(2, wait=0), reliai.Fallback(Value("b")), reliai.CircuitBreaker()
    guarded = isolated(of_kind(kind, function, *policies))
    asynchronous = asyncio.new_event_loop()  # one of asyncio.run for each call is a cycle itself

    def trial() -> None:
        if guarded.asynchronous:
            asynchronous.run_until_complete(guarded.acall({"prompt": "a"}))
        else:
            guarded.call({"prompt": "a"})

    def left_behind() -> int:
        gc.collect()
        for _ in range(20):
            trial()
        return gc.collect()

    trial()
    gc.disable()
    try:
        # Threads of earlier tests may end meanwhile, and leave something of theirs once.
        assert min(left_behind() for _ in range(3)) < 20
    finally:
        gc.enable()
        asynchronous.close()


def test_a_forked_child_has_a_lock_of_its_own() -> None:
    evaluation = Evaluation()
    before = evaluation._lock
    evaluation._renew()
    assert evaluation._lock is not before

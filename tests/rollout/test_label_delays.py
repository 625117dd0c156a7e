"""Users who complain sooner of one variant, and feedback that is given in another process."""

from __future__ import annotations

import logging
import subprocess
import sys
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import reliai
from reliai.records import RecordStore
from reliai.records.stored import Feedback
from reliai.rollout import Rollout, feedback
from reliai.rollout._joining import Bad, Joiner, added_up
from reliai.rollout._young import is_mature, mature_at
from reliai.rollout.evidence import Counts, weigh
from reliai.rollout.plan import Plan, Rule
from tests.rollout.ramping import plan_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HOUR, DAY = 3_600.0, 86_400.0
DELAYS = 16 * HOUR, 1 * HOUR
"""After which users complain of the control, and of the candidate."""


class Said:
    """As much of a record store as is asked: calls with bad feedback, and when it was said."""

    def __init__(self, rng: np.random.Generator, calls: int, risk: float) -> None:
        began = np.sort(rng.random(calls) * 2 * DAY)
        self.arms = rng.random(calls) < 0.5
        self.began = began
        self.feedback = self
        self.asked = 0
        self.now = 0.0
        self._calls = [self._call(number) for number in np.flatnonzero(rng.random(calls) < risk)]
        self._calls.sort(key=lambda call: call.feedback[0].at)

    def _call(self, number: Any) -> Any:
        arm, began = int(self.arms[number]), float(self.began[number])
        attributes = {
            "rollout": "r", "version": "1", "reason": "SPLIT", "phase": 0,
            "variant": ("control", "candidate")[arm], "place": int(number),
        }  # fmt: skip
        return SimpleNamespace(
            id=str(number), started_at=began, subject=None, tags={},
            events=[SimpleNamespace(kind="route", attributes=attributes)],
            feedback=[Feedback("thumbs", 0, None, began + DELAYS[arm])],
        )  # fmt: skip

    def heard(self, _: str, *, after: int, since: float) -> list[tuple[int, str]]:
        said = enumerate(self._calls, start=1)
        return [
            (at, call.id) for at, call in said if at > after and call.feedback[0].at <= self.now
        ]

    def calls(self, *, where: dict[str, list[str]], limit: None) -> list[Any]:
        wanted = set(where["id"])
        self.asked += len(wanted)
        return [call for call in self._calls if call.id in wanted]


def is_rolled_back(seed: int, plan: Plan, mature: float) -> bool:
    """Whether two days of calls, with as much to complain of in either arm, end in a rollback."""
    said: Any = Said(np.random.default_rng(seed), 3_000, 0.05)
    guardrail = feedback("thumbs", mature=mature, records=said)
    known: dict[str, Bad] = {}
    joiner = Joiner("r", "1", guardrail, 0.0)
    for hour in range(2, 49, 2):
        said.now = hour * HOUR
        joiner.update(known, said.now)
        bad = (*added_up(known), [0, 0])[0]
        sums = (1_500.0, float(bad[0]), 1_500.0, float(bad[1]))
        here = Counts(0.5, (0, 0), (0, 0), {"feedback:thumbs": sums})
        if weigh(plan, [here]).harm >= 1.0 / plan.alpha:
            return True
    return False


def test_a_window_keeps_those_who_complain_sooner_from_looking_worse() -> None:
    """Case 42: both arms are as bad, but people complain of the candidate at once."""
    plan = plan_of(0.5, rules=(Rule("feedback:thumbs", "event", 1.5, 1.0, "rollback"),))
    assert sum(is_rolled_back(seed, plan, DAY) for seed in range(25)) <= 2
    assert sum(is_rolled_back(seed, plan, 0.0) for seed in range(6)) >= 5


def test_what_was_read_is_not_read_again() -> None:
    said: Any = Said(np.random.default_rng(0), 1_000, 0.05)
    said.now = 10 * DAY
    joiner = Joiner("r", "1", feedback("thumbs", mature=0, records=said), 0.0)
    for _ in range(3):
        joiner.update({}, said.now)
    assert said.asked == len(said.heard("thumbs", after=0, since=0.0))


@pytest.mark.parametrize("mature", [1.0, 7.3, HOUR, DAY])
def test_a_call_is_judged_when_its_time_is_over_and_soon_after(mature: float) -> None:
    for began in np.random.default_rng(0).random(50) * 1e9:
        due = mature_at(began, mature)
        assert mature <= due - began <= mature * 1.05
        assert not is_mature(began, mature, began + mature * 0.999)
        assert is_mature(began, mature, due + mature * 1e-6)


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR, logger="reliai")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[RecordStore]:
    made = RecordStore(f"sqlite:///{tmp_path}/calls.db")
    reliai.configure(observers=[], records=made)
    yield made
    made.close()
    reliai.configure(observers=[])


_GIVE = """
import sys
import reliai
from reliai import feedback
from reliai.records import RecordStore
store = RecordStore(sys.argv[1])
reliai.configure(observers=[], records=store)
for call_id in sys.argv[2:]:
    feedback.record(call_id, "thumbs", 0, by=call_id, durable=True)
store.close()
"""


def test_feedback_given_in_another_process_is_counted_on_a_thread_of_its_own(
    store: RecordStore, tmp_path: Path
) -> None:
    ro = Rollout(
        "r", lambda: "a", lambda: "b", steps=[0.5, 1.0], guardrails=[feedback("thumbs", mature=0)]
    )
    function = ro.route()
    bad: list[str] = []
    for number in range(20):
        with reliai.context(subject=f"u-{number}"):
            result = reliai.execute(function)
        record = result.record
        if record is not None and record.variant == "candidate":
            bad.append(record.id)
    assert store.flush()
    script = [sys.executable, "-c", _GIVE, f"sqlite:///{tmp_path}/calls.db", *bad]
    subprocess.run(script, check=True, timeout=60)
    until = time.monotonic() + 20.0
    while time.monotonic() < until and ro.status().status != "rolled_back":
        time.sleep(0.05)
    (finding,) = ro.status().findings
    assert (ro.status().status, finding.name, finding.control) == (
        "rolled_back",
        "feedback:thumbs",
        0,
    )

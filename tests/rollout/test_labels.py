"""What people say of calls, as a guardrail: whose it is, when it counts, and what takes it back."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai import feedback
from reliai.errors import ConfigurationError, ReliaiWarning
from reliai.records import RecordStore
from reliai.rollout import Rollout, _joining
from reliai.rollout import feedback as said
from reliai.rollout.operating import Operated
from reliai.state import open_state
from reliai.testing import virtual_clock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from reliai.state import State
    from reliai.testing import VirtualClock

DAY, HOUR = 86_400.0, 3_600.0


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR, logger="reliai")


@pytest.fixture
def clock() -> Iterator[VirtualClock]:
    with virtual_clock() as virtual:
        yield virtual


@pytest.fixture
def store(tmp_path: Path, clock: VirtualClock) -> Iterator[RecordStore]:
    made = RecordStore(f"sqlite:///{tmp_path}/calls.db")
    reliai.configure(observers=[], records=made)
    yield made
    made.close()
    reliai.configure(observers=[])


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    made = open_state(f"sqlite:///{tmp_path}/state.db")
    yield made
    made.close()


class Users:
    """Users of a rollout whose bad feedback is a guardrail."""

    def __init__(self, clock: VirtualClock, mature: float = DAY, **settings: Any) -> None:
        self.clock = clock
        given: dict[str, Any] = {
            "steps": [0.5, 1.0],
            "guardrails": [said("thumbs", bad=0, mature=mature)],
            "max_duration": 100 * DAY,
            "stale_after": 100 * DAY,
            "background": False,
            **settings,
        }
        self.rollout = Rollout(
            "answer", lambda text: f"a {text}", lambda text: f"b {text}", **given
        )
        self.function: Any = self.rollout.route()
        self.served = 0
        self.calls: dict[str, list[str]] = {"control": [], "candidate": []}

    def serve(self, count: int, unit: str | None = None) -> None:
        for _ in range(count):
            self.served += 1
            with reliai.context(subject=unit or f"s-{self.served}"):
                result = reliai.execute(self.function, "hi")
            record = result.record
            assert record is not None
            self.calls[str(record.variant)].append(record.id)

    @property
    def sums(self) -> tuple[float, ...]:
        """Calls and bad ones of the control, and of the candidate, in the phase under way."""
        self.rollout.sync()
        entries = self.rollout._controller.counts
        return tuple(entries[-1].sums["feedback:thumbs"])


def test_late_feedback_counts_for_the_arm_and_the_share_at_the_time_of_the_call(
    store: RecordStore, clock: VirtualClock
) -> None:
    """Case 42: 20 h late, with a window of 24 h, and meanwhile the shares have changed."""
    users = Users(clock, steps=[0.2, 0.6, 1.0])
    users.serve(100)
    users.rollout.sync()
    users.rollout.advance(step=1, by="ana")
    clock.advance(20 * HOUR)
    feedback.record(users.calls["candidate"][0], "thumbs", 0, by="u1")
    feedback.record(users.calls["control"][0], "thumbs", 0, by="u2")
    users.rollout.sync()
    clock.advance(6 * HOUR)
    users.rollout.sync()
    first, second = users.rollout._controller.counts
    counts = len(users.calls["control"]), len(users.calls["candidate"])
    assert first.share == 0.2
    assert first.sums["feedback:thumbs"] == (counts[0], 1, counts[1], 1)
    assert second.sums["feedback:thumbs"] == (0, 0, 0, 0)


def test_calls_younger_than_the_window_are_left_out_in_both_arms(
    store: RecordStore, clock: VirtualClock
) -> None:
    """Case 42: what is said of them at once is not counted before its time."""
    users = Users(clock)
    users.serve(40)
    clock.advance(30 * HOUR)
    old = [len(users.calls[arm]) for arm in ("control", "candidate")]
    users.serve(40)
    for arm in ("control", "candidate"):
        feedback.record(users.calls[arm][0], "thumbs", 1, by="u")
        feedback.record(users.calls[arm][-1], "thumbs", 0, by="u")
    assert users.sums == (old[0], 0, old[1], 0)
    clock.advance(30 * HOUR)
    assert users.sums == (len(users.calls["control"]), 1, len(users.calls["candidate"]), 1)


def test_what_is_said_after_the_window_says_nothing(
    store: RecordStore, clock: VirtualClock
) -> None:
    users = Users(clock)
    users.serve(20)
    clock.advance(25 * HOUR)
    feedback.record(users.calls["candidate"][0], "thumbs", 0, by="u")
    clock.advance(5 * HOUR)
    assert users.sums[3] == 0


def test_a_retraction_or_another_value_is_taken_off_again(
    store: RecordStore, clock: VirtualClock
) -> None:
    """Case 41: up with a comment, down, and taken back; the counters follow, also afterwards."""
    users = Users(clock)
    users.serve(20)
    one, two = users.calls["candidate"][:2]
    feedback.record(one, "thumbs", 1, by="u", comment="fine")
    clock.advance(1.0)
    feedback.record(one, "thumbs", 0, by="u")
    feedback.record(two, "thumbs", 0, by="v")
    clock.advance(26 * HOUR)
    assert users.sums[3] == 2
    feedback.retract(one, "thumbs", by="u")
    clock.advance(1.0)
    assert users.sums[3] == 1
    feedback.record(two, "thumbs", 1, by="v")
    clock.advance(1.0)
    assert users.sums[3] == 0


def test_a_user_who_is_never_pleased_counts_once(store: RecordStore, clock: VirtualClock) -> None:
    users = Users(clock, mature=0)
    users.serve(12, unit="grumpy")
    arm = "candidate" if users.calls["candidate"] else "control"
    for call_id in users.calls[arm]:
        feedback.record(call_id, "thumbs", 0, by="grumpy")
    assert sum(users.sums[1::2]) == 1


def test_without_a_window_feedback_counts_when_it_is_given(
    store: RecordStore, clock: VirtualClock
) -> None:
    users = Users(clock, mature=0)
    users.serve(20)
    clock.advance(5.0)
    feedback.record(users.calls["control"][0], "thumbs", False, by="u")
    assert users.sums == (len(users.calls["control"]), 1, len(users.calls["candidate"]), 0)


def test_feedback_that_comes_before_its_call_waits_for_it(
    store: RecordStore, clock: VirtualClock
) -> None:
    users = Users(clock, mature=0)
    ids: list[str] = []
    serve = users.function

    def early(text: str) -> str:
        call = reliai.current_call()
        assert call is not None
        feedback.record(call.id, "thumbs", 0, by="u")
        ids.append(call.id)
        users.rollout.sync()
        return text

    users.rollout = Rollout(
        "answer", early, early, steps=[0.5, 1.0], background=False,
        guardrails=[said("thumbs", mature=0)],
    )  # fmt: skip
    users.function = users.rollout.route()
    users.serve(1)
    assert serve is not users.function
    assert sum(users.sums[1::2]) == 0
    clock.advance(61.0)
    assert sum(users.sums[1::2]) == 1


def test_a_candidate_that_people_dislike_is_rolled_back_with_the_evidence(
    store: RecordStore, clock: VirtualClock
) -> None:
    users = Users(clock, mature=HOUR)
    users.serve(300)
    for arm, count in (("control", 4), ("candidate", 40)):
        for call_id in users.calls[arm][:count]:
            feedback.record(call_id, "thumbs", 0, by="u")
    users.rollout.sync()
    assert users.rollout.status().status == "ramping"
    clock.advance(2 * HOUR)
    users.rollout.sync()
    status = users.rollout.status()
    assert (status.status, status.reason) == ("rolled_back", "GUARDRAIL")
    assert users.rollout.explain().agrees
    assert users.rollout.audit()[-1].counts[-1]["sums"]["feedback:thumbs"][3] == 40


def test_what_counts_is_the_same_for_the_next_process_and_after_deletion(
    store: RecordStore, clock: VirtualClock, state: State
) -> None:
    """Numbers that were counted stay as they are when the calls are forgotten."""
    users = Users(clock, mature=0, state=state)
    users.serve(20)
    for call_id in users.calls["candidate"][:3]:
        feedback.record(call_id, "thumbs", 0, by="u")
    assert users.sums[3] == 3
    gone = store.get(users.calls["candidate"][0])
    assert gone is not None
    assert gone.subject is not None
    store.forget(subject=gone.subject)
    clock.advance(10.0)
    other = Users(clock, mature=0, state=state)
    assert other.sums[3] == 3
    feedback.retract(users.calls["candidate"][1], "thumbs", by="u")
    clock.advance(10.0)
    assert other.sums[3] == 2


def test_calls_of_another_version_and_forced_ones_say_nothing(
    store: RecordStore, clock: VirtualClock
) -> None:
    users = Users(clock, mature=0, force={"s-1": "candidate"})
    users.serve(1)
    other = Users(clock, mature=0, version=2)
    other.serve(20)
    for call_id in (*users.calls["candidate"], *other.calls["candidate"]):
        feedback.record(call_id, "thumbs", 0, by="u")
    assert users.sums[3] == 0
    assert other.sums[3] == len(other.calls["candidate"])


def test_calls_inside_a_shadow_say_nothing(store: RecordStore, clock: VirtualClock) -> None:
    users = Users(clock, mature=0)
    shadow = reliai.Shadow(users.function, rate=1.0)
    serve = shadow(lambda text: text)
    for number in range(20):
        with reliai.context(subject=f"s-{number}"):
            serve("hi")
    shadow.drain()
    inside = [call for call in store.calls() if call.variant is not None]
    for call in inside:
        feedback.record(call.id, "thumbs", 0, by="u")
    assert inside
    assert sum(users.sums[1::2]) == 0


def test_no_more_calls_are_remembered_than_tell_something(
    store: RecordStore, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_joining, "_MOST", 3)
    users = Users(clock, mature=0)
    users.serve(40)
    for call_id in users.calls["candidate"]:
        feedback.record(call_id, "thumbs", 0, by=call_id)
    assert users.sums[3] == 3


def test_who_decides_meanwhile_goes_on_from_what_another_wrote(
    store: RecordStore, clock: VirtualClock, state: State
) -> None:
    one, other = (Users(clock, mature=0, state=state) for _ in range(2))
    one.serve(20)
    first, second, third = one.calls["candidate"][:3]
    for bad, (call_id, users) in enumerate(((first, one), (second, other), (third, one)), 1):
        feedback.record(call_id, "thumbs", 0, by="u")
        clock.advance(10.0)
        for _ in range(3):
            users.rollout.sync()
            clock.advance(1.0)
        assert users.sums[3] == bad
    assert other.sums[3] == 3


def test_who_decides_again_knows_what_was_counted_meanwhile_of_calls_that_are_gone(
    store: RecordStore, clock: VirtualClock, state: State
) -> None:
    one, other = (Users(clock, mature=0, state=state) for _ in range(2))
    one.serve(20)
    first, second, third = one.calls["candidate"][:3]
    for call_id, users in ((first, one), (second, other)):
        feedback.record(call_id, "thumbs", 0, by="u")
        assert users.sums[3] >= 1
        clock.advance(10.0)
    gone = store.get(second)
    assert gone is not None
    assert gone.subject is not None
    store.forget(subject=gone.subject)
    feedback.record(third, "thumbs", 0, by="u")
    for _ in range(4):
        one.rollout.sync()
        clock.advance(1.5)
    assert one.sums[3] == 3


def test_a_look_that_finds_nothing_new_writes_nothing(
    store: RecordStore, clock: VirtualClock, state: State
) -> None:
    users = Users(clock, mature=0, state=state)
    users.serve(20)
    feedback.record(users.calls["candidate"][0], "thumbs", 0, by="u")
    assert users.sums[3] == 1
    keys = [each.replace(":labels", end) for each in users.rollout._controller.labels.keys
            for end in (":labels", ":labelled")]  # fmt: skip
    before = [state.get(key) for key in keys]
    clock.advance(5.0)
    users.rollout.sync()
    assert [state.get(key) for key in keys] == before


def test_it_is_seen_from_outside_the_application_too(
    store: RecordStore, clock: VirtualClock, state: State
) -> None:
    users = Users(clock, state=state)
    users.serve(40)
    clock.advance(20 * HOUR)
    users.serve(40)
    for call_id in users.calls["candidate"][:5]:
        feedback.record(call_id, "thumbs", 0, by="u")
    users.rollout.sync()
    clock.advance(6 * HOUR)
    users.rollout.sync()
    outside = Operated(state, "answer").status().findings
    assert outside == users.rollout.status().findings
    assert outside[0].candidate == 5 / users.sums[2]


@pytest.mark.parametrize("damaged", [b"{", b"5", b'{"feedback:thumbs": 3}', b'{"a": [[1]]}'])
def test_sums_that_are_damaged_are_written_again(
    store: RecordStore, clock: VirtualClock, state: State, damaged: bytes
) -> None:
    users = Users(clock, mature=0, state=state)
    users.serve(20)
    feedback.record(users.calls["candidate"][0], "thumbs", 0, by="u")
    assert users.sums[3] == 1
    state.put(users.rollout._controller.labels.keys[0], damaged)
    clock.advance(2.0)
    feedback.record(users.calls["candidate"][1], "thumbs", 0, by="u")
    assert users.sums[3] == 2


def test_a_record_store_that_fails_leaves_what_is_known(
    store: RecordStore, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    users = Users(clock, mature=0)
    users.serve(20)
    feedback.record(users.calls["candidate"][0], "thumbs", 0, by="u")
    assert users.sums[3] == 1
    clock.advance(2.0)
    with monkeypatch.context() as patched:
        patched.setattr(type(store.feedback), "heard", None)
        with pytest.warns(ReliaiWarning, match=r"cannot be read \(TypeError\)"):
            users.rollout.sync()
    assert users.sums[3] == 1


def test_without_a_record_store_it_is_said_and_nothing_is_counted(clock: VirtualClock) -> None:
    users = Users(clock, mature=0)
    users.serve(5)
    with pytest.warns(ReliaiWarning, match="needs a record store"):
        users.rollout.sync()
    assert users.rollout.status().status == "ramping"


def test_values_that_a_function_does_not_know_say_nothing(
    store: RecordStore, clock: VirtualClock
) -> None:
    users = Users(clock, guardrails=[said("thumbs", bad=lambda value: value < 3, mature=0)])
    users.serve(20)
    feedback.record(users.calls["candidate"][0], "thumbs", 2, by="u")
    feedback.record(users.calls["candidate"][1], "thumbs", "what", by="u")
    with pytest.warns(ReliaiWarning, match="TypeError for a value of type str"):
        assert users.sums[3] == 1


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"name": ""}, r"feedback\(''\)"),
        ({"mature": -1}, "must be seconds of at least 0"),
        ({"mature": float("nan")}, "mature=nan"),
        ({"bad": []}, "must say which values are bad"),
        ({"max_ratio": 1}, r"feedback\(max_ratio=1\)"),
    ],
)
def test_settings_out_of_range_name_the_value(settings: dict[str, Any], match: str) -> None:
    with pytest.raises(ConfigurationError, match=match):
        said(settings.pop("name", "thumbs"), **settings)

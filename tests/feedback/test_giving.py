"""What is said of a call: kept, revised, retracted, joined to it whenever it arrives."""

from __future__ import annotations

import math
import os
import sqlite3
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai import feedback
from reliai.datasets import Capture, Dataset, on_feedback
from reliai.records import RecordStore
from reliai.testing import virtual_clock

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from reliai.records.revision import Revision

CALL = "0" * 31 + "1"
OTHER = "0" * 31 + "2"


@reliai.reliable(name="answer")
def answer(prompt: str) -> str:
    return prompt


def values(call_id: str | None = None, **which: Any) -> list[Any]:
    return [said.value for said in feedback.read(call_id, **which)]


# --- on the call ----------------------------------------------------------------------------------
def test_what_is_said_comes_back_with_the_call(store: RecordStore) -> None:
    call_id = reliai.execute(answer, "hi").call_id
    assert feedback.record(call_id, "thumbs", 1, by="u1", comment="good")
    call = store.get(call_id)
    assert call is not None
    (said,) = call.feedback
    assert said[:3] == ("thumbs", 1, "u1")
    assert said.comment == "good"


def test_feedback_that_comes_before_its_call_joins_it_and_is_no_orphan_any_more(
    store: RecordStore,
) -> None:
    feedback.record(CALL, "thumbs", 0, by="u1")
    assert feedback.orphans()[:2] == (1, 0)
    with reliai.context(call_id=CALL):
        answer("late")
    assert [said.value for said in store.calls()[0].feedback] == [0]
    assert feedback.orphans() == (0, 0, None, ())


def test_feedback_whose_call_never_came_is_reported_when_its_time_is_over(
    local: RecordStore,
) -> None:
    with virtual_clock() as clock:
        feedback.record(CALL, "thumbs", 0)
        feedback.record(OTHER, "thumbs", 0)
        feedback.retract(OTHER, "thumbs")
        assert feedback.orphans(ttl=3600).overdue == 0
        clock.advance(3601)
        found = feedback.orphans(ttl=3600)
    assert (found.waiting, found.overdue, found.call_ids) == (1, 1, (CALL,))
    assert local.feedback.counts.written == 3


def test_feedback_whose_call_never_came_is_told_in_the_log_once(
    local: RecordStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("reliai.records._inbox.LOOK_EVERY", 0.0)
    with virtual_clock() as clock:
        feedback.record(CALL, "thumbs", 0)
        local.flush()
        clock.advance(86_500)
        for number in range(3):
            feedback.record(OTHER, f"n{number}", 0)
            local.flush()
    assert caplog.text.count("no call has come for 1 of the feedback") == 1


def test_a_thumb_that_turns_loses_its_comment_and_a_retracted_one_is_gone(
    store: RecordStore,
) -> None:
    call_id = reliai.execute(answer, "hi").call_id
    feedback.record(call_id, "thumbs", 1, by="u1", comment="good")
    feedback.record(call_id, "thumbs", 0, by="u1")
    (now,) = feedback.read(call_id)
    assert (now.value, now.comment) == (0, None)
    feedback.retract(call_id, "thumbs", by="u1")
    assert feedback.read(call_id) == []
    assert [call.feedback for call in store.calls()] == [()]
    assert [one.kind for one in feedback.history(call_id)] == ["value", "value", "retraction"]


def test_after_a_retraction_one_can_say_something_again(local: RecordStore) -> None:
    feedback.record(CALL, "thumbs", 1, by="u1")
    feedback.retract(CALL, "thumbs", by="u1")
    feedback.record(CALL, "thumbs", 0, by="u1")
    assert values(CALL) == [0]


def test_each_author_and_each_name_has_a_value_of_its_own(local: RecordStore) -> None:
    for by in ("u1", "u2", None):
        for name in ("thumbs", "stars"):
            feedback.record(CALL, name, 1, by=by)
            feedback.record(CALL, name, 0, by=by)
    assert values(CALL) == [0] * 6
    assert len(feedback.read(CALL, name="stars", by="u2")) == 1


def test_what_was_said_later_holds_though_it_arrives_earlier(store: RecordStore) -> None:
    now = time.time()
    feedback.record(CALL, "stars", 5, by="u1", at=now - 10)
    feedback.record(CALL, "stars", 1, by="u1", at=now - 20)
    assert values(CALL) == [5]
    store.flush()
    feedback.record(CALL, "stars", 2, by="u1", at=now - 15)
    assert values(CALL) == [5]
    feedback.record(CALL, "stars", 3, by="u1", at=datetime.fromtimestamp(now - 5, UTC))
    assert values(CALL) == [3]


def test_a_retraction_spares_what_was_said_after_it(local: RecordStore) -> None:
    now = time.time()
    feedback.record(CALL, "stars", 5, by="u1", at=now - 10)
    feedback.retract(CALL, "stars", by="u1", at=now - 20)
    assert values(CALL) == [5]


def test_a_clock_that_is_ahead_keeps_nobody_from_speaking_later(local: RecordStore) -> None:
    feedback.record(CALL, "stars", 5, by="u1", at=time.time() + 86_400)
    feedback.record(CALL, "stars", 1, by="u1")
    assert values(CALL) == [1]


def test_what_is_delivered_twice_is_there_once(store: RecordStore) -> None:
    for _ in range(2):
        feedback.record(CALL, "thumbs", 0, by="u1", key="k1", comment="bad")
        store.flush()
        feedback.record(CALL, "thumbs", 0, by="u1", key="k1", comment="bad")
    assert len(feedback.history(CALL)) == 1
    assert store.feedback.counts[:4] == (4, 1, 0, 3)


def test_what_is_delivered_again_on_another_day_is_there_once(local: RecordStore) -> None:
    with virtual_clock() as clock:
        for _ in range(2):
            feedback.record(CALL, "thumbs", 0, by="u1", key="k1")
            local.flush()
            clock.advance(86_400)
    assert len(feedback.history(CALL)) == 1


def test_a_second_delivery_does_not_undo_what_was_said_in_between(local: RecordStore) -> None:
    feedback.record(CALL, "thumbs", 0, by="u1", key="k1")
    feedback.record(CALL, "thumbs", 1, by="u1", key="k2")
    feedback.record(CALL, "thumbs", 0, by="u1", key="k1")
    assert values(CALL) == [1]


def test_a_key_that_is_used_for_another_call_loses_nothing(local: RecordStore) -> None:
    feedback.record(CALL, "thumbs", 0, by="u1", key="k1")
    feedback.record(OTHER, "thumbs", 0, by="u1", key="k1")
    feedback.record(CALL, "thumbs", 0, by="u2", key="k1")
    assert len(feedback.read()) == 3


def test_a_conversation_can_be_judged(local: RecordStore) -> None:
    feedback.record(None, "solved", True, session="s1", by="u1")
    feedback.record(None, "solved", False, session="s1", by="u1")
    feedback.record(None, "solved", True, session="s2", by="u1")
    assert values(session="s1") == [False]
    assert feedback.orphans().waiting == 0


# --- corrections and preferences -----------------------------------------------------------------
def test_a_correction_is_what_the_output_should_have_been(local: RecordStore) -> None:
    call_id = reliai.execute(answer, "2+2").call_id
    assert call_id is not None
    feedback.correct(call_id, output={"sum": 4, "steps": ["2+2"]}, by="rev1")
    (said,) = local.calls()[0].feedback
    assert (said.name, said.value) == ("correction", {"sum": 4, "steps": ["2+2"]})


def test_a_preference_is_seen_on_both_calls_and_a_changed_mind_replaces_it(
    store: RecordStore,
) -> None:
    first, second = (reliai.execute(answer, text).call_id for text in "ab")
    assert first is not None
    assert second is not None
    feedback.prefer(better=first, worse=second, by="rev1")
    feedback.prefer(better=second, worse=first, by="rev1")
    for call in store.calls():
        assert [said.value for said in call.feedback] == [{"better": second, "worse": first}]
    feedback.retract(second, "preference", other=first, by="rev1")
    assert feedback.read(first) == []


def test_a_call_cannot_be_better_than_itself(local: RecordStore) -> None:
    with pytest.raises(feedback.FeedbackError, match="give two calls"):
        feedback.prefer(better=CALL, worse=CALL)


# --- what can be said -----------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((None, "thumbs", 1), "give the one or the other"),
        (("", "thumbs", 1), "call_id=a text of 0 characters"),
        ((7, "thumbs", 1), "call_id=7"),
        ((CALL, "", 1), "name=a text of 0"),
        ((CALL, "x" * 600, 1), "name=a text of 600"),
        ((CALL, "thumbs", object()), "data that JSON can say, not object"),
        ((CALL, "thumbs", math.nan), "data that JSON can say, not float"),
        ((CALL, "thumbs", "x" * 200_000), "200002 bytes; at most 131072"),
    ],
)
def test_what_cannot_be_feedback_is_refused(
    local: RecordStore, arguments: tuple[Any, Any, Any], said: str
) -> None:
    with pytest.raises(feedback.FeedbackError, match=said):
        feedback.record(*arguments)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"by": ""}, "by=a text of 0"),
        ({"comment": 7}, "comment=….*must be text, not int"),
        ({"comment": "x" * 200_000}, "at most 131072"),
        ({"at": math.inf}, "at=inf"),
        ({"at": "yesterday"}, "at='yesterday'"),
        ({"key": ""}, "key=a text of 0"),
        ({"session": "s1"}, "give the one or the other"),
    ],
)
def test_settings_that_are_wrong_are_refused(
    local: RecordStore, settings: dict[str, Any], said: str
) -> None:
    with pytest.raises(feedback.FeedbackError, match=said):
        feedback.record(CALL, "thumbs", 1, **settings)


def test_a_retraction_of_a_preference_names_the_other_call(local: RecordStore) -> None:
    with pytest.raises(feedback.FeedbackError, match="other=None"):
        feedback.retract(CALL, "preference")
    with pytest.raises(feedback.FeedbackError, match=f"other='{OTHER}'"):
        feedback.retract(CALL, "thumbs", other=OTHER)


def test_without_a_configured_store_it_says_what_to_configure(local: RecordStore) -> None:
    reliai.configure(observers=[])

    @reliai.reliable(observers=[local])  # the store of one function is nobody else's
    def asked() -> None: ...

    asked()
    with pytest.raises(reliai.ConfigurationError, match=r"reliai\.configure\(records="):
        feedback.record(CALL, "thumbs", 1)


def test_a_value_that_is_changed_afterwards_is_kept_as_it_was(local: RecordStore) -> None:
    said = {"labels": ["a"]}
    feedback.record(CALL, "labels", said)
    said["labels"].append("b")
    assert values(CALL) == [{"labels": ["a"]}]


def test_odd_texts_are_kept_as_the_database_can(store: RecordStore) -> None:
    feedback.record(CALL, "a\0b", {"\0k": "x\0\ud800y"}, by="\udc00", comment="\0")
    (said,) = feedback.read(CALL)
    assert isinstance(said.value, dict)
    assert store.feedback.counts.written == 1


# --- what may be kept -----------------------------------------------------------------------------
@pytest.mark.parametrize("content", ["none", "redacted"])
def test_personal_data_in_comments_values_and_corrections_is_replaced(
    tmp_path: Path, content: Any
) -> None:
    store = RecordStore(f"sqlite:///{tmp_path}/records.db", content=content)
    reliai.configure(observers=[], records=store)
    feedback.record(CALL, "note", "ask ana@example.com", comment="or bob@example.com", by="u1")
    feedback.correct(CALL, output={"to": "eve@example.com"}, by="u1")
    shown = repr([(said.value, said.comment) for said in feedback.read(CALL)])
    assert "example.com" not in shown
    assert shown.count("[EMAIL]") == 3


def test_a_store_that_keeps_all_content_keeps_what_was_said(tmp_path: Path) -> None:
    store = RecordStore(f"sqlite:///{tmp_path}/records.db", content="full")
    reliai.configure(observers=[], records=store)
    feedback.record(CALL, "note", "ask ana@example.com")
    assert values(CALL) == ["ask ana@example.com"]


def test_what_a_redaction_fails_over_is_dropped_and_counted(tmp_path: Path) -> None:
    def fail(text: str) -> str:
        raise ValueError(text)

    store = RecordStore(f"sqlite:///{tmp_path}/r.db", content="redacted", redact=fail)
    reliai.configure(observers=[], records=store)
    feedback.record(CALL, "note", "secret")
    feedback.record(CALL, "thumbs", 1)
    assert values(CALL) == [1]
    assert store.feedback.counts == (2, 1, 1, 0, 0)


def test_what_was_said_is_in_no_message_or_repr(local: RecordStore) -> None:
    feedback.record(CALL, "note", "canary-1", comment="canary-2")
    assert "canary" not in repr(feedback.read(CALL))
    with pytest.raises(feedback.FeedbackError) as caught:
        feedback.record(CALL, "note", {"canary": object()})
    assert "canary" not in str(caught.value)


# --- who hears of it ------------------------------------------------------------------------------
class Listener:
    """An observer that hears of feedback."""

    def __init__(self) -> None:
        self.heard: list[Revision] = []

    def on_feedback(self, revision: Revision) -> None:
        self.heard.append(revision)


def test_observers_hear_of_feedback_on_their_own_thread(local: RecordStore) -> None:
    listener = Listener()
    reliai.configure(observers=[local, listener])
    feedback.record(CALL, "thumbs", 0, by="u1")
    feedback.retract(CALL, "thumbs", by="u1")
    reliai.flush()
    assert [(one.kind, one.value) for one in listener.heard] == [("value", 0), ("retraction", None)]


def test_an_observer_that_raises_loses_nothing_in_the_store(local: RecordStore) -> None:
    class Broken:
        def on_feedback(self, revision: Revision) -> None:
            raise ValueError

    reliai.configure(observers=[local, Broken()])
    assert feedback.record(CALL, "thumbs", 0)
    reliai.flush()
    assert values(CALL) == [0]


def test_a_thumb_down_makes_a_case_with_the_correction_expected(tmp_path: Path) -> None:
    store = RecordStore(f"sqlite:///{tmp_path}/records.db", content="full")
    dataset = Dataset.open(tmp_path / "d")
    capture = Capture(dataset, [on_feedback("thumbs", 0)], store=store)
    reliai.configure(observers=[store, capture])
    call_id = reliai.execute(answer, "2+2").call_id
    assert call_id is not None
    feedback.record(call_id, "thumbs", 0, by="u1")
    feedback.correct(call_id, output="4", by="rev1")
    reliai.flush()
    (case,) = dataset.commit("from feedback")
    assert (case.inputs, case.expected) == ({"prompt": "2+2"}, "4")


# --- durability -----------------------------------------------------------------------------------
def test_durable_feedback_is_in_the_database_when_it_returns(
    store: RecordStore, url: str, opened: Callable[..., RecordStore]
) -> None:
    assert feedback.record(CALL, "thumbs", 0, durable=True)
    assert [said.value for said in opened().feedback.current(CALL)] == [0]


def test_durable_feedback_that_the_database_does_not_take_says_so(
    local: RecordStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reliai.feedback.giving.DURABLE_WITHIN", 0.2)
    local.flush()
    with sqlite3.connect(tmp_path / "records.db", isolation_level=None) as holder:
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(feedback.FeedbackNotStored, match="the same key=") as caught:
            feedback.record(CALL, "thumbs", 0, key="k1", durable=True)
        holder.execute("ROLLBACK")
    holder.close()
    assert caught.value.key == "k1"
    assert feedback.record(CALL, "thumbs", 0, key="k1", durable=True)
    assert len(feedback.history(CALL)) == 1


def test_what_finds_no_room_is_dropped_and_counted(tmp_path: Path) -> None:
    store = RecordStore(f"sqlite:///{tmp_path}/records.db", capacity=3)
    reliai.configure(observers=[], records=store)
    with store._writer.turn.taken():  # so that nothing is written meanwhile
        taken = [feedback.record(CALL, f"n{number}", 1) for number in range(5)]
    assert taken == [True, True, True, False, False]
    store.flush()
    assert store.feedback.counts == (5, 3, 2, 0, 0)


def test_many_threads_that_say_the_same_leave_one_value_each(local: RecordStore) -> None:
    def say(by: str) -> None:
        for value in range(50):
            feedback.record(CALL, "stars", value, by=by)

    threads = [threading.Thread(target=say, args=(f"u{number % 2}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(feedback.read(CALL)) == 2
    assert len(feedback.history(CALL)) == 200


def test_two_stores_on_one_database_leave_one_value(
    store: RecordStore, opened: Callable[..., RecordStore]
) -> None:
    second = opened()
    feedback.record(CALL, "stars", 0, by="u1")
    template = feedback.read(CALL)[0]

    def say(one: RecordStore, start: int) -> None:
        for number in range(start, start + 30):
            one.feedback.put(template._replace(key=f"k{number}", value=number), 0)
            if number % 10 == 0:
                one.flush()

    threads = [
        threading.Thread(target=say, args=(one, start))
        for one, start in ((store, 100), (second, 200))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.flush()
    assert second.flush()
    assert len(store.feedback.current(CALL)) == 1
    assert len(store.feedback.history(CALL)) == 61


def test_a_store_that_the_environment_names_takes_feedback_before_any_call(
    tmp_path: Path,
) -> None:
    program = f"""
from reliai import feedback
feedback.record("{CALL}", "thumbs", 1)
print([said.value for said in feedback.read("{CALL}")])
"""
    url = f"sqlite:///{tmp_path}/records.db"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env={**os.environ, "RELIAI_OBSERVERS": f"records:{url}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("[1]\n", "")

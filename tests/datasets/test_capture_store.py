"""Cases from the calls that a store has kept: last week's, with all that was said of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai import clock
from reliai.datasets import (
    Capture,
    Dataset,
    DatasetError,
    below,
    novel,
    on_error,
    on_feedback,
    slowest,
    uniform,
)
from reliai.records import RecordStore
from reliai.testing import VirtualClock, virtual_clock
from tests.datasets._captured import Bench

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from reliai._core.record import CallRecord

DAY = 86_400.0
OLD = "where is the parcel that I ordered on monday of the week before last, number"


class Kept:
    """A store with calls of some days in it."""

    def __init__(self, folder: Path, time: VirtualClock, content: Any = "full") -> None:
        self.time = time
        self.store = RecordStore(f"sqlite:///{folder}/calls.db", content=content)
        self.ask = reliai.reliable(observers=[self.store], name="ask")(self._ask)

    def _ask(self, prompt: str, says: Any = "fine", seconds: float = 0.0) -> Any:
        reliai.measure(confidence=0.3 if "unsure" in prompt else 0.9)
        self.time.advance(seconds)
        if isinstance(says, Exception):
            raise says
        return "y" * 20_000 if prompt == "tell me all" else says

    def call(self, prompt: str, says: Any = "fine", seconds: float = 0.0) -> CallRecord:
        with reliai.collect() as calls:
            reliai.execute(self.ask, prompt, says, seconds)
        return calls[0]


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    with virtual_clock() as time:
        made = Kept(tmp_path, time)
        yield made
        made.store.close()


def prompts(dataset: Dataset) -> set[str]:
    return {case.inputs["prompt"] for case in dataset.commit("from the store")}


def test_a_dataset_is_made_of_last_weeks_calls(kept: Kept, tmp_path: Path) -> None:
    for number in range(30):
        kept.call(f"fine {number}")
    kept.call("broken", ValueError())
    kept.call("unsure, write to ana@example.com")
    dataset = Dataset.open(tmp_path / "d")
    counts = Capture.from_store(kept.store, dataset, [on_error(), below("confidence", 0.6)])
    assert (counts.seen, counts.handed_over) == (32, 2)
    assert prompts(dataset) == {"broken", "unsure, write to [EMAIL_1]"}


def test_the_same_calls_give_the_same_cases_live_and_from_the_store(tmp_path: Path) -> None:
    with virtual_clock():
        bench = Bench(tmp_path, [uniform(0.5)], max_per_day=20)
        store = RecordStore(f"sqlite:///{tmp_path}/calls.db", content="full")
        answer = reliai.reliable(observers=[store])(bench.answer)
        for number in range(60):
            answer(f"q{number}")
        live = {(case.digest, case.inclusion_probability) for case in bench.cases()}
        other = Dataset.open(tmp_path / "other" / "bench")
        Capture.from_store(store, other, [uniform(0.5)], max_per_day=20)
        stored = {(case.digest, case.inclusion_probability) for case in other.commit("stored")}
        store.close()
    assert len(live) == 20
    assert live == stored


def test_each_day_of_the_past_has_its_own_budget(kept: Kept, tmp_path: Path) -> None:
    for day in range(3):
        for number in range(10 * (day + 1)):
            kept.call(f"day {day} call {number}")
        kept.time.advance(DAY)
    dataset = Dataset.open(tmp_path / "d")
    Capture.from_store(kept.store, dataset, [uniform(1.0)], max_per_day=10)
    cases = list(dataset.commit("three days"))
    per_day = [[c for c in cases if c.inputs["prompt"].startswith(f"day {d}")] for d in range(3)]
    assert [len(day) for day in per_day] == [10, 10, 10]
    chances = [{case.inclusion_probability for case in day} for day in per_day]
    assert chances[0] == {1.0}
    assert max(chance or 1.0 for chance in chances[2]) < 0.6


def test_only_calls_that_are_asked_for_are_looked_at(kept: Kept, tmp_path: Path) -> None:
    kept.call("last week")
    kept.time.advance(7 * DAY)
    since = clock.active().time()
    kept.call("today")
    dataset = Dataset.open(tmp_path / "d")
    counts = Capture(dataset, [uniform(1.0)]).read(kept.store, since=since, name="ask")
    assert counts.seen == 1
    assert prompts(dataset) == {"today"}


def test_feedback_in_the_store_counts_and_corrections_are_expected(
    kept: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    from reliai.records import Feedback

    said = {
        kept.call("wrong").id: Feedback("correction", "right", "rev1", 5.0),
        kept.call("bad").id: Feedback("thumbs", 0, "u1", 6.0),
        kept.call("good").id: Feedback("thumbs", 1, "u1", 7.0),
    }
    after = kept.store.after

    def with_feedback(*args: Any, **kwargs: Any) -> Any:
        calls, seq = after(*args, **kwargs)
        return [replace(call, feedback=(said[call.id],)) for call in calls], seq

    monkeypatch.setattr(kept.store, "after", with_feedback)
    dataset = Dataset.open(tmp_path / "d")
    Capture.from_store(kept.store, dataset, [on_feedback("thumbs", 0), on_feedback("correction")])
    cases = {case.inputs["prompt"]: case for case in dataset.commit("feedback")}
    assert set(cases) == {"wrong", "bad"}
    assert cases["wrong"].expected == "right"
    assert [source.at for source in cases["bad"].sources if source.kind == "feedback"] == [6.0]
    assert "u1" not in str(cases["bad"].to_dict())


def test_rules_with_a_memory_see_the_calls_in_their_order(kept: Kept, tmp_path: Path) -> None:
    for number in range(20):
        kept.call(f"{OLD} {number}", seconds=1.0)
    kept.time.advance(DAY)
    kept.call(f"{OLD}, but slow", seconds=9.0)
    kept.call("something that nobody has asked before today, in words that nobody used")
    dataset = Dataset.open(tmp_path / "d")
    Capture.from_store(
        kept.store, dataset, [slowest(0.9, window=50, warmup=10), novel(similarity=0.4)]
    )
    assert prompts(dataset) == {
        f"{OLD} 0",
        f"{OLD}, but slow",
        "something that nobody has asked before today, in words that nobody used",
    }


def test_a_store_without_content_is_refused(tmp_path: Path) -> None:
    with virtual_clock() as time:
        kept = Kept(tmp_path, time, content="none")
        kept.call("hi")
        with pytest.raises(DatasetError, match='content="redacted"'):
            Capture.from_store(kept.store, Dataset.open(tmp_path / "d"), [uniform(1.0)])
        kept.store.close()


def test_inputs_that_the_store_has_cut_make_no_case(kept: Kept, tmp_path: Path) -> None:
    kept.call("x" * 20_000)
    kept.call("tell me all")
    dataset = Dataset.open(tmp_path / "d")
    counts = Capture.from_store(kept.store, dataset, [uniform(1.0)])
    assert counts.without_content == 1
    (case,) = dataset.commit("whole")
    assert case.inputs["prompt"] == "tell me all"
    assert case.metadata["output"] is None


def test_late_feedback_finds_its_call_in_the_store(kept: Kept, tmp_path: Path) -> None:
    record = kept.call("was it good?")
    kept.time.advance(2 * DAY)
    dataset = Dataset.open(tmp_path / "d")
    capture = Capture(dataset, [on_feedback("thumbs", 0)], store=kept.store)
    capture.feedback(record.id, "thumbs", 0)
    capture.feedback("f" * 32, "thumbs", 0)
    assert capture.flush(30)
    assert capture.counts.feedback_without_record == 1
    assert prompts(dataset) == {"was it good?"}


def test_feedback_is_counted_when_the_store_is_away(
    kept: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(call_id: str) -> None:
        raise OSError(call_id)

    monkeypatch.setattr(kept.store, "get", away)
    capture = Capture(Dataset.open(tmp_path / "d"), [on_feedback("thumbs", 0)], store=kept.store)
    capture.feedback("f" * 32, "thumbs", 0)
    assert capture.counts.feedback_without_record == 1

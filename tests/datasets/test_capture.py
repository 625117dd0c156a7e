"""Capture makes cases of ended calls, scrubbed, with the chance with which each was taken."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import reliai
from reliai.datasets import (
    MISSING,
    Capture,
    Case,
    Dataset,
    below,
    markers,
    on_error,
    on_feedback,
    slowest,
    uniform,
)
from reliai.stats import production_estimate
from reliai.telemetry import score
from reliai.testing import virtual_clock
from tests.datasets._captured import Bench

if TYPE_CHECKING:
    from pathlib import Path

EVERYTHING = [uniform(1.0)]


# --- the outcome decides ------------------------------------------------------------------------
def test_all_errors_are_kept_within_the_budget_and_each_case_has_its_chance(tmp_path: Path) -> None:
    rules = [on_error(), below("confidence", 0.6), on_feedback("thumbs", 0), uniform(0.01)]
    bench = Bench(tmp_path, rules, max_per_day=200, waiting=100, scrub=None)
    for number in range(10_000):
        says = ValueError("no") if number % 200 == 0 else "fine"
        bench.call(f"question {number}", says, confidence=0.5 if number % 20 == 1 else 0.9)
        if number % 400 == 399:
            bench.settle()
    cases = bench.cases()
    chances = {case.inputs["prompt"]: case.inclusion_probability for case in cases}
    errors = [chances.get(f"question {number}") for number in range(0, 10_000, 200)]
    assert errors == [1.0] * 50
    assert len(cases) == 200
    doubts = {case.inclusion_probability for case in cases if case.metadata["status"] == "success"}
    assert len(doubts) == 1  # of 500 doubts 150 fit: each had the same chance of about 0.3
    assert 0.2 < (doubts.pop() or 0.0) < 0.4
    assert bench.capture.counts.seen == 10_000


def test_a_case_has_the_inputs_the_output_the_tags_and_where_it_came_from(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [on_error()])
    with reliai.context(session="s1", tags={"locale": "de"}):
        record = bench.call("why?", ValueError("no"), confidence=0.4)
    (case,) = bench.cases()
    assert case.inputs == {"prompt": "why?", "confidence": 0.4}
    assert case.expected is MISSING
    assert case.tags == {"team": "support", "locale": "de"}
    assert case.group == "s1"
    (source,) = case.sources
    assert (source.kind, source.id, source.rule) == ("call", record.id, "on_error()")
    assert source.detail["name"] == "answer"
    assert case.metadata["left_out"] == ["says"]  # an exception is no data
    assert case.metadata["error"] == "unknown"
    assert case.metadata["values"] == {"confidence": 0.4, "length": 4}


def test_an_answer_is_not_expected_unless_that_is_asked_for(tmp_path: Path) -> None:
    asked = Bench(tmp_path / "a", EVERYTHING, expected="output")
    asked.call("2+2?", "4")
    (case,) = asked.cases()
    assert case.expected == "4"
    plain = Bench(tmp_path / "b", EVERYTHING)
    plain.call("2+2?", "4")
    (case,) = plain.cases()
    assert case.expected is MISSING
    assert case.metadata["output"] == "4"


def test_the_same_content_of_two_calls_is_one_case_with_two_sources(tmp_path: Path) -> None:
    bench = Bench(tmp_path, EVERYTHING)
    ids = {bench.call("same").id, bench.call("same").id}
    (case,) = bench.cases()
    assert {source.id for source in case.sources} == ids
    assert len(case.sources) == 2
    assert case.inclusion_probability == 0.5  # it stands for two calls


def test_a_stream_is_captured_with_its_text(tmp_path: Path) -> None:
    dataset = Dataset.open(tmp_path / "d")
    capture = Capture(dataset, EVERYTHING)

    @reliai.reliable(observers=[capture])
    def stream(prompt: str) -> Any:
        yield "he"
        yield "llo"

    assert list(stream("hi")) == ["he", "llo"]
    assert capture.flush(60)
    (case,) = dataset.commit("streams")
    assert case.metadata["output"] == "hello"


async def _ask(prompt: str) -> str:
    return "async"


def test_an_async_call_is_captured(tmp_path: Path) -> None:
    import asyncio

    dataset = Dataset.open(tmp_path / "d")
    capture = Capture(dataset, EVERYTHING)
    ask = reliai.reliable(observers=[capture])(_ask)
    asyncio.run(ask("hi"))
    assert capture.flush(60)
    assert [case.metadata["output"] for case in dataset.commit("async")] == ["async"]


def test_only_the_named_functions_are_looked_at(tmp_path: Path) -> None:
    bench = Bench(tmp_path, EVERYTHING, only="another")
    bench.call("hi")
    bench.settle()
    assert bench.capture.counts.seen == 0


def test_evaluations_are_no_traffic(tmp_path: Path) -> None:
    reliai.configure(environment="eval")
    bench = Bench(tmp_path, EVERYTHING)
    bench.call("hi")
    bench.settle()
    assert bench.capture.counts.seen == 0


@dataclass
class Picture:
    pixels: Any
    client: Any


def test_arrays_and_objects_that_hold_data_become_data(tmp_path: Path) -> None:
    bench = Bench(tmp_path, EVERYTHING)
    bench.call(np.array([[1.0, 2.0], [3.0, 4.0]]))
    (case,) = bench.cases()
    assert case.inputs["prompt"] == [[1, 2], [3, 4]]


def test_a_parameter_that_is_no_data_is_left_out_by_name(tmp_path: Path) -> None:
    bench = Bench(tmp_path, EVERYTHING)
    bench.call(Picture([1], object()))
    (case,) = bench.cases()
    assert "prompt" not in case.inputs
    assert case.metadata["left_out"] == ["prompt"]


def test_a_call_that_is_too_large_is_dropped_whole_and_counted(tmp_path: Path) -> None:
    bench = Bench(tmp_path, EVERYTHING, max_bytes=100)
    bench.call("x" * 200)
    bench.call("short")
    assert bench.prompts() == {"short"}
    assert bench.capture.counts.too_large == 1


# --- scrubbing ----------------------------------------------------------------------------------
def test_personal_data_is_replaced_before_anything_is_kept(tmp_path: Path) -> None:
    bench = Bench(tmp_path, EVERYTHING)
    bench.call("I am ana@example.com, not bob@example.com", "dear ana@example.com")
    bench.settle()
    held = [each.held for each in bench.capture._selection._share]
    assert b"ana@" not in held[0]._text
    (case,) = bench.cases()
    assert case.inputs["prompt"] == "I am [EMAIL_1], not [EMAIL_2]"
    assert case.metadata["output"] == "dear [EMAIL_1]"
    assert markers(case.metadata["output"])[0].kind == "email"
    assert bench.capture.counts.replaced == 4  # `says` is a parameter too
    assert b"ana@" not in b"".join(
        path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()
    )


def test_a_scrubber_that_raises_drops_the_case_and_is_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def scrub(text: str) -> str:
        if text == "secret":
            raise RuntimeError(text)
        return text.upper()

    bench = Bench(tmp_path, EVERYTHING, scrub=scrub)
    with caplog.at_level(logging.WARNING, "reliai"):
        assert bench.answer("secret") == "fine"  # the call is as ever
        bench.call("open")
        assert bench.prompts() == {"OPEN"}
    counts = bench.capture.counts
    assert (counts.scrub_failed, counts.handed_over) == (1, 1)
    assert "secret" not in caplog.text


@pytest.mark.parametrize("several", [False, True], ids=["one", "several"])
def test_a_check_that_finds_gives_tokens(tmp_path: Path, several: bool) -> None:
    pii = reliai.Pii("redact", patterns={"employee": r"EMP-\d{6}"})
    bench = Bench(tmp_path, EVERYTHING, scrub=[pii, reliai.Secrets("redact")] if several else pii)
    bench.call("EMP-123456 is ana@example.com")
    assert bench.prompts() == {"[EMPLOYEE_1] is [EMAIL_1]"}


def test_content_is_kept_as_it_is_when_that_is_asked_for(tmp_path: Path) -> None:
    bench = Bench(tmp_path, EVERYTHING, scrub=None)
    bench.call("I am ana@example.com")
    assert bench.prompts() == {"I am ana@example.com"}


# --- feedback -----------------------------------------------------------------------------------
def test_feedback_two_hours_later_makes_a_case_of_a_call_that_no_rule_took(tmp_path: Path) -> None:
    with virtual_clock() as time:
        bench = Bench(tmp_path, [on_feedback("thumbs", 0)])
        record = bench.call("was it good?")
        bench.settle()
        time.advance(7200)
        bench.capture.feedback(record.id, "thumbs", 0, by="u1")
        (case,) = bench.cases()
    assert [source.kind for source in case.sources] == ["call", "feedback"]
    assert case.sources[1].rule == "on_feedback('thumbs', 0)"
    assert case.sources[1].at == pytest.approx(record.started_at + 7200, abs=1)
    assert case.inclusion_probability == 1.0
    assert bench.capture.counts.late == 1


def test_feedback_on_a_call_that_waits_no_more_is_counted(tmp_path: Path) -> None:
    with virtual_clock() as time:
        bench = Bench(tmp_path, [on_feedback("thumbs", 0)], wait=3600)
        record = bench.call("was it good?")
        bench.settle()
        time.advance(7200)
        bench.capture.feedback(record.id, "thumbs", 0)
        assert bench.capture.counts.feedback_without_record == 1
        assert bench.capture.counts.held == 0


def test_feedback_that_no_rule_waits_for_is_no_loss(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [on_feedback("thumbs", 0)])
    bench.capture.feedback("0" * 32, "thumbs", 1)
    assert bench.capture.counts.feedback_without_record == 0


def test_few_calls_wait_and_the_oldest_are_pushed_out(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [on_feedback("thumbs", 0)], waiting=2)
    ids = [bench.call(f"q{number}").id for number in range(3)]
    for each in ids:
        bench.capture.feedback(each, "thumbs", 0)
    assert bench.prompts() == {"q1", "q2"}
    assert bench.capture.counts.feedback_without_record == 1


def test_what_waits_takes_no_more_than_it_may(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [on_feedback("thumbs", 0)], waiting_bytes=1000)
    for number in range(20):
        bench.call("x" * 200 + str(number))
    assert bench.capture.counts.waiting < 5
    assert bench.capture._selection.waiting.size <= 1000


def test_a_score_of_an_evaluator_is_feedback(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [on_feedback("thumbs", 0), below("helpfulness", 0.5)])
    record, other, fine = bench.call("a"), bench.call("b"), bench.call("c")
    score(record, "thumbs", 0)
    score(other, "helpfulness", 0.2)
    score(fine, "helpfulness", 0.8)
    assert bench.prompts() == {"a", "b"}


def test_a_correction_is_what_is_expected_with_the_tokens_of_the_case(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [on_feedback("correction")])
    record = bench.call("refund ana@example.com, not bob@example.com", "refunded bob@example.com")
    bench.capture.feedback(record.id, "correction", "refunded ana@example.com", by="rev1")
    (case,) = bench.cases()
    assert case.expected == "refunded [EMAIL_1]"
    assert "rev1" not in str(case.to_dict())


def test_feedback_on_a_case_that_is_committed_adds_to_it(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [on_feedback("thumbs", 0), uniform(1.0)])
    record = bench.call("q")
    assert [len(case.sources) for case in bench.cases()] == [1]
    bench.capture.feedback(record.id, "thumbs", 0)
    (case,) = bench.cases()
    assert {source.kind for source in case.sources} == {"call", "feedback"}
    assert case.inclusion_probability == 1.0
    assert bench.capture.counts.handed_over == 1


def test_a_correction_of_a_case_that_is_committed_takes_its_place(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [uniform(1.0)])
    record = bench.call("2+2?", "5")
    (before,) = bench.cases()
    bench.capture.feedback(record.id, "correction", "4")
    (after,) = bench.cases()
    assert (before.expected, after.expected) == (MISSING, "4")


def test_what_is_said_after_a_commit_leaves_the_chance_of_then(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [uniform(1.0)], max_per_day=4)
    for number in range(10):
        bench.call(f"q{number}")
    before = bench.cases()
    (chance,) = {case.inclusion_probability for case in before}
    assert chance is not None
    assert chance < 1
    bench.capture.feedback(str(before[0].sources[0].id), "correction", "better")
    after = {case.inputs["prompt"]: case for case in bench.cases()}
    corrected = after[before[0].inputs["prompt"]]
    assert (corrected.expected, corrected.inclusion_probability) == ("better", chance)
    assert len(after) == 4


def test_a_correction_leaves_the_case_of_others_alone(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [uniform(1.0)])
    record, _ = bench.call("2+2?", "5"), bench.call("2+2?", "5")
    bench.cases()
    bench.capture.feedback(record.id, "correction", "4")
    assert {str(case.expected) for case in bench.cases()} == {"MISSING", "4"}


# --- when they go to the dataset ----------------------------------------------------------------
def test_a_commit_of_the_dataset_has_what_is_held(tmp_path: Path) -> None:
    bench = Bench(tmp_path, EVERYTHING)
    bench.call("hi")
    assert bench.capture.counts.held == 1
    version = bench.dataset.commit("week 34")
    assert len(version) == 1
    assert bench.capture.counts[1:3] == (0, 1)
    assert bench.dataset.commit("nothing new").name == version.name


def test_the_end_of_a_day_commits(tmp_path: Path) -> None:
    with virtual_clock() as time:
        bench = Bench(tmp_path, EVERYTHING)
        bench.call("monday")
        bench.settle()
        time.advance(86_400)
        bench.call("tuesday")
        bench.settle()
        latest = bench.dataset.latest
        assert latest is not None
        assert [case.inputs["prompt"] for case in latest] == ["monday"]
        assert latest.message.startswith("captured until ")


def test_a_day_that_cannot_be_committed_costs_no_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from reliai.datasets import dataset as module

    def full(*_: Any) -> Any:
        raise OSError("no space")

    with virtual_clock() as time:
        bench = Bench(tmp_path, EVERYTHING)
        bench.call("monday")
        bench.settle()
        time.advance(86_400)
        with monkeypatch.context() as patch, caplog.at_level(logging.WARNING, "reliai"):
            patch.setattr(module, "committed", full)
            bench.call("tuesday")
            bench.settle()
        assert "raised in commit" in caplog.text
        time.advance(86_400)
        bench.call("wednesday")
        bench.settle()
        latest = bench.dataset.latest
        assert latest is not None
        assert {case.inputs["prompt"] for case in latest} == {"monday", "tuesday"}


def test_each_day_has_its_own_budget(tmp_path: Path) -> None:
    with virtual_clock() as time:
        bench = Bench(tmp_path, EVERYTHING, max_per_day=2)
        for day in range(2):
            for number in range(5):
                bench.call(f"day {day} call {number}")
            bench.settle()
            time.advance(86_400)
        cases = bench.cases()
    assert len(cases) == 4
    assert all((case.inclusion_probability or 1) < 1 for case in cases)


def test_a_commit_in_between_leaves_the_rest_of_the_budget(tmp_path: Path) -> None:
    with virtual_clock():
        bench = Bench(tmp_path, EVERYTHING, max_per_day=3)
        bench.call("first")
        bench.call("second")
        bench.cases()
        for number in range(5):
            bench.call(f"more {number}")
        cases = bench.cases()
    assert len(cases) == 3
    assert {"first", "second"} < {case.inputs["prompt"] for case in cases}
    assert bench.capture.counts.thinned == 4


def test_close_commits_what_is_held(tmp_path: Path) -> None:
    bench = Bench(tmp_path, EVERYTHING)
    bench.call("hi")
    bench.capture.close()
    assert bench.dataset.latest is not None
    bench.capture.close()
    assert bench.dataset.latest.name == "v1"


def test_what_could_not_be_committed_is_committed_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from reliai.datasets import dataset as module

    def full(*_: Any) -> Any:
        raise OSError("no space")

    bench = Bench(tmp_path, EVERYTHING)
    bench.call("hi")
    with monkeypatch.context() as patch:
        patch.setattr(module, "committed", full)
        with pytest.raises(OSError, match="no space"):
            bench.capture.close()
    bench.capture.close()
    assert bench.dataset.latest is not None
    assert len(bench.dataset.latest) == 1


# --- weights ------------------------------------------------------------------------------------
def test_the_weights_of_a_capture_give_back_the_traffic(tmp_path: Path) -> None:
    """A tenth of the calls fails; of 1,000 the capture keeps 120, most of them errors."""
    bench = Bench(tmp_path, [on_error(), uniform(0.5)], max_per_day=200, scrub=None)
    for number in range(1000):
        bench.call(f"q{number}", ValueError("no") if number % 10 == 0 else "fine")
        if number % 250 == 249:
            bench.settle()
    cases = bench.cases()
    values = [float(case.metadata["status"] == "success") for case in cases]
    result = production_estimate(values, [case.inclusion_probability or 0.0 for case in cases])
    assert result.challenge == 0.5
    assert result.estimate == pytest.approx(0.9, abs=0.03)


def test_the_scores_of_errors_and_a_hundredth_of_the_rest_are_those_of_the_reference() -> None:
    cases = [Case(inputs={"n": n}, inclusion_probability=1.0 if n < 2 else 0.01) for n in range(6)]
    chances = [case.inclusion_probability or 0.0 for case in cases]
    result = production_estimate([0, 0, 1, 1, 1, 0], chances)
    assert result.challenge == 0.5
    assert result.estimate == pytest.approx(0.7462686567, abs=1e-10)
    assert result.standard_error == pytest.approx(0.2154531988, abs=1e-10)


# --- rules in the stream ------------------------------------------------------------------------
def test_the_slow_tail_is_taken_once_enough_was_seen(tmp_path: Path) -> None:
    with virtual_clock() as time:
        dataset = Dataset.open(tmp_path / "d")
        capture = Capture(dataset, [slowest(0.9, window=50, warmup=10)])

        @reliai.reliable(observers=[capture])
        def work(seconds: float) -> str:
            time.advance(seconds)
            return "done"

        for _ in range(20):
            work(1.0)
        work(5.0)
        assert capture.flush(60)
        (case,) = dataset.commit("slow")
    assert case.inputs == {"seconds": 5}


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"max_per_day": 0}, "max_per_day=0"),
        ({"max_per_day": 1.5}, "max_per_day=1.5"),
        ({"only": [""]}, "only="),
        ({"scrub": "flat"}, "scrub='flat'"),
        ({"scrub": str}, "scrub="),
        ({"expected": "none"}, "expected='none'"),
        ({"wait": -1}, "wait=-1"),
        ({"waiting": -1}, "waiting=-1"),
        ({"max_bytes": 1}, "max_bytes=1"),
        ({"store": "sqlite:///x"}, "store="),
        ({"rules": []}, "rules="),
        ({"rules": ["on_error"]}, "rules="),
        ({"rules": [uniform(0.5), uniform(0.5)]}, "twice"),
        ({"dataset": 7}, "give a Dataset"),
    ],
)
def test_a_bad_setting_is_refused_by_name(
    tmp_path: Path, settings: dict[str, Any], named: str
) -> None:
    given: dict[str, Any] = {"dataset": Dataset.open(tmp_path / "d"), "rules": EVERYTHING}
    given |= settings
    with pytest.raises(reliai.ConfigurationError, match=named.replace("[", r"\[")):
        Capture(given.pop("dataset"), given.pop("rules"), **given)

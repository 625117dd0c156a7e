"""The replay gate: what production was asked, put to a candidate, beside what was answered."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai import ConfigurationError
from reliai.evals import Gate, Verdict, areplay, production_calls, replay, scorer
from reliai.evals.reports import report
from reliai.records import RecordStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

EMAIL = "ana@example.org"


@reliai.reliable(name="support")
def support(question: str, locale: str = "en") -> str:
    """What serves users."""
    if "down" in question:
        raise ConnectionError("down")
    return f"{question.upper()}!"


def shouts(question: str, locale: str = "en") -> str:
    """The same by other means."""
    return f"{question.upper()}!"


def whispers(question: str, locale: str = "en") -> str:
    """Another answer to every second question."""
    answer = f"{question.upper()}!"
    return answer.lower() if int(question.rsplit(maxsplit=1)[-1]) % 2 else answer


@scorer
def agrees(output: Any, case: Any) -> bool:
    """Needs a reference: what production answered."""
    return bool(output == case.expected)


@scorer
def loud(output: Any, case: Any) -> bool:
    """Needs none."""
    return bool(str(output).isupper())


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Callable[..., RecordStore]]:
    """A store that all calls go to."""
    opened: list[RecordStore] = []

    def start(content: Any = "full") -> RecordStore:
        store = RecordStore(f"sqlite:///{tmp_path}/calls.db", content=content)
        reliai.configure(observers=[], records=store)
        opened.append(store)
        return store

    yield start
    reliai.configure(observers=[])
    for store in opened:
        store.close()


def serve(count: int) -> None:
    for number in range(count):
        with reliai.context(
            session=f"s{number // 2}", tags={"locale": "de" if number % 3 else "en"}
        ):
            support(f"question {number}", locale="de")


def test_a_candidate_that_answers_alike_passes(
    serving: Callable[..., RecordStore], tmp_path: Path
) -> None:
    store = serving()
    serve(60)
    comparison = replay(
        shouts, store, [agrees, loud], name="support", runs=tmp_path / "runs", cache=False
    )
    gate = Gate("agrees", min=0.9) & Gate("loud", non_inferior=0.1)
    result = gate.judge(comparison)
    assert result.verdict is Verdict.PASS
    assert result.rules[1].clusters == 30
    assert "the baseline is what production answered to 60 calls" in result.notes[0]


def test_a_candidate_that_answers_otherwise_fails_beside_what_was_answered(
    serving: Callable[..., RecordStore], tmp_path: Path
) -> None:
    store = serving()
    serve(60)
    comparison = replay(
        whispers, store, [agrees, loud], name="support", runs=tmp_path / "runs", cache=False
    )
    result = (Gate("agrees", min=0.9) & Gate("loud", non_inferior=0.1, slices="locale")).judge(
        comparison
    )
    assert [rule.verdict for rule in result.rules] == [Verdict.FAIL, Verdict.FAIL]
    assert comparison.difference("loud").estimate == -0.5
    example = report(result, comparison, content=True).facts.examples[0]
    assert example.baseline is not None
    assert example.candidate == example.baseline.lower()


def test_a_replay_leaves_no_call_of_production_behind(
    serving: Callable[..., RecordStore], tmp_path: Path
) -> None:
    store = serving()
    serve(12)
    replay(support, store, [loud], name="support", runs=tmp_path / "runs", cache=False)
    assert len(production_calls(store, name="support").cases) == 12
    kinds = {call.environment for call in store.calls(name="support")}
    assert kinds <= {None, "eval"}


def test_calls_of_evaluations_do_not_count_among_the_last(
    serving: Callable[..., RecordStore], tmp_path: Path
) -> None:
    store = serving()
    serve(6)
    replay(support, store, [loud], name="support", runs=tmp_path / "runs", cache=False)
    assert len(store.calls(name="support")) == 12
    assert len(production_calls(store, name="support", last=6).cases) == 6


def test_the_last_calls_are_replayed_in_the_order_in_which_they_were_made(
    serving: Callable[..., RecordStore],
) -> None:
    store = serving()
    serve(10)
    calls = production_calls(store, name="support", last=3)
    assert [case.inputs["question"] for case in calls.cases] == [
        *("question 7", "question 8", "question 9")
    ]
    assert calls.cases[0].group == "s3"
    assert calls.cases[0].sources[0].kind == "call"
    assert [trial.output for trial in calls.answered][:1] == ["QUESTION 7!"]


def test_a_call_that_failed_is_a_case_without_a_reference(
    serving: Callable[..., RecordStore],
) -> None:
    store = serving()
    with pytest.raises(ConnectionError):
        support("down")
    (case,) = production_calls(store, name="support").cases
    assert not case.expected
    assert production_calls(store, name="support").answered[0].status == "error"


def test_what_was_cut_to_size_is_not_replayed_and_counted(
    serving: Callable[..., RecordStore],
) -> None:
    store = serving()
    serve(2)
    support("x" * 20_000)
    calls = production_calls(store, name="support")
    assert (len(calls.cases), calls.skipped) == (2, {"cut to size": 1})
    assert "calls that could not be replayed: 1 cut to size" in calls.notes


def test_redacted_texts_are_told_of(serving: Callable[..., RecordStore]) -> None:
    store = serving(content="redacted")
    support(f"write to {EMAIL}")
    calls = production_calls(store, name="support")
    assert EMAIL not in str(calls.cases)
    assert calls.redacted == 1
    assert "1 calls have redacted texts, which the candidate got" in calls.notes


def test_a_store_without_content_says_what_it_takes(serving: Callable[..., RecordStore]) -> None:
    store = serving(content="none")
    serve(2)
    with pytest.raises(ConfigurationError, match=r"2 without content.*content=\"redacted\""):
        production_calls(store, name="support")
    with pytest.raises(ConfigurationError, match="there is none"):
        production_calls(store, name="other")


def test_effects_that_must_happen_once_are_not_had_again(
    serving: Callable[..., RecordStore],
) -> None:
    store = serving()
    serve(1)

    @reliai.reliable(effects="once")
    def refund(question: str, locale: str = "en") -> str:
        raise AssertionError

    with pytest.raises(ConfigurationError, match="its effects must happen once"):
        replay(refund, store, [loud], name="support")


def test_it_runs_on_an_event_loop_too(serving: Callable[..., RecordStore], tmp_path: Path) -> None:
    store = serving()
    serve(12)

    async def candidate(question: str, locale: str = "en") -> str:
        return shouts(question)

    settings: dict[str, Any] = {"name": "support", "runs": tmp_path / "runs", "cache": False}
    comparison = asyncio.run(areplay(candidate, store, [agrees], **settings))
    assert comparison.common == 12


@pytest.mark.parametrize("last", [0, True, 2.5])
def test_a_number_of_calls_that_is_none_is_an_error(last: Any) -> None:
    with pytest.raises(ConfigurationError, match="must be a whole number from 1 up"):
        production_calls(None, name="support", last=last)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

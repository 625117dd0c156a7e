"""Training data: what is in it, in which form, and what must never be."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, cast

import pytest

import reliai
from reliai import feedback
from reliai.datasets import Capture, Case, Dataset, on_feedback
from reliai.records import RecordStore

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def store(local: RecordStore) -> RecordStore:
    return local


@reliai.reliable(name="answer")
def answer(prompt: str, said: str = "") -> str:
    return said


def asked(prompt: str, said: str) -> str:
    return str(reliai.execute(answer, prompt, said).call_id)


def rows(out: Path) -> list[Any]:
    return [json.loads(line) for line in out.read_text().splitlines()]


def user(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


def says(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": text}]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "train" / "rows.jsonl"


# --- formats --------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["sft", "openai-sft"])
def test_corrections_and_good_answers_are_learned(out: Path, name: Any) -> None:
    feedback.correct(asked("2+2", "5"), output="4")
    feedback.record(asked("3+3", "6"), "thumbs", 1)
    feedback.record(asked("4+4", "9"), "thumbs", 0)
    asked("5+5", "10")
    assert feedback.export(name, out=out).rows == 2
    assert rows(out) == [
        {"messages": [*user("2+2"), *says("4")]},
        {"messages": [*user("3+3"), *says("6")]},
    ]


def test_pairs_come_of_corrections_and_of_preferences_on_one_prompt(out: Path) -> None:
    feedback.correct(asked("2+2", "5"), output="4")
    feedback.prefer(better=asked("hi", "hello!"), worse=asked("hi", "what?"))
    feedback.prefer(better=asked("a", "b"), worse=asked("c", "d"))
    made = feedback.export("dpo", out=out)
    assert made.left_out == {"different_prompts": 1}
    assert rows(out) == [
        {"prompt": user("2+2"), "chosen": says("4"), "rejected": says("5")},
        {"prompt": user("hi"), "chosen": says("hello!"), "rejected": says("what?")},
    ]


def test_pairs_for_openai(out: Path) -> None:
    feedback.correct(asked("2+2", "5"), output="4")
    feedback.export("openai-dpo", out=out)
    assert rows(out) == [
        {
            "input": {"messages": user("2+2"), "tools": [], "parallel_tool_calls": True},
            "preferred_output": says("4"),
            "non_preferred_output": says("5"),
        }
    ]


def test_labels_of_single_answers_come_out_as_they_were_given(out: Path) -> None:
    given = {f"q{number}": number % 3 == 0 for number in range(12)}
    for prompt, label in given.items():
        feedback.record(asked(prompt, "x"), "thumbs", int(label))
    made = feedback.export("kto", out=out)
    assert {row["prompt"][0]["content"]: row["label"] for row in rows(out)} == given
    assert (made.good, made.bad) == (4, 8)
    assert {len(row["completion"]) for row in rows(out)} == {1}


def test_messages_are_prompts_as_they_are(out: Path) -> None:
    @reliai.reliable(name="chat")
    def chat(messages: list[dict[str, str]]) -> str:
        return "hello"

    turns = [{"role": "system", "content": "be kind"}, *user("hi")]
    feedback.record(reliai.execute(chat, turns).call_id, "thumbs", True)
    feedback.export("sft", out=out)
    assert rows(out) == [{"messages": [*turns, *says("hello")]}]


def test_a_function_makes_prompts_of_other_inputs(out: Path) -> None:
    @reliai.reliable(name="sort")
    def sort(title: str, body: str) -> dict[str, str]:
        return {"label": "refund"}

    feedback.record(reliai.execute(sort, "t", "b").call_id, "thumbs", 1)
    assert feedback.export("sft", out=out).left_out == {"no_prompt": 1}
    feedback.export("sft", out=out, prompt=lambda inputs: f"{inputs['title']}: {inputs['body']}")
    assert rows(out) == [{"messages": [*user("t: b"), *says('{"label": "refund"}')]}]


def test_what_is_good_can_be_said(out: Path) -> None:
    for stars in (1, 3, 5):
        feedback.record(asked(f"q{stars}", "x"), "stars", stars)
    feedback.export(
        "kto", out=out, metric="stars", good=lambda value: None if value == 3 else value > 3
    )
    assert [row["label"] for row in rows(out)] == [False, True]


# --- what is left out -----------------------------------------------------------------------------
def test_doubles_are_there_once_with_all_their_calls(out: Path) -> None:
    calls = [asked(prompt, "5") for prompt in ("2+2", "2+2", "2+2  ")]
    for call_id in calls:
        feedback.correct(call_id, output="4")
    made = feedback.export("dpo", out=out)
    assert (made.rows, made.left_out) == (1, {"double": 2})
    assert json.loads(made.manifest.read_text())["calls"] == [calls]


def test_pairs_that_contradict_each_other_are_both_left_out(out: Path) -> None:
    first, second = asked("hi", "a"), asked("hi", "b")
    feedback.prefer(better=first, worse=second, by="r1")
    feedback.prefer(better=second, worse=first, by="r2")
    made = feedback.export("dpo", out=out)
    assert (made.rows, made.left_out) == (0, {"conflict": 2})


def test_the_same_answer_found_good_and_bad_is_left_out(out: Path) -> None:
    feedback.record(asked("hi", "a"), "thumbs", 1)
    feedback.record(asked("hi", "a"), "thumbs", 0)
    both = asked("ho", "a")
    feedback.record(both, "thumbs", 1, by="u1")
    feedback.record(both, "thumbs", 0, by="u2")
    made = feedback.export("kto", out=out)
    assert (made.rows, made.left_out) == (0, {"conflict": 2, "judges_disagree": 1})


@pytest.mark.parametrize("format", ["sft", "kto"])
def test_judgements_that_say_nothing_are_counted(out: Path, format: Any) -> None:  # noqa: A002  its name
    feedback.record(asked("hi", "a"), "thumbs", "up")
    assert feedback.export(format, out=out).left_out == {"judgement_says_nothing": 1}
    made = feedback.export(format, out=out, good=lambda value: value == "up")
    assert (made.rows, made.left_out) == (1, {})


def test_pairs_without_a_difference_teach_nothing(out: Path) -> None:
    feedback.correct(asked("2+2", "it is  4"), output="it is 4 ")
    assert feedback.export("dpo", out=out).left_out == {"no_difference": 1}


def test_no_case_that_evaluations_are_judged_by_is_in_it(
    out: Path, tmp_path: Path, store: RecordStore
) -> None:
    dataset = Dataset.open(tmp_path / "golden")
    reliai.configure(observers=[store, Capture(dataset, [on_feedback("thumbs", 0)], store=store)])
    captured = asked("captured", "x")
    feedback.record(captured, "thumbs", 0)
    reliai.flush()
    dataset.add(Case(inputs={"prompt": "written", "said": ""}))
    version = dataset.commit("golden")
    assert len(version) == 2
    for call_id in (captured, asked("written", "y"), asked("other", "z")):
        feedback.correct(call_id, output="right")
    made = feedback.export("sft", out=out, held_out=version)
    assert [row["messages"][0]["content"] for row in rows(out)] == ["other"]
    assert made.left_out == {"held_out": 2}


def test_content_that_was_cut_is_nothing_to_learn_from(out: Path) -> None:
    feedback.record(asked("q", "x" * 20_000), "thumbs", 1)
    assert feedback.export("sft", out=out).left_out == {"content_was_cut": 1}


def test_a_store_without_content_gives_nothing_and_says_why(tmp_path: Path, out: Path) -> None:
    bare = RecordStore(f"sqlite:///{tmp_path}/bare.db")
    reliai.configure(observers=[], records=bare)
    feedback.record(asked("q", "a"), "thumbs", 1)
    assert feedback.export("sft", out=out).left_out == {"no_content": 1}


def test_what_was_retracted_is_not_in_it(out: Path) -> None:
    call_id = asked("q", "a")
    feedback.record(call_id, "thumbs", 1, by="u1")
    feedback.retract(call_id, "thumbs", by="u1")
    assert feedback.export("kto", out=out).rows == 0


def test_calls_can_be_chosen(out: Path) -> None:
    with reliai.context(tenant="t1"):
        feedback.record(asked("q1", "a"), "thumbs", 1)
    feedback.record(asked("q2", "a"), "thumbs", 1)
    assert feedback.export("sft", out=out, where={"tenant": "t1"}).rows == 1


# --- personal data, and the manifest --------------------------------------------------------------
def test_no_address_or_telephone_is_in_it(out: Path) -> None:
    feedback.correct(
        asked("I am ana@example.com", "call +1 415 555 2671"), output="Hi ana@example.com"
    )
    made = feedback.export("dpo", out=out)
    text = out.read_text()
    assert "example.com" not in text
    assert "555" not in text
    assert made.replaced >= 3


def test_unredacted_is_only_what_is_asked_for(out: Path) -> None:
    feedback.correct(asked("I am ana@example.com", "a"), output="b")
    feedback.export("dpo", out=out, redact=False)
    assert "ana@example.com" in out.read_text()


def test_the_manifest_says_what_the_file_is_and_the_same_data_gives_the_same_file(
    out: Path,
) -> None:
    call_id = asked("2+2", "5")
    feedback.correct(call_id, output="4")
    made = feedback.export("sft", out=out)
    before = out.read_bytes()
    said = json.loads(made.manifest.read_text())
    assert (said["format"], said["rows"], said["calls"]) == ("sft", 1, [[call_id]])
    assert said["sha256"] == made.sha256 == hashlib.sha256(before).hexdigest()
    feedback.export("sft", out=out)
    assert out.read_bytes() == before
    assert sorted(path.name for path in out.parent.iterdir()) == [
        "rows.jsonl",
        "rows.jsonl.manifest.json",
    ]


def test_forgetting_names_the_files_that_still_have_what_was_forgotten(
    out: Path, store: RecordStore
) -> None:
    with reliai.context(subject="u1"):
        theirs = asked("mine", "a")
    for call_id in (theirs, asked("other", "b")):
        feedback.correct(call_id, output="c")
    feedback.export("sft", out=out)
    feedback.export("sft", out=out.with_name("without.jsonl"), where={"input:prompt": "other"})
    assert [(one.calls, one.forgotten) for one in feedback.exports()] == [(2, 0), (1, 0)]
    store.forget(subject="u1")
    store.forget(subject="u1")
    first, second = feedback.exports()
    assert (first.path, first.forgotten) == (str(out), 1)
    assert second.forgotten == 0
    feedback.export("sft", out=out)
    assert [row["messages"][0]["content"] for row in rows(out)] == ["other"]


def test_cases_that_are_held_out_are_given_and_not_named(out: Path) -> None:
    with pytest.raises(reliai.ConfigurationError, match=r"held_out='golden@v1'.*must be cases"):
        feedback.export("sft", out=out, held_out=cast("Any", "golden@v1"))


def test_a_format_that_there_is_not_names_those_there_are(out: Path) -> None:
    with pytest.raises(reliai.ConfigurationError, match="'openai-dpo'"):
        feedback.export("csv", out=out)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

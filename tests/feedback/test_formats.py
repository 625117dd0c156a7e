"""Training data as trainers read it (case 47): real readers, and what they want written down."""

from __future__ import annotations

import importlib
import json
import random
from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai import feedback
from reliai.datasets import Capture, Case, Dataset, Source, on_feedback
from tests.feedback._trainers import openai_says, trl_says

if TYPE_CHECKING:
    from pathlib import Path

    from reliai.records import RecordStore

FORMATS = ("sft", "dpo", "kto", "openai-sft", "openai-dpo")


@reliai.reliable(name="chat")
def chat(messages: list[dict[str, Any]], said: str = "") -> str:
    return said


@reliai.reliable(name="answer")
def answer(prompt: str, said: str = "") -> str:
    return said


@pytest.fixture(autouse=True)
def store(local: RecordStore) -> RecordStore:
    return local


def asked(prompt: str, said: str) -> str:
    return str(reliai.execute(answer, prompt, said).call_id)


def talked(messages: list[dict[str, Any]], said: str) -> str:
    return str(reliai.execute(chat, messages, said).call_id)


def user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def rows(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def traffic() -> dict[str, list[str]]:
    """Sixty calls of all kinds, with the feedback of all kinds."""
    chance = random.Random(5)
    calls: list[str] = []
    for number in range(60):
        said = f"answer {number}"
        if number % 3:
            calls.append(asked(f"question {number // 2}", said))
        else:
            system = {"role": chance.choice(["system", "developer"]), "content": "be kind"}
            turns = [system, user("hi"), {"role": "assistant", "content": "hello"}]
            calls.append(talked([*turns, user(f"question {number}")], said))
    for number, call_id in enumerate(calls):
        feedback.record(call_id, "thumbs", number % 2, by="u1")
        if number % 4 == 0:
            feedback.correct(call_id, output=f"better {number}", by="rev1")
        if number % 5 == 0 and number + 1 < len(calls):
            feedback.prefer(better=call_id, worse=calls[number + 1], by="rev1")
    return {"calls": calls}


@pytest.mark.parametrize("name", FORMATS)
def test_each_row_is_what_its_trainer_wants(
    name: Any, tmp_path: Path, traffic: dict[str, list[str]]
) -> None:
    made = feedback.export(name, out=tmp_path / "rows.jsonl")
    assert made.rows >= 15
    check = openai_says if name.startswith("openai") else trl_says
    assert [wrong for row in rows(made.path) for wrong in check(row)] == []


@pytest.mark.parametrize("name", FORMATS)
def test_files_load_with_the_reader_of_datasets(
    name: Any, tmp_path: Path, traffic: dict[str, list[str]]
) -> None:
    datasets = pytest.importorskip("datasets")
    made = feedback.export(name, out=tmp_path / "rows.jsonl")
    loaded = datasets.Dataset.from_json(str(made.path), cache_dir=str(tmp_path / "cache"))
    assert len(loaded) == made.rows
    assert loaded.to_list()[:3] == rows(made.path)[:3]
    if name == "kto":
        assert loaded.features["label"].dtype == "bool"


@pytest.mark.parametrize("name", ["sft", "dpo", "kto"])
def test_trl_makes_texts_of_each_row(
    name: Any, tmp_path: Path, traffic: dict[str, list[str]]
) -> None:
    """With TRL itself, where it is installed."""
    pytest.importorskip("trl")
    utilities: Any = importlib.import_module("trl.data_utils")
    made = feedback.export(name, out=tmp_path / "rows.jsonl")
    for row in rows(made.path):
        assert utilities.is_conversational(row)
        texts = utilities.apply_chat_template(row, _Template())
        answers = [texts[key] for key in ("chosen", "rejected", "completion") if key in texts]
        said = [
            row[key][0]["content"] for key in ("chosen", "rejected", "completion") if key in row
        ]
        assert answers == [f"<assistant>{one}" for one in said] or "text" in texts
        assert texts.get("label", True) is row.get("label", True)


class _Template:
    """A tokenizer's part that TRL asks of one."""

    def apply_chat_template(self, messages: list[dict[str, str]], **settings: Any) -> str:
        return "".join(f"<{one['role']}>{one['content']}" for one in messages)


def test_labels_come_back_as_they_were_given_whatever_the_metric(tmp_path: Path) -> None:
    given: dict[str, bool] = {}
    for number in range(40):
        stars = number % 5 + 1
        call_id = asked(f"question {number}", f"answer {number}")
        feedback.record(call_id, "stars", stars)
        if stars != 3:
            given[f"answer {number}"] = stars > 3
    made = feedback.export(
        "kto",
        out=tmp_path / "rows.jsonl",
        metric="stars",
        good=lambda value: None if value == 3 else value > 3,
    )
    found = {row["completion"][0]["content"]: row["label"] for row in rows(made.path)}
    assert found == given
    assert (made.good, made.bad) == (16, 16)
    manifest = json.loads(made.manifest.read_text())
    assert (manifest["good"], manifest["bad"]) == (16, 16)


# --- prompts that no trainer takes ----------------------------------------------------------------
@pytest.mark.parametrize(
    ("turns", "reason"),
    [
        ([{"role": "system", "content": "be kind"}], "no_prompt"),
        ([user("hi"), {"role": "assistant", "content": "ho"}], "no_prompt"),
        ([user("hi"), {"role": "narrator", "content": "ho"}], "no_prompt"),
        ([user("hi"), {"role": "user", "content": [{"type": "image_url"}]}], "no_prompt"),
        (
            [
                user("weather?"),
                {"role": "assistant", "content": "", "tool_calls": [{"id": "t1"}]},
                {"role": "tool", "content": "sunny", "tool_call_id": "t1"},
            ],
            "tools",
        ),
    ],
    ids=["system", "assistant", "unknown", "image", "tools"],
)
def test_prompts_that_no_trainer_takes_are_left_out_and_counted(
    turns: list[dict[str, Any]], reason: str, tmp_path: Path
) -> None:
    feedback.record(talked(turns, "x"), "thumbs", 1)
    assert feedback.export("sft", out=tmp_path / "rows.jsonl").left_out == {reason: 1}


def test_a_developer_is_the_system_for_trainers(tmp_path: Path) -> None:
    turns = [{"role": "developer", "content": "be kind"}, user("hi")]
    feedback.record(talked(turns, "x"), "thumbs", 1)
    made = feedback.export("sft", out=tmp_path / "rows.jsonl")
    assert [one["role"] for one in rows(made.path)[0]["messages"]] == [
        "system",
        "user",
        "assistant",
    ]


# --- doubles, contradictions, what is held out ----------------------------------------------------
def test_doubles_and_contradictions_are_removed_and_counted_also_when_redaction_makes_them(
    tmp_path: Path,
) -> None:
    for name, better, worse in (("ana", "a", "b"), ("ben", "a", "b"), ("eve", "b", "a")):
        prompt = f"I am {name}@example.com"
        feedback.prefer(better=asked(prompt, better), worse=asked(prompt, worse), by=name)
    raw = feedback.export("dpo", out=tmp_path / "raw.jsonl", redact=False)
    assert (raw.rows, raw.left_out) == (3, {})
    made = feedback.export("dpo", out=tmp_path / "rows.jsonl")
    assert (made.rows, made.left_out) == (0, {"double": 1, "conflict": 2})


@pytest.mark.parametrize("name", FORMATS)
def test_no_case_of_an_evaluation_is_ever_in_training_data(
    name: Any, tmp_path: Path, store: RecordStore
) -> None:
    golden = Dataset.open(tmp_path / "golden")
    reliai.configure(observers=[store, Capture(golden, [on_feedback("hard", 1)], store=store)])
    held = [f"I am user{number}@example.com, question {number}" for number in range(10)]
    for prompt in held:
        feedback.record(asked(prompt, "captured"), "hard", 1)
    reliai.flush()
    version = golden.commit("golden")
    assert len(version) == 10
    assert "example.com" not in str([case.inputs for case in version])
    for number, prompt in enumerate([*held, *(f"own question {n}" for n in range(10))]):
        spoken = prompt.upper() if number % 2 else f"  {prompt} "
        good, bad = asked(spoken, f"good {number}"), asked(spoken, f"bad {number}")
        feedback.record(good, "thumbs", 1)
        feedback.record(bad, "thumbs", 0)
        feedback.correct(bad, output=f"right {number}")
        feedback.prefer(better=good, worse=bad)
    made = feedback.export(name, out=tmp_path / "rows.jsonl", held_out=version)
    assert made.rows == 20
    assert made.left_out["held_out"] == 20
    text = made.path.read_text().casefold()
    assert text.count("own question") >= 20
    assert "i am" not in text


def test_a_case_of_a_correction_holds_its_call_out(tmp_path: Path) -> None:
    call_id = asked("q", "a")
    feedback.correct(call_id, output="b")
    case = Case(inputs={"x": 1}, sources=(Source(kind="feedback", id=call_id),))
    made = feedback.export("sft", out=tmp_path / "rows.jsonl", held_out=[case])
    assert (made.rows, made.left_out) == (0, {"held_out": 1})

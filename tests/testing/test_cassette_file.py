"""The file of a cassette: what it looks like, when it is written, and by whom."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

import reliai
from reliai.testing import (
    CassetteError,
    ScriptedModel,
    cassette,
    virtual_clock,
)
from tests.testing._counted import Counted, entries

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cassettes" / "answers.json"


# --- the file ----------------------------------------------------------------------------------


def test_the_file_is_json_that_a_person_can_read(path: Path) -> None:
    model = Counted()
    with virtual_clock(), cassette(path):
        model.ask("plain", "Grüße")
    assert path.read_text(encoding="utf-8") == (
        "{\n"
        '  "reliai_cassette": 1,\n'
        '  "calls": [\n'
        "    {\n"
        '      "call": "ask",\n'
        '      "arguments": {"prompt": "Grüße"},\n'
        '      "seconds": 0.0,\n'
        '      "answer": "Grüße: answer 1"\n'
        "    }\n"
        "  ]\n"
        "}\n"
    )


def test_a_replay_writes_nothing(path: Path) -> None:
    model = Counted()
    with cassette(path):
        model.ask("plain", "hi")
    before = path.stat()
    with cassette(path):
        model.ask("plain", "hi")
    assert path.stat().st_mtime_ns == before.st_mtime_ns


def test_recording_the_same_anew_leaves_the_file_as_it_was(path: Path) -> None:
    model = ScriptedModel([["a", "b"]], repeat_last=True)
    ask = reliai.reliable(name="ask")(model.streaming)
    for _ in range(2):
        with cassette(path, mode="record"):
            list(ask("hi"))
    before = path.stat()
    with cassette(path, mode="record"):
        list(ask("hi"))
    assert path.stat().st_mtime_ns == before.st_mtime_ns


def test_recorders_of_one_file_keep_what_the_others_wrote(path: Path) -> None:
    model = Counted()

    def work(number: int) -> None:
        with cassette(path, mode="new"):
            model.ask("plain", f"prompt {number}")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(entry["arguments"]["prompt"] for entry in entries(path)) == [
        f"prompt {number}" for number in range(8)
    ]
    assert sorted(each.name for each in path.parent.iterdir()) == [path.name]


def test_recording_anew_keeps_what_another_wrote_meanwhile(path: Path) -> None:
    model = Counted()
    with cassette(path):
        model.ask("plain", "old")
    with cassette(path, mode="record"):
        model.ask("plain", "mine")
        with cassette(path, mode="new"):
            model.ask("plain", "theirs")
    assert [entry["arguments"]["prompt"] for entry in entries(path)] == ["theirs", "mine"]


def test_nothing_is_written_when_a_recorded_error_ended_the_block(path: Path) -> None:
    model = Counted()
    model.answer = ScriptedModel([PermissionError("no key")])  # type: ignore[method-assign]
    with pytest.raises(PermissionError), cassette(path):
        model.ask("plain", "hi")
    assert not path.exists()


def test_a_failing_assertion_does_not_cost_the_recording(path: Path) -> None:
    model = Counted()

    def fail() -> None:
        with cassette(path):
            assert model.ask("plain", "hi") == "something else"

    with pytest.raises(AssertionError, match="something else"):
        fail()
    assert len(entries(path)) == 1


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("<<<<<<< HEAD", "is not JSON"),
        ("[]", "is no cassette of version 1"),
        ('{"reliai_cassette": 99, "calls": []}', "says 99"),
        ('{"reliai_cassette": 1, "calls": [{"call": "a"}]}', "not complete"),
        ('{"reliai_cassette": 1, "calls": [{"call": "a", "answer": 1}]}', "'arguments'"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(text: str, says: str, tmp_path: Path) -> None:
    file = tmp_path / "broken.json"
    file.write_text(text)
    with pytest.raises(CassetteError, match=says), cassette(file):
        pass


def test_a_lone_surrogate_survives(path: Path) -> None:
    for _ in range(2):
        with cassette(path):
            assert Counted().ask("plain", "\ud83d") == "\ud83d: answer 1"

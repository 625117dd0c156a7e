"""JsonLines appends whole lines to a file, whoever else writes to it."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai.telemetry import JsonLines
from reliai.testing import ScriptedModel
from tests.programs import LONG, environment, printed

if TYPE_CHECKING:
    from pathlib import Path


def lines_of(path: Path) -> list[dict[str, Any]]:
    """What is in the file; each line must be one object of strict JSON."""

    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is no JSON")

    text = path.read_bytes().decode()
    assert text.endswith("\n")
    return [json.loads(line, parse_constant=refuse) for line in text.splitlines()]


def test_each_ended_call_is_a_line_as_to_dict_gives_it(tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    ask = reliai.reliable(observers=[JsonLines(path)])(ScriptedModel(["a", OSError("b\nc")]))
    with reliai.collect() as calls:
        ask()
        with pytest.raises(OSError, match="b"):
            ask()
    assert reliai.flush(60)
    assert lines_of(path) == [json.loads(json.dumps(call.to_dict())) for call in calls]


def test_file_and_folders_are_made_with_the_first_record(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "down" / "calls.jsonl"
    ask = reliai.reliable(observers=[JsonLines(str(path))])(lambda: "a")
    assert not path.parent.exists()
    ask()
    assert reliai.flush(60)
    assert len(lines_of(path)) == 1
    assert path.stat().st_mode & 0o077 == 0, "records are nobody else's business"


def test_what_is_there_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    path.write_text('{"id": "before"}\n')
    reliai.reliable(observers=[JsonLines(path)])(lambda: "a")()
    assert reliai.flush(60)
    before, after = lines_of(path)
    assert before == {"id": "before"}
    assert after["status"] == "success"


def test_closed_file_is_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    observer = JsonLines(path)
    ask = reliai.reliable(observers=[observer])(lambda: "a")
    for _ in range(2):
        ask()
        assert reliai.flush(60)
        observer.close()
        observer.close()
    assert len(lines_of(path)) == 2


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (math.nan, None),
        (-math.inf, None),
        ([1.5, math.inf], [1.5, None]),
        ({"a": {"b": math.nan}}, {"a": {"b": None}}),
        (frozenset({1}), "frozenset({1})"),
        ("ünï\ud800", "ünï\ud800"),
        ("two\nlines\u2028", "two\nlines\u2028"),
    ],
)
def test_any_value_is_written_as_json(tmp_path: Path, value: Any, written: Any) -> None:
    path = tmp_path / "calls.jsonl"
    observer = JsonLines(path)
    with reliai.collect() as calls:
        reliai.reliable()(lambda: "a")()
    calls[0].values = {"value": value}  # whoever wrote it: a record's values may come from a file
    observer.on_end(calls[0])
    (line,) = path.read_bytes().decode().split("\n")[:-1]
    read = json.loads(line, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    assert read["values"] == {"value": written}


def test_flush_writes_the_file_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    observer = JsonLines(tmp_path / "calls.jsonl")
    observer.flush(1.0)
    assert synced == [], "nothing was written yet"
    with reliai.collect() as calls:
        reliai.reliable()(lambda: "a")()
    observer.on_end(calls[0])
    observer.flush(1.0)
    assert len(synced) == 1


def test_flush_from_within_a_flush_does_not_wait_for_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A signal handler that flushes may run in the middle of a flush."""
    observer = JsonLines(tmp_path / "calls.jsonl")
    depth: list[int] = []

    def interrupted(file: int) -> None:
        depth.append(file)
        if len(depth) == 1:
            observer.flush(1.0)

    monkeypatch.setattr(os, "fsync", interrupted)
    with reliai.collect() as calls:
        reliai.reliable()(lambda: "a")()
    observer.on_end(calls[0])
    observer.flush(1.0)
    assert len(depth) == 2


def test_disk_that_takes_a_line_in_pieces_gets_all_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda file, data: write(file, data[:7]))
    path = tmp_path / "calls.jsonl"
    with reliai.collect() as calls:
        reliai.reliable(name="ask")(lambda: "a")()
    JsonLines(path).on_end(calls[0])
    assert [line["name"] for line in lines_of(path)] == ["ask"]


def test_folder_that_cannot_be_made_changes_no_call(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    ask = reliai.reliable(observers=[JsonLines(tmp_path / "file" / "calls.jsonl")])(lambda: "a")
    assert [ask(), ask()] == ["a", "a"]
    assert reliai.flush(60)
    assert [record.getMessage() for record in caplog.records] == [
        "observer JsonLines raised in on_end; calls go on, what it missed is counted"
    ]


WRITER = """
import sys
import reliai
from reliai.telemetry import JsonLines
name, path = sys.argv[1:]
reliai.configure(observers=[JsonLines(path)], service=name)
ask = reliai.reliable(measure=lambda arguments, _: {"n": arguments["n"], "long": "x" * 3000})(
    lambda n: n
)
print("ready", flush=True)
sys.stdin.readline()
for n in range(100):
    ask(n)
"""


def test_processes_append_whole_lines_to_one_file(tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, name, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment(),
            text=True,
        )
        for name in ("a", "b", "c")
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    for writer in writers:
        writer.communicate(timeout=LONG)
        assert writer.returncode == 0
    lines = lines_of(path)
    for name in ("a", "b", "c"):
        numbers = [line["values"]["n"] for line in lines if line["service"] == name]
        assert numbers == list(range(100))
    assert len(lines) == 300


FORKING = """
import os, sys
import reliai
from reliai.telemetry import JsonLines
observer = JsonLines(sys.argv[1])
reliai.configure(observers=[observer])
ask = reliai.reliable(measure=lambda arguments, _: {"who": arguments["who"]})(lambda who: who)
ask("before")
reliai.flush(60)
observer._lock.acquire()  # as if the worker were writing
child = os.fork()
if child == 0:
    for _ in range(20):
        ask("child")
    assert reliai.flush(60)
    os._exit(0)
observer._lock.release()
for _ in range(20):
    ask("parent")
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_forked_child_appends_to_the_same_file(tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    assert printed(FORKING, path) == ["0"]
    who = [line["values"]["who"] for line in lines_of(path)]
    assert {name: who.count(name) for name in who} == {"before": 1, "child": 20, "parent": 20}

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
from reliai._core.hub import hub
from reliai.telemetry import JsonLines, read_json_lines
from reliai.telemetry._lines import as_line
from reliai.testing import ScriptedModel
from tests.programs import LONG, environment, printed

if TYPE_CHECKING:
    from pathlib import Path

    from reliai.checks.redaction import ContentMode
    from reliai.telemetry.jsonlines import Fsync


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
    assert b"b\\nc" not in path.read_bytes(), "a message may quote what the call was about"


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


@pytest.mark.parametrize(("fsync", "times"), [("always", 3), ("flush", 1), ("never", 0)])
def test_it_is_written_out_as_often_as_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fsync: Fsync, times: int
) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    observer = JsonLines(tmp_path / "calls.jsonl", fsync=fsync)
    for record in some(2):
        observer.on_end(record)
    observer.flush(1.0)
    assert len(synced) == times


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


def some(count: int) -> list[reliai.CallRecord]:
    """Records of calls."""
    ask = reliai.reliable(name="ask")(lambda: "a")
    with reliai.collect() as calls:
        for _ in range(count):
            ask()
    return calls


# --- content --------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("content", "written"),
    [("none", None), ("redacted", "write to <EMAIL>"), ("full", "write to ana@example.org")],
)
def test_content_is_written_as_it_was_asked_for(
    tmp_path: Path, content: ContentMode, written: str | None
) -> None:
    path = tmp_path / "calls.jsonl"
    observer = JsonLines(path, content=content)
    ask = reliai.reliable(observers=[observer])(lambda prompt: f"write to {prompt}")
    ask("ana@example.org")
    assert reliai.flush(60)
    (line,) = lines_of(path)
    shown = line["output"]
    assert (shown is None) == (written is None)
    assert ("ana@example.org" in str(line)) == (content == "full")
    assert (observer.redactions > 0) == (content == "redacted")


# --- a full disk ----------------------------------------------------------------------------------
def test_full_disk_drops_and_counts_and_the_next_line_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, room = os.write, [10, 0]

    def full(file: int, data: bytes) -> int:
        if not room:
            return write(file, data)
        left = room.pop(0)
        if left == 0:
            raise OSError(28, "No space left on device")
        return write(file, data[:left])

    path = tmp_path / "calls.jsonl"
    observer = JsonLines(path)
    ask = reliai.reliable(observers=[observer], name="ask")(lambda: "a")
    counts = hub.lane(observer).counts
    before = counts.exported, counts.dropped  # of observers that had its name
    monkeypatch.setattr(os, "write", full)
    for _ in range(3):
        ask()
    assert reliai.flush(60)
    assert (counts.exported - before[0], counts.dropped - before[1]) == (2, 1)
    assert [record["name"] for record in read_json_lines(path)] == ["ask", "ask"]


# --- reading --------------------------------------------------------------------------------------
def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    records = some(3)
    for record in records:
        JsonLines(path).on_end(record)
    assert [read["id"] for read in read_json_lines(path)] == [record.id for record in records]


def test_torn_line_is_left_out_and_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "calls.jsonl"
    path.write_text('{"id": "a"}\n{"id": "b\n[1]\n\n{"id": "c"}\n')
    assert [record["id"] for record in read_json_lines(path)] == ["a", "c"]
    assert caplog.messages == [f"{path}: 2 lines are no records"]


def test_file_that_is_not_there_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        list(read_json_lines(tmp_path / "calls.jsonl"))


# --- rotation -------------------------------------------------------------------------------------
def test_full_file_is_put_aside_and_all_is_read_in_order(tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    records = some(12)
    length = len(as_line(records[0].to_dict())) + 1
    observer = JsonLines(path, rotate_bytes=length * 3 + length // 2, keep=2)
    for record in records:
        observer.on_end(record)
    names = sorted(file.name for file in tmp_path.iterdir() if not file.name.startswith("."))
    assert names == ["calls.jsonl", "calls.jsonl.1", "calls.jsonl.2"]
    read = [record["id"] for record in read_json_lines(path)]
    assert read == [record.id for record in records[-len(read) :]], "only the oldest are gone"
    assert len(read) >= 7
    assert all(file.stat().st_size <= length * 4 for file in tmp_path.iterdir())


def test_other_process_goes_on_in_the_new_file(tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    records = some(4)
    length = len(as_line(records[0].to_dict())) + 10
    ours, theirs = (JsonLines(path, rotate_bytes=length * 2) for _ in range(2))
    for observer, record in zip((ours, theirs, theirs, ours), records, strict=True):
        observer.on_end(record)
    assert len(list(read_json_lines(path))) == 4
    assert len(path.read_bytes().splitlines()) == 2


BAD: list[tuple[dict[str, Any], str]] = [
    ({"rotate_bytes": 0}, "rotate_bytes=0"),
    ({"keep": 0}, "keep=0"),
    ({"fsync": "often"}, "fsync='often'"),
    ({"content": "all"}, "'all'"),
]


@pytest.mark.parametrize(("wrong", "message"), BAD, ids=[message for _, message in BAD])
def test_wrong_setting_is_refused_and_named(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(reliai.ConfigurationError) as caught:
        JsonLines("calls.jsonl", **wrong)
    assert message in str(caught.value)


@pytest.mark.parametrize("path", [5, "", b"calls.jsonl", None])
def test_what_is_no_path_is_refused_and_named(path: Any) -> None:
    with pytest.raises(reliai.ConfigurationError) as caught:
        JsonLines(path)
    assert f"JsonLines({path!r}): give the path of a file" in str(caught.value)


# --- processes ------------------------------------------------------------------------------------
WRITER = """
import sys
import reliai
from reliai.telemetry import JsonLines
name, path, most = sys.argv[1:]
observer = JsonLines(path, rotate_bytes=int(most) or None, keep=1000)
reliai.configure(observers=[observer], service=name)
ask = reliai.reliable(measure=lambda arguments, _: {"n": arguments["n"], "long": "x" * 3000})(
    lambda n: n
)
print("ready", flush=True)
sys.stdin.readline()
for n in range(100):
    ask(n)
"""


@pytest.mark.parametrize("most", [0, 40_000], ids=["one file", "rotated"])
def test_processes_append_whole_lines_to_one_file(tmp_path: Path, most: int) -> None:
    path = tmp_path / "calls.jsonl"
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, name, str(path), str(most)],
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
    lines = list(read_json_lines(path))
    if most:
        assert len(list(tmp_path.glob("calls.jsonl.*"))) >= 5
        lines.sort(key=lambda line: line["values"]["n"])  # of two files at once: not in order
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

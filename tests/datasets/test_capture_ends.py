"""What a capture holds is committed when the program ends, however it does; forks begin empty."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai.datasets import Capture, Dataset, on_error, on_feedback, uniform
from reliai.testing import virtual_clock
from tests.datasets._captured import Bench

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = """
import sys, reliai
from reliai.datasets import Capture, Dataset, uniform

def work(folder, prompt):
    capture = Capture(Dataset.open(folder), [uniform(1.0)])
    answer = reliai.reliable(observers=[capture])(lambda prompt: "fine")
    answer(prompt)
    return capture
"""


def run(program: str, folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM + program, str(folder)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stderr == ""


def prompts(folder: Path) -> set[str]:
    latest = Dataset.open(folder).latest
    return {case.inputs["prompt"] for case in latest or ()}


def test_a_program_that_ends_commits_what_is_held(tmp_path: Path) -> None:
    run("kept = work(sys.argv[1], 'hi')", tmp_path / "d")
    assert prompts(tmp_path / "d") == {"hi"}


def test_a_child_of_multiprocessing_commits_too(tmp_path: Path) -> None:
    run(
        "import multiprocessing\n"
        "def child(folder):\n"
        "    global kept\n"
        "    kept = work(folder, 'from the child')\n"
        "context = multiprocessing.get_context('fork')\n"
        "process = context.Process(target=child, args=(sys.argv[1],))\n"
        "process.start()\n"
        "process.join()\n",
        tmp_path / "d",
    )
    assert prompts(tmp_path / "d") == {"from the child"}


def test_a_forked_child_begins_empty_and_the_parent_keeps_its_own(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [uniform(1.0)])
    bench.call("the parent's")
    bench.settle()
    child = os.fork()
    if not child:
        code = 1
        try:
            held = bench.capture.counts.held
            bench.call("the child's")
            code = 0 if (held, bench.capture.counts.held) == (0, 1) else 2
            bench.capture.close()
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert bench.prompts() == {"the parent's", "the child's"}


def test_shutdown_commits_what_is_held(tmp_path: Path) -> None:
    dataset = Dataset.open(tmp_path / "d")
    reliai.configure(observers=[Capture(dataset, [uniform(1.0)])])
    ask = reliai.reliable()(lambda prompt: "fine")
    ask("hi")
    reliai.shutdown(timeout=30)
    assert prompts(tmp_path / "d") == {"hi"}


def test_flush_commits_nothing(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [uniform(1.0)])
    reliai.configure(observers=[bench.capture])
    bench.call("hi")
    assert reliai.flush(timeout=30)
    assert bench.dataset.latest is None
    assert bench.capture.counts.held == 1


def test_calls_feedback_and_commits_from_many_threads_lose_nothing(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [on_error(), on_feedback("thumbs", 0)], max_per_day=10_000, scrub=None)
    bench.call("the first", ValueError())
    bench.cases()
    failed: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for turn in range(20):
                name = f"{number}.{turn}"
                bench.call(f"error {name}", ValueError())
                record = bench.call(f"down {name}")
                bench.call(f"fine {name}")
                bench.capture.feedback(record.id, "thumbs", 0)
                if turn % 7 == number:
                    bench.dataset.commit(f"by {number}")
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    cases = bench.cases()
    assert len(cases) == 161
    assert {case.inclusion_probability for case in cases} == {1.0}
    counts = bench.capture.counts
    assert (counts.seen, counts.handed_over, counts.late) == (241, 161, 80)
    assert counts.feedback_without_record == 0


@pytest.mark.parametrize("raised", [RuntimeError("no"), SystemExit(3)])
def test_a_scrubber_that_ends_the_program_ends_nothing(tmp_path: Path, raised: Any) -> None:
    def scrub(text: str) -> str:
        raise raised

    bench = Bench(tmp_path, [uniform(1.0)], scrub=scrub)
    bench.call("hi")
    bench.settle()
    assert bench.capture.counts.scrub_failed == 1


# --- the spool ----------------------------------------------------------------------------------
def test_a_process_that_is_killed_leaves_its_cases_to_the_next_one(tmp_path: Path) -> None:
    spool, folder = tmp_path / "spool", tmp_path / "d"
    program = (
        "import os, signal, sys, reliai\n"
        "from reliai.datasets import Capture, Dataset, uniform\n"
        "capture = Capture(Dataset.open(sys.argv[1]), [uniform(1.0)], spool=sys.argv[2])\n"
        "answer = reliai.reliable(observers=[capture])(lambda prompt: 'fine')\n"
        "answer('write to ana@example.com')\n"
        "assert capture.flush(30)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run(
        [sys.executable, "-c", program, str(folder), str(spool)], timeout=60, check=False
    )
    assert killed.returncode == -9
    assert b"ana@" not in b"".join(each.read_bytes() for each in spool.iterdir())
    bench = Bench(tmp_path, [uniform(1.0)], spool=spool)
    bench.dataset = Dataset.open(folder)
    capture = Capture(bench.dataset, [uniform(1.0)], spool=spool)
    reliai.reliable(observers=[capture])(lambda prompt: "fine")("the next one's")
    assert capture.flush(60)
    assert capture.counts.taken_over == 1
    capture.close()
    assert prompts(folder) == {"write to [EMAIL_1]", "the next one's"}
    assert list(spool.iterdir()) == []


def test_a_living_process_keeps_its_own_file(tmp_path: Path) -> None:
    first = Bench(tmp_path, [uniform(1.0)], spool=tmp_path / "spool")
    first.call("one")
    first.settle()
    second = Bench(tmp_path, [uniform(1.0)], spool=tmp_path / "spool")
    second.call("two")
    second.settle()
    assert second.capture.counts.taken_over == 0
    assert len(list((tmp_path / "spool").glob("*.jsonl"))) == 2
    assert first.prompts() == {"one"}
    first.capture.close()
    assert len(list((tmp_path / "spool").glob("*.jsonl"))) == 1


def test_what_is_handed_over_stays_on_disk_until_it_is_committed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from reliai.datasets import dataset as module

    spool = tmp_path / "spool"
    with virtual_clock() as time:
        bench = Bench(tmp_path, [uniform(1.0)], spool=spool)
        bench.call("one")
        bench.settle()

        def full(*_: Any) -> Any:
            raise OSError("no space")

        with monkeypatch.context() as patch:
            patch.setattr(module, "committed", full)
            with pytest.raises(OSError, match="no space"):
                bench.dataset.commit("week")
            time.advance(60)
            bench.capture.on_idle()
        (file,) = spool.glob("*.jsonl")
        assert b'"one"' in file.read_bytes()
        bench.dataset.commit("week")
        time.advance(60)
        bench.capture.on_idle()
        assert list(spool.iterdir()) == []


def test_a_spool_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(reliai.ConfigurationError, match="spool="):
        Bench(tmp_path, [uniform(1.0)], spool=tmp_path / "file")


def test_a_spool_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    bench = Bench(tmp_path, [uniform(1.0)], spool=tmp_path / "file" / "folder")
    bench.call("one")
    assert bench.prompts() == {"one"}

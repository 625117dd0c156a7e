"""Calls, observers and workers across forks, signals and the end of the process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

import reliai

SOURCE = str(Path(reliai.__file__).parents[1])
posix = pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")


def run(code: str, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a program of its own; its output is the answer."""
    done = subprocess.run(
        [
            sys.executable,
            "-W",
            "ignore::DeprecationWarning",
            "-c",
            textwrap.dedent(code),
            *arguments,
        ],
        env={**os.environ, "PYTHONPATH": SOURCE},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        **options,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


def records_in(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@posix
def test_forked_child_makes_calls_of_its_own_and_flushes_them(tmp_path: Path) -> None:
    done = run(
        """
        import os, sys, threading
        import reliai
        from reliai.telemetry import JsonLines

        reliai.configure(observers=[JsonLines(sys.argv[1])])

        @reliai.reliable(reliai.Retry(2, wait=0), reliai.Timeout(10), name="ask")
        def ask(who):
            current = reliai.current_call()
            current.emit("asked", who=who, thread=threading.current_thread().name)
            return who

        ask("parent before")
        child = os.fork()
        if not child:
            assert ask("child") == "child"
            assert reliai.flush(10)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        assert status == 0, status
        ask("parent after")
        """,
        str(tmp_path / "calls.jsonl"),
    )
    assert done.returncode == 0
    seen = records_in(tmp_path / "calls.jsonl")
    who = [record["events"][0]["attributes"]["who"] for record in seen]
    assert sorted(who) == ["child", "parent after", "parent before"], "each once"
    assert {record["events"][0]["attributes"]["thread"] for record in seen} == {"reliai-call"}
    assert len({record["id"] for record in seen}) == 3


@posix
def test_siblings_draw_different_ids_and_waits() -> None:
    done = run(
        """
        import os, reliai
        from reliai.testing import virtual_clock

        def draw():
            with virtual_clock() as clock, reliai.collect() as calls:
                try:
                    reliai.Retry(4)(fail)()
                except OSError:
                    pass
                return calls[0].id, clock.slept

        def fail():
            raise ConnectionError("down")

        for _ in range(2):
            read, write = os.pipe()
            if not os.fork():
                os.write(write, repr(draw()).encode())
                os._exit(0)
            os.wait()
            print(os.read(read, 10_000).decode())
        """
    )
    first, second = done.stdout.splitlines()
    assert first != second


@posix
def test_fork_in_the_middle_of_a_call_lets_both_sides_finish() -> None:
    done = run(
        """
        import os, reliai

        @reliai.reliable(reliai.Timeout(10), reliai.Retry(2))
        def inner():
            return "inner"

        @reliai.reliable(reliai.Retry(2))
        def outer():
            child = os.fork()
            if not child:
                print(inner(), flush=True)
                os._exit(0)
            os.waitpid(child, 0)
            return inner()

        print(outer())
        """
    )
    assert done.stdout.split() == ["inner", "inner"]


def test_what_was_recorded_is_written_when_the_program_ends(tmp_path: Path) -> None:
    done = run(
        """
        import sys, reliai
        from reliai.telemetry import JsonLines

        class Holding:
            "Holds back what it gets until it is told to write."
            held = []
            def on_end(self, record):
                self.held.append(record.name)
            def flush(self, timeout):
                print("flushed", *self.held, flush=True)

        reliai.configure(observers=[JsonLines(sys.argv[1]), Holding()])
        for _ in range(50):
            reliai.reliable(name="ask")(lambda: "a")()
        """,
        str(tmp_path / "calls.jsonl"),
    )
    assert done.returncode == 0
    assert len(records_in(tmp_path / "calls.jsonl")) == 50
    assert done.stdout.split() == ["flushed", *["ask"] * 50]


def test_program_ends_although_a_call_hangs() -> None:
    done = run(
        """
        import asyncio, threading, reliai

        def hang():
            threading.Event().wait()

        @reliai.Timeout(0.01)
        def ask():
            hang()

        @reliai.reliable(reliai.Timeout(0.02), reliai.Fallback(hang, reserve=0.9))
        async def ask_later():
            raise ConnectionError("down")

        for outcome in (reliai.execute(ask), asyncio.run(reliai.aexecute(ask_later))):
            print(type(outcome.error).__name__)
        """
    )
    assert done.stdout.split() == ["CallTimeout", "CallTimeout"]
    assert done.returncode == 0


SIGNALLED = """
    import os, signal, sys, threading, reliai
    from reliai.telemetry import JsonLines

    handled = sys.argv[2] == "handled"
    if handled:
        signal.signal(signal.SIGTERM, lambda number, frame: (print("handled"), sys.exit(7)))
    reliai.configure(observers=[JsonLines(sys.argv[1])], flush_on_sigterm=True)
    for _ in range(50):
        reliai.reliable(name="ask")(lambda: "a")()
    os.kill(os.getpid(), signal.SIGTERM)
    threading.Event().wait(10)
    print("still here")
"""


@pytest.mark.parametrize(("how", "code"), [("handled", 7), ("default", -signal.SIGTERM)])
def test_queue_is_emptied_when_the_process_is_told_to_end(
    tmp_path: Path, how: str, code: int
) -> None:
    done = run(SIGNALLED, str(tmp_path / "calls.jsonl"), how)
    assert done.returncode == code
    assert "still here" not in done.stdout
    assert ("handled" in done.stdout) is (how == "handled")
    assert len(records_in(tmp_path / "calls.jsonl")) == 50


def test_flushing_on_sigterm_is_set_up_in_the_main_thread_only() -> None:
    done = run(
        """
        import threading, reliai

        def configure():
            try:
                reliai.configure(flush_on_sigterm=True)
            except reliai.ConfigurationError as error:
                print(error)

        thread = threading.Thread(target=configure)
        thread.start()
        thread.join()
        """
    )
    assert "main thread only" in done.stdout


def test_first_call_needs_no_network_and_starts_no_thread() -> None:
    done = run(
        """
        import threading, reliai
        assert reliai.reliable(reliai.Retry(2))(lambda: "a")() == "a"
        print(threading.active_count())
        """
    )
    assert done.stdout.strip() == "1"

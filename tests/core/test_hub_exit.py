"""What waits for observers is flushed when the program ends, or is told to end."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

import reliai
from reliai.telemetry import JsonLines
from tests.programs import printed, run_program

if TYPE_CHECKING:
    from pathlib import Path

needs_sigterm = pytest.mark.skipif(os.name != "posix", reason="needs signals")


BUFFERING = """
import os, signal, sys
import reliai

class Buffering:
    def __init__(self, path):
        self.path, self.seen = path, []
    def on_end(self, record):
        self.seen.append(record.name + chr(10))
    def flush(self, timeout):
        with open(self.path, "a") as file:
            file.writelines(self.seen)
        self.seen.clear()

ask = reliai.reliable(name="ask")(lambda: "a")

def calls(**settings):
    reliai.configure(observers=[Buffering(sys.argv[1])], **settings)
    for _ in range(50):
        ask()

"""


@pytest.mark.parametrize(
    ("ending", "code"),
    [("", 0), ("sys.exit(3)", 3), ("raise SystemExit(4)", 4), ("1 / 0", 1)],
)
def test_what_waits_is_flushed_when_the_program_ends(
    tmp_path: Path, ending: str, code: int
) -> None:
    path = tmp_path / "calls"
    done = run_program(BUFFERING + "calls()\n" + ending, path)
    assert done.returncode == code
    assert path.read_text() == "ask\n" * 50


def test_program_with_a_hanging_observer_ends_all_the_same_and_says_what_was_lost() -> None:
    done = run_program("""
        import threading
        import reliai
        class Hanging:
            def on_end(self, record):
                threading.Event().wait()
        reliai.reliable(observers=[Hanging()])(lambda: "a")()
        print("done")
    """)
    assert (done.returncode, done.stdout) == (0, "done\n")
    assert done.stderr == (
        "the program ends before observers took all that they were shown: 1 lost by Hanging\n"
    )


def test_what_an_observer_holds_in_a_queue_of_its_own_is_said_to_be_lost_too() -> None:
    done = run_program("""
        from types import SimpleNamespace
        import reliai
        class Away:
            def __init__(self):
                self.counts = SimpleNamespace(dropped=0, pending=0)
            def on_end(self, record):
                self.counts.pending += 1
            def flush(self, timeout):
                return False
        ask = reliai.reliable(observers=[Away()])(lambda: "a")
        reliai.configure(observers=[Away()])
        for _ in range(7):
            ask()
        reliai.flush()
    """)
    assert done.stderr == (
        "the program ends before observers took all that they were shown: "
        "7 lost by Away, 7 lost by Away#2\n"
    )


@needs_sigterm
def test_what_is_lost_or_put_aside_is_so_when_the_program_is_told_to_end_as_well() -> None:
    done = run_program("""
        import os, signal, threading
        import reliai
        class Hanging:
            def on_end(self, record):
                threading.Event().wait()
        class Aside:
            def on_end(self, record):
                pass
            def flush(self, timeout):
                return False
            def give_up(self):
                print("put aside", flush=True)
        reliai.configure(observers=[Hanging(), Aside()], flush_on_sigterm=True)
        reliai.reliable()(lambda: "a")()
        os.kill(os.getpid(), signal.SIGTERM)
    """)
    assert (done.returncode, done.stdout) == (-signal.SIGTERM, "put aside\nput aside\n")
    assert done.stderr == (
        "the program ends before observers took all that they were shown: 1 lost by Hanging\n"
    )


@needs_sigterm
def test_what_waits_is_flushed_when_the_program_is_told_to_end(tmp_path: Path) -> None:
    path = tmp_path / "calls"
    end = "calls(flush_on_sigterm=True)\nos.kill(os.getpid(), signal.SIGTERM)\nprint('alive')"
    done = run_program(BUFFERING + end, path)
    assert (done.returncode, done.stdout) == (-signal.SIGTERM, "")
    assert path.read_text() == "ask\n" * 50


@needs_sigterm
def test_without_the_setting_the_signal_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "calls"
    end = "calls()\nprint(signal.getsignal(signal.SIGTERM) is signal.SIG_DFL)"
    assert printed(BUFFERING + end, path) == ["True"]


@needs_sigterm
def test_handler_that_was_there_runs_after_the_flush(tmp_path: Path) -> None:
    path = tmp_path / "calls"
    before = """
def mine(number, frame):
    print(open(sys.argv[1]).read().count("ask"), number == signal.SIGTERM)
    sys.exit(5)
signal.signal(signal.SIGTERM, mine)
"""
    end = "calls(flush_on_sigterm=True)\nos.kill(os.getpid(), signal.SIGTERM)"
    done = run_program(BUFFERING + before + end, path)
    assert (done.returncode, done.stdout) == (5, "50 True\n")


@needs_sigterm
def test_signal_that_was_ignored_stays_without_effect(tmp_path: Path) -> None:
    path = tmp_path / "calls"
    before = "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    end = "calls(flush_on_sigterm=True)\nos.kill(os.getpid(), signal.SIGTERM)\nprint('alive')"
    assert printed(BUFFERING + before + end, path) == ["alive"]
    assert path.read_text() == "ask\n" * 50


def test_shutdown_closes_the_observers_and_calls_go_on_without(tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    reliai.configure(observers=[JsonLines(path)])
    ask = reliai.reliable()(lambda: "a")
    ask()
    assert reliai.shutdown(60) is True
    assert ask() == "a"
    assert reliai.flush(60) is True
    assert len(path.read_text().splitlines()) == 1

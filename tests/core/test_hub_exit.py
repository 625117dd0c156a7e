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

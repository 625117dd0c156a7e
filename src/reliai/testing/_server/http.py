"""One HTTP/1.1 connection over a plain socket: it can be cut, reset or left silent at any byte.

The client's leaving is noticed at every send and every wait, and comes out as `Gone`.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import struct
import sys
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["Connection", "Gone", "HttpRequest", "head"]

_MAX_LINE = 65_536


class Gone(Exception):
    """The client closed the connection, or the server is stopping."""


class HttpRequest(NamedTuple):
    """A request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    """By lower-case name; of repeated ones the last."""
    body: bytes

    @property
    def keep_alive(self) -> bool:
        """Whether the client may send another request on the same connection."""
        return self.headers.get("connection", "").lower() != "close"


class Connection:
    """A client's connection. One thread uses it; `abort` may be called from any.

    Attributes:
        sent: told how many bytes are sent, and with a minus how many were not after all.
        closed: whether this side has ended it.
    """

    def __init__(self, sock: socket.socket) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = sock
        self._incoming = sock.makefile("rb")
        self._selector = selectors.DefaultSelector()
        self._selector.register(sock, selectors.EVENT_READ)
        self.sent: Callable[[int], None] = _uncounted
        self.closed = False

    # --- reading ---------------------------------------------------------------------------
    def read(self) -> HttpRequest | None:
        """Wait for the next request; None when the client is done.

        Raises:
            Gone: the client left in the middle of a request, or reset the connection.
        """
        try:
            line = self._incoming.readline(_MAX_LINE)
            if not line.strip():
                return None
            method, path, _ = line.decode("latin-1").split(" ", 2)
            headers = self._read_headers()
            if headers.get("expect", "").lower() == "100-continue":
                self.send(b"HTTP/1.1 100 Continue\r\n\r\n")
            if headers.get("transfer-encoding", "").lower() == "chunked":
                body = b"".join(iter(self._read_chunk, b""))
            else:
                body = self._read_exactly(int(headers.get("content-length", "0")))
        except (OSError, ValueError) as error:
            raise Gone from error
        return HttpRequest(method, path, headers, body)

    def _read_headers(self) -> dict[str, str]:
        headers: dict[str, str] = {}
        while line := self._incoming.readline(_MAX_LINE).decode("latin-1").rstrip("\r\n"):
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        return headers

    def _read_chunk(self) -> bytes:
        data = self._read_exactly(int(self._incoming.readline(_MAX_LINE), 16))
        self._incoming.readline(_MAX_LINE)
        return data

    def _read_exactly(self, length: int) -> bytes:
        data = self._incoming.read(length)
        if len(data) < length:
            raise Gone
        return data

    # --- writing ---------------------------------------------------------------------------
    def send(self, data: bytes) -> None:
        """Send bytes.

        Raises:
            Gone: the client is not there any more.
        """
        # counted first: whoever has read the last byte may look at the count at once
        self.sent(len(data))
        try:
            self._socket.sendall(data)
        except OSError as error:
            self.sent(-len(data))
            raise Gone from error

    def chunk(self, data: bytes) -> None:
        """Send one chunk of a body with chunked transfer coding; empty data ends the body."""
        self.send(b"%x\r\n%b\r\n" % (len(data), data))

    # --- waiting ---------------------------------------------------------------------------
    def wait(self, seconds: float | None) -> None:
        """Wait, for ever if None, while the client stays. 0 only looks whether it is there.

        Raises:
            Gone: the client left, or the server stops.
        """
        until = None if seconds is None else time.monotonic() + seconds
        if self._selector.select(seconds):
            try:
                left = not self._socket.recv(1, socket.MSG_PEEK)
            except OSError as error:
                raise Gone from error
            if left:
                raise Gone
            self._wait_unwatched(until)

    def _wait_unwatched(self, until: float | None) -> None:
        # The client has sent its next request already, so its leaving cannot be seen.
        while not self.closed and (until is None or time.monotonic() < until):
            left = 0.05 if until is None else min(0.05, until - time.monotonic())
            time.sleep(max(0.0, left))
        if self.closed:
            raise Gone

    # --- ending ----------------------------------------------------------------------------
    def abort(self) -> None:
        """Wake whoever reads, writes or waits on this connection; it then sees the client gone."""
        self.closed = True
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def reset(self) -> None:
        """Close with a TCP reset in the place of an orderly end."""
        # what was sent should be read first: a reset may overtake it on some systems
        self.wait(0.02)
        layout = "hh" if sys.platform == "win32" else "ii"
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack(layout, 1, 0))
        self._release()

    def close(self) -> None:
        """Close in good order. May be called again."""
        if self._socket.fileno() >= 0:
            self.abort()
            self._release()

    def _release(self) -> None:
        self.closed = True
        self._selector.close()
        self._incoming.close()
        self._socket.close()


def head(status: int, headers: Mapping[str, str]) -> bytes:
    """Give the bytes of a status line and of headers."""
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = "Unknown"
    lines = [
        f"HTTP/1.1 {status} {phrase}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")


def _uncounted(_: int) -> None:
    pass

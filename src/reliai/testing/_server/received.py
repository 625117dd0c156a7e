"""What the fault server remembers of a request."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = ["ReceivedRequest"]


@dataclass(slots=True, eq=False)
class ReceivedRequest:
    """One request and what became of it. The numbers grow while the answer is being sent.

    Attributes:
        number: 1 for the first since the start or the last `reset()`.
        method: the HTTP method.
        path: the path as sent, such as "/v1/responses", without the query.
        headers: by lower-case name.
        json: the body; None where it is no JSON object.
        at: Unix time of arrival, in seconds.
        elapsed: seconds from the start of the server, or the last `reset()`, to the arrival.
        item: what the script, the schedule or an outage gave for it; None for the normal answer.
        status: the HTTP status sent; None while none was.
        chunks_sent: chunks of text sent, in a stream.
        bytes_sent: bytes sent, headers included.
        outcome: "answered" to the end, "cut" by a fault, "disconnected" by the client, "stopped"
            with the server, "failed" in a model that raised in mid-stream, or still "pending".
        error: what the script or the model raised; before an answer began it is sent as HTTP 500.
        disconnected_at: Unix time when the client was found gone; None while it stayed. A client
            that leaves after all bytes are on their way cannot be told from one that read them.
    """

    number: int
    method: str
    path: str
    headers: dict[str, str]
    json: dict[str, Any] | None
    at: float
    elapsed: float
    item: object = None
    status: int | None = None
    chunks_sent: int = 0
    bytes_sent: int = 0
    outcome: Literal["pending", "answered", "cut", "disconnected", "stopped", "failed"] = "pending"
    error: Exception | None = None
    disconnected_at: float | None = None
    _ended: threading.Event = field(default_factory=threading.Event, repr=False)

    @property
    def model(self) -> str | None:
        """The model asked for."""
        value = self.json.get("model") if self.json else None
        return value if isinstance(value, str) else None

    @property
    def stream(self) -> bool:
        """Whether a stream was asked for."""
        return bool(self.json and self.json.get("stream"))

    @property
    def client_disconnected(self) -> bool:
        """Whether the client left before the end of its answer."""
        return self.disconnected_at is not None

    def wait(self, timeout: float | None = 5.0) -> bool:
        """Wait until nothing more will be sent; say whether that came within `timeout` seconds."""
        return self._ended.wait(timeout)

    # --- for the server --------------------------------------------------------------------
    def add_sent(self, count: int) -> None:
        """Count bytes sent."""
        self.bytes_sent += count

    def lose(self, *, stopping: bool) -> None:
        """Note that the connection ended before the answer did."""
        if stopping:
            self.outcome = "stopped"
        else:
            self.outcome, self.disconnected_at = "disconnected", time.time()

    def end(self) -> None:
        """Let those go on who wait for the end."""
        self._ended.set()

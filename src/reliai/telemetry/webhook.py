"""Call records as signed batches of JSON, posted to a URL from the observer's own worker.

A backend that is away is asked again with growing pauses; what it does not take in the end goes to
disk, when there is a place for it, and is sent later, or is dropped and counted.
"""

from __future__ import annotations

import logging
import random
import time
import weakref
from collections import deque
from math import inf
from threading import RLock
from typing import TYPE_CHECKING, NamedTuple

from reliai._core.forking import renew_after_fork
from reliai.checks.redaction import redaction_of
from reliai.telemetry._http import Answer, Poster
from reliai.telemetry._lines import fitted
from reliai.telemetry._settings import checked_headers, checked_secret, number, whole
from reliai.telemetry._shown import shown
from reliai.telemetry._signing import HEADER, signature
from reliai.telemetry._spill import Batch, Spill, new_batch_id

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping

    from reliai._core.record import CallRecord
    from reliai.checks.redaction import ContentMode

__all__ = ["Sent", "Webhook"]

PATIENCE = (0.5, 30.0)
"""Seconds between two attempts: at first, and at most; each time about twice as long."""
MOST_PATIENCE = 300.0
"""Seconds that a backend may ask to wait."""
REPLAYS = 20
"""Batches from the disk that are sent in one go at most, so that new ones are not kept waiting."""
QUIET = 1.0
"""Seconds after `give_up` in which nothing is sent."""

_logger = logging.getLogger("reliai")


class Sent(NamedTuple):
    """What became of the records that a `Webhook` was given, in this process.

    `taken == written + dropped + pending`.

    Attributes:
        taken: records it was given.
        written: those that the backend took, or that are on the disk.
        dropped: those given up: too large, refused, or too many while the backend was away.
        pending: those that wait.
        cut: records of which something was left away, for they were too large.
        spilled: records put on the disk; part of `written`.
        replayed: records from the disk that the backend took later, of whichever process.
        attempts: requests made.
    """

    taken: int = 0
    written: int = 0
    dropped: int = 0
    pending: int = 0
    cut: int = 0
    spilled: int = 0
    replayed: int = 0
    attempts: int = 0


class Webhook:
    """Posts ended calls to a URL, in batches: `{"batch": ID, "records": [...]}`.

    Every request of a batch has the same `Reliai-Batch`, by which a receiver tells one that comes
    twice. With a secret it is signed, see `reliai.telemetry.verify`. Redirects are not followed.

    Args:
        url: with https, or http.
        secret: for the signature; None for no signature.
        headers: more headers of every request.
        content: what is sent of inputs and outputs: "none", "redacted" or "full".
        redact: with "redacted", a function of a text that gives the text to send.
        max_records: records of a batch at most.
        max_bytes: bytes of a batch's records at most. A record that is larger by itself is sent
            without its bulky parts, or dropped and counted.
        linger: seconds that the first record of a batch waits for more.
        timeout: seconds for a connection, and for an answer.
        attempts: requests for a batch at most, before it is given up.
        waiting_bytes: bytes that wait in memory while the backend is away.
        spill: a folder for batches that are given up; they are sent when the backend is back, by
            whichever process finds them. None to drop them.
        spill_bytes: what the folder may hold.

    Raises:
        ConfigurationError: for a URL that is none, or a setting out of its range.
    """

    inline = False

    def __init__(
        self,
        url: str,
        *,
        secret: str | bytes | None = None,
        headers: Mapping[str, str] | None = None,
        content: ContentMode = "none",
        redact: Callable[[str], str] | None = None,
        max_records: int = 100,
        max_bytes: int = 1_000_000,
        linger: float = 1.0,
        timeout: float = 5.0,
        attempts: int = 5,
        waiting_bytes: int = 16_000_000,
        spill: str | os.PathLike[str] | None = None,
        spill_bytes: int = 256_000_000,
    ) -> None:
        self._poster = Poster(url, "Webhook")
        self._secret = checked_secret("Webhook", secret)
        self._headers = checked_headers("Webhook", headers)
        self._redaction = redaction_of("Webhook", content, redact)
        self.reads_content = self._redaction is not None
        self.max_records = whole("Webhook", "max_records", max_records, 1)
        self.max_bytes = whole("Webhook", "max_bytes", max_bytes, 1000)
        self.linger = number("Webhook", "linger", linger, least=0.0)
        self.timeout = number("Webhook", "timeout", timeout)
        self.attempts = whole("Webhook", "attempts", attempts, 1)
        self.waiting_bytes = whole("Webhook", "waiting_bytes", waiting_bytes, self.max_bytes)
        self._spill = None if spill is None else Spill(spill, spill_bytes)
        self._renew()
        renew_after_fork(self)
        weakref.finalize(self, self._poster.close)

    def _renew(self) -> None:
        """In a forked child, what waits is the parent's to send."""
        self._lock = RLock()
        self._lines: deque[bytes] = deque()
        self._bytes = 0
        self._since = inf
        self._batch: Batch | None = None
        self._tried = 0
        self._next = 0.0
        self._pause = 0
        self._quiet_until = 0.0
        self._sending = RLock()
        self._sent = Sent()
        self._poster.close()

    @property
    def counts(self) -> Sent:
        """What became of the records."""
        with self._lock:
            return self._sent._replace(pending=len(self._lines) + self._in_batch())

    def _in_batch(self) -> int:
        return 0 if self._batch is None else len(self._batch.lines)

    @property
    def redactions(self) -> int:
        """Places of content that were replaced."""
        return 0 if self._redaction is None else self._redaction.replaced

    @property
    def redaction_failures(self) -> int:
        """Contents that were left away because redacting them failed."""
        return 0 if self._redaction is None else self._redaction.failed

    def _count(self, **more: int) -> None:
        with self._lock:
            sent = self._sent
            changed = {name: getattr(sent, name) + count for name, count in more.items()}
            self._sent = sent._replace(**changed)

    # --- what comes -----------------------------------------------------------------------------
    def on_end(self, record: CallRecord) -> None:
        """Take a record in, and send what is due."""
        line, cut = fitted(shown(record, self._redaction), self.max_bytes)
        with self._lock:
            self._count(taken=1, cut=int(cut and line is not None))
            if line is None or not self._room_for(line):
                self._count(dropped=1)
            else:
                self._lines.append(line)
                self._bytes += len(line)
                self._since = min(self._since, time.monotonic())
        self.on_idle()

    def _room_for(self, line: bytes) -> bool:
        if self._bytes + len(line) <= self.waiting_bytes:
            return True
        return self._spill is not None and self._spill_all()

    def on_idle(self) -> None:
        """Send what is due: batches that are full or old enough, and those on the disk."""
        if time.monotonic() < self._quiet_until:
            return
        while self._due() and self._send(self.timeout):
            pass
        if self._spill and not self._pausing():
            with self._sending:
                self._replay(self._spill)

    def _pausing(self) -> bool:
        return time.monotonic() < self._next

    def _due(self) -> bool:
        with self._lock:
            full = len(self._lines) >= self.max_records or self._bytes >= self.max_bytes
            if self._pausing():
                if self._spill is None or self._pause < self.attempts or not full:
                    return False
                self._spill_all()  # the backend is known to be away
                return False
            return self._batch is not None or (
                bool(self._lines) and (full or time.monotonic() - self._since >= self.linger)
            )

    # --- what goes ------------------------------------------------------------------------------
    def _send(self, timeout: float) -> bool:
        """Try a batch once, one thread at a time; say whether the next may follow."""
        with self._sending:
            return self._try_once(timeout)

    def _try_once(self, timeout: float) -> bool:
        with self._lock:
            batch = self._batch = self._batch or self._next_batch()
        if batch is None:
            return False
        self._count(attempts=1)
        answer = self._post(batch, timeout)
        with self._lock:
            if self._batch is not batch:  # it was given up meanwhile: the program ends
                return False
            if answer is not None and answer.taken:
                self._settle(written=len(batch.lines))
                self._next, self._pause = 0.0, 0
                return True
            if answer is None or answer.passing:
                self._wait(answer)
                if self._tried >= self.attempts:
                    self._give_batch_up(batch)
                return False
            self._refused(batch, answer)
            return True

    def _next_batch(self) -> Batch | None:
        lines: list[bytes] = []
        size = 0
        while self._lines and len(lines) < self.max_records:
            size += len(self._lines[0])
            if lines and size > self.max_bytes:
                break
            lines.append(self._lines.popleft())
            self._bytes -= len(lines[-1])
        self._since = time.monotonic() if self._lines else inf
        self._tried = 0
        return Batch(new_batch_id(), lines) if lines else None

    def _post(self, batch: Batch, timeout: float) -> Answer | None:
        body = b'{"batch": "%s", "records": [%s]}' % (batch.id.encode(), b", ".join(batch.lines))
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "reliai",
            **self._headers,
            "Reliai-Batch": batch.id,
        }
        if self._secret is not None:
            headers[HEADER] = signature(self._secret, body, int(time.time()))
        try:
            return self._poster.post(body, headers, timeout)
        except OSError as error:
            if self._pause == 0:
                _logger.warning(
                    "webhook %s: %s; calls go on, records wait", self._poster.shown, _said(error)
                )
            return None

    def _settle(self, **counts: int) -> None:
        self._batch, self._tried = None, 0
        self._count(**counts)

    def _wait(self, answer: Answer | None) -> None:
        first, most = PATIENCE
        pause = min(most, first * 2.0 ** min(self._pause, 16)) * random.uniform(0.75, 1.25)
        asked = 0.0 if answer is None else answer.retry_after or 0.0
        self._next = time.monotonic() + max(pause, min(asked, MOST_PATIENCE))
        self._pause += 1
        self._tried += 1

    def _give_batch_up(self, batch: Batch) -> None:
        count = len(batch.lines)
        if self._spill is not None and self._spill.put(batch):
            self._settle(written=count, spilled=count)
        else:
            self._settle(dropped=count)

    def _refused(self, batch: Batch, answer: Answer) -> None:
        if answer.status == 413 and len(batch.lines) > 1:  # too much at once
            middle = len(batch.lines) // 2
            rest = batch.lines[middle:]
            self._lines.extendleft(reversed(rest))
            self._bytes += sum(map(len, rest))
            self._since = 0.0
            self._batch = Batch(new_batch_id(), batch.lines[:middle])
            return
        _logger.warning(
            "webhook %s refused %d records with status %d; they are dropped",
            self._poster.shown,
            len(batch.lines),
            answer.status,
        )
        self._settle(dropped=len(batch.lines))

    # --- the disk -------------------------------------------------------------------------------
    def _spill_all(self) -> bool:
        """Put all that waits on the disk; say whether it has room now."""
        if self._spill is None:
            return False
        with self._lock:
            while (batch := self._batch or self._next_batch()) is not None:
                self._batch = batch
                self._give_batch_up(batch)
        return True

    def _replay(self, spill: Spill) -> None:
        for _ in range(REPLAYS):
            with spill.oldest() as found:
                if found is None:
                    return
                batch, done = found
                self._count(attempts=1)
                answer = self._post(batch, self.timeout)
                if answer is None or answer.passing:
                    with self._lock:
                        self._wait(answer)
                    return
                done.append(True)
                self._next, self._pause = 0.0, 0
                if answer.taken:
                    self._count(replayed=len(batch.lines))
                else:
                    self._lost(len(batch.lines), f"with status {answer.status}")

    def _lost(self, count: int, how: str) -> None:
        _logger.warning("webhook %s: %d records were lost %s", self._poster.shown, count, how)

    # --- the end --------------------------------------------------------------------------------
    def flush(self, timeout: float) -> bool:
        """Send all that waits, within `timeout` seconds; what the backend does not take is spilled.

        Returns:
            Whether nothing waits any more.
        """
        until = time.monotonic() + timeout
        while self.counts.pending:
            left = until - time.monotonic()
            if left <= 0:
                break
            if not self._send(min(self.timeout, left)):
                break
        return not self.counts.pending or self._spill_all()

    def give_up(self) -> None:
        """The program ends: spill what waits, or drop and count it."""
        self._quiet_until = time.monotonic() + QUIET  # what is shown now is put aside, not sent
        self._put_aside("at the end of the program")

    def _put_aside(self, when: str) -> None:
        with self._lock:
            before = self._sent.dropped
            if not self._spill_all():
                self._settle(dropped=self.counts.pending)
                self._lines.clear()
                self._bytes = 0
            lost = self._sent.dropped - before
        if lost:
            self._lost(lost, when)

    def close(self) -> None:
        """Send what waits, or put it aside, and let the connection go."""
        if not self.flush(self.timeout):
            self._put_aside("when it was closed")
        self._poster.close()

    def __repr__(self) -> str:
        return f"<reliai.telemetry.Webhook to {self._poster.shown}>"


def _said(error: OSError) -> str:
    return f"{type(error).__name__}: {error.strerror or error}"

"""A process's time with a store: what it wrote, and what it may have lost when it ended badly.

Every batch carries the running totals of its process in the same transaction, so they and the
records agree whatever happens. A process that is killed never says that it is done: the next one
that opens the store finds its epoch open, and says how much was lost at most.
"""

from __future__ import annotations

import logging
import os
import socket
import sys
import time
import uuid
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select, update

from reliai._core.settings import settings
from reliai.records._asked import plain
from reliai.records._tables import epochs
from reliai.records.counts import Loss

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["STALE", "Epoch", "losses", "report_lost"]

STALE = 60.0
"""Seconds after which a process that has not been heard of counts as ended."""

SDKS = ("openai", "anthropic", "google-genai", "mistralai", "cohere", "boto3", "litellm")
_MODULES = {"google-genai": "google.genai"}


class Epoch:
    """One process's time with the store, from its first batch until it is closed.

    Args:
        capacity: how many records its queues hold at most: what a crash can lose.
    """

    def __init__(self, capacity: int) -> None:
        self.id = uuid.uuid4().hex
        self._capacity = capacity
        self._started_at = time.time()
        self._known = False

    def note(self, connection: Connection, totals: tuple[int, int, int]) -> None:
        """Put the running totals (taken, written, dropped) into the transaction."""
        taken, written, dropped = totals
        row: dict[str, Any] = {
            "seen_at": time.time(),
            "closed_at": None,
            "lost_at_most": None,
            "taken": taken,
            "written": written,
            "dropped": dropped,
        }
        # Also when this process never saw it committed: the answer may have been lost on its way.
        changed = connection.execute(update(epochs).where(epochs.c.id == self.id).values(row))
        if changed.rowcount:
            return
        connection.execute(insert(epochs).values(id=self.id, **row, **self._origin()))

    def written(self, connection: Connection) -> int | None:
        """How many records the database says that this process has written."""
        found: int | None = connection.execute(
            select(epochs.c.written).where(epochs.c.id == self.id)
        ).scalar()
        return found

    def committed(self) -> None:
        """The transaction is in the database."""
        self._known = True

    def anew(self) -> None:
        """The database may be another one now."""
        self._known = False

    def close(self, connection: Connection, totals: tuple[int, int, int]) -> None:
        """Say that nothing more will come."""
        if not self._known and not any(totals):
            return
        self.note(connection, totals)
        closed = update(epochs).where(epochs.c.id == self.id).values(closed_at=time.time())
        connection.execute(closed)

    def _origin(self) -> dict[str, Any]:
        identity = settings.identity
        return {
            "host": socket.gethostname(),
            "process": os.getpid(),
            "started_at": self._started_at,
            "capacity": self._capacity,
            "service": plain(identity.service),
            "environment": plain(identity.environment),
            "release": plain(identity.release),
            "versions": versions(),
        }


def versions() -> dict[str, str]:
    """The versions of Python, reliai and the SDKs that this process has loaded."""
    found = {"python": ".".join(map(str, sys.version_info[:3]))}
    for name in ("reliai", *SDKS):
        if _MODULES.get(name, name) in sys.modules:
            try:
                found[name] = version(name)
            except PackageNotFoundError:
                continue
    return found


def report_lost(connection: Connection, url: str) -> list[Loss]:
    """Find processes that ended without closing, say so once, and mark them."""
    open_ones = select(epochs).where(epochs.c.closed_at.is_(None), epochs.c.lost_at_most.is_(None))
    found = []
    for row in connection.execute(open_ones).mappings().all():
        if _alive(row):
            continue
        mark = update(epochs).where(epochs.c.id == row["id"], epochs.c.lost_at_most.is_(None))
        if connection.execute(mark.values(lost_at_most=row["capacity"])).rowcount:
            found.append(_loss({**row, "lost_at_most": row["capacity"]}))
    for loss in found:
        logging.getLogger("reliai").warning(
            "record store %s: process %d on %s ended without closing it; besides %d records "
            "written and %d dropped, at most %d were lost",
            url,
            loss.process,
            loss.host,
            loss.written,
            loss.dropped,
            loss.at_most,
        )
    return found


def losses(connection: Connection) -> list[Loss]:
    """All processes known to have ended without closing, latest first."""
    lost = select(epochs).where(epochs.c.lost_at_most.is_not(None))
    ordered = lost.order_by(epochs.c.seen_at.desc())
    return [_loss(row) for row in connection.execute(ordered).mappings()]


def _loss(row: Any) -> Loss:
    return Loss(
        row["id"],
        row["host"],
        row["process"],
        row["seen_at"],
        row["written"],
        row["dropped"],
        row["lost_at_most"],
    )


def _alive(row: Any) -> bool:
    if row["seen_at"] < time.time() - STALE:
        return False
    return row["host"] != socket.gethostname() or _runs(row["process"])


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True

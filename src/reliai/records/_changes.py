"""Changes of what runs: written when a value is seen that was not seen before.

A function that goes to two models in turn has two of them, and has not changed each time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select

from reliai._core.identity import identity_values
from reliai.records._asked import plain
from reliai.records._epochs import versions
from reliai.records._tables import changes
from reliai.records.counts import Change

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection

    from reliai._core.record import CallRecord

__all__ = ["Changes", "changes_of"]

MOST_KEYS = 10_000
"""Functions and models whose values a process remembers; of more, none is looked at."""
MOST_VALUES = 50
"""Values that are remembered for each."""

_Key = tuple[str, str, str | None, str | None]


class Changes:
    """What this process knows to have been seen, for each function, model and SDK."""

    def __init__(self) -> None:
        self._seen: dict[_Key, list[str]] = {}
        self._new: list[tuple[_Key, str]] = []
        self._told = False
        self._usual: set[tuple[object, ...]] = set()

    def note(self, connection: Connection, records: Iterable[CallRecord], epoch: str) -> None:
        """Write what is new in `records` into the transaction."""
        self._new = []
        usual = self._usual
        for record in records:
            identity = record._identity  # noqa: SLF001  read once for both that it gives
            # Nearly every call is like one before it: that is found out with one look.
            site = record._site.origin or record._site  # noqa: SLF001  not to keep evaluations
            like: tuple[object, ...] = (site, record._ambient.tags.get("prompt"), identity)  # noqa: SLF001
            like = (*like, record.model_requested, record.model_served)
            if like in usual and "prompt" not in record.values:
                continue
            if len(usual) < MOST_KEYS:
                usual.add(like)
            service, environment = plain((identity.service, identity.environment))
            for kind, name, value in map(plain, identity_values(record)):
                key = (kind, name, service, environment)
                seen = self._seen.get(key)
                if seen is None or value not in seen:
                    self._look(connection, key, value, record.started_at, epoch)
        if not self._told:
            self._note_versions(connection, records, epoch)

    def committed(self) -> None:
        """The transaction is in the database."""
        self._new = []

    def undone(self) -> None:
        """The transaction is not, or not surely: what it wrote may have to be written again."""
        for key, _ in self._new:
            self._seen.pop(key, None)
        self._new = []
        self._told = False
        self._usual.clear()

    def _note_versions(
        self, connection: Connection, records: Iterable[CallRecord], epoch: str
    ) -> None:
        for record in records:
            identity = record._identity  # noqa: SLF001  as above
            for name, value in versions().items():
                key = ("version", name, plain(identity.service), plain(identity.environment))
                self._look(connection, key, value, record.started_at, epoch)
            self._told = True
            return

    def _look(self, connection: Connection, key: _Key, value: str, at: float, epoch: str) -> None:
        seen = self._seen.get(key)
        if seen is None:
            if len(self._seen) >= MOST_KEYS:
                return
            seen = self._seen[key] = _known(connection, key)
            self._new.append((key, value))
        if value in seen or len(seen) >= MOST_VALUES:
            return
        kind, name, service, environment = key
        row = {
            "at": at,
            "kind": kind,
            "name": name,
            "before": seen[-1] if seen else None,
            "after": value,
            "service": service,
            "environment": environment,
            "epoch": epoch,
        }
        connection.execute(insert(changes).values(row))
        seen.append(value)
        self._new.append((key, value))


def _known(connection: Connection, key: _Key) -> list[str]:
    """The values seen before, by this process or another, the latest last."""
    before = select(changes.c.after).where(*_matching(key))
    latest = before.order_by(changes.c.seq.desc()).limit(MOST_VALUES - 1)
    return list(connection.execute(latest).scalars())[::-1]


def _matching(key: _Key) -> list[Any]:
    columns = (changes.c.kind, changes.c.name, changes.c.service, changes.c.environment)
    return [
        column.is_(None) if value is None else column == value
        for column, value in zip(columns, key, strict=True)
    ]


def changes_of(connection: Connection, *, since: float | None, limit: int) -> list[Change]:
    """The changes, latest first."""
    fields = [changes.c[name] for name in Change._fields]
    wanted = select(*fields).order_by(changes.c.seq.desc()).limit(limit)
    if since is not None:
        wanted = wanted.where(changes.c.at >= since)
    return [Change(*row) for row in connection.execute(wanted)]

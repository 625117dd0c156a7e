"""A state for many hosts: a PostgreSQL, through psycopg. Each step is one transaction.

Times are the server's. Keys begin with a prefix, so that several applications can share a database.
"""

from __future__ import annotations

import re
import time
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from reliai._core.forking import renew_after_fork
from reliai._core.urls import unquoted, without_password
from reliai._needs import needed
from reliai.errors import ConfigurationError
from reliai.state._postgres_line import Line, Lines
from reliai.state._statements import NOW, SCHEMA, STATEMENTS
from reliai.state.base import (
    PATIENT,
    PROMPT,
    Counted,
    Entry,
    Exchanged,
    StateBusy,
    StateUnavailable,
    Taken,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from reliai.state.base import Count

__all__ = ["PostgresState"]

_SWEEP_EVERY: Final = 1_000
"""Exchanges between two looks for what has expired."""
_SWEPT: Final = ("entries", "counts", "buckets")
_ANSWER: Final = 0.9
"""Of the time that a question has, how much the server may take."""

Rows: TypeAlias = "list[tuple[Any, ...]]"
Step: TypeAlias = "tuple[str, dict[str, str]]"


class PostgresState:
    """A state in a PostgreSQL (12 or newer) that all hosts reach.

    The tables are made when they are not there; their names begin with reliai_state_.

    Args:
        url: `postgresql://user@host:5432/name`, with what else libpq takes, such as `?sslmode=…`.
        prefix: what all keys begin with.

    Raises:
        ConfigurationError: when psycopg is not installed or cannot read the URL.
    """

    shared = True

    def __init__(self, url: str, prefix: str = "reliai") -> None:
        self._url = url
        self._prefix = f"{prefix}:"
        psycopg = needed("psycopg", "postgres", "a PostgreSQL state")
        conninfo = url.encode()
        try:
            _check(psycopg.pq.Conninfo.parse(conninfo))
        except (psycopg.Error, ValueError) as error:
            shown = without_password(url)
            message = f"state={shown!r} is no URL of a PostgreSQL: {unquoted(error)}"
            raise ConfigurationError(message) from None
        self._lines = Lines(partial(Line, psycopg, conninfo), _prepare)
        self._exchanges = 0
        renew_after_fork(self)

    def _renew(self) -> None:
        self._lines.renew()

    def exchange(
        self, counts: Sequence[Count], keys: Sequence[str], *, within: float = PATIENT
    ) -> Exchanged:
        with self._asking(within) as ask:
            added, asked = _added(ask, counts), _asked(ask, counts)
            wanted = ", ".join(f"({n}, {ask.key(key)})" for n, key in enumerate(keys))
            steps: list[Step] = [("add", {"counts": added})] if added else []
            steps.append(("counted", {"asked": asked}) if asked else ("nothing", {}))
            steps.append(("entries", {"asked": wanted}) if wanted else ("nothing", {}))
            counted, entries, now = ask(*steps, ("now", {}))[-3:]
        self._sweep_sometimes()
        found: dict[str, Entry | None] = dict.fromkeys(keys)
        for number, value, version in entries:
            found[keys[int(number)]] = Entry(_bytes(value), int(version))
        buckets = _by_number(counted, len(counts))
        keyed = zip(counts, buckets, strict=True)
        return Exchanged(float(now[0][0]), {count.key: each for count, each in keyed}, found)

    def reserve(
        self, count: Count, caps: tuple[float, ...], *, within: float = PROMPT
    ) -> tuple[bool, Counted]:
        with self._asking(within) as ask:
            limits = ["NULL::float8" if cap == float("inf") else _number(cap) for cap in caps]
            pairs = zip(count.amounts, limits, strict=True)
            amounts = [f"({at}, {_number(a)}, {cap})" for at, (a, cap) in enumerate(pairs)]
            key = ask.key(count.key)
            given = {
                "key": key,
                "bucket": str(count.bucket),
                "width": _number(count.width),
                "keep": str(count.keep),
                "amounts": ", ".join(amounts),
            }
            fits, counted = ask(
                ("lock", {"key": key}),
                ("reserve", given),
                ("counted", {"asked": _asked(ask, [count])}),
            )[-2:]
        return fits[0][0] == b"t", _by_number(counted, 1)[0]

    def take(
        self,
        key: str,
        amount: float,
        rate: float,
        capacity: float,
        *,
        partly: bool = False,
        within: float = PROMPT,
    ) -> Taken:
        return self._taken(key, (amount, rate, capacity), int(partly), within)

    def correct(
        self, key: str, amount: float, rate: float, capacity: float, *, within: float = PATIENT
    ) -> float:
        return self._taken(key, (amount, rate, capacity), 2, within).level

    def _taken(
        self, key: str, numbers: tuple[float, float, float], mode: int, within: float
    ) -> Taken:
        amount, rate, capacity = map(_number, numbers)
        with self._asking(within) as ask:
            given = {"amount": amount, "rate": rate, "capacity": capacity, "mode": str(mode)}
            place = {"key": ask.key(key)}
            found = ask(("lock", place), ("take", {**given, **place}))[-1]
        return Taken(*(float(each) for each in found[0]))

    def get(self, key: str, *, within: float = PROMPT) -> Entry | None:
        with self._asking(within) as ask:
            found = ask(("entries", {"asked": f"(0, {ask.key(key)})"}))[-1]
        return Entry(_bytes(found[0][1]), int(found[0][2])) if found else None

    def put(
        self,
        key: str,
        value: bytes,
        *,
        ttl: float | None = None,
        expected: int | None = None,
        within: float = PROMPT,
    ) -> int | None:
        with self._asking(within) as ask:
            given = {
                "key": ask.key(key),
                "value": f"decode('{value.hex()}', 'hex')",
                "ttl": "NULL::float8" if ttl is None else _number(ttl),
                "expected": "NULL" if expected is None else str(expected),
            }
            found = ask(("replace" if expected else "put", given))[-1]
        return int(found[0][0]) if found else None

    def delete(self, key: str, *, within: float = PROMPT) -> None:
        with self._asking(within) as ask:
            ask(("delete", {"key": ask.key(key)}))

    def lease(self, key: str, owner: str, ttl: float, *, within: float = PROMPT) -> int | None:
        with self._asking(within) as ask:
            given = {"key": ask.key(key), "owner": ask.text(owner), "ttl": _number(ttl)}
            found = ask(("lease", given))[-1]
        return int(found[0][0]) if found else None

    def release(self, key: str, owner: str, *, within: float = PROMPT) -> None:
        with self._asking(within) as ask:
            ask(("release", {"key": ask.key(key), "owner": ask.text(owner)}))

    def close(self) -> None:
        self._lines.close()

    @contextmanager
    def _asking(self, within: float) -> Iterator[_Asker]:
        """A connection to ask; it is used again when all went well."""
        until = time.monotonic() + within
        try:
            line = self._lines.take(until)
            try:
                yield _Asker(line, self._prefix, until)
            except StateBusy:
                self._lines.give_back(line)
                raise
            except BaseException:
                self._lines.drop(line)
                raise
            self._lines.give_back(line)
        except StateUnavailable as error:
            message = f"{without_password(self._url)}: {error}"
            raise type(error)(message) from error

    def _sweep_sometimes(self) -> None:
        self._exchanges += 1
        if self._exchanges % _SWEEP_EVERY:
            return
        with suppress(StateUnavailable), self._asking(PATIENT) as ask:
            ask(*(("sweep", {"table": f"reliai_state_{each}"}) for each in _SWEPT))


class _Asker:
    """Asks over one connection until a moment."""

    def __init__(self, line: Line, prefix: str, until: float) -> None:
        self.text = line.literal
        self._line = line
        self._prefix = prefix
        self._until = until

    def key(self, key: str) -> str:
        """A key as SQL has it."""
        return self.text(self._prefix + key)

    def __call__(self, *steps: Step) -> list[Rows]:
        """The rows of each step; all of them are one transaction."""
        left = (self._until - time.monotonic()) * 1000 * _ANSWER
        limits = ("limits", {"milliseconds": str(max(1, int(left)))})
        texts = [STATEMENTS[name].format(now=NOW, **given) for name, given in (limits, *steps)]
        return self._line.ask(";".join(texts), self._until)


def _check(options: Sequence[Any]) -> None:
    """See that ports are numbers: a "/" in a password would make it one, and be told later.

    Raises:
        ValueError: when one is none.
    """
    for each in options:
        ports = (each.val or b"").decode() if each.keyword == b"port" else ""
        if not re.fullmatch(r"[0-9,]*", ports):
            raise ValueError("the port is no number; write / as %2F, @ as %40 and : as %3A")


def _prepare(line: Line, until: float) -> None:
    """See that the tables are there; whoever may not make any needs them made."""
    if line.ask(STATEMENTS["prepared"], until)[0][0][0] != b"t":
        line.ask(SCHEMA, until)


def _added(ask: _Asker, counts: Sequence[Count]) -> str:
    """What is added, as rows."""
    return ", ".join(
        f"({ask.key(each.key)}, {each.bucket}, {_number(each.width)}, {each.keep}, {at}, "
        f"{_number(amount)})"
        for each in counts
        for at, amount in enumerate(each.amounts)
    )


def _asked(ask: _Asker, counts: Sequence[Count]) -> str:
    """Which windows are asked for, as rows."""
    return ", ".join(
        f"({number}, {ask.key(each.key)}, {_number(each.width)}, {each.keep})"
        for number, each in enumerate(counts)
    )


def _by_number(rows: Rows, count: int) -> list[dict[int, tuple[float, ...]]]:
    """The buckets of each window that was asked for."""
    found: list[dict[int, list[float]]] = [{} for _ in range(count)]
    for number, bucket, amount in rows:
        found[int(number)].setdefault(int(bucket), []).append(float(amount))
    return [{at: tuple(amounts) for at, amounts in each.items()} for each in found]


def _number(value: float) -> str:
    return f"'{float(value)!r}'::float8"  # quoted, as infinity and what is below 0 need it


def _bytes(value: bytes) -> bytes:
    return bytes.fromhex(value[2:].decode())

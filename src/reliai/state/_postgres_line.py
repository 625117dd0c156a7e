"""Connections to a PostgreSQL whose every step has a time, and the few that a process keeps.

Through libpq itself, as psycopg offers it: a server that hangs, or a network that swallows packets,
must not hold up a call for longer than it may wait.
"""

from __future__ import annotations

import selectors
import time
from threading import Condition, Lock
from typing import TYPE_CHECKING, Any, Final

from reliai.state.base import PATIENT, StateBusy, StateUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from psycopg.pq.abc import PGconn, PGresult

__all__ = ["Line", "Lines"]

_MOST: Final = 4
"""Connections of a process; who needs more waits."""
_SOON: Final = 0.01
"""Seconds to wait for a connection that is in use before another is made, which takes longer."""
_BUSY: Final = frozenset({b"55P03", b"57014", b"40001", b"40P01"})
"""A lock or an answer that took too long, or a deadlock: nothing was done."""
_SQLSTATE: Final = 67  # of libpq's PG_DIAG_SQLSTATE


class Line:
    """One connection, opened step by step as time allows.

    Args:
        psycopg: the module.
        conninfo: where to, as libpq takes it.
    """

    def __init__(self, psycopg: Any, conninfo: bytes) -> None:
        self._libpq, self._error = psycopg.pq, psycopg.Error
        self.began = time.monotonic()
        self.made = False
        self._connection: PGconn = psycopg.pq.PGconn.connect_start(conninfo)
        self._connection.notice_handler = _ignore

    def open(self, until: float) -> None:
        """Go on connecting.

        Raises:
            StateUnavailable: when the time is over, or it cannot be reached.
        """
        polling, connection = self._libpq.PollingStatus, self._connection
        while self.connecting:
            step = connection.connect_poll()
            if step == polling.OK:
                connection.nonblocking = 1
                self.made = True
                return
            if step == polling.FAILED:
                break
            wants = selectors.EVENT_READ if step == polling.READING else selectors.EVENT_WRITE
            self._wait(wants, until)
        raise StateUnavailable(self._told())

    @property
    def connecting(self) -> bool:
        """Whether it may still come about."""
        return bool(self._connection.status != self._libpq.ConnStatus.BAD)

    @property
    def alive(self) -> bool:
        """Whether the server has not hung up meanwhile."""
        try:
            self._connection.consume_input()
        except self._error:
            return False
        return bool(self._connection.status == self._libpq.ConnStatus.OK)

    def literal(self, text: str) -> str:
        """A text as SQL has it; all that is not ASCII is escaped, so any database takes it."""
        plain = text.encode("unicode_escape")
        return self._libpq.Escaping(self._connection).escape_literal(plain).decode()  # type: ignore[no-any-return]

    def ask(self, statements: str, until: float) -> list[list[tuple[bytes | None, ...]]]:
        """Run statements as one transaction, in one round trip; the rows of each.

        Raises:
            StateBusy: when the server gave it up for want of time, or others were in the way.
            StateUnavailable: when it does not answer in time, or refuses.
        """
        connection = self._connection
        try:
            connection.send_query(statements.encode())
            while connection.flush():
                self._wait(selectors.EVENT_READ | selectors.EVENT_WRITE, until)
                connection.consume_input()
            return self._answers(until)
        except self._error as error:
            raise StateUnavailable(self._told()) from error

    def _answers(self, until: float) -> list[list[tuple[bytes | None, ...]]]:
        connection, statuses = self._connection, self._libpq.ExecStatus
        answers: list[list[tuple[bytes | None, ...]]] = []
        failed: PGresult | None = None
        while True:
            while connection.is_busy():
                self._wait(selectors.EVENT_READ, until)
                connection.consume_input()
            result = connection.get_result()
            if result is None:
                break
            if result.status in {statuses.TUPLES_OK, statuses.COMMAND_OK}:
                answers.append(_rows(result))
            else:
                failed = result
        if failed is not None:
            self._fail(failed)
        return answers

    def _fail(self, result: PGresult) -> None:
        message = _first_line(result.error_message)
        if result.error_field(_SQLSTATE) in _BUSY:
            raise StateBusy(message)
        raise StateUnavailable(message)

    def _wait(self, events: int, until: float) -> None:
        left = until - time.monotonic()
        with selectors.DefaultSelector() as selector:
            selector.register(self._connection.socket, events)
            if left <= 0 or not selector.select(left):
                message = "no answer in time"
                raise StateUnavailable(message)

    def _told(self) -> str:
        return _first_line(self._connection.error_message) or "it cannot be reached"

    def close(self) -> None:
        """Hang up."""
        self._connection.finish()


class Lines:
    """The connections that a process keeps, each used by one thread at a time.

    Args:
        made: begins a new one.
        prepare: is given each new one, to see that the tables are there.
    """

    def __init__(self, made: Callable[[], Line], prepare: Callable[[Line, float], None]) -> None:
        self._made = made
        self._prepare = prepare
        self._inherited: list[list[Line]] = []
        self._idle: list[Line] = []
        self._opening: list[Line] = []
        self.renew()

    def renew(self) -> None:
        """In a forked child: the connections are the parent's, to use and to close."""
        self._inherited += [self._idle, self._opening]
        self._idle, self._opening = [], []
        self._used = 0
        self._change = Condition(Lock())

    def take(self, until: float) -> Line:
        """A connection, to be given back or dropped.

        Raises:
            StateBusy: when all are in use for too long, or a new one is not there yet.
            StateUnavailable: when none can be made.
        """
        line = self._free(until)
        try:
            if line is not None and line.made and not line.alive:
                line.close()
                line = None
            return self._usable(line or self._made(), until)
        except BaseException:
            self._leave()
            raise

    def give_back(self, line: Line) -> None:
        """It may be used again."""
        self._leave(line)

    def drop(self, line: Line) -> None:
        """It failed, and the idle ones may be as broken."""
        line.close()
        self._leave()
        self.close()

    def close(self) -> None:
        """Hang up; those in use go on."""
        with self._change:
            lines = [*self._idle, *self._opening]
            self._idle.clear()
            self._opening.clear()
        for line in lines:
            line.close()

    def _free(self, until: float) -> Line | None:
        """One that nobody uses; None where a new one is to be made."""
        soon = min(until, time.monotonic() + _SOON)
        with self._change:
            while True:
                if self._idle or self._opening:
                    self._used += 1
                    return (self._idle or self._opening).pop()
                now = time.monotonic()
                if not self._used or (now >= soon and self._used < _MOST):
                    self._used += 1
                    return None
                if now >= until:
                    message = "all connections were in use"
                    raise StateBusy(message)
                self._change.wait((soon if now < soon else until) - now)

    def _leave(self, line: Line | None = None) -> None:
        with self._change:
            self._used -= 1
            if line is not None:
                self._idle.append(line)
            self._change.notify()

    def _usable(self, line: Line, until: float) -> Line:
        if line.made:
            return line
        try:
            line.open(until)
            self._prepare(line, until)
        except StateUnavailable as error:
            young = time.monotonic() - line.began < PATIENT
            if line.made or not line.connecting or not young:
                line.close()
                raise
            with self._change:  # whoever comes next goes on with it
                self._opening.append(line)
            message = "the connection is not there yet"
            raise StateBusy(message) from error
        return line


def _rows(result: PGresult) -> list[tuple[bytes | None, ...]]:
    columns = range(result.nfields)
    return [tuple(result.get_value(row, at) for at in columns) for row in range(result.ntuples)]


def _first_line(message: bytes) -> str:
    return message.decode("utf-8", "replace").strip().partition("\n")[0]


def _ignore(_: object) -> None:
    """What a server notes in passing is for nobody's screen."""

"""The two databases: how each is opened, locked and written to in bulk."""

from __future__ import annotations

import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    JSON,
    URL,
    BigInteger,
    Boolean,
    Double,
    Integer,
    String,
    create_engine,
    event,
    insert,
    make_url,
    text,
)
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import QueuePool

from reliai._core.urls import without_password
from reliai._needs import needed
from reliai.errors import ConfigurationError
from reliai.records._rows import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Column, Connection, Engine, Table

    from reliai.records._rows import Rows

__all__ = ["Database", "Postgres", "Sqlite", "database_of"]

_inherited: list[Engine | None] = []
"""Engines of a forked child's parent: neither used nor closed, their connections are its."""

_SCHEMA_LOCK = 0x72656C69
"""The advisory lock that a process holds in PostgreSQL while it makes or migrates the tables."""

_FEEDBACK_LOCK = _SCHEMA_LOCK + 1
"""The advisory lock that a process holds in PostgreSQL while it writes feedback."""

_LIMITS = "54"
"""The class of PostgreSQL's errors that say that something exceeds a limit of the program."""


class Database:
    """What the store needs of a database.

    Attributes:
        url: where it is; its password is never shown.
        closes_for_forks: whether a child must find no connection open.
        takes_nul: whether NUL can be in a text.
    """

    closes_for_forks = False
    takes_nul = True

    def __init__(self, url: URL) -> None:
        self.url = url
        self._open_engine: Engine | None = self._engine()
        self._driver: Any = self._open_engine.dialect.dbapi

    @property
    def engine(self) -> Engine:
        """SQLAlchemy's engine."""
        if self._open_engine is None:
            self._open_engine = self._engine()
        return self._open_engine

    def _engine(self) -> Engine:
        raise NotImplementedError

    def close(self) -> None:
        """Close the connections that nobody uses; new ones are made when they are needed."""
        if self._open_engine is not None:
            self._open_engine.dispose()

    def leave(self, *, clean: bool) -> None:
        """In a forked child: let the parent's connections be, and begin anew.

        Args:
            clean: whether the parent had closed what must be closed.
        """
        # An engine is made when it is needed: of the locks that are held here nobody knows all.
        _inherited.append(self._open_engine)
        self._open_engine = None

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that sees one state of the database."""
        with self.engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that writes; all of it or nothing."""
        with self.engine.begin() as connection:
            yield connection

    def lock_schema(self, connection: Connection) -> None:
        """Keep other processes from changing the tables until the transaction ends."""

    def lock_feedback(self, connection: Connection) -> None:
        """Let no other process write feedback until the transaction ends."""

    def insert(self, connection: Connection, rows: Rows) -> None:
        """Add rows, in the order of `COLUMNS`; it is an error when one is there already."""
        raise NotImplementedError

    def settled(self, connection: Connection) -> bool:
        """Wait a moment for those who are writing calls now, and say whether they have all ended.

        Then no call appears any more whose `seq` is below one that was seen before.
        """
        return True

    def intact(self) -> bool:
        """Whether what is connected to is still what the URL names."""
        return True

    def busy(self, error: BaseException) -> bool:
        """Whether others are writing, and it may go on in a moment."""
        return False

    def forgotten(self) -> None:
        """Have what was deleted be gone from the files too, as far as the database can."""

    def transient(self, error: BaseException) -> bool:
        """Whether the same may succeed later: the database was away, busy or full."""
        module = self._driver
        cause = getattr(error, "orig", None) or error
        if isinstance(error, SQLAlchemyError) and cause is error:
            return not isinstance(error, ArgumentError)
        lasting = (module.DataError, module.IntegrityError, module.ProgrammingError)
        return isinstance(cause, (module.Error, OSError)) and not isinstance(cause, lasting)


BUSY = 1.0
"""Seconds that SQLite waits for another's lock, and a fork of this process for SQLite."""

_PRAGMAS = (
    "journal_mode = WAL",
    "synchronous = NORMAL",  # a crash of the process loses nothing; one of the machine the last
    "secure_delete = ON",  # what is forgotten is overwritten
    "wal_autocheckpoint = 4000",
)


class Sqlite(Database):
    """A file that all processes of a host write to in turn."""

    closes_for_forks = True

    def __init__(self, url: URL) -> None:
        self.path = Path(url.database or "")
        self._unclean = False
        self._file: tuple[int, int] | None = None
        self._inserts: dict[Table, str] = {}
        super().__init__(url)

    def _engine(self) -> Engine:
        engine = create_engine(
            self.url,
            poolclass=QueuePool,
            pool_size=2,
            max_overflow=8,
            connect_args={"timeout": BUSY, "check_same_thread": False},
        )
        event.listen(engine, "do_connect", self._connecting)
        event.listen(engine, "connect", self._connected)
        event.listen(engine, "begin", _begin)
        return engine

    def leave(self, *, clean: bool) -> None:
        super().leave(clean=clean)
        self._unclean = self._unclean or not clean

    def _connecting(self, *_: Any) -> None:
        if self._unclean:
            message = "this process was forked while its parent had the file open"
            raise self._driver.OperationalError(message)

    def _connected(self, connection: Any, _: Any) -> None:
        connection.isolation_level = None  # the driver's own idea of transactions knows no DDL
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
        self._file = self._identity()

    def _identity(self) -> tuple[int, int] | None:
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def intact(self) -> bool:
        return self._file is None or self._file == self._identity()

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.engine.connect() as connection:
            connection.execution_options(reliai_writes=True)
            with connection.begin():
                yield connection

    def insert(self, connection: Connection, rows: Rows) -> None:
        for table, several in rows.items():
            connection.exec_driver_sql(self._insert(table), several)

    def _insert(self, table: Table) -> str:
        known = self._inserts.get(table)
        if known is None:
            compiled = insert(table).compile(self.engine, column_keys=list(COLUMNS[table]))
            known = self._inserts[table] = str(compiled)
        return known

    def busy(self, error: BaseException) -> bool:
        cause = getattr(error, "orig", None) or error
        return getattr(cause, "sqlite_errorcode", 0) & 0xFF == _BUSY

    def forgotten(self) -> None:
        with self.engine.connect() as connection:
            raw: Any = connection.connection.driver_connection
            blocked, *_ = raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if blocked:  # by somebody who still reads what was there before
            error = self._driver.OperationalError("deleted, but still in the log that others read")
            error.sqlite_errorcode = _BUSY
            raise error


_BUSY = 5  # SQLITE_BUSY; its variants say more in higher bits


def _begin(connection: Connection) -> None:
    # One that writes says so at once: SQLite refuses one that finds out later, without waiting.
    writes = connection.get_execution_options().get("reliai_writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


class Postgres(Database):
    """A server, reached through psycopg."""

    takes_nul = False

    def _engine(self) -> Engine:
        return create_engine(
            self.url,
            poolclass=QueuePool,
            pool_size=2,
            max_overflow=8,
            pool_pre_ping=True,
            connect_args={
                "connect_timeout": 5,
                "keepalives_idle": 10,
                "tcp_user_timeout": 10_000,
                "application_name": "reliai",
                "options": "-c statement_timeout=60000 -c timezone=UTC",
            },
        )

    def transient(self, error: BaseException) -> bool:
        # A text too long for an index is too long for ever, though the driver calls it operational.
        state = getattr(getattr(error, "orig", None) or error, "sqlstate", None) or ""
        return not state.startswith(_LIMITS) and super().transient(error)

    def lock_schema(self, connection: Connection) -> None:
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_SCHEMA_LOCK})"))
        # An index over many calls takes as long as it takes, in this transaction only.
        connection.execute(text("SET LOCAL statement_timeout = 0"))

    def lock_feedback(self, connection: Connection) -> None:
        # Two that each found themselves the last to speak would both be current.
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_FEEDBACK_LOCK})"))

    def settled(self, connection: Connection) -> bool:
        # A writer locks the table before it takes numbers, and until others see what it wrote.
        # Transaction ids would not do: COPY takes numbers first, and an id when it needs one.
        until = time.monotonic() + SETTLING
        before = _writers(connection)
        while before and time.monotonic() < until:
            time.sleep(0.005)
            before &= _writers(connection)  # who began meanwhile takes higher numbers
        return not before

    def insert(self, connection: Connection, rows: Rows) -> None:
        # COPY is three times as fast as INSERT; in binary, a third faster again.
        driver: Any = connection.connection.driver_connection
        with driver.cursor() as cursor:
            for table, several in rows.items():
                names = ", ".join(f'"{name}"' for name in COLUMNS[table])
                statement = f'COPY "{table.name}" ({names}) FROM STDIN (FORMAT BINARY)'
                with cursor.copy(statement) as copy:
                    copy.set_types([_binary(table.c[name]) for name in COLUMNS[table]])
                    for row in several:
                        copy.write_row(row)


SETTLING = 1.0
"""Seconds that a reader waits for those who are writing to PostgreSQL; batches take less."""

_WRITERS = text(
    "SELECT virtualtransaction FROM pg_locks WHERE locktype = 'relation' AND granted"
    " AND mode = 'RowExclusiveLock' AND relation = CAST('calls' AS regclass)"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


def _writers(connection: Connection) -> set[str]:
    """The transactions that may have written calls and have not ended."""
    found = set(connection.execute(_WRITERS).scalars())
    connection.rollback()  # what is read next is read as it is then
    return found


_BINARY = (
    (Boolean, "bool"),
    (BigInteger, "int8"),
    (Integer, "int4"),
    (Double, "float8"),
    (JSON, "text"),  # it is written out already, and looks the same
    (String, "text"),
)


def _binary(column: Column[Any]) -> str:
    return next(name for kind, name in _BINARY if isinstance(column.type, kind))


_KINDS: dict[str, type[Database]] = {"sqlite": Sqlite, "postgresql": Postgres}


def database_of(given: str) -> Database:
    """The database that a URL names.

    Raises:
        ConfigurationError: for a URL that is none, or of a database that is not known here.
    """
    try:
        url = make_url(given)
    except (ArgumentError, ValueError):
        message = (
            f"RecordStore: {without_password(given)!r} is no URL of a database; give one such as "
            "'sqlite:///reliai.db' or 'postgresql+psycopg://user@host/name'"
        )
        raise ConfigurationError(message) from None
    kind = url.get_backend_name()
    if kind not in _KINDS:
        message = f"RecordStore: {kind!r} is not supported; use sqlite or postgresql"
        raise ConfigurationError(message)
    if kind == "postgresql":
        needed("psycopg", "postgres")
        url = url.set(drivername="postgresql+psycopg")
    elif not url.database or url.database == ":memory:":
        message = "RecordStore: SQLite needs a file, as in 'sqlite:///reliai.db'"
        raise ConfigurationError(message)
    try:
        return _KINDS[kind](url)
    except NoSuchModuleError as error:
        raise ConfigurationError(f"RecordStore: {error}") from error

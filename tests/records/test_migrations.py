"""The schema: made by migrations, brought up to date with what is in it, refused when newer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

import reliai
from reliai.records import RecordStore
from reliai.records import _schema as schema
from reliai.records._databases import database_of
from reliai.records._tables import metadata

if TYPE_CHECKING:
    from collections.abc import Callable


def test_the_tables_that_migrations_make_are_those_the_store_knows(store: RecordStore) -> None:
    with store._reading() as connection:
        settings: dict[str, Any] = {"version_table": schema.VERSION_TABLE, "compare_type": True}
        context = MigrationContext.configure(connection, opts=settings)
        assert compare_metadata(context, metadata) == []


def test_the_indexes_that_migrations_make_are_those_the_store_knows(store: RecordStore) -> None:
    with store._reading() as connection:
        inspector = inspect(connection)
        for table in metadata.tables.values():
            made = {
                index["name"]
                for index in inspector.get_indexes(table.name)
                if "duplicates_constraint" not in index
            }
            assert made == {index.name for index in table.indexes}


def test_the_newest_migration_is_the_head() -> None:
    scripts = ScriptDirectory(str(schema._MIGRATIONS))
    assert scripts.get_current_head() == schema.HEAD
    assert len(list(scripts.walk_revisions())) == int(schema.HEAD)


def test_a_store_of_the_first_version_keeps_what_is_in_it(
    url: str, opened: Callable[..., RecordStore]
) -> None:
    database = database_of(url)
    with database.writing() as connection:
        schema._migrate(connection, "0001")
    with database.writing() as connection:
        connection.execute(
            text(
                "INSERT INTO calls (id, epoch, name, started_at, status, subject, tags) "
                """VALUES ('aa01', 'e', 'answer', 17.5, 'error', 'u1', '{"team": "support"}')"""
            )
        )
        connection.execute(
            text(
                "INSERT INTO attempts (call_id, number, target, status, error_kind, error_type) "
                "VALUES ('aa01', 1, 'answer', 'error', 'connection', 'ConnectionError')"
            )
        )
        connection.execute(
            text("""INSERT INTO contents (call_id, inputs) VALUES ('aa01', '{"prompt": "hi"}')""")
        )
    database.close()
    store = opened()
    (call,) = store.calls(subject="u1", where={"tag:team": "support", "input:prompt": "hi"})
    assert (call.id, call.started_at, call.status) == ("aa01", 17.5, "error")
    assert call.attempts[0].error == ("connection", "ConnectionError", "")
    assert call.inputs == {"prompt": "hi"}
    with store._reading() as connection:
        assert schema.version_of(connection) == schema.HEAD


def test_each_migration_can_be_made_by_itself(url: str) -> None:
    database = database_of(url)
    for number in range(1, int(schema.HEAD) + 1):
        with database.writing() as connection:
            schema._migrate(connection, f"{number:04}")
        with database.reading() as connection:
            assert schema.version_of(connection) == f"{number:04}"
    database.close()


def test_a_newer_schema_is_refused_with_what_to_do(url: str) -> None:
    store = RecordStore(url)
    with store._database.writing() as connection:
        connection.execute(text("UPDATE reliai_schema SET version_num = '9999'"))
    store.close()
    with pytest.raises(reliai.ConfigurationError, match=r"schema 9999.*upgrade reliai"):
        RecordStore(url)

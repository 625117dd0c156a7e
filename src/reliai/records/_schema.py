"""The schema's version: checked when a store is opened, brought up to date where it is older."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import inspect, text

from reliai._needs import needed
from reliai.errors import ConfigurationError

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["HEAD", "VERSION_TABLE", "bring_up_to_date", "version_of"]

HEAD = "0009"
"""The newest migration; `tests/records` holds it to the folder of migrations."""

VERSION_TABLE = "reliai_schema"

_MIGRATIONS = Path(__file__).parent / "_migrations"


def version_of(connection: Connection) -> str | None:
    """The version of the schema in a database; None where there is none."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    found = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}"))  # noqa: S608  our own name
    version: str | None = found.scalar()
    return version


def bring_up_to_date(connection: Connection) -> None:
    """Make the tables, or migrate those of an older version; nothing to do costs one query.

    The connection must hold a lock that keeps other processes from doing the same.

    Raises:
        ConfigurationError: when the schema is newer than this reliai.
    """
    version = version_of(connection)
    if version == HEAD:
        return
    if version is not None and version > HEAD:
        message = (
            f"the record store has schema {version}, this reliai knows {HEAD} at most; "
            "upgrade reliai, or give the store another database"
        )
        raise ConfigurationError(message)
    _migrate(connection)


def _migrate(connection: Connection, to: str = "head") -> None:
    command = needed("alembic.command", "records")
    config = needed("alembic.config", "records").Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    logging.getLogger("alembic").setLevel(logging.WARNING)
    command.upgrade(config, to)

"""What Alembic runs: the migrations, on the connection that the store gives."""

from __future__ import annotations

from alembic import context

from reliai.records._schema import VERSION_TABLE
from reliai.records._tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    transactional_ddl=True,
    render_as_batch=True,
)
context.run_migrations()

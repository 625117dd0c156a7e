"""Pairs of calls in review queues: the other call of an item, or nothing."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

__all__: list[str] = []

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add the column; an item is known by both calls."""
    op.add_column("review_items", sa.Column("other", sa.Text(), nullable=False, server_default=""))
    op.drop_index("review_items_call", table_name="review_items")
    op.create_index("review_items_call", "review_items", ["queue", "call_id", "other"], unique=True)
    op.create_index(
        "review_items_other",
        "review_items",
        ["other"],
        sqlite_where=sa.text("other <> ''"),
        postgresql_where=sa.text("other <> ''"),
    )

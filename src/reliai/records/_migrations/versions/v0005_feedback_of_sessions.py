"""Feedback on conversations, preferences between two calls, and when it arrived."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

__all__: list[str] = []

revision = "0005"
down_revision = "0004"

_KEPT = ("key", "call_id", "name", "value", "by", "at", "comment", "kind", "current")


def upgrade() -> None:
    """Make the table anew, since SQLite cannot let a column be empty afterwards; keep its rows."""
    op.drop_index("feedback_call_id", "feedback")
    op.rename_table("feedback", "feedback_before")
    op.create_table(
        "feedback",
        sa.Column(
            "seq",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("call_id", sa.Text(), nullable=True),
        sa.Column("session", sa.Text(), nullable=True),
        sa.Column("other", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.JSON(), nullable=True),
        sa.Column("by", sa.Text(), nullable=True),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("received_at", sa.Double(), nullable=False),
        sa.Column("current", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        sqlite_autoincrement=True,
    )
    names = ", ".join(f'"{name}"' for name in _KEPT)
    op.execute(
        f'INSERT INTO feedback ({names}, "received_at") SELECT {names}, "at" '  # noqa: S608  our own names
        'FROM feedback_before ORDER BY "seq"'
    )
    op.drop_table("feedback_before")
    op.create_index("feedback_key", "feedback", ["key"], unique=True)
    op.create_index("feedback_received_at", "feedback", ["received_at"])
    for name in ("call_id", "session", "other", "by"):
        there = sa.text(f'"{name}" IS NOT NULL')
        op.create_index(
            f"feedback_{name}", "feedback", [name], sqlite_where=there, postgresql_where=there
        )

"""Indexes for the calls of a function, of a conversation and of an agent's run."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

__all__: list[str] = []

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the indexes; most calls have no conversation and no run, and cost nothing there."""
    op.create_index("calls_name_started_at", "calls", ["name", "started_at"])
    for name in ("session", "run_id"):
        there = sa.text(f"{name} IS NOT NULL")
        op.create_index(
            f"calls_{name}", "calls", [name], sqlite_where=there, postgresql_where=there
        )

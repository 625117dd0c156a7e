"""How long content was that was cut."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

__all__: list[str] = []

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the columns."""
    for name in ("inputs_bytes", "output_bytes"):
        op.add_column("contents", sa.Column(name, sa.BigInteger(), nullable=True))

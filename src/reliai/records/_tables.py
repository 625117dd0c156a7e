"""The tables, as SQLAlchemy knows them. What changes here needs a migration beside it.

Children carry the id of their call and no foreign key: rows come in batches, and are deleted by us.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Double,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    text,
)

__all__ = [
    "CHILDREN",
    "attempts",
    "calls",
    "changes",
    "checks",
    "contents",
    "epochs",
    "events",
    "export_calls",
    "exports",
    "feedback",
    "metadata",
    "review_items",
    "review_queues",
    "review_slots",
    "values",
]

metadata = MetaData()

_COUNTER = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts in INTEGER keys only

calls = Table(
    "calls",
    metadata,
    Column("seq", _COUNTER, primary_key=True, autoincrement=True),
    Column("id", Text, nullable=False),
    Column("epoch", String(32), nullable=False),
    Column("name", Text, nullable=False),
    Column("started_at", Double, nullable=False),
    Column("duration", Double),
    Column("status", Text),
    Column("error_kind", Text),
    Column("error_type", Text),
    Column("error_message", Text),
    Column("target", Text),
    Column("variant", Text),
    Column("model_requested", Text),
    Column("model_served", Text),
    Column("provider", Text),
    Column("finish_reason", Text),
    Column("input_tokens", BigInteger),
    Column("output_tokens", BigInteger),
    Column("usage_state", Text),
    Column("cost_usd", Double),
    Column("wasted_usd", Double),
    Column("time_to_first_chunk", Double),
    Column("chunks", BigInteger),
    Column("subject", Text),
    Column("session", Text),
    Column("tenant", Text),
    Column("run_id", Text),
    Column("tags", JSON),
    Column("parent_id", Text),
    Column("trace_id", Text),
    Column("span_id", Text),
    Column("fingerprint", Text),
    Column("service", Text),
    Column("release", Text),
    Column("environment", Text),
    Index("calls_id", "id", unique=True),
    Index("calls_started_at", "started_at"),
    Index("calls_subject", "subject"),
    Index("calls_name_started_at", "name", "started_at"),
    *(
        Index(f"calls_{name}", name, sqlite_where=there, postgresql_where=there)
        for name, there in (
            ("session", text("session IS NOT NULL")),
            ("run_id", text("run_id IS NOT NULL")),
        )
    ),
    sqlite_autoincrement=True,
)

attempts = Table(
    "attempts",
    metadata,
    Column("call_id", Text, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("target", Text),
    Column("started_at", Double),
    Column("duration", Double),
    Column("status", Text),
    Column("error_kind", Text),
    Column("error_type", Text),
    Column("error_message", Text),
    Column("model", Text),
    Column("input_tokens", BigInteger),
    Column("output_tokens", BigInteger),
    Column("wait", Double),
    Column("usage_state", Text),
    Column("cost_usd", Double),
    Column("finish_reason", Text),
    sqlite_with_rowid=False,
)

events = Table(
    "events",
    metadata,
    Column("call_id", Text, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("kind", Text, nullable=False),
    Column("at", Double),
    Column("attributes", JSON),
    sqlite_with_rowid=False,
)

checks = Table(
    "checks",
    metadata,
    Column("call_id", Text, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False),
    Column("passed", Boolean, nullable=False),
    Column("reason", Text),
    sqlite_with_rowid=False,
)

values = Table(
    "values",
    metadata,
    Column("call_id", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("number", Double),
    Column("value", JSON),
    sqlite_with_rowid=False,
)

contents = Table(
    "contents",
    metadata,
    Column("call_id", Text, primary_key=True),
    Column("inputs", JSON),
    Column("output", JSON),
    Column("inputs_bytes", BigInteger),
    Column("output_bytes", BigInteger),
    sqlite_with_rowid=False,
)

feedback = Table(
    "feedback",
    metadata,
    Column("seq", _COUNTER, primary_key=True, autoincrement=True),
    Column("key", Text, nullable=False),
    Column("call_id", Text),
    Column("session", Text),
    Column("other", Text),
    Column("name", Text, nullable=False),
    Column("value", JSON),
    Column("by", Text),
    Column("at", Double, nullable=False),
    Column("comment", Text),
    Column("kind", Text, nullable=False),
    Column("received_at", Double, nullable=False),
    Column("current", Boolean, nullable=False),
    Index("feedback_key", "key", unique=True),
    Index("feedback_received_at", "received_at"),
    *(
        Index(
            f"feedback_{name}",
            name,
            sqlite_where=text(f'"{name}" IS NOT NULL'),
            postgresql_where=text(f'"{name}" IS NOT NULL'),
        )
        for name in ("call_id", "session", "other", "by")
    ),
    sqlite_autoincrement=True,
)

review_items = Table(
    "review_items",
    metadata,
    Column("seq", _COUNTER, primary_key=True, autoincrement=True),
    Column("queue", Text, nullable=False),
    Column("call_id", Text, nullable=False),
    Column("rule", Text),
    Column("priority", Integer, nullable=False),
    Column("inclusion_probability", Double),
    Column("added_at", Double, nullable=False),
    Column("done", Boolean, nullable=False),
    Column("other", Text, nullable=False, server_default=""),
    Index("review_items_call", "queue", "call_id", "other", unique=True),
    Index("review_items_call_id", "call_id"),
    Index(
        "review_items_other",
        "other",
        sqlite_where=text("other <> ''"),
        postgresql_where=text("other <> ''"),
    ),
    Index("review_items_next", "queue", "done", "priority", "seq"),
    sqlite_autoincrement=True,
)

review_slots = Table(
    "review_slots",
    metadata,
    Column("item", _COUNTER, primary_key=True, autoincrement=False),
    Column("reviewer", Text, primary_key=True),
    Column("lease", Text, nullable=False),
    Column("leased_until", Double, nullable=False),
    Column("submitted_at", Double),
    Index("review_slots_lease", "lease", unique=True),
)

review_queues = Table(
    "review_queues",
    metadata,
    Column("name", Text, primary_key=True),
    Column("settings", JSON, nullable=False),
)

exports = Table(
    "exports",
    metadata,
    Column("id", Text, primary_key=True),
    Column("path", Text, nullable=False),
    Column("format", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("made_at", Double, nullable=False),
    Column("calls", BigInteger, nullable=False),
    Column("forgotten", BigInteger, nullable=False),
)

export_calls = Table(
    "export_calls",
    metadata,
    Column("export", Text, primary_key=True),
    Column("call_id", Text, primary_key=True),
    Index("export_calls_call_id", "call_id"),
)

changes = Table(
    "changes",
    metadata,
    Column("seq", _COUNTER, primary_key=True, autoincrement=True),
    Column("at", Double, nullable=False),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("before", Text),
    Column("after", Text, nullable=False),
    Column("service", Text),
    Column("environment", Text),
    Column("epoch", String(32), nullable=False),
    Index("changes_kind_name", "kind", "name"),
    sqlite_autoincrement=True,
)

epochs = Table(
    "epochs",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("host", Text, nullable=False),
    Column("process", BigInteger, nullable=False),
    Column("started_at", Double, nullable=False),
    Column("seen_at", Double, nullable=False),
    Column("closed_at", Double),
    Column("taken", BigInteger, nullable=False),
    Column("written", BigInteger, nullable=False),
    Column("dropped", BigInteger, nullable=False),
    Column("capacity", BigInteger, nullable=False),
    Column("lost_at_most", BigInteger),
    Column("service", Text),
    Column("environment", Text),
    Column("release", Text),
    Column("versions", JSON),
)

CHILDREN = (attempts, events, checks, values, contents, feedback)
"""What goes with a call when it is deleted."""

"""Durable call records in SQLite or PostgreSQL. Floor 4.

Each name is loaded when it is first used: SQLAlchemy comes with the extra `records`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reliai.records.counts import Change, Counts, Loss
    from reliai.records.store import RecordStore
    from reliai.records.stored import Feedback, StoredCall

__all__ = ["Change", "Counts", "Feedback", "Loss", "RecordStore", "StoredCall"]

_MODULES = {
    "Change": "counts",
    "Counts": "counts",
    "Feedback": "stored",
    "Loss": "counts",
    "RecordStore": "store",
    "StoredCall": "stored",
}

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name not in _MODULES:
            message = f"module {__name__!r} has no attribute {name!r}"
            raise AttributeError(message)
        from reliai._needs import needed  # noqa: PLC0415

        return getattr(needed(f"{__name__}.{_MODULES[name]}", "records"), name)

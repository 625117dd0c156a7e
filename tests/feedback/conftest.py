"""A record store that is configured, on SQLite and on PostgreSQL, for what is said of calls."""

from __future__ import annotations

from tests.records.conftest import opened, postgres, store, url

__all__ = ["opened", "postgres", "store", "url"]

"""Record stores that are configured: on both databases, and on SQLite for what is the same."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

import reliai
from reliai.records import RecordStore
from tests.records.conftest import opened, postgres, store, url

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["blank", "local", "opened", "postgres", "store", "url"]


@pytest.fixture(scope="session")
def blank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with its tables: making them anew takes longer than most tests."""
    path = tmp_path_factory.mktemp("blank") / "records.db"
    RecordStore(f"sqlite:///{path}").close()
    return path


@pytest.fixture
def local(tmp_path: Path, blank: Path) -> RecordStore:
    """A store on SQLite that keeps all content."""
    shutil.copy(blank, tmp_path / "records.db")
    made = RecordStore(f"sqlite:///{tmp_path}/records.db", content="full")
    reliai.configure(observers=[], records=made)
    return made

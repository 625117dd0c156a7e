"""Outputs of earlier runs, by what they were the output of.

An output is kept under the target's fingerprint, the case's digest, the number of the repeat and
the settings that it hangs on. Errors, stand-ins and empty outputs are not kept.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from reliai import clock
from reliai.evals._journal import out_of_git
from reliai.evals._outputs import is_empty

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from reliai.datasets.case import Case
    from reliai.evals.experiment import Experiment
    from reliai.evals.trial import Trial

__all__ = ["TTL", "OutputCache", "explain_key", "is_on", "key_of"]

TTL: Final = 7 * 86400.0
"""Seconds for which an output is kept."""

VERSION: Final = 1
"""Of the key: raised when what is in it changes."""

_KEPT: Final = (
    "output",
    "duration",
    "cost_usd",
    "input_tokens",
    "output_tokens",
    "call_id",
    "retries",
)
_SCHEMA: Final = (
    "CREATE TABLE IF NOT EXISTS outputs (key BLOB PRIMARY KEY, at REAL, trial TEXT) WITHOUT ROWID"
)
_BATCH: Final = 256


def is_on(*, asked: bool | None) -> bool:
    """Whether outputs are kept: as asked, else everywhere but in CI."""
    return asked if asked is not None else os.environ.get("CI", "").lower() in {"", "0", "false"}


def key_of(target: str, policies: str, seed: int, digest: str, repeat: int) -> dict[str, Any]:
    """What an output is kept under, in words."""
    return {
        "version": VERSION,
        "target": target,
        "policies": policies,
        "seed": seed,
        "case": digest,
        "repeat": repeat,
    }


def explain_key(experiment: Experiment, case: Case, repeat: int = 1) -> dict[str, Any]:
    """What the output of a try is kept under, in words; see `Experiment.explain_key`."""
    return experiment.explain_key(case, repeat)


class OutputCache:
    """The outputs, in a SQLite file that several processes may use.

    What is wrong with it is never an error of the run: it is then empty. Not for several threads at
    a time.

    Attributes:
        hits, misses: of `get`.
    """

    def __init__(self, file: Path, target: str, policies: str, seed: int) -> None:
        self.hits = self.misses = 0
        base = {**key_of(target, policies, seed, "", 0)}
        self._base = hashlib.sha256(json.dumps(base, sort_keys=True).encode())
        self._waiting: dict[bytes, tuple[float, str]] = {}
        self._clock = clock.active()
        self._oldest = self._clock.time() - TTL
        self._database: sqlite3.Connection | None = None
        with suppress(sqlite3.Error, OSError):
            self._database = _opened(file, self._oldest)

    def get(self, digest: str, repeat: int) -> Mapping[str, Any] | None:
        """What was kept of a try; None for nothing."""
        key = self._key(digest, repeat)
        waiting = self._waiting.get(key)
        text = waiting[1] if waiting is not None else self._stored(key)
        if text is None:
            self.misses += 1
            return None
        self.hits += 1
        found: Mapping[str, Any] = json.loads(text)
        return found

    def put(self, trial: Trial) -> None:
        """Keep a try, when it is worth it."""
        if trial.status != "ok" or trial.cached or is_empty(trial.output):
            return
        kept = {name: value for name in _KEPT if (value := getattr(trial, name)) is not None}
        text = json.dumps(kept, separators=(",", ":"))
        self._waiting[self._key(trial.digest, trial.repeat)] = self._clock.time(), text
        if len(self._waiting) >= _BATCH:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        waiting, self._waiting = self._waiting, {}
        if self._database is None or not waiting:
            return
        rows = [(key, at, text) for key, (at, text) in waiting.items()]
        with suppress(sqlite3.Error), self._database:
            self._database.executemany("INSERT OR REPLACE INTO outputs VALUES (?, ?, ?)", rows)

    def close(self) -> None:
        """Write what waits, and close the file."""
        self.flush()
        if self._database is not None:
            self._database.close()
            self._database = None

    def _key(self, digest: str, repeat: int) -> bytes:
        made = self._base.copy()
        made.update(f"{digest}#{repeat}".encode())
        return made.digest()

    def _stored(self, key: bytes) -> str | None:
        if self._database is None:
            return None
        with suppress(sqlite3.Error):
            row = self._database.execute(
                "SELECT trial FROM outputs WHERE key = ? AND at >= ?", (key, self._oldest)
            ).fetchone()
            return None if row is None else str(row[0])
        return None


def _opened(file: Path, oldest: float) -> sqlite3.Connection:
    out_of_git(file.parent)
    database = sqlite3.connect(file, timeout=5.0, check_same_thread=False)
    try:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=NORMAL")
        with database:
            database.execute(_SCHEMA)
            database.execute("DELETE FROM outputs WHERE at < ?", (oldest,))
    except sqlite3.Error:
        database.close()
        raise
    return database

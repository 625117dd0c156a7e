"""What was known last, in a file: to boot with while the state is away."""

from __future__ import annotations

import json
import math
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from reliai._core.complaints import warn_once
from reliai.errors import ConfigurationError
from reliai.rollout._book import Page
from reliai.rollout.deciding import FINAL

if TYPE_CHECKING:
    from typing import Final

__all__ = ["Snapshot", "bundled_with", "snapshot_of"]

_PARTS: Final = 4
"""How often in the time for which a snapshot is good it says that it still is."""


def snapshot_of(key: str, page: Page, now: float) -> str:
    """What is in the file of a snapshot."""
    data = {"key": key, "at": now, "page": json.loads(page.dumped())}
    return json.dumps(data, ensure_ascii=False)


def bundled_with(path: str | None, key: str) -> Snapshot | None:
    """The snapshot that is delivered with the program: good whatever its age.

    Raises:
        ConfigurationError: when the file was not delivered.
    """
    if path is None:
        return None
    if not Path(path).is_file():
        raise ConfigurationError(
            f"Rollout(bundled={path!r}): there is no such file; "
            "`reliai rollout snapshot NAME -o FILE` writes it"
        )
    return Snapshot(path, key, math.inf)


class Snapshot:
    """A file with the last document that was read, and when the state said that it holds.

    Args:
        path: the file; written as a whole, and replaced in one step.
        key: whose document it is.
        max_staleness: seconds for which it is good; one that is final is good for ever.
    """

    def __init__(self, path: str, key: str, max_staleness: float) -> None:
        self._path = Path(path)
        self._key = key
        self._max_staleness = max_staleness
        self._written = -1e300

    def write(self, page: Page, now: float) -> None:
        """Keep the document; a disk that does not take it is said once and fails nothing."""
        self._written = now
        beside = self._path.with_name(f"{self._path.name}.{os.getpid()}.new")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            beside.write_text(snapshot_of(self._key, page, now), encoding="utf-8")
            beside.replace(self._path)
        except OSError as error:
            warn_once(
                f"snapshot:{self._path}",
                f"the snapshot {self._path} of {self._key} cannot be written ({error.strerror})",
            )
            with suppress(OSError):
                beside.unlink(missing_ok=True)

    def confirm(self, page: Page, now: float) -> None:
        """The document still holds: say so in the file, now and then."""
        if now - self._written > self._max_staleness / _PARTS:
            self.write(page, now)

    def read(self, now: float) -> Page | None:
        """The document; None when there is none that may be used, which is said once."""
        try:
            data = json.loads(self._path.read_text(encoding="utf-8"))
            if data["key"] != self._key:
                warn_once(
                    f"snapshot:{self._path}",
                    f"the snapshot {self._path} is left out: it is none of {self._key}; give each "
                    "rollout a file of its own",
                )
                return None
            page = Page.loaded(json.dumps(data["page"]).encode())
            age = now - float(data["at"])
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            warn_once(
                f"snapshot:{self._path}",
                f"the snapshot {self._path} of {self._key} is left out: it cannot be read "
                f"({type(error).__name__})",
            )
            return None
        return page if age <= self._max_staleness or page.standing.status in FINAL else None

"""The version of a prompt that serves, and how a new one takes its place while calls go on.

A file that breaks while the program runs changes nothing: the last good version goes on serving.
"""

from __future__ import annotations

import os
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from reliai import clock
from reliai._core.complaints import warn_once
from reliai._core.forking import renew_after_fork
from reliai.errors import ConfigurationError
from reliai.prompts._files import Readable
from reliai.prompts._reading import parsed

if TYPE_CHECKING:
    from reliai.prompts._expected import Expected
    from reliai.prompts._files import File, Snapshots, Stamp
    from reliai.prompts.version import PromptVersion

__all__ = ["Bundled", "Keeper", "Serving"]

Bundled: TypeAlias = str | os.PathLike[str] | Readable


class Serving(NamedTuple):
    """A version, and where it came from: "file", "kept", "snapshot" or "bundled"."""

    version: PromptVersion
    source: str


class Keeper:
    """Keeps a good version of one prompt.

    Attributes:
        serving: the version that serves.
        problem: what is wrong with the file as it is now; None when nothing is.

    Args:
        name: of the prompt.
        file: what holds it.
        every: seconds between two looks; None for no look but the first.
        expected: what the program needs of a version.
        snapshots: where the last good version is kept; None where it is not.
    """

    serving: Serving

    def __init__(
        self,
        name: str,
        file: File,
        *,
        every: float | None,
        expected: Expected,
        snapshots: Snapshots | None,
    ) -> None:
        self.name = name
        self.file = file
        self.problem: str | None = None
        self._every = every
        self._expected = expected
        self._snapshots = snapshots
        self._due = 0.0
        self._read: Stamp | None = None
        self._seen: Stamp | None = None
        self._broken: Stamp | None = None
        self._confirmed = clock.active().monotonic()
        self._renew()

    def _renew(self) -> None:
        self._lock = Lock()
        renew_after_fork(self)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_lock"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._renew()

    def begin(self, bundled: Bundled | None) -> None:
        """Have a first version serve.

        Raises:
            ConfigurationError: when there is no good one.
        """
        try:
            # Without its stamp: the file, perhaps being written now, is read once more soon.
            self._adopt(None)
        except ConfigurationError as error:
            self._broken = self.file.stamp()
            self.serving = self._stand_in(bundled, error)
            self.problem = str(error)
            version, source = self.serving
            message = f"{error}. The {source} version serves: {version!r}"
            warn_once(f"prompt {self.file.path} {self._broken} at the start", message)
        self._due = clock.active().monotonic() + (self._every or 0)

    def _stand_in(self, bundled: Bundled | None, error: ConfigurationError) -> Serving:
        """A version to begin with in place of a broken file."""
        kept = None if self._snapshots is None else self._snapshots.read()
        if kept is not None:
            try:
                return Serving(self._checked(kept, "the snapshot"), "snapshot")
            except ConfigurationError as worse:
                error.add_note(str(worse))
        if bundled is None:
            raise error
        readable = Path(bundled) if isinstance(bundled, str | os.PathLike) else bundled
        try:
            data = readable.read_bytes()
        except Exception as unread:  # resources fail in ways of their own
            message = f"{error}; and the bundled one cannot be read ({type(unread).__name__})"
            raise ConfigurationError(message) from unread
        return Serving(self._checked(data, f"bundled {bundled}"), "bundled")

    def look(self) -> None:
        """Look whether the file has changed, when it is time to, and nobody else does."""
        every = self._every
        if every is None:
            return
        now = clock.active().monotonic()
        # A clock that jumped back, such as a test's, shall not put the next look off for ever.
        if self._due - every <= now < self._due or not self._lock.acquire(blocking=False):
            return
        try:
            self._due = now + every
            self._compare()
        finally:
            self._lock.release()

    @property
    def age(self) -> float:
        """Seconds since the file last said what serves; 0 while it does."""
        if self.problem is None:
            return 0.0
        return max(0.0, clock.active().monotonic() - self._confirmed)

    def refresh(self) -> bool:
        """Read the file now, however new it is; True when another version serves since.

        Raises:
            ConfigurationError: when the file is no good.
        """
        with self._lock:
            before = self.serving.version
            stamp = self.file.stamp()
            try:
                self._adopt(stamp)
            except ConfigurationError as error:
                self._keep(stamp, error)
                raise
            return self.serving.version != before

    def _compare(self) -> None:
        stamp = self.file.stamp()
        if self.problem is None and stamp == self._read:
            self._confirmed = clock.active().monotonic()
        if stamp is None:
            if self.problem is None:
                self._keep(None, ConfigurationError(f"{self.file.shown}: the file is gone"))
        elif stamp == self._read:
            self._serve(self.serving.version)  # the same again, perhaps after it was gone
        elif stamp == self._broken:
            return
        elif stamp != self._seen:
            self._seen = stamp  # perhaps it is being written: it must stay the same for a while
        else:
            try:
                self._adopt(stamp)
            except ConfigurationError as error:
                self._keep(stamp, error)

    def _adopt(self, stamp: Stamp | None) -> None:
        """Have what the file says serve."""
        try:
            data = self.file.read()
        except OSError as error:
            where = f"{self.file.shown}: it cannot be read ({error.strerror})"
            raise ConfigurationError(f"{where}; it was looked for as {self.file.path}") from error
        if stamp is not None and self.file.stamp() != stamp:
            return  # written since; the next look sees it
        version = self._checked(data, self.file.shown)
        self._read = stamp
        self._serve(version)
        self._remember(data)

    def _serve(self, version: PromptVersion) -> None:
        serving = getattr(self, "serving", None)
        if serving != (version, "file"):
            self.serving = Serving(version, "file")
        self.problem = self._broken = None
        self._confirmed = clock.active().monotonic()

    def _checked(self, data: bytes, where: str) -> PromptVersion:
        version = parsed(data, self.name, where)
        self._expected.check(version, where)
        return version

    def _keep(self, stamp: Stamp | None, error: ConfigurationError) -> None:
        """Go on with the last good version."""
        self._broken, self.problem = stamp, str(error)
        version, source = self.serving
        self.serving = Serving(version, "kept" if source == "file" else source)
        message = f"{error}. The last good version goes on serving: {version!r}"
        warn_once(f"prompt {self.file.path} {stamp}", message)

    def _remember(self, data: bytes) -> None:
        if self._snapshots is None:
            return
        try:
            self._snapshots.write(data)
        except OSError as error:
            where = self._snapshots.path.parent
            message = f"prompt {self.name}: no snapshot can be kept in {where} ({error.strerror})"
            warn_once(f"prompt snapshot {where}", message)

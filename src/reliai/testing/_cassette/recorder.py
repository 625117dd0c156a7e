"""What decides about each attempt inside a cassette, and writes what was recorded at the end."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from reliai._core.ambient import ambient, surroundings
from reliai.testing._cassette.arguments import describe
from reliai.testing._cassette.codec import Codec
from reliai.testing._cassette.file import Document, canonical, merge, read
from reliai.testing._cassette.leaf import between
from reliai.testing._cassette.replay import Replay
from reliai.testing._cassette.take import Take
from reliai.testing._cassette.tape import Identity, Tape
from reliai.testing._cassette.trouble import CassetteError, CassetteMismatch
from reliai.testing._filters import with_tape

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

    from reliai._core.call import Call
    from reliai._core.record import Attempt
    from reliai.testing._cassette.redaction import Redactor

__all__ = ["Cassette", "Settings"]

_TIMES = frozenset({"seconds", "waits"})


class Settings(NamedTuple):
    """What `cassette` was given, checked."""

    path: Path
    mode: str
    match: Any
    codec: Codec
    redactor: Redactor
    speed: float | None
    strict: bool


class Cassette:
    """What `cassette` gives.

    Attributes:
        path: the file.
        mode: "once", "replay", "record" or "new".
        recorded, replayed: attempts so far.
        unmatched: the errors of the calls that had no recording.
        failure: what a test failed with whose fixture holds the block; the block itself sees the
            errors that pass through it.
    """

    def __init__(self, settings: Settings) -> None:
        self.path = settings.path
        self.mode = settings.mode
        self.recorded = 0
        self.replayed = 0
        self.unmatched: list[CassetteMismatch] = []
        self.failure: BaseException | None = None
        self._settings = settings
        self._codec = settings.codec
        self._plain = Codec(settings.codec.own, lenient=True)
        self._base = read(self.path)
        there = self.path.exists()
        if self.mode == "replay" and not there:
            raise CassetteError(
                f'{self.path} does not exist, and mode="replay" records nothing; record it with '
                'mode="once"'
            )
        self._records = self.mode in ("record", "new") or (self.mode == "once" and not there)
        self._outer = set[str]() if self.mode == "record" else set(self._base.outer)
        self._tape = Tape([] if self.mode == "record" else self._base.entries)
        self._lock = threading.Lock()
        self._takes: list[Take] = []
        self._open: set[Take] = set()
        self._raised: list[Exception] = []

    @property
    def unused(self) -> list[str]:
        """The recordings that were not replayed so far: the call, and its arguments as JSON."""
        return [
            f"{entry['call']}({canonical(entry['arguments'])})" for entry in self._tape.unused()
        ]

    @contextmanager
    def active(self) -> Generator[None]:
        """Use it in another context as well: that of a task which was started before the block."""
        filters = with_tape(ambient.get().leaf_filter, self._filter)
        with surroundings(leaf_filter=filters):
            yield

    # --- each attempt ----------------------------------------------------------------------
    def _filter(self, call: Call, function: Callable[..., Any]) -> Callable[..., Any]:
        return between(self, call, function)

    def begin(self, call: Call, attempt: Attempt) -> Replay | Take | None:
        """Decide what becomes of an attempt.

        Raises:
            CassetteMismatch: it has no recording, and none is to be made.
        """
        identity = self._identity(call)
        entry = self._tape.take(identity)
        if entry is not None:
            with self._lock:
                self.replayed += 1
            return Replay(entry, call, attempt, self._codec, self._settings.speed)
        if self._records:
            return self._record(call, attempt, identity)
        if call.name in self._outer:
            return None
        mismatch = self._tape.mismatch(identity, self.path)
        self.unmatched.append(mismatch)
        raise mismatch

    def _identity(self, call: Call) -> Identity:
        described = describe(call, self._settings.match, self._plain)
        arguments, digest = self._settings.redactor.arguments(described)
        target = None if call.primary else call.target
        return Identity(call.name, target, arguments, digest)

    def _record(self, call: Call, attempt: Attempt, identity: Identity) -> Take:
        take = Take(call, attempt, identity, self._codec, self._settings.redactor)
        call.meters = (*call.meters, take)
        with self._lock:
            self._mark_those_outside(call)
            self._takes.append(take)
            self._open.add(take)
        return take

    def _mark_those_outside(self, call: Call) -> None:
        outside: set[int] = set()
        above = call.parent
        while above is not None:
            outside.add(id(above._record))  # noqa: SLF001  identity of the call
            above = above.parent
        for take in self._open:
            if id(take.call._record) in outside:  # noqa: SLF001  the same
                take.composite = True
                self._outer.add(take.call.name)

    def keep(self, take: Take) -> None:
        """Count a recording that has ended; what is dropped needs no place among those open."""
        if take.open:
            return
        with self._lock:
            if take in self._open:
                self._open.remove(take)
                self.recorded += take.entry is not None
        take.detach()

    def failed(self, take: Take, error: Exception) -> None:
        """Keep the error an attempt ended in."""
        self._raised.append(error)
        take.failed(error)

    # --- the end ---------------------------------------------------------------------------
    def end(self, error: BaseException | None) -> None:
        """Write what was recorded, and complain of what a strict block must not leave.

        Args:
            error: what the block ended in.

        Raises:
            CassetteError: a recording was not used, or cannot be written.
            CassetteMismatch: a call had no recording, and its error went nowhere.
        """
        error, self.failure = error or self.failure, None
        for take in self._takes:
            take.finish()
            take.detach()
        self._open.clear()
        failed, self._raised = self._raised, []
        if error is None or not any(each is error for each in failed):
            self._write()
        self._takes.clear()
        if self._settings.strict and error is None:
            self._complain()

    def _write(self) -> None:
        new = [take.entry for take in self._takes if take.entry is not None]
        if self.mode == "record":
            new = _as_before(new, self._base.entries)
        replace = self.mode == "record" and new != self._base.entries
        changed = replace or (self.mode != "record" and bool(new))
        if changed or (self._records and self._outer != self._base.outer):
            ours = Document([] if self.mode == "record" and not replace else new, self._outer)
            merge(self.path, self._base, ours, replace=replace)

    def _complain(self) -> None:
        if self.unmatched:
            raise self.unmatched[0]
        unused = self.unused
        if unused:
            raise CassetteError(
                f"{self.path} holds {len(unused)} recordings that no call used: "
                f"{'; '.join(unused[:8])}. Record it anew, or pass strict=False"
            )

    def __repr__(self) -> str:
        return (
            f"<reliai.testing.Cassette {str(self.path)!r}, mode {self.mode!r}, "
            f"{self.replayed} replayed, {self.recorded} recorded>"
        )


def _as_before(new: list[dict[str, Any]], known: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Recordings, each as it was before when only the time it took is another."""
    before: dict[str, list[dict[str, Any]]] = {}
    for entry in known:
        before.setdefault(_timeless(entry), []).append(entry)
    kept: list[dict[str, Any]] = []
    for entry in new:
        same = before.get(_timeless(entry))
        kept.append(same.pop(0) if same else entry)
    return kept


def _timeless(entry: dict[str, Any]) -> str:
    return canonical({name: value for name, value in entry.items() if name not in _TIMES})

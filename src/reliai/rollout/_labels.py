"""What people said of a rollout's calls, as its processes share it.

Who decides reads the record store and writes two documents: the calls with bad feedback, so that
the next one to decide goes on from there though some of them were deleted since; and the sums,
which all processes read. The counts do not hang on who wrote them: they follow from the store.
"""

from __future__ import annotations

import json
from contextlib import suppress
from threading import Thread
from typing import TYPE_CHECKING, Any, Final

from reliai import clock
from reliai._core.complaints import warn_once
from reliai.rollout._joining import Bad, Joiner, added_up
from reliai.state.base import PATIENT, StateUnavailable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reliai.rollout.guardrails import Guardrail
    from reliai.state import State
    from reliai.state.base import Entry

__all__ = ["Labels"]

_EVERY: Final = 1.0
"""Seconds between two looks into the record store."""


class Labels:
    """Bad feedback by guardrail, phase and arm.

    Args:
        key: of the documents in the state.
        guardrails: those of the rollout; only the ones made by `feedback` are looked at.
    """

    def __init__(self, key: str, guardrails: Sequence[Guardrail]) -> None:
        self._guardrails = [each for each in guardrails if each.mature is not None]
        self._sums_key, self._key = f"{key}:labels", f"{key}:labelled"
        self._sums: dict[str, list[list[int]]] = {}
        self._joiners: list[Joiner] | None = None
        self._known: dict[str, dict[str, Bad]] = {}
        self._version = 0
        self._looked = -1e300
        self._thread: Thread | None = None

    def renew(self) -> None:
        """In a forked child: its parent's look is not its own."""
        self._joiners = self._thread = None

    @property
    def keys(self) -> list[str]:
        """What to ask the state for."""
        return [self._sums_key] if self._guardrails else []

    def learn(self, entries: Mapping[str, Entry | None]) -> None:
        """Take in the sums that the state has."""
        entry = entries.get(self._sums_key)
        if entry is not None:
            with suppress(ValueError, TypeError, AttributeError):  # damaged: written again
                self._sums = {
                    str(name): [[int(base), int(ours)] for base, ours in phases]
                    for name, phases in json.loads(entry.value).items()
                }

    def bad(self, guardrail: str, phase: int) -> tuple[int, int]:
        """Units of control and candidate that have bad feedback, by their first such call."""
        sums = self._sums.get(guardrail, ())
        return (sums[phase][0], sums[phase][1]) if phase < len(sums) else (0, 0)

    # --- who decides

    @property
    def due(self) -> bool:
        """Whether it is time to look into the record store."""
        if not self._guardrails or (self._thread is not None and self._thread.is_alive()):
            return False
        return clock.active().monotonic() - self._looked >= _EVERY

    def look(
        self, state: State, rollout: tuple[str, str], since: float, now: float, *, aside: bool
    ) -> None:
        """Read the record store.

        Args:
            state: what the sums are shared in.
            rollout: its name and version.
            since: when it began, Unix seconds.
            now: Unix seconds.
            aside: whether on a thread of its own, so that a slow store holds nothing up.
        """
        self._looked = clock.active().monotonic()
        given = (state, rollout, since, now)
        if not aside:
            self._look(*given)
            return
        self._thread = Thread(
            target=self._look, args=given, name="reliai-rollout-feedback", daemon=True
        )
        with suppress(RuntimeError):  # the interpreter is shutting down
            self._thread.start()

    def _look(self, state: State, rollout: tuple[str, str], since: float, now: float) -> None:
        try:
            self._update(state, rollout, since, now)
        except Exception as error:  # noqa: BLE001  of any database; what is known stays
            warn_once(
                f"rollout:{self._key}:{type(error).__name__}",
                f"the feedback on calls of rollout {rollout[0]} cannot be read "
                f"({_told(error)}); guardrails on it stay as they are",
            )

    def _update(self, state: State, rollout: tuple[str, str], since: float, now: float) -> None:
        if self._joiners is None:
            self._begin(state, rollout, since)
        before = {name: dict(bad) for name, bad in self._known.items()}
        for guardrail, joiner in zip(self._guardrails, self._joiners or (), strict=True):
            joiner.update(self._known.setdefault(guardrail.name, {}), now)
        if self._known != before and not self._write(state, self._key, self._known):
            self._joiners = None  # another decides meanwhile: begin anew from what it wrote
            return
        sums = {name: added_up(bad) for name, bad in self._known.items()}
        if sums != self._sums:
            state.put(self._sums_key, _dumped(sums), within=PATIENT)
            self._sums = sums

    def _begin(self, state: State, rollout: tuple[str, str], since: float) -> None:
        entry = state.get(self._key, within=PATIENT)
        self._version = 0 if entry is None else entry.version
        read: dict[str, dict[str, Any]] = {} if entry is None else json.loads(entry.value)
        self._known = {
            name: {call_id: Bad(*fields) for call_id, fields in bad.items()}
            for name, bad in read.items()
        }
        self._joiners = [Joiner(*rollout, each, since) for each in self._guardrails]

    def _write(self, state: State, key: str, known: dict[str, dict[str, Bad]]) -> bool:
        version = state.put(key, _dumped(known), expected=self._version, within=PATIENT)
        if version is None:
            return False
        self._version = version
        return True


def _dumped(data: Any) -> bytes:
    return json.dumps(data, separators=(",", ":")).encode()


def _told(error: Exception) -> str:
    """What may be said of an error: what a database says may quote content."""
    from reliai.errors import ReliaiError  # noqa: PLC0415  when something fails

    known = isinstance(error, ReliaiError | StateUnavailable)
    return f"{type(error).__name__}: {error}" if known else type(error).__name__

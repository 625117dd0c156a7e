"""Which rollouts a state holds: one small list in it, so that they are found without their code."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from reliai.state.base import PATIENT, StateUnavailable

if TYPE_CHECKING:
    from reliai.state import State

__all__ = ["key_of_rollout", "list_in", "listed_in", "unlist"]

_KEY: Final = "rollouts"
_TRIES: Final = 20
"""How often an entry is written anew when others write theirs meanwhile."""


def key_of_rollout(name: str, version: str) -> str:
    """Where the document of a rollout is."""
    return f"rollout:{name}#{version}"


def listed_in(state: State) -> list[tuple[str, str]]:
    """The names and versions in the list, in the order in which they were begun.

    Raises:
        StateUnavailable: when the state does not answer.
    """
    entry = state.get(_KEY, within=PATIENT)
    return [] if entry is None else _read(entry.value)


def list_in(state: State, name: str, version: str) -> bool:
    """See to it that a rollout is in the list; whether it is."""
    try:
        for _ in range(_TRIES):
            entry = state.get(_KEY, within=PATIENT)
            known = [] if entry is None else _read(entry.value)
            if (name, version) in known:
                return True
            text = json.dumps([*known, (name, version)], ensure_ascii=False)
            expected = 0 if entry is None else entry.version
            if state.put(_KEY, text.encode(), expected=expected, within=PATIENT) is not None:
                return True
    except StateUnavailable:
        pass
    return False


def unlist(state: State, name: str) -> None:
    """Take all versions of a rollout off the list; their documents stay.

    Raises:
        StateUnavailable: when the state does not answer.
    """
    for _ in range(_TRIES):
        entry = state.get(_KEY, within=PATIENT)
        known = [] if entry is None else _read(entry.value)
        kept = [each for each in known if each[0] != name]
        if entry is None or kept == known:
            return
        text = json.dumps(kept, ensure_ascii=False).encode()
        if state.put(_KEY, text, expected=entry.version, within=PATIENT) is not None:
            return


def _read(data: bytes) -> list[tuple[str, str]]:
    """The list; one that cannot be read is begun anew by those that are still there."""
    try:
        return [(str(name), str(version)) for name, version in json.loads(data)]
    except (ValueError, TypeError):
        return []

"""Quarantine: known flaky cases that do not block, as the base revision lists them.

A change must not be able to quarantine the case that it breaks, so the list is read from where the
change began; what the change itself adds is told of, and still blocks.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from reliai import clock
from reliai.errors import ConfigurationError
from reliai.evals._repository import GitError, repository_of

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["PATH", "Quarantine"]

PATH: Final = ".reliai/quarantine.json"


@dataclass(frozen=True, slots=True)
class Quarantine:
    """Cases that do not block.

    Attributes:
        cases: by key, what the list says of each: "reason", "until" (a date), "by".
        source: where it was read from, for people.
        notes: what a reader has to know: entries that have run out, or that this change added.
    """

    cases: Mapping[str, Mapping[str, Any]]
    source: str
    notes: tuple[str, ...] = ()

    def holds(self, key: str) -> bool:
        """Whether a case is quarantined."""
        return key in self.cases

    def __len__(self) -> int:
        return len(self.cases)

    @classmethod
    def read(
        cls,
        revision: str = "merge-base",
        *,
        path: str = PATH,
        folder: str | Path | None = None,
        target: str | None = None,
    ) -> Quarantine:
        """The list as git has it at a revision; empty where git, or that revision, has none.

        The file is an object of keys, each with what there is to say of the case:
        `{"refund-7": {"reason": "the judge wavers", "until": "2026-12-31"}}`.

        Args:
            revision: "merge-base", or any that git knows.
            path: of the list, from `folder`.
            folder: None for the working directory.
            target: the branch that the change goes to; see `baseline`.

        Raises:
            ConfigurationError: when the list cannot be read.
        """
        where = Path() if folder is None else Path(folder)
        try:
            git = repository_of(where)
            file = git.path_of(where / path)
            if revision == "merge-base":
                commit = git.before(git.merge_base(target), file)
            else:
                commit = git.commit(revision)
            text = git.file_at(commit, file)
        except GitError as error:
            said = f"no case is quarantined, as the base revision cannot be read: {error}"
            return cls({}, "no base revision", (said,) if (where / path).exists() else ())
        source = f"{path} at {commit[:12]}"
        listed = {} if text is None else _listed(text, source)
        today = datetime.fromtimestamp(clock.active().time()).astimezone().date()
        valid = {key: each for key, each in listed.items() if not _over(each, today, source)}
        notes = _notes(listed, valid, where / path)
        return cls(valid, source, tuple(notes))


def _notes(listed: Mapping[str, Any], valid: Mapping[str, Any], here: Path) -> list[str]:
    notes: list[str] = []
    over = sorted(set(listed) - set(valid))
    if over:
        notes.append(f"the quarantine of {', '.join(over[:10])} has run out: it blocks again")
    if here.is_file():
        added = sorted(set(_listed(here.read_bytes(), str(here))) - set(listed))
        if added:
            notes.append(
                f"quarantined by this change only, so still blocking: {', '.join(added[:10])}"
            )
    return notes


def _listed(text: str | bytes, source: str) -> dict[str, dict[str, Any]]:
    try:
        data = json.loads(text)
    except ValueError as error:
        raise ConfigurationError(f"{source} is no JSON: {error}") from error
    if not isinstance(data, dict) or not all(isinstance(each, dict) for each in data.values()):
        raise ConfigurationError(
            f'{source}: must be an object of cases by key, as {{"refund-7": {{"reason": "…"}}}}'
        )
    return data


def _over(entry: Mapping[str, Any], today: date, source: str) -> bool:
    until = entry.get("until")
    if until is None:
        return False
    try:
        return date.fromisoformat(until) < today
    except (TypeError, ValueError):
        raise ConfigurationError(
            f'{source}: until={until!r} must be a date, as "2026-12-31"'
        ) from None

"""Whether the code that a run was on led to the code that is scored: git is read, never written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reliai.evals._repository import GitError, Repository, repository_of

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["History"]


class History:
    """The commits that led to the present one.

    Args:
        root: the project's folder.
    """

    def __init__(self, root: Path) -> None:
        self._repository: Repository | None
        try:
            self._repository = repository_of(root)
        except GitError:
            self._repository = None
        self._known: dict[str, str | None] = {}

    def problem(self, commit: str | None) -> str | None:
        """Why a run on this commit says nothing of the present tree; None when it does."""
        if self._repository is None or commit is None:
            return "nothing says which code it ran"
        if commit not in self._known:
            self._known[commit] = self._problem(self._repository, commit)
        return self._known[commit]

    def has(self, revision: str) -> bool:
        """Whether there is such a commit."""
        if self._repository is None or not revision or revision.startswith("-"):
            return False
        try:
            self._repository.commit(revision)
        except GitError:
            return False
        return True

    def _problem(self, repository: Repository, commit: str) -> str | None:
        try:
            base = repository.merge_base(commit)
        except GitError:
            return f"its commit {commit[:10]} is not in this clone"
        return None if base == commit else f"its commit {commit[:10]} is not in this branch"

"""Reading git, and nothing else: a file as a revision has it, and where a branch began."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = ["GitError", "Repository", "repository_of"]

_SECONDS: Final = 30.0

_TARGETS: Final = (
    "GITHUB_BASE_REF",
    "CI_MERGE_REQUEST_TARGET_BRANCH_NAME",
    "CHANGE_TARGET",
    "BITBUCKET_PR_DESTINATION_BRANCH",
)
"""Where CI systems name the branch that a change goes to."""

_BRANCHES: Final = ("origin/HEAD", "origin/main", "origin/master", "main", "master")


class GitError(Exception):
    """What was asked of git cannot be had; the message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository that is read.

    Attributes:
        top: its folder.
    """

    top: Path

    def merge_base(self, target: str | None = None) -> str:
        """The commit at which this change left its target branch.

        Args:
            target: the branch; None for what the CI system says, or else origin's default branch.

        Raises:
            GitError: when there is no such branch, or none that is connected with HEAD here.
        """
        wanted = target or self._target()
        if wanted is None:
            raise GitError(
                "there is no branch to compare with: set RELIAI_BASE to the target branch, and "
                "fetch it"
            )
        found = self._run("merge-base", "HEAD", wanted)
        if found.returncode == 0 and found.stdout.strip():
            return found.stdout.strip()
        if not self._has(wanted):
            raise GitError(f"there is no branch {wanted!r} here: fetch it (git fetch origin)")
        shallow = self._run("rev-parse", "--is-shallow-repository").stdout.strip() == "true"
        more = ": the clone is shallow; fetch its history (fetch-depth: 0)" if shallow else ""
        raise GitError(f"HEAD and {wanted!r} have no commit in common here{more}")

    def before(self, commit: str, path: str) -> str:
        """The commit to compare with, where a change began at `commit` itself.

        That is so for what is committed to the target branch, and in a shallow clone of a branch.
        When that very commit changed the file at `path`, what was there before it counts, as no
        change says itself what it is judged by.

        Args:
            commit: the merge base.
            path: from the top of the repository, with `/`.

        Raises:
            GitError: when a shallow clone does not have what was before.
        """
        if commit != self.commit("HEAD"):
            return commit
        if not self._has("HEAD^"):
            if self._run("rev-parse", "--is-shallow-repository").stdout.strip() == "true":
                raise GitError(
                    "the clone is shallow, and has nothing of before this commit: fetch its "
                    "history (fetch-depth: 0)"
                )
            return commit
        parent = self.commit("HEAD^")
        earlier = self.file_at(parent, path)
        return commit if earlier in {None, self.file_at(commit, path)} else parent

    def commit(self, revision: str) -> str:
        """The commit that a revision names.

        Raises:
            GitError: when there is none.
        """
        if not self._has(revision):
            raise GitError(f"there is no revision {revision!r} here")
        return self._run("rev-parse", f"{revision}^{{commit}}").stdout.strip()

    def file_at(self, revision: str, path: str) -> str | None:
        """A file's text as a revision has it; None where it has none.

        Args:
            revision: a commit.
            path: from the top of the repository, with `/`.
        """
        shown = self._run("show", f"{revision}:{path}")
        return shown.stdout if shown.returncode == 0 else None

    def path_of(self, file: Path) -> str:
        """A file's path from the top of the repository, with `/`.

        Raises:
            GitError: when it lies elsewhere.
        """
        try:
            return file.resolve().relative_to(self.top.resolve()).as_posix()
        except ValueError:
            raise GitError(f"{file} is not in the repository {self.top}") from None

    def _target(self) -> str | None:
        named = os.environ.get("RELIAI_BASE")
        if named:
            return named
        for variable in _TARGETS:
            branch = os.environ.get(variable)
            if branch:
                return f"origin/{branch}"
        return next((branch for branch in _BRANCHES if self._has(branch)), None)

    def _has(self, revision: str) -> bool:
        found = self._run("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")
        return found.returncode == 0

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return _git(self.top, *arguments)


def repository_of(folder: Path) -> Repository:
    """The repository that a folder is in.

    Raises:
        GitError: when it is in none, or git is not there.
    """
    found = _git(folder, "rev-parse", "--show-toplevel")
    if found.returncode != 0:
        raise GitError(f"{folder.resolve()} is in no git repository")
    return Repository(Path(found.stdout.strip()))


def _git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    # Nothing is written, not even the index, and nobody is asked for a password.
    calm = {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    try:
        return subprocess.run(  # noqa: S603  a fixed program, and no shell
            ["git", "-C", str(folder), *arguments],  # noqa: S607  git is where the PATH says
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=_SECONDS,
            check=False,
            env={**os.environ, **calm},
        )
    except FileNotFoundError:
        raise GitError("git is not installed") from None
    except subprocess.TimeoutExpired:
        raise GitError(f"git {arguments[0]} took more than {_SECONDS:g} s") from None

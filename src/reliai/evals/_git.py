"""What git says of the working tree: read, never written."""

from __future__ import annotations

import subprocess
from typing import Any

__all__ = ["git_state"]

_SECONDS = 2.0
_CODE = (":/", ":(exclude,glob,top)**/.reliai/**")
"""All but what we write ourselves: pins and evidence that are checked in."""


def git_state() -> dict[str, Any] | None:
    """The commit, the branch, and whether something is not committed; None outside a repository."""
    said = _git("status", "--porcelain=v2", "--branch", "--untracked-files=no", "--", *_CODE)
    if said is None:
        return None
    heads = dict(
        line.removeprefix("# branch.").split(" ", 1)
        for line in said.splitlines()
        if line.startswith("# branch.") and " " in line.removeprefix("# branch.")
    )
    dirty = any(not line.startswith("#") for line in said.splitlines())
    return {"commit": heads.get("oid"), "branch": heads.get("head"), "dirty": dirty}


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(  # noqa: S603  git, with arguments of ours
            ["git", "--no-optional-locks", *arguments],  # noqa: S607  wherever it is installed
            capture_output=True,
            check=True,
            text=True,
            timeout=_SECONDS,
        )
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return None
    return done.stdout

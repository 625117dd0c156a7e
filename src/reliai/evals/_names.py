"""What digests, and the cases that are known by them, are called where people read it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Container

__all__ = ["giver_of", "short", "short_case"]

_SHOWN: Final = 12
_DIGEST: Final = re.compile(r"(sha256:)?([0-9a-f]{64})")


def short(digest: str) -> str:
    """The beginning of a digest: enough to find it by."""
    head, colon, rest = digest.partition(":")
    return f"{head}:{rest[:_SHOWN]}" if colon else digest[:_SHOWN]


def short_case(key: str) -> str:
    """A case's id as it is; of one that is known by its digest, the beginning of that."""
    found = _DIGEST.fullmatch(key)
    return key if found is None else found[2][:_SHOWN]


def giver_of(score: str, scorers: Container[str]) -> str:
    """The scorer that gives a score: of "judge.tone" it is "judge", unless one has all its name."""
    giver = score
    while giver not in scorers and "." in giver:
        giver = giver.rpartition(".")[0]
    return giver

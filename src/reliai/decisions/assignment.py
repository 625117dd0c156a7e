"""Who is in and who is out, by a hash: the same everywhere, in every process, on every machine."""

from __future__ import annotations

import hashlib
from typing import Final

__all__ = ["BUCKETS", "bucket"]

BUCKETS: Final = 1_000_000
"""Buckets that units fall into, each as likely as the others."""

_SCHEME: Final = "reliai/1"


def bucket(unit: str, salt: str, purpose: str) -> int:
    """The bucket of a unit, 0 to 999,999: always the same one for the same three texts.

    Different salts or purposes give buckets that have nothing to do with one another, so that who
    is in one sample is no likelier in another.

    Args:
        unit: who is assigned, such as a subject.
        salt: what the assignment is for, such as the name of a rollout and its version.
        purpose: which of its decisions it is.
    """
    digest = hashlib.sha256(b"".join(map(_framed, (_SCHEME, salt, purpose, unit)))).digest()
    return int.from_bytes(digest[:8], "big") * BUCKETS >> 64


def _framed(text: str) -> bytes:
    """A text with its length before it, so that no two lists of texts look alike."""
    encoded = text.encode("utf-8", "surrogatepass")
    return len(encoded).to_bytes(4, "big") + encoded

"""What can be wrong with a cassette. Both are mistakes of a test, so no policy retries them."""

from __future__ import annotations

__all__ = ["CassetteError", "CassetteMismatch"]


class CassetteError(AssertionError):
    """A call cannot be recorded or replayed: what it gave, or the file, cannot be used."""


class CassetteMismatch(CassetteError):
    """A call was made that the cassette has no recording of."""

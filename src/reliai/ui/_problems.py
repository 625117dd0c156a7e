"""What a visitor is told when something is away or asked for wrongly."""

from __future__ import annotations

from reliai.errors import ConfigurationError, ReliaiError
from reliai.state import StateUnavailable

__all__ = ["problem_of"]


def problem_of(error: Exception) -> tuple[int, str, str]:
    """The status, a title and words for an error that a page ended with."""
    if isinstance(error, StateUnavailable):
        return 503, "Not available", "The shared state cannot be reached now."
    if isinstance(error, ConfigurationError):
        return 400, "Not possible", str(error)
    if isinstance(error, ReliaiError):
        return 409, "Not possible", str(error)
    if type(error).__module__.partition(".")[0] == "sqlalchemy":
        return 503, "Not available", "The record store cannot be read now."
    return 500, "This page failed", "The server's log says how. Other pages may work."

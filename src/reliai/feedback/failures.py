"""What is said when feedback cannot be taken, kept or trusted. Floor 5."""

from __future__ import annotations

from reliai.errors import ReliaiError

__all__ = ["FeedbackError", "FeedbackNotStored", "LeaseLost", "TokenRefused"]


class FeedbackError(ReliaiError, ValueError):
    """Something cannot be feedback; the message says what to give instead."""


class FeedbackNotStored(ReliaiError):
    """What had to be durable is not in the database yet.

    It may get there later. Given again with the same `key=`, it is there once.

    Attributes:
        key: the key it was given with, or None.
    """

    def __init__(self, message: str, key: str | None = None) -> None:
        super().__init__(message)
        self.key = key


class LeaseLost(FeedbackError):
    """A reviewer took longer than the lease, and another has the call now."""


class TokenRefused(FeedbackError):
    """A token is none of ours, or is too old.

    Attributes:
        reason: "malformed", "signature" or "expired".
    """

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason

    def __reduce__(self) -> tuple[type[TokenRefused], tuple[str, str]]:
        return type(self), (str(self), self.reason)

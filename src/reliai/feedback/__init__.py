"""What people say of calls: kept with the records, signed for browsers, reviewed. Floor 5.

Datasets may be used here, and never the reverse.
"""

from __future__ import annotations

from reliai.feedback.failures import FeedbackError, FeedbackNotStored, TokenRefused
from reliai.feedback.giving import correct, prefer, record, retract
from reliai.feedback.reading import history, orphans, read
from reliai.feedback.signing import accept, token

__all__ = [
    "FeedbackError",
    "FeedbackNotStored",
    "TokenRefused",
    "accept",
    "correct",
    "history",
    "orphans",
    "prefer",
    "read",
    "record",
    "retract",
    "token",
]

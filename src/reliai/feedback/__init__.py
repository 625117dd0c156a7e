"""What people say of calls: kept with the records, signed for browsers, reviewed. Floor 5.

Datasets may be used here, and never the reverse.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reliai.feedback.failures import FeedbackError, FeedbackNotStored, LeaseLost, TokenRefused
from reliai.feedback.giving import correct, prefer, record, retract
from reliai.feedback.reading import history, orphans, read
from reliai.feedback.signing import accept, token

if TYPE_CHECKING:
    from reliai.feedback._review_items import ReviewItem
    from reliai.feedback._review_results import ReviewAgreement
    from reliai.feedback.exporting import Exported, export, exports
    from reliai.feedback.fairness import Bias, SliceRate, bias
    from reliai.feedback.forgetting import Forgot, forget
    from reliai.feedback.reviews import ReviewQueue

__all__ = [
    "Bias",
    "Exported",
    "FeedbackError",
    "FeedbackNotStored",
    "Forgot",
    "LeaseLost",
    "ReviewAgreement",
    "ReviewItem",
    "ReviewQueue",
    "SliceRate",
    "TokenRefused",
    "accept",
    "bias",
    "correct",
    "export",
    "exports",
    "forget",
    "history",
    "orphans",
    "prefer",
    "read",
    "record",
    "retract",
    "token",
]

_MODULES = {
    "Bias": "fairness",
    "Exported": "exporting",
    "Forgot": "forgetting",
    "ReviewAgreement": "_review_results",
    "ReviewItem": "_review_items",
    "ReviewQueue": "reviews",
    "SliceRate": "fairness",
    "bias": "fairness",
    "export": "exporting",
    "exports": "exporting",
    "forget": "forgetting",
}

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name not in _MODULES:
            message = f"module {__name__!r} has no attribute {name!r}"
            raise AttributeError(message)
        from reliai._needs import needed  # noqa: PLC0415

        return getattr(needed(f"{__name__}.{_MODULES[name]}", "records"), name)

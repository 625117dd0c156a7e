"""What a call's page shows of what was said of the call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from starlette.requests import Request

    from reliai.records.stored import StoredCall
    from reliai.ui.site import Site

__all__ = ["feedback_of"]


def feedback_of(site: Site, request: Request, call: StoredCall) -> dict[str, Any]:
    """Values for the template `_feedback.html`."""
    del site, request
    return {"said_of_call": call.feedback}

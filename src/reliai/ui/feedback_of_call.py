"""What a call's page shows of what was said of the call, and what a visitor may say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reliai.ui._saying import as_said, text_shown

if TYPE_CHECKING:
    from starlette.requests import Request

    from reliai.records.revision import Revision
    from reliai.records.stored import StoredCall
    from reliai.ui.site import Site

__all__ = ["feedback_of"]


def feedback_of(site: Site, request: Request, call: StoredCall) -> dict[str, Any]:
    """Values for the template `_feedback.html`."""
    visitor = site.visitor(request)
    before = [] if site.store is None else _no_longer(site.store.feedback.history(call.id))
    mine = {one.name: one.value for one in call.feedback if one.by == visitor}
    output = text_shown(call.output)
    corrected = text_shown(mine["correction"]).text if "correction" in mine else output.text
    return {
        "said_of_call": call.feedback,
        "said_before": before,
        "my_thumbs": mine.get("thumbs") if visitor else None,
        "output_is_json": output.is_json,
        "corrected": as_said(corrected),
    }


def _no_longer(history: list[Revision]) -> list[Revision]:
    """What does not hold any more, because somebody said otherwise or took it back."""
    latest: dict[tuple[str, str | None, str | None], Revision] = {}
    for one in history:
        key = (one.name, one.by, one.other)
        if key not in latest or (one.at, one.received_at) >= (
            latest[key].at,
            latest[key].received_at,
        ):
            latest[key] = one
    holds = {one.key for one in latest.values() if one.kind != "retraction"}
    return [one for one in history if one.key not in holds]

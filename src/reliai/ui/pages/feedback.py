"""What a visitor says of a call on its page: thumbs, anything by a name, corrections, and back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.routing import Route

from reliai.feedback import FeedbackError
from reliai.ui._saying import as_said, data_said, say, text_shown

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from reliai.records import RecordStore, StoredCall
    from reliai.ui.site import Site

__all__ = ["routes"]

_LONGEST = 40


def routes(site: Site) -> list[Route]:
    """What the forms of a call's page do."""

    def asked(request: Request) -> tuple[RecordStore, StoredCall, str, dict[str, str]]:
        form = site.checked_form(request)
        call = None if site.store is None else site.store.get(str(form.get("call", "")))
        if call is None or site.store is None:
            raise HTTPException(404, "The call is not there any more.")
        given = {name: as_said(form.get(name)) for name in ("name", "value", "comment", "output")}
        return site.store, call, site.visitor(request) or "", given

    def value(request: Request) -> Response:
        store, call, visitor, given = asked(request)
        name, said = given["name"].strip(), given["value"].strip()
        if not name or name in {"correction", "preference"}:
            raise HTTPException(422, "Say what is judged: a name such as thumbs or tone.")
        if not said:
            raise HTTPException(422, "Say the value.")
        comment = given["comment"].strip() or None
        say(store, "value", call.id, name, value_of(said), by=visitor, comment=comment)
        return site.see(_path(call))

    def correct(request: Request) -> Response:
        store, call, visitor, given = asked(request)
        output = text_shown(call.output)
        if given["output"] == as_said(output.text) or not given["output"].strip():
            raise HTTPException(422, "The correction is what the output was already.")
        try:
            data = data_said(given["output"], is_json=output.is_json, what="correction")
        except FeedbackError as error:
            raise HTTPException(422, f"{str(error).capitalize()}.") from error
        comment = given["comment"].strip() or None
        say(store, "correction", call.id, "correction", data, by=visitor, comment=comment)
        return site.see(_path(call))

    def retract(request: Request) -> Response:
        store, call, visitor, given = asked(request)
        say(store, "retraction", call.id, given["name"], None, by=visitor)
        return site.see(_path(call))

    return [
        Route("/feedback/value", value, methods=["POST"]),
        Route("/feedback/correct", correct, methods=["POST"]),
        Route("/feedback/retract", retract, methods=["POST"]),
    ]


def value_of(text: str) -> Any:
    """A number, true or false where the text is one; else the text itself."""
    if len(text) > _LONGEST:
        return text
    try:
        found = json.loads(text)
    except ValueError:
        return text
    return found if type(found) in {int, float, bool} else text


def _path(call: StoredCall) -> str:
    return f"/calls/{quote(call.id, safe='')}#feedback"

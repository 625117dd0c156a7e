"""Review queues: a person takes call after call, labels and corrects it, without a mouse.

Everything is a form, so it works without the script too; `review.js` sends them without loading
the page anew, and holds the lease while somebody works.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.routing import Route

from reliai.feedback import FeedbackError, LeaseLost
from reliai.ui._review_views import (
    Draft,
    of_item,
    of_own,
    place_of,
    queue_named,
    row_of,
    rows_of,
)
from reliai.ui._saying import as_said, data_said, say, text_shown
from reliai.ui.site import Nav

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.datastructures import FormData
    from starlette.requests import Request
    from starlette.responses import Response

    from reliai.feedback import ReviewItem, ReviewQueue
    from reliai.records import StoredCall
    from reliai.ui._review_views import Shown
    from reliai.ui.site import Site

__all__ = ["NAV", "routes"]

NAV = Nav("Review", "/reviews", "r")


def routes(site: Site) -> list[Route]:
    """The list, the page of a queue, and what its forms do."""
    page = _Page(site)
    return [
        Route("/reviews", page.queues),
        Route("/reviews/take", page.take, methods=["POST"]),
        Route("/reviews/submit", page.submit, methods=["POST"]),
        Route("/reviews/skip", page.skip, methods=["POST"]),
        Route("/reviews/stop", page.stop, methods=["POST"]),
        Route("/reviews/renew", page.renew, methods=["POST"]),
        Route("/reviews/change", page.change, methods=["POST"]),
        Route("/reviews/queue/{name:path}", page.queue),
    ]


class _Page:
    def __init__(self, site: Site) -> None:
        self._site = site

    def queues(self, request: Request) -> Response:
        site = self._site
        rows = [] if site.store is None else rows_of(site.store, site.visitor(request))
        return site.render(request, "reviews.html", rows=rows)

    def queue(self, request: Request) -> Response:
        """The call that the visitor has, one that they reviewed, or how to begin."""
        queue = queue_named(self._site.store, request.path_params["name"])
        visitor = self._site.visitor(request)
        if visitor is None:
            return self._begin(request, queue)
        own = request.query_params.get("call")
        if own is not None:
            return self._own(request, queue, own, visitor)
        item = queue.resume(visitor)
        if item is None:
            return self._begin(request, queue)
        return self._review(request, queue, of_item(item))

    def take(self, request: Request) -> Response:
        """Take the next call, unless the visitor has one."""
        queue, visitor, _ = self._asked(request)
        if queue.resume(visitor) is None:
            queue.take(visitor)
        return self._site.see(_path(queue))

    def submit(self, request: Request) -> Response:
        """Submit a review and take the next call."""
        queue, visitor, form = self._asked(request)
        draft = _draft(form)
        item = queue.resume(visitor, call_id=str(form.get("call", "")))
        if item is None:
            return self._lost(request, queue, form, draft)
        try:
            label, correction = _given(queue, item.call, draft)
            item.submit(label, correction=correction, comment=draft.comment or None)
        except LeaseLost:
            return self._lost(request, queue, form, draft)
        except FeedbackError as error:
            shown = of_item(item, draft)
            return self._review(request, queue, shown, wrong=_words(error), status=422)
        queue.take(visitor, after=item.number)
        return self._site.see(_path(queue))

    def skip(self, request: Request) -> Response:
        """Give a call back and take the one behind it; what is skipped comes again at the end."""
        queue, visitor, form = self._asked(request)
        item = self._held(queue, visitor, form)
        if item is None:
            queue.take(visitor)
        else:
            item.release()
            queue.take(visitor, after=item.number)
        return self._site.see(_path(queue))

    def stop(self, request: Request) -> Response:
        """Give a call back, and take none."""
        queue, visitor, form = self._asked(request)
        item = self._held(queue, visitor, form)
        if item is not None:
            item.release()
        return self._site.see("/reviews")

    def renew(self, request: Request) -> Response:
        """Hold the lease; says until when, or that another has the call."""
        queue, visitor, form = self._asked(request)
        item = self._held(queue, visitor, form)
        try:
            if item is not None:
                item.renew()
        except LeaseLost:
            item = None
        until = None if item is None else item.leased_until
        return JSONResponse({"until": until, "lease": queue.lease})

    def change(self, request: Request) -> Response:
        """Say something else of a call that one reviewed; what was said before stays in history."""
        queue, visitor, form = self._asked(request)
        call = self._call(str(form.get("call", "")))
        place = place_of(queue, visitor, call.id)
        draft, before = _draft(form), of_own(queue, call, visitor)
        try:
            self._changed(queue, call, visitor, draft, before.draft)
        except FeedbackError as error:
            shown = of_own(queue, call, visitor)
            return self._review(
                request, queue, _with(shown, draft), wrong=_words(error), status=422
            )
        return self._site.see(_path(queue, place.after))

    # --- what they have in common -----------------------------------------------------------------
    def _asked(self, request: Request) -> tuple[ReviewQueue, str, FormData]:
        form = self._site.checked_form(request)
        queue = queue_named(self._site.store, str(form.get("queue", "")))
        visitor = self._site.visitor(request)
        if visitor is None:
            raise HTTPException(403, "You are not signed in.")
        return queue, visitor, form

    @staticmethod
    def _held(queue: ReviewQueue, visitor: str, form: FormData) -> ReviewItem | None:
        return queue.resume(visitor, call_id=str(form.get("call", "")))

    def _call(self, call_id: str) -> StoredCall:
        store = self._site.store
        call = None if store is None else store.get(call_id)
        if call is None:
            raise HTTPException(404, "The call is not there any more.")
        return call

    def _begin(self, request: Request, queue: ReviewQueue) -> Response:
        row = row_of(queue, self._site.visitor(request))
        visitor = self._site.visitor(request)
        place = None if visitor is None else place_of(queue, visitor, None)
        values: dict[str, Any] = {"queue": queue, "row": row, "place": place, "here": _path(queue)}
        return self._site.render(request, "reviews_begin.html", **values)

    def _own(self, request: Request, queue: ReviewQueue, call_id: str, visitor: str) -> Response:
        place_of(queue, visitor, call_id)
        return self._review(request, queue, of_own(queue, self._call(call_id), visitor))

    def _review(
        self,
        request: Request,
        queue: ReviewQueue,
        shown: Shown,
        *,
        wrong: str = "",
        status: int = 200,
    ) -> Response:
        visitor = self._site.visitor(request) or ""
        place = place_of(queue, visitor, None if shown.item else shown.call.id)
        return self._site.render(
            request,
            "reviews_item.html",
            status=status,
            queue=queue,
            row=row_of(queue, visitor),
            shown=shown,
            call=shown.call,
            place=place,
            wrong=wrong,
            here=_path(queue),
        )

    def _lost(self, request: Request, queue: ReviewQueue, form: FormData, draft: Draft) -> Response:
        """Another has the call; what was written is shown, so that it is not gone."""
        call_id = str(form.get("call", ""))
        values: dict[str, Any] = {"queue": queue, "call_id": call_id, "draft": draft}
        return self._site.render(request, "reviews_lost.html", status=409, **values)

    def _changed(
        self, queue: ReviewQueue, call: StoredCall, visitor: str, draft: Draft, before: Draft
    ) -> None:
        store = self._site.store
        assert store is not None  # noqa: S101  the queue is in it
        label, correction = _given(queue, call, draft)
        if (draft.label, draft.comment) != (before.label, before.comment):
            said = draft.comment or None
            say(store, "value", call.id, queue.name, label, by=visitor, comment=said)
        if draft.correction == before.correction:
            return
        if correction is None:
            say(store, "retraction", call.id, "correction", None, by=visitor)
        else:
            say(store, "correction", call.id, "correction", correction, by=visitor)


def _path(queue: ReviewQueue, call_id: str | None = None) -> str:
    path = f"/reviews/queue/{quote(queue.name, safe='')}"
    return path if call_id is None else f"{path}?call={quote(call_id, safe='')}"


def _draft(form: FormData) -> Draft:
    text: Callable[[str], str] = lambda name: as_said(form.get(name))  # noqa: E731  thrice below
    return Draft(
        label=text("label"), correction=text("correction"), comment=text("comment").strip()
    )


def _given(queue: ReviewQueue, call: StoredCall, draft: Draft) -> tuple[Any, Any]:
    """Label and correction; the correction is None where the output stands as it was."""
    label: Any = draft.label.strip()
    if not label:
        raise FeedbackError("choose a label first")
    if queue.labels is not None:
        label = next((each for each in queue.labels if str(each) == draft.label), label)
    output = text_shown(call.output)
    same = draft.correction == as_said(output.text) or not draft.correction.strip()
    if same:
        return label, None
    return label, data_said(draft.correction, is_json=output.is_json, what="correction")


def _with(shown: Shown, draft: Draft) -> Shown:
    return type(shown)(call=shown.call, item=shown.item, output=shown.output, draft=draft)


def _words(error: Exception) -> str:
    """What went wrong, without the name of the function that said so."""
    text = str(error)
    said = text.rpartition("): ")[2] or text
    return f"{said[:1].upper()}{said[1:]}."

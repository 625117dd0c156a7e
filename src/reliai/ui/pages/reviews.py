"""Review queues: a person takes call after call, labels and corrects it, without a mouse.

Everything is a form, so it works without the script too; `review.js` sends them without loading
the page anew, and holds the lease while somebody works.
"""

from __future__ import annotations

from dataclasses import replace
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
from reliai.ui._saying import as_said, data_said, prefer, say, text_shown
from reliai.ui.site import Nav

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.datastructures import FormData
    from starlette.requests import Request
    from starlette.responses import Response

    from reliai.feedback import ReviewItem, ReviewQueue
    from reliai.records import StoredCall
    from reliai.records.revision import Kind
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
        own = request.query_params.get("item")
        if own is not None:
            return self._own(request, queue, _number(own), visitor)
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
        item = self._held(queue, visitor, form)
        if item is None:
            again = queue.reviewed(visitor, _number(form.get("number")))
            return self._lost(request, queue, draft, again)
        try:
            _submit(queue, item, draft)
        except LeaseLost:
            return self._lost(request, queue, draft)
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
        item = self._reviewed(queue, visitor, _number(form.get("number")))
        place = place_of(queue, visitor, item.number)
        draft, before = _draft(form), of_own(queue, item, visitor)
        try:
            _change(queue, item, draft, before.draft)
        except FeedbackError as error:
            shown = replace(before, draft=draft)
            return self._review(request, queue, shown, wrong=_words(error), status=422)
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
        return queue.resume(visitor, number=_number(form.get("number")))

    @staticmethod
    def _reviewed(queue: ReviewQueue, visitor: str, number: int) -> ReviewItem:
        item = queue.reviewed(visitor, number)
        if item is None:
            raise HTTPException(404, "You have not reviewed this call, or it is gone.")
        return item

    def _begin(self, request: Request, queue: ReviewQueue) -> Response:
        row = row_of(queue, self._site.visitor(request))
        visitor = self._site.visitor(request)
        place = None if visitor is None else place_of(queue, visitor, None)
        values: dict[str, Any] = {"queue": queue, "row": row, "place": place, "here": _path(queue)}
        return self._site.render(request, "reviews_begin.html", **values)

    def _own(self, request: Request, queue: ReviewQueue, number: int, visitor: str) -> Response:
        item = self._reviewed(queue, visitor, number)
        return self._review(request, queue, of_own(queue, item, visitor))

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
        place = place_of(queue, visitor, shown.item.number if shown.item.submitted else None)
        return self._site.render(
            request,
            "reviews_item.html",
            status=status,
            queue=queue,
            row=row_of(queue, visitor),
            shown=shown,
            item=shown.item,
            call=shown.item.call,
            place=place,
            wrong=wrong,
            here=_path(queue),
        )

    def _lost(
        self, request: Request, queue: ReviewQueue, draft: Draft, again: ReviewItem | None = None
    ) -> Response:
        """Another has the call, or it was reviewed; what was written is shown: it is not gone."""
        own = None if again is None else _path(queue, again.number)
        values: dict[str, Any] = {"queue": queue, "draft": draft, "own": own}
        return self._site.render(request, "reviews_lost.html", status=409, **values)


def _submit(queue: ReviewQueue, item: ReviewItem, draft: Draft) -> None:
    comment = draft.comment or None
    if item.other is not None:
        item.prefer(_chosen(draft), comment=comment)
    else:
        label, correction = _given(queue, item.call, draft)
        item.submit(label, correction=correction, comment=comment)


def _change(queue: ReviewQueue, item: ReviewItem, draft: Draft, before: Draft) -> None:
    """Say what is not as it was."""
    comment, by = draft.comment or None, item.reviewer
    call_id = item.call.id
    other = (draft.label, draft.comment) != (before.label, before.comment)
    if item.other is not None:
        if other:
            prefer(queue.store, item, _chosen(draft), comment=comment)
        return
    label, correction = _given(queue, item.call, draft)
    if other:
        say(queue.store, "value", call_id, queue.name, label, by=by, comment=comment)
    if draft.correction != before.correction:
        kind: Kind = "retraction" if correction is None else "correction"
        say(queue.store, kind, call_id, "correction", correction, by=by)


def _chosen(draft: Draft) -> str:
    if draft.label not in {"call", "other", "tie"}:
        raise FeedbackError("choose one first")
    return draft.label


def _number(text: object) -> int:
    plain = isinstance(text, str) and text.isascii() and text.isdigit() and len(text) < 19
    return int(text) if isinstance(text, str) and plain else -1


def _path(queue: ReviewQueue, number: int | None = None) -> str:
    path = f"/reviews/queue/{quote(queue.name, safe='')}"
    return path if number is None else f"{path}?item={number}"


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


def _words(error: Exception) -> str:
    """What went wrong, without the name of the function that said so."""
    text = str(error)
    said = text.rpartition("): ")[2] or text
    return f"{said[:1].upper()}{said[1:]}."

"""Datasets: their versions, the cases of one, and what is different between two."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.routing import Route

from reliai.ui import _dataset_views as views
from reliai.ui.site import Nav

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from reliai.ui.site import Site

__all__ = ["NAV", "routes"]

NAV = Nav("Datasets", "/datasets", "d")
_VERSIONS = 200
_MOST_CHANGES = 200


def routes(site: Site) -> list[Route]:
    """The list, a dataset, a version, a case, and two versions beside each other."""

    def datasets(request: Request) -> Response:
        return site.render(
            request, "datasets.html", rows=views.rows_of(site.datasets), where=str(site.datasets)
        )

    def dataset(request: Request) -> Response:
        found = views.dataset_named(site.datasets, request.path_params["name"])
        versions = list(islice(found.log(), _VERSIONS))
        tags: dict[str, list[str]] = {}
        for tag, version in found.tags.items():
            tags.setdefault(version, []).append(tag)
        return site.render(request, "dataset.html", dataset=found, versions=versions, tags=tags)

    def version(request: Request) -> Response:
        found = views.dataset_named(site.datasets, request.path_params["name"])
        at = views.version_named(found, request.path_params["version"])
        asked = request.query_params
        tag, words = asked.get("tag", ""), asked.get("words", "").strip()
        page = views.cases_of(at, number=number_of(request), tag=tag, words=words)
        return site.render(
            request, "dataset_version.html", version=at, page=page, tag=tag, words=words
        )

    def case(request: Request) -> Response:
        found = views.dataset_named(site.datasets, request.path_params["name"])
        at = views.version_named(found, request.path_params["version"])
        chosen = views.case_of(at, request.query_params.get("key", ""))
        return site.render(request, "dataset_case.html", version=at, case=chosen)

    def diff(request: Request) -> Response:
        found = views.dataset_named(site.datasets, request.path_params["name"])
        before = request.query_params.get("before", "")
        after = views.version_named(found, request.query_params.get("after", "latest"))
        old = views.version_named(found, before) if before else None
        made = found.diff(old, after)
        return site.render(
            request,
            "dataset_diff.html",
            dataset=found,
            before=old,
            after=after,
            diff=made,
            most=_MOST_CHANGES,
            changes_of=views.changes_of,
        )

    return [
        Route("/datasets", datasets),
        Route("/datasets/{name}", dataset),
        Route("/datasets/{name}/diff", diff),
        Route("/datasets/{name}/{version}", version),
        Route("/datasets/{name}/{version}/case", case),
    ]


def number_of(request: Request) -> int:
    """The number of the page that is asked for.

    Raises:
        HTTPException: 400 for what is no number.
    """
    text = request.query_params.get("page", "1")
    if not (text.isascii() and text.isdigit() and len(text) < 7 and int(text)):
        raise HTTPException(400, "This is no number of a page.")
    return int(text)

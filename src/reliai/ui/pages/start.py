"""The first page: what there is to look at, and what is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import Route

from reliai.ui.site import Nav

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from reliai.ui.site import Site

__all__ = ["NAV", "routes"]

NAV = Nav("Overview", "/", "o")


def routes(site: Site) -> list[Route]:
    """The first page."""

    def show(request: Request) -> Response:
        return site.render(request, "start.html")

    return [Route("/", show)]

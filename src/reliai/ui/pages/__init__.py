"""The pages: each is a module with `routes(site)` and, for the list at the top, `NAV`.

A page is a function of a request that ends in `site.render(request, "name.html", …)`; plain
functions run in a thread, so they may read stores.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from reliai.ui.rendering import STATIC

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

    from reliai.ui.site import Site

__all__ = ["routes_of"]

_PAGES: Final = (
    "start",
    "sign_in",
    "calls",
    "call",
    "feedback",
    "monitor",
    "datasets",
    "experiments",
    "reviews",
    "rollouts",
)
"""In the order of the list at the top."""


def routes_of(site: Site) -> list[BaseRoute]:
    """The routes of all pages; the list of pages of the site is made by the way."""
    routes: list[BaseRoute] = [Mount("/static", StaticFiles(directory=STATIC))]
    for name in _PAGES:
        page = import_module(f"reliai.ui.pages.{name}")
        routes += page.routes(site)
        if hasattr(page, "NAV"):
            site.nav.append(page.NAV)
    return routes

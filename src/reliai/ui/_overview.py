"""What the first page says: what there is, what is not, and how to get it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from reliai.ui.site import Site

__all__ = ["Source", "shown_url", "sources_of"]


class Source(NamedTuple):
    """Something that pages read.

    Attributes:
        name: what it is.
        where: it is; empty where there is none.
        hint: how to have it shown.
        path: the page that shows it.
    """

    name: str
    where: str
    hint: str
    path: str


def sources_of(site: Site) -> list[Source]:
    """Everything that pages read, there or not."""
    store = "" if site.store is None else shown_url(site.store.url)
    datasets, runs = str(site.datasets), str(site.runs)
    there = _there(datasets)
    watched = "the calls in the store" if site.store else ""
    if site.monitor is not None:
        watched = site.monitor if isinstance(site.monitor, str) else "the monitor of this process"
    return [
        Source("Record store", store, "reliai ui --store reliai.db", "/calls"),
        Source("Monitor", watched and shown_url(watched), "reliai ui --snapshot URL", "/monitor"),
        Source("Datasets", datasets if there else "", f"no folder {datasets} yet", "/datasets"),
        Source("Runs", runs if _there(runs) else "", f"no folder {runs} yet", "/experiments"),
        Source("Shared state", _state(site), "reliai ui --state sqlite:///state.db", "/rollouts"),
    ]


def shown_url(url: str) -> str:
    """An address without the password in it."""
    try:
        parts = urlsplit(url)
        password = parts.password
    except ValueError:
        return url.partition("://")[0] + "://…"
    return url.replace(f":{password}@", ":…@", 1) if password else url


def _there(where: str) -> bool:
    return "://" in where or Path(where).is_dir()


def _state(site: Site) -> str:
    if site.state is None:
        return ""
    kind = type(site.state).__name__.removesuffix("State")
    return {"Sqlite": "SQLite", "Memory": "memory of this process"}.get(kind, kind)

"""The web application: pages, what they show, and the gate that all requests go through."""

from __future__ import annotations

from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

from reliai.errors import ConfigurationError
from reliai.ui._gate import Gate
from reliai.ui._sessions import Sessions
from reliai.ui._watching import Watch
from reliai.ui.pages import routes_of
from reliai.ui.site import Site
from reliai.ui.traffic import Recent

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable
    from os import PathLike

    from reliai.monitoring import SLO, Monitor
    from reliai.records import RecordStore
    from reliai.state import State

__all__ = ["create_app"]

_LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")
_SHORTEST: Final = 16


def create_app(
    *,
    store: RecordStore | str | None = None,
    datasets: str | PathLike[str] | None = None,
    runs: str | PathLike[str] | None = None,
    state: State | str | None = None,
    monitor: Monitor | str | None = None,
    slos: Iterable[SLO] = (),
    token: str | None = None,
    private: bool = False,
    hosts: Iterable[str] = (),
) -> Starlette:
    """An ASGI application that shows what is in these; what is missing is said on its pages.

    Args:
        store: of call records: a `RecordStore`, or its URL.
        datasets: the folder, or URL of fsspec, that datasets live in; None for
            `.reliai/datasets`.
        runs: the folder of experiments' runs; None for `.reliai/runs`.
        state: which rollouts share: a `State`, or its URL.
        monitor: a `Monitor` of this process, or the file or address that a service shows
            `monitor.snapshot()` at; None to look at the calls in the store.
        slos: objectives for the calls in the store; none for the default, 99.5 % answered. A
            monitor has its own.
        token: what somebody signs in with who may change something, of 16 characters or more;
            None so that nobody may.
        private: whether reading needs signing in too.
        hosts: names this server is asked by, besides those of the loopback interface.

    Raises:
        ConfigurationError: for a token that is too short, `private` without one, or a store or
            state that cannot be used.
    """
    if token is not None and len(token) < _SHORTEST:
        message = f"create_app(token=…): has {len(token)} characters; give {_SHORTEST} or more"
        raise ConfigurationError(message)
    if private and token is None:
        raise ConfigurationError("create_app(private=True): nobody can sign in without a token=")
    sessions = None if token is None else Sessions(token)
    opened = _opened_store(store)
    site = Site(
        store=opened,
        datasets=Path(".reliai/datasets") if datasets is None else datasets,
        runs=Path(".reliai/runs") if runs is None else Path(runs),
        state=_opened_state(state),
        monitor=monitor,
        watch=Watch(opened, monitor, tuple(slos)),
        traffic=None if opened is None else Recent(opened),
        sessions=sessions,
    )
    app = Starlette(
        routes=routes_of(site),
        middleware=[
            Middleware(Gate, site=site, hosts=frozenset({*_LOOPBACK, *hosts}), private=private)
        ],
        exception_handlers={HTTPException: site.refused},
        lifespan=_closing(site, owned=isinstance(store, str)),
    )
    app.state.site = site
    return app


def _opened_store(given: RecordStore | str | None) -> RecordStore | None:
    if not isinstance(given, str):
        return given
    from reliai.records import RecordStore  # noqa: PLC0415  needs an extra

    return RecordStore(given)


def _opened_state(given: State | str | None) -> State | None:
    if given is None:
        return None
    from reliai.state import shared_state  # noqa: PLC0415  only where there is one

    return shared_state(given)


def _closing(site: Site, *, owned: bool) -> Any:
    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        if owned and site.store is not None:
            site.store.close()

    return lifespan

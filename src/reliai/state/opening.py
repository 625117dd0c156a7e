"""From a URL to a state."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, cast

from reliai._core.complaints import warn_once
from reliai._core.settings import settings
from reliai._core.urls import unquoted, without_password
from reliai.errors import ConfigurationError

if TYPE_CHECKING:
    from reliai.state.base import State

__all__ = ["configured_state", "open_state", "shared_state"]

_REDIS = ("redis://", "rediss://", "unix://")
_POSTGRES = ("postgresql+psycopg://", "postgresql://", "postgres://")
_SQLITE = "sqlite:///"
_NEEDED = ("exchange", "reserve", "take", "get", "put", "lease", "release", "close")


_opened: dict[str, State] = {}


def shared_state(given: object) -> State:
    """The one state of this process for a URL; policies that name the same one share it.

    Raises:
        ConfigurationError: as `open_state`.
    """
    if not isinstance(given, str):
        return open_state(given)
    known = _opened.get(given)
    if known is None:
        known = _opened.setdefault(given, open_state(given))
    return known


def configured_state() -> State | None:
    """The state that `configure(state=)` was given, or RELIAI_STATE names; None for neither."""
    url = os.environ.get("RELIAI_STATE")
    if settings.state is None and url:
        try:
            settings.state = shared_state(url)
        except ConfigurationError as error:  # no call fails because of a state
            warn_once("RELIAI_STATE", f"RELIAI_STATE: {error}; this process goes on by itself")
    return cast("State | None", settings.state)


def open_state(given: object) -> State:
    """A state from its URL, or the object itself when it is one already.

    Args:
        given: "memory", "sqlite:///path/to/file.db", "redis://host:6379/0" (also "rediss://" and
            "unix://"), "postgresql+psycopg://user@host/name" ("?prefix=app" keeps applications
            apart on a server), or a state object.

    Raises:
        ConfigurationError: for anything else.
    """
    if not isinstance(given, str):
        if all(callable(getattr(given, name, None)) for name in _NEEDED):
            return cast("State", given)
        message = f"state={given!r} is no state; give 'redis://host:6379/0' or 'sqlite:///file.db'"
        raise ConfigurationError(message)
    if given in {"memory", "memory://"}:
        from reliai.state.memory import MemoryState  # noqa: PLC0415  only the one asked for

        return MemoryState()
    if given.startswith(_SQLITE) and len(given) > len(_SQLITE):
        from reliai.state.sqlite import SqliteState  # noqa: PLC0415

        return SqliteState(given.removeprefix(_SQLITE))
    if given.startswith(_REDIS):
        from reliai.state.redis import RedisState  # noqa: PLC0415

        return RedisState(*_without_prefix(given))
    if given.startswith(_POSTGRES):
        from reliai.state.postgres import PostgresState  # noqa: PLC0415

        return PostgresState(*_without_prefix(f"postgresql://{given.partition('://')[2]}"))
    message = (
        f"state={without_password(given)!r} is unknown; give 'memory', 'sqlite:///path/to/file.db' "
        "(four slashes for an absolute path), 'redis://host:6379/0' or 'postgresql+psycopg://user@host/name'"
    )
    raise ConfigurationError(message)


def _without_prefix(url: str) -> tuple[str, str]:
    """A URL without our own option, and what that says."""
    from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit  # noqa: PLC0415

    try:
        parts = urlsplit(url)
    except ValueError as error:
        message = f"state={without_password(url)!r} is no URL: {unquoted(error)}"
        raise ConfigurationError(message) from None
    options = dict(parse_qsl(parts.query))
    if "prefix" not in options:
        return url, "reliai"
    prefix = options.pop("prefix")
    return urlunsplit(parts._replace(query=urlencode(options))), prefix

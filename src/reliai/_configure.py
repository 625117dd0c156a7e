"""Settings of the process, and the state it shows: the one place that knows every floor."""

from __future__ import annotations

import logging
import os
import signal
import time
from functools import cache
from threading import RLock
from typing import TYPE_CHECKING, Any

from reliai._core.observers import checked_observers
from reliai._core.settings import checked_mode, settings
from reliai.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reliai._core.observers import Observer
    from reliai.telemetry._plugins import Named

__all__ = ["configure", "flush", "report", "shutdown"]

CLOSING = 0.5
"""Seconds that `shutdown` gives observers to close, also where the flush took all its time."""

_naming = RLock()


def configure(
    *,
    observers: Iterable[Observer | str] | None = None,
    state: object | None = None,
    records: object | None = None,
    service: str | None = None,
    environment: str | None = None,
    release: str | None = None,
    mode: str | None = None,
    flush_on_sigterm: bool = False,
) -> None:
    """Set what holds for the whole process. What is not given stays as it is.

    Six of them are also read from the environment: RELIAI_SERVICE, RELIAI_ENVIRONMENT,
    RELIAI_RELEASE, RELIAI_MODE, RELIAI_STATE, and RELIAI_OBSERVERS as names with commas between.

    Args:
        observers: the observers of every call; replaces those set before. A string names one:
            "prometheus", "opentelemetry", "structlog", "json-lines:PATH", "webhook:URL",
            "records:URL", "memory", or what a distribution offers under the entry point group
            `reliai.observers`.
        state: where policies of several processes share what they know: "redis://host:6379/0",
            "postgresql+psycopg://user@host/name", "sqlite:///path/to/file.db", "memory" for none,
            or a state object.
        records: the store of call records; added to the observers.
        service: the name of what runs here; on every record.
        environment: where it runs, for instance "production"; on every record.
        release: its version; on every record.
        mode: "enforce", "observe" (policies say what they would refuse) or "off".
        flush_on_sigterm: whether to empty the observers' queue when the process is told to end.

    Raises:
        ConfigurationError: for an unknown mode, or a setting that cannot be honoured.
    """
    changes = _checked_identity(service=service, environment=environment, release=release)
    shared = settings.state
    if state is not None:
        from reliai.state import shared_state  # noqa: PLC0415  only where processes share

        shared = shared_state(state)
    chosen = settings.observers
    if observers is not None:
        chosen = checked_observers("configure", _named().all_of(observers))
    if records is not None and records not in chosen:
        chosen = (*chosen, *checked_observers("configure", (records,)))
    new_mode = settings.mode if mode is None else checked_mode(mode)
    if flush_on_sigterm:
        _flush_on_sigterm()
    settings.mode = new_mode
    settings.state = shared
    settings.observers = chosen
    if observers is not None:
        settings.named = None
    settings.identity = settings.identity._replace(**changes)


def _checked_identity(**given: object) -> dict[str, str]:
    """Those that are given. A version such as 1.10 would be another as a number."""
    found: dict[str, str] = {}
    for name, value in given.items():
        if isinstance(value, str):
            found[name] = value
        elif value is not None:
            message = f"configure({name}={value!r}): must be text, such as {str(value)!r}"
            raise ConfigurationError(message)
    return found


@cache
def _named() -> Named:
    from reliai.telemetry._plugins import Named  # noqa: PLC0415  loaded where there are observers

    return Named({"records": ("reliai.records", "RecordStore")})


def use_named() -> None:
    """Set the observers that RELIAI_OBSERVERS names; one that cannot be had stops no call."""
    with _naming:  # other threads' first calls wait for it
        texts = settings.named
        if not texts:
            return
        settings.named = ""  # a call made by one that is being made goes on without
        for text in filter(None, map(str.strip, texts.split(","))):
            try:
                observer = _named().get(text)
            except ConfigurationError as error:
                logging.getLogger("reliai").error("RELIAI_OBSERVERS: %s", error)  # noqa: TRY400
            else:
                settings.observers = (*settings.observers, observer)
        settings.named = None


def flush(timeout: float = 2.0) -> bool:
    """Wait until observers have what was recorded so far, at most `timeout` seconds.

    Returns:
        Whether all of it was taken in time.
    """
    from reliai._core.hub import flush_all  # noqa: PLC0415  loads threads and queues

    return flush_all(settings.everyone(), timeout)


def shutdown(timeout: float = 2.0) -> bool:
    """`flush`, then close the observers and go on without those of the process.

    Returns:
        Whether all that was recorded was taken in time.
    """
    from reliai._core.hub import close_all  # noqa: PLC0415  loads threads and queues

    until = time.monotonic() + timeout
    emptied = flush(timeout)
    observers, settings.observers = settings.everyone(), ()
    _named().forget()
    closed = close_all(observers, max(CLOSING, until - time.monotonic()))
    return emptied and closed


def _flush_on_sigterm() -> None:
    import threading  # noqa: PLC0415

    if threading.current_thread() is not threading.main_thread():
        message = "configure(flush_on_sigterm=True) works in the main thread only"
        raise ConfigurationError(message)
    previous = signal.getsignal(signal.SIGTERM)

    def handle(number: int, frame: Any) -> None:
        if previous != signal.SIG_DFL:  # what ends the program then says what is lost
            flush()
        if callable(previous):
            previous(number, frame)
        elif previous == signal.SIG_DFL:
            from reliai._core.hub import flush_at_exit  # noqa: PLC0415  loads threads and queues

            flush_at_exit()
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)

    signal.signal(signal.SIGTERM, handle)


def report(last: int = 20) -> str:
    """The last calls of this process, one line each, oldest first.

    Args:
        last: how many lines at most; 256 calls are kept.
    """
    from reliai._core.lines import line  # noqa: PLC0415  words are made when they are read

    records = list(settings.recent)[-last:] if last > 0 else []
    return "\n".join(line(record) for record in records)

"""Observers by name: our own, and those that other distributions offer as entry points."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from importlib.metadata import entry_points
from threading import RLock
from typing import TYPE_CHECKING, Any

from reliai._core.forking import renew_after_fork
from reliai._core.observers import observes
from reliai.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from importlib.metadata import EntryPoint

__all__ = ["GROUP", "Named"]

GROUP = "reliai.observers"
"""The entry points that are observers: `name = "module:factory"`; what follows the name's colon is
given to the factory as its only argument."""

_OWN = {
    "json-lines": ("reliai.telemetry.jsonlines", "JsonLines", "a path"),
    "memory": ("reliai.telemetry.memory", "Memory", None),
    "opentelemetry": ("reliai.telemetry.opentelemetry", "OpenTelemetry", None),
    "otel": ("reliai.telemetry.opentelemetry", "OpenTelemetry", None),
    "prometheus": ("reliai.telemetry.prometheus", "Prometheus", None),
    "structlog": ("reliai.telemetry.structlog", "Structlog", None),
    "webhook": ("reliai.telemetry.webhook", "Webhook", "a URL"),
}
"""Module, class, and what has to follow the colon."""


class Named:
    """The observers that were asked for by name; one of the same name and argument is the same.

    Args:
        more: module and class of further names, of what only floors above know.
    """

    def __init__(self, more: Mapping[str, tuple[str, str]]) -> None:
        self._own = {**_OWN, **{name: (*where, None) for name, where in more.items()}}
        self._renew()
        self._made: dict[str, Any] = {}
        renew_after_fork(self)

    def _renew(self) -> None:
        self._lock = RLock()

    def all_of(self, given: Any) -> Any:
        """What `configure(observers=)` was given, names replaced by observers.

        Raises:
            ConfigurationError: for a name that nobody offers, or an observer that cannot be made.
        """
        if isinstance(given, str) or not isinstance(given, Iterable) or observes(given):
            return given  # who checks the list says what is wrong with it
        return tuple(self.get(each.strip()) if isinstance(each, str) else each for each in given)

    def get(self, text: str) -> Any:
        """The observer of `NAME` or `NAME:ARGUMENT`.

        Raises:
            ConfigurationError: when nobody offers it, or it cannot be made.
        """
        with self._lock:
            if text not in self._made:
                self._made[text] = self._make(text)
            return self._made[text]

    def forget(self) -> None:
        """Make them anew when they are asked for again: they were closed."""
        with self._lock:
            self._made.clear()

    def _make(self, text: str) -> Any:
        name, _, argument = text.partition(":")
        try:
            factory = self._factory(name, argument)
            observer = factory(argument) if argument else factory()
        except ConfigurationError:
            raise
        except Exception as error:
            message = f"observer {text!r} cannot be made: {type(error).__name__}: {error}"
            raise ConfigurationError(message) from error
        if not observes(observer) or isinstance(observer, type):
            message = f"observer {text!r}: what its plug-in gives is no observer: {observer!r}"
            raise ConfigurationError(message)
        return observer

    def _factory(self, name: str, argument: str) -> Any:
        if name not in self._own:
            return self._offered(name)
        module, attribute, wanted = self._own[name]
        if wanted is not None and not argument:
            message = f"observer {name!r} needs {wanted}: {name + ':…'!r}"
            raise ConfigurationError(message)
        made = getattr(import_module(module), attribute)
        return (lambda limit: made(int(limit))) if name == "memory" and argument else made

    def _offered(self, name: str) -> Any:
        entries = entry_points(group=GROUP)
        offered = [each for each in entries if each.name == name]
        if not offered:
            others = sorted({*entries.names, *self._own})
            message = f"there is no observer {name!r}; there are {', '.join(others)}"
            raise ConfigurationError(message)
        if len({each.value for each in offered}) > 1:
            several = ", ".join(map(_source, offered))
            message = f"observer {name!r} is offered by several: {several}"
            raise ConfigurationError(message)
        return _loaded(offered[0])


def _loaded(entry: EntryPoint) -> Any:
    try:
        return entry.load()
    except Exception as error:
        message = (
            f"observer {entry.name!r} of {_source(entry)} cannot be loaded: "
            f"{type(error).__name__}: {error}"
        )
        raise ConfigurationError(message) from error


def _source(entry: EntryPoint) -> str:
    made = entry.dist
    return entry.value if made is None else f"{made.name} {made.version}"

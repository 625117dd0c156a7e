"""How observers see calls: some in the call path, all else through a queue and a worker each.

An observer is any object with some of `on_start(call)`, `on_event(call, event)`, `on_end(record)`,
`activate(call, attempt)`, `on_feedback(revision)`, `on_idle()`, `flush(timeout)`, `close()`, and
`inline`. One that raises, hangs or dies never changes a call, nor what others see; what it missed
is counted and said once.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeAlias

from reliai._core.content import crowded, forget, keep_inputs, keep_output, reads_content
from reliai._core.delivery import deliver
from reliai.errors import ConfigurationError

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Callable, Iterable, Iterator
    from contextlib import AbstractContextManager
    from contextvars import Context

    from reliai._core.call import Call
    from reliai._core.lane import Lane
    from reliai._core.outcome import Outcome
    from reliai._core.record import Attempt, CallRecord, Event
    from reliai.records.revision import Revision

__all__ = ["Hooks", "Observer", "checked_observers", "observes"]

Observer: TypeAlias = object
"""Any object with some of the methods of `EveryObserver`."""


class EveryObserver(Protocol):
    """All that an observer may have; each part may be left out."""

    inline: bool
    """Whether `on_event` and `on_end` run in the call path instead of on the worker."""

    reads_content: bool
    """Whether calls keep what went in and came out until `on_end` was told, for `content_of`."""

    asleep: bool
    """Whether `activate` gives nothing at present, so that calls need not ask."""

    evaluations: bool
    """Whether it wants the calls of evaluations too; by default it sees those of users only."""

    def on_start(self, call: Call) -> None:
        """A call starts. Runs in the call path: keep it short."""

    def on_event(self, call: Call, event: Event) -> None:
        """A policy did something."""

    def on_end(self, record: CallRecord) -> None:
        """A call ended; of a stream, the stream did."""

    def activate(self, call: Call, attempt: Attempt) -> AbstractContextManager[object] | None:
        """A context manager entered around each step of the function; makes a span current."""

    def on_feedback(self, revision: Revision) -> None:
        """Somebody said something of a call or a conversation. Runs on the worker."""

    def on_idle(self) -> None:
        """Nothing came for a second or so. Runs on the worker, once it was shown something."""

    def flush(self, timeout: float) -> object:
        """Write out what is held back, within `timeout` seconds; False when it was not done.

        Runs on the worker.
        """

    def close(self) -> None:
        """No more calls will come. Runs on the worker."""

    def give_up(self) -> None:
        """The program ends and `flush` was not done: put aside what there is.

        Runs in the main thread, twice: what waits is shown with `on_end` in between.
        """


class Hooks:
    """The observers of one function, sorted by what they want to see.

    Args:
        observers: all of them.
        recent: where ended calls are kept for `report()`.
    """

    __slots__ = (
        "_event_inline",
        "_event_queued",
        "_reading",
        "activating",
        "eventing",
        "inline",
        "queued",
        "reads_content",
        "recent",
        "starting",
        "watching",
    )

    def __init__(self, observers: tuple[Observer, ...], recent: deque[CallRecord]) -> None:
        self.recent = recent
        # One of the process's that a function names again is told once.
        observers = tuple({id(observer): observer for observer in observers}.values())

        def having(method: str, *, inline: bool | None = None) -> tuple[Any, ...]:
            return tuple(
                observer
                for observer in observers
                if callable(getattr(observer, method, None))
                and (inline is None or bool(getattr(observer, "inline", False)) is inline)
            )

        self.starting = having("on_start")
        self.activating = having("activate")
        self.inline = _seated(having("on_end", inline=True))
        self.queued = _seated(having("on_end", inline=False))
        self._reading = tuple(lane for one, lane in self.queued if reads_content(one))
        self.reads_content = any(reads_content(one) for one, _ in (*self.queued, *self.inline))
        if self.reads_content:
            self.starting = (_KEEPER, *self.starting)
        self._event_inline = _seated(having("on_event", inline=True))
        self._event_queued = _seated(having("on_event", inline=False))
        self.eventing = bool(self._event_inline or self._event_queued)
        self.watching = bool(self.activating)

    def start(self, call: Call) -> None:
        """Tell the observers that a call starts."""
        for observer in self.starting:
            if not deliver(observer, observer.on_start, call):
                _count_trouble(observer)
        if self.watching and all(getattr(one, "asleep", False) for one in self.activating):
            call.watched = call.ambient.leaf_filter is not None

    def activated(self, call: Call, function: Callable[..., Any]) -> Callable[..., Any]:
        """`function`, run inside what the observers make current around a step of the leaf."""
        return _activated(self.activating, call, function) if self.activating else function

    def activation(self, call: Call) -> Entered:
        """What the observers make current around one attempt, entered; to be closed after it."""
        entered = Entered()
        entered.enter(self.activating, call, call.current_attempt())
        return entered

    @contextmanager
    def activation_in(self, context: Context, call: Call) -> Iterator[None]:
        """The same around a step that runs in a context of its own, where it must be seen."""
        entered = context.run(self.activation, call)
        try:
            yield
        except BaseException:
            context.run(entered.__exit__, *sys.exc_info())
            raise
        context.run(entered.close)

    def event(self, call: Call, event: Event) -> None:
        """Show the observers an event."""
        for observer, lane in self._event_inline:
            lane.counts.show()
            if not deliver(observer, observer.on_event, call, event):
                lane.counts.shown_in_vain()
        for observer, lane in self._event_queued:
            lane.put(observer, "on_event", (call, event))

    def end(self, record: CallRecord, outcome: Outcome) -> None:
        """Show the observers an ended call; those who read content, what it delivered."""
        if self.reads_content:
            keep_output(record, outcome, len(self._reading))
        for observer, lane in self.inline:
            lane.counts.show()
            if not deliver(observer, observer.on_end, record):
                lane.counts.shown_in_vain()
        if self.reads_content and (not self._reading or crowded(self._reading)):
            forget(record)
        for observer, lane in self.queued:
            lane.put(observer, "on_end", (record,))


class _Keeper:
    """Stands before the observers that read content, and has a call keep what it was given."""

    @staticmethod
    def on_start(call: Call) -> None:
        """A call starts."""
        keep_inputs(call)


_KEEPER = _Keeper()


def _seated(observers: tuple[Any, ...]) -> tuple[tuple[Any, Lane], ...]:
    """Observers, each with its lane."""
    if not observers:
        return ()
    from reliai._core.hub import hub  # noqa: PLC0415  loads threads, queues: with the first observer

    return tuple((observer, hub.lane(observer)) for observer in observers)


def _count_trouble(observer: Observer) -> None:
    from reliai._core.hub import hub  # noqa: PLC0415  loaded with the first observer that fails

    hub.lane(observer).counts.trouble()


_METHODS = ("on_start", "on_event", "on_end", "activate", "on_feedback")


def checked_observers(where: str, given: Iterable[Observer]) -> tuple[Observer, ...]:
    """`given` as a tuple.

    Raises:
        ConfigurationError: when it is no list of observers.
    """
    if observes(given) or isinstance(given, str) or not hasattr(given, "__iter__"):
        message = f"{where}(observers={given!r}): give a list, also of one observer: [...]"
        raise ConfigurationError(message)
    observers = tuple(given)
    for observer in observers:
        if isinstance(observer, type):
            message = f"observer {observer.__name__} is a class; pass an object of it"
            raise ConfigurationError(message)
        if not observes(observer):
            message = f"observer {observer!r} has none of {', '.join(_METHODS)}"
            if isinstance(observer, str):
                message += "; names are for configure(observers=[...])"
            raise ConfigurationError(message)
    _check_together(where, observers)
    return observers


def _check_together(where: str, observers: tuple[Any, ...]) -> None:
    """Ask each observer that knows whether it can be there beside those that come after it."""
    for place, observer in enumerate(observers):
        conflict = getattr(observer, "conflict", None)
        problems = map(conflict, observers[place + 1 :]) if callable(conflict) else ()
        for problem in problems:
            if isinstance(problem, str):
                message = f"{where}(observers=…): {problem}"
                raise ConfigurationError(message)


def observes(thing: object) -> bool:
    """Whether it has any of the methods that see calls."""
    return any(callable(getattr(thing, method, None)) for method in _METHODS)


def _activated(
    activating: tuple[Any, ...], call: Call, function: Callable[..., Any]
) -> Callable[..., Any]:
    attempt = call.current_attempt()

    def step(*args: Any, **kwargs: Any) -> Any:
        entered = Entered()
        try:
            entered.enter(activating, call, attempt)
            result = function(*args, **kwargs)
        except BaseException as error:
            entered.__exit__(type(error), error, error.__traceback__)
            raise
        entered.close()
        return result

    return step


class Entered:
    """What observers made current around one step; left in the opposite order, each once."""

    __slots__ = ("_managers",)

    def __init__(self) -> None:
        self._managers: list[tuple[Any, AbstractContextManager[object]]] | None = None

    def enter(self, activating: tuple[Any, ...], call: Call, attempt: Attempt) -> None:
        """Ask each observer what is to be current, and enter that."""
        for observer in activating:
            if not deliver(observer, self._enter, observer, call, attempt):
                _count_trouble(observer)

    def _enter(self, observer: EveryObserver, call: Call, attempt: Attempt) -> None:
        manager = observer.activate(call, attempt)
        if manager is None:
            return
        manager.__enter__()
        if self._managers is None:
            self._managers = []
        self._managers.append((observer, manager))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *details: object) -> None:
        managers = self._managers
        while managers:
            observer, manager = managers.pop()
            try:
                if not deliver(observer, manager.__exit__, *details):
                    _count_trouble(observer)
            finally:
                if managers:  # an interrupt ends this loop, but not what the others have begun
                    self.__exit__(*details)

    def close(self) -> None:
        """Leave a step that went well."""
        if self._managers:
            self.__exit__(None, None, None)

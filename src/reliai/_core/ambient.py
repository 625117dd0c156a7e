"""What surrounds a call: who it is for, how long it may take, how policies behave right now.

One context variable holds it all, so a call reads one. An `Ambient` is never changed: each block
that says something new puts a changed copy in place and takes it away again.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from reliai import clock
from reliai._core.settings import checked_mode
from reliai.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from reliai._core.call import Call
    from reliai._core.evaluation import Trial
    from reliai._core.record import CallRecord
    from reliai._core.shadowing import Shadowing
    from reliai._core.usage import Meter

__all__ = [
    "Ambient",
    "ambient",
    "collect",
    "context",
    "current",
    "current_call",
    "deactivated",
    "deadline",
    "mode",
    "remaining",
]


class Ambient:
    """The surroundings of a call.

    Attributes:
        subject, session, tenant, tags, run_id: who the call is for, and what it belongs to.
        call_ids: holds the id that the first call started inside takes.
        deadline: when all calls inside must be done, by the monotonic clock; None for no limit.
        limit: the seconds that deadline was set with.
        attempts: how many attempts `deactivated()` leaves to a call; None outside of it.
        mode: "enforce", "observe" or "off"; None where nothing was said.
        collectors: lists that get every record started inside.
        meters: what adds up the usage of every call started inside.
        leaf_filter: wraps each function about to be called; how tests inject faults.
        shadow: what the calls made inside shadow; None for calls that somebody waits for.
        evaluation: the trial that the calls made inside are a part of; None outside of any.
    """

    __slots__ = (
        "attempts",
        "call_ids",
        "collectors",
        "deadline",
        "evaluation",
        "leaf_filter",
        "limit",
        "meters",
        "mode",
        "run_id",
        "session",
        "shadow",
        "subject",
        "tags",
        "tenant",
    )

    subject: str | None
    session: str | None
    tenant: str | None
    tags: Mapping[str, str]
    run_id: str | None
    call_ids: list[str]
    deadline: float | None
    limit: float
    attempts: int | None
    mode: str | None
    collectors: tuple[list[CallRecord], ...]
    meters: tuple[Meter, ...]
    leaf_filter: Callable[[Call, Callable[..., Any]], Callable[..., Any]] | None
    shadow: Shadowing | None
    evaluation: Trial | None

    def __init__(self) -> None:
        self.subject = self.session = self.tenant = self.run_id = None
        self.tags = {}
        self.call_ids = []
        self.deadline = None
        self.limit = 0.0
        self.attempts = None
        self.mode = None
        self.collectors = ()
        self.meters = ()
        self.leaf_filter = None
        self.shadow = None
        self.evaluation = None

    def but(self, **changes: Any) -> Ambient:
        """A copy with some values changed."""
        copy = Ambient.__new__(Ambient)
        for name in Ambient.__slots__:
            setattr(copy, name, changes[name] if name in changes else getattr(self, name))
        return copy


NOWHERE = Ambient()

ambient: ContextVar[Ambient] = ContextVar("reliai.ambient", default=NOWHERE)
current: ContextVar[Call | None] = ContextVar("reliai.call", default=None)


@contextmanager
def surroundings(**changes: Any) -> Iterator[None]:
    """Change what surrounds the calls made inside."""
    token = ambient.set(ambient.get().but(**changes))
    try:
        yield
    finally:
        ambient.reset(token)


@contextmanager
def context(
    subject: str | None = None,
    session: str | None = None,
    tenant: str | None = None,
    tags: Mapping[str, str] | None = None,
    call_id: str | None = None,
) -> Iterator[None]:
    """Say whom the calls made inside are for. Merges with what an enclosing block said.

    Args:
        subject: the user or thing a call is made for; the unit of assignment in a rollout.
        session: the conversation.
        tenant: the customer; part of every cache key.
        tags: labels, merged over those of the function and of enclosing blocks.
        call_id: the id of the first call started inside.

    What is no text, such as a number from a database, goes on the records as `str` writes it.
    """
    here = ambient.get()
    changes: dict[str, Any] = {
        name: str(value)
        for name, value in (("subject", subject), ("session", session), ("tenant", tenant))
        if value is not None
    }
    if tags:
        changes["tags"] = {**here.tags, **{str(name): str(tag) for name, tag in tags.items()}}
    if call_id is not None:
        changes["call_ids"] = [str(call_id)]
    with surroundings(**changes):
        yield


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Give all calls made inside `seconds` (> 0) together; the nearest deadline counts.

    Raises:
        ConfigurationError: when `seconds` is not a positive number.
    """
    if not isinstance(seconds, int | float) or not seconds > 0:
        message = f"deadline(seconds={seconds!r}): seconds must be a number above 0"
        raise ConfigurationError(message)
    until = clock.active().monotonic() + seconds
    here = ambient.get()
    if here.deadline is not None and here.deadline <= until:
        yield
        return
    with surroundings(deadline=until, limit=float(seconds)):
        yield


@contextmanager
def deactivated(attempts: int = 1) -> Iterator[None]:
    """Switch retries, waits and circuit breakers off inside; for tests. Nests.

    Args:
        attempts: how many attempts a call may make all the same (>= 1); it never waits between.

    Raises:
        ConfigurationError: when `attempts` is not a positive whole number.
    """
    if not isinstance(attempts, int) or attempts < 1:
        message = (
            f"deactivated(attempts={attempts!r}): attempts must be a whole number of at least 1"
        )
        raise ConfigurationError(message)
    with surroundings(attempts=attempts):
        yield


@contextmanager
def mode(name: str) -> Iterator[None]:
    """Set how policies behave inside: "enforce", "observe" (say, do not refuse) or "off".

    Raises:
        ConfigurationError: for another name.
    """
    with surroundings(mode=checked_mode(name)):
        yield


@contextmanager
def collect() -> Iterator[list[CallRecord]]:
    """Gather the records of the calls made inside, by order of start."""
    records: list[CallRecord] = []
    with surroundings(collectors=(*ambient.get().collectors, records)):
        yield records


def current_call() -> Call | None:
    """The guarded call this code runs in; None outside of any."""
    return current.get()


def remaining() -> float | None:
    """Seconds left of the nearest deadline (0 when it has passed); None where there is none."""
    until = nearest_deadline()
    return None if until is None else max(0.0, until - clock.active().monotonic())


def nearest_deadline() -> float | None:
    """When the code running here must be done, by the monotonic clock; None for no limit."""
    call = current.get()
    outer = ambient.get().deadline
    ended = call is None or call._record.ended  # noqa: SLF001  a task may outlive its call
    inner = None if call is None or ended else call.bound
    if inner is None or outer is None:
        return outer if inner is None else inner
    return min(inner, outer)

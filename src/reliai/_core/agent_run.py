"""An agent's run: one name for all its calls, caps on what they use together, an eye for loops.

A run is a meter in the surroundings of its calls. Each is told of the usage of all of them, and is
asked before each attempt; nested runs are all told and all asked. Outside of runs it costs nothing.
"""

from __future__ import annotations

import math
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from reliai import clock
from reliai._core import ids
from reliai._core.ambient import ambient, current
from reliai._core.amounts import as_usd, checked_amount, pico
from reliai._core.complaints import warn_once
from reliai._core.forking import renew_after_fork
from reliai._core.repeats import Repeats
from reliai.errors import BudgetExceeded, ConfigurationError

if TYPE_CHECKING:
    from contextvars import Token
    from types import TracebackType

    from reliai._core.ambient import Ambient
    from reliai._core.call import Call
    from reliai._core.record import CallRecord
    from reliai.providers import Response

__all__ = ["Remaining", "Run", "run"]

_MOST_NAMES = 1_000


class Remaining(NamedTuple):
    """What a run has left; None where it has no cap."""

    calls: int | None
    usd: float | None
    tokens: int | None
    seconds: float | None


def run(
    name: str | None = None,
    *,
    max_calls: int | None = None,
    max_usd: float | None = None,
    max_tokens: int | None = None,
    deadline: float | None = None,
    max_repeats: int | None = 3,
) -> Run:
    """Group the calls made inside, as those of one run of an agent, and cap them together.

    A context manager, for `with` and `async with` alike: all guarded calls inside carry `run_id`,
    in other tasks and threads too as far as contextvars follow. One that would pass a cap is
    refused with `BudgetExceeded` before its model is called; no retry and no fallback goes on.
    Runs nest: the caps of all of them hold, and the deadline that is nearest.

    Args:
        name: the `run_id` on the records; by default one that nobody else has.
        max_calls: calls that may be made inside, tools included (>= 1); answers from a cache are
            free, further attempts of a call are not counted.
        max_usd: US dollars (> 0) that they may cost together.
        max_tokens: tokens of requests and answers (> 0) that they may use together.
        deadline: seconds (> 0) for all of them together.
        max_repeats: how often the same tool may be called with the same arguments in a row, or the
            same up to four calls in a circle (>= 1); None: as often as they like. Tools are the
            functions under `@reliai.tool`.

    Returns:
        The run: `.calls`, `.usd`, `.tokens`, `.remaining`, …

    Raises:
        ConfigurationError: for a value out of its range.

    Example:
        >>> with run("ticket-42", max_calls=50, max_usd=2.0, deadline=120) as ticket:
        ...     ticket.remaining.calls
        50
    """
    _checked_name(name)
    for what, value in (("max_calls", max_calls), ("max_repeats", max_repeats)):
        if value is not None and (type(value) is not int or value < 1):
            raise ConfigurationError(f"run({what}={value!r}): must be a whole number from 1 up")
    for what, amount in (("max_usd", max_usd), ("max_tokens", max_tokens), ("deadline", deadline)):
        if amount is not None and not (checked_amount(amount) and amount > 0):
            raise ConfigurationError(f"run({what}={amount!r}): must be a number above 0, or None")
    return Run(
        name or ids.as_text(ids.new(clock.active().time())),
        max_calls,
        max_usd,
        max_tokens,
        deadline,
        max_repeats,
    )


def _checked_name(name: object) -> None:
    if name is not None and not (isinstance(name, str) and name):
        message = f"run({name!r}): the name must be a text that is not empty, or None for a new one"
        raise ConfigurationError(message)


class Run:
    """The calls of one run of an agent, counted together.

    Attributes:
        name: the `run_id` of its records.
        calls: how many guarded calls were made inside, tools included.
        unmeasured: how many answers and broken attempts told no usage, or no price. Those of
            functions that tell it otherwise count towards the caps as the largest of late.
    """

    def __init__(  # noqa: PLR0917  made by `run` alone
        self,
        name: str,
        max_calls: int | None,
        max_usd: float | None,
        max_tokens: int | None,
        deadline: float | None,
        max_repeats: int | None,
    ) -> None:
        self.name = name
        self.calls = 0
        self.unmeasured = 0
        self._max_calls = max_calls
        self._deadline = deadline
        self._until: float | None = None
        self._sums = _Sum("usd", max_usd), _Sum("tokens", max_tokens)
        self._repeats = None if max_repeats is None else Repeats(max_repeats)
        self._running: list[CallRecord] = []
        self._telling: set[str] = set()
        self._token: Token[Ambient] | None = None
        self._renew()
        renew_after_fork(self)

    def _renew(self) -> None:
        self._lock = Lock()

    @property
    def usd(self) -> float | None:
        """US dollars used so far, at least (see `unmeasured`); None when no price was known."""
        amount = self._sums[0].known()
        return None if amount is None else as_usd(amount)

    @property
    def tokens(self) -> int | None:
        """Tokens used so far, at least (see `unmeasured`); None when nothing ever told them."""
        return self._sums[1].known()

    @property
    def remaining(self) -> Remaining:
        """What is left of each cap: `.calls`, `.usd`, `.tokens`, `.seconds`; None: not capped."""
        usd, tokens = (each.left() for each in self._sums)
        now = clock.active().monotonic()
        return Remaining(
            None if self._max_calls is None else max(0, self._max_calls - self.calls),
            None if usd is None else as_usd(usd),
            tokens,
            None if self._until is None else max(0.0, self._until - now),
        )

    def __enter__(self) -> Self:
        if self._token is not None:
            raise ConfigurationError(f"run {self.name!r} is entered already; make one for each use")
        here = ambient.get()
        changes: dict[str, Any] = {"run_id": self.name, "meters": (*here.meters, self)}
        if self._deadline is not None:
            self._until = clock.active().monotonic() + self._deadline
            if here.deadline is None or self._until < here.deadline:
                changes.update(deadline=self._until, limit=float(self._deadline))
        self._token = ambient.set(here.but(**changes))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        token, self._token = self._token, None
        if token is not None:
            ambient.reset(token)
        with self._lock:  # a record refers to what surrounded it, and so back to this run
            self._running = [each for each in self._running if not each.ended]
        if self._sums[0].blind() or self._sums[1].blind():
            self._warn()

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.__exit__(kind, error, traceback)

    def add(self, usd: float | None, tokens: int | None, _response: Response) -> None:
        """A response was read inside; as every meter."""
        call = current.get()
        with self._lock:
            if call is not None and len(self._telling) < _MOST_NAMES:
                self._telling.add(call.name)
            known = [each.add(told) for each, told in zip(self._sums, (usd, tokens), strict=True)]
            self.unmeasured += not all(known)

    def unknown(self) -> None:
        """An attempt inside may have cost something unknown; as every meter."""
        call = current.get()
        if call is not None and call._site.is_tool:  # noqa: SLF001  it is no model
            return
        with self._lock:
            self.unmeasured += 1
            for each in self._sums:
                each.miss(counted=call is None or call.name in self._telling)

    def admit(self, call: Call) -> BudgetExceeded | None:
        """See whether one more attempt may be made; the refusal when it may not."""
        record = call._record  # noqa: SLF001  looked at, not changed
        with self._lock:
            first = not record.written_attempts()
            short = self._short(call, first=first)
            if short is None or call.mode == "observe":
                self._running = [each for each in self._running if not each.ended]
                if first:
                    self.calls += 1
                    self._running.append(record)
                if short is None:
                    return None
        return self._refused(call, short)

    def withdraw(self, call: Call) -> None:
        """The attempt that was let through is refused by another; it does not count."""
        record = call._record  # noqa: SLF001  compared only
        with self._lock:
            if self._running and self._running[-1] is record and not record.written_attempts():
                self._running.pop()
                self.calls -= 1

    def repeated(self, call: Call, step: object) -> BudgetExceeded | None:
        """Take in a tool call; the refusal when it goes on with a loop.

        Args:
            call: the tool's call.
            step: stands for the tool and its arguments; equal for equal ones.
        """
        if self._repeats is None:
            return None
        with self._lock:
            found = self._repeats.step(step)
        limit = self._repeats.limit
        if found == "last":
            call.emit("tool_repeated", run=self.name, times=limit)
        if found != "refused":
            return None
        return self._refused(call, {"unit": "repeats", "spent": limit, "wanted": 1, "cap": limit})

    def _short(self, call: Call, *, first: bool) -> dict[str, Any] | None:
        """Which cap is in the way of an attempt, with its numbers."""
        if first and self._max_calls is not None and self.calls >= self._max_calls:
            return {"unit": "calls", "spent": self.calls, "wanted": 1, "cap": self._max_calls}
        running = 0
        if self._sums[0].cap is not None or self._sums[1].cap is not None:
            around = _around(call)
            running = sum(not each.ended and each not in around for each in self._running)
            beside = call._record.written_attempts()  # noqa: SLF001  looked at; a hedge has one
            running += sum(attempt.status is None for attempt in beside)
        return next((s for each in self._sums if (s := each.short(running)) is not None), None)

    def _refused(self, call: Call, numbers: dict[str, Any]) -> BudgetExceeded | None:
        if call.mode == "observe":
            call.emit("run_would_reject", run=self.name, **numbers)
            return None
        call.emit("run_rejected", run=self.name, **numbers)
        return BudgetExceeded(_words(self.name, call.name, numbers), **numbers)

    def _warn(self) -> None:
        warn_once(
            "run usage",
            f"run {self.name!r} caps what its calls cost, and none of them told it. Return the "
            "providers' responses, read them with reliai.read(response), say it with "
            'reliai.usage(…), or wrap the client; prices come with pip install "reliai[prices]" '
            "or reliai.set_price(…)",
        )

    def __repr__(self) -> str:
        return f"<reliai.Run {self.name!r}: {self.calls} calls>"


class _Sum:
    """What is used of one thing, and how much there may be.

    What tells no amount counts as the largest one of late: a number that falls slowly and rises at
    once. The same is held free for each call that is under way.
    """

    __slots__ = ("_answers", "_blind", "_largest", "_used", "cap", "unit")

    def __init__(self, unit: str, cap: float | None) -> None:
        self.unit = unit
        self.cap = None if cap is None else pico(cap) if unit == "usd" else math.floor(cap)
        self._used = self._largest = 0
        self._answers = self._blind = 0

    def add(self, amount: float | None) -> bool:
        """Add an amount; say whether it was one."""
        if amount is None or not checked_amount(amount):
            self.miss(counted=True)
            return False
        whole = pico(amount) if self.unit == "usd" else int(amount)
        self._used += whole
        self._answers += 1
        self._largest = max(whole, (3 * self._largest + whole) // 4)
        return True

    def miss(self, *, counted: bool) -> None:
        """Something told no amount."""
        self._blind += 1
        if counted:
            self._used += self._largest

    def known(self) -> int | None:
        return None if self._blind and not self._answers else self._used

    def left(self) -> int | None:
        return None if self.cap is None else max(0, self.cap - self._used)

    def blind(self) -> bool:
        """Whether there is a cap, and nothing ever told an amount."""
        return self.cap is not None and bool(self._blind) and not self._answers

    def short(self, running: int) -> dict[str, Any] | None:
        """The numbers, when there is no room for one more beside so many that run."""
        if self.cap is None:
            return None
        held = running * self._largest
        if self._used + held < self.cap and self._used + held + self._largest <= self.cap:
            return None
        shown = as_usd if self.unit == "usd" else int
        return {
            "unit": self.unit,
            "spent": shown(self._used),
            "reserved": shown(held),
            "wanted": shown(self._largest),
            "cap": shown(self.cap),
        }


def _around(call: Call) -> list[CallRecord]:
    found: list[CallRecord] = []
    each: Call | None = call
    while each is not None:
        found.append(each._record)  # noqa: SLF001  compared only
        each = each.parent
    return found


def _words(run_name: str, name: str, numbers: dict[str, Any]) -> str:
    unit, cap = numbers["unit"], numbers["cap"]
    if unit == "repeats":
        return (
            f"{name} was called with equal arguments {cap} times in a row, or in the same circle "
            f"of calls, in run {run_name!r}; it is not called once more. Do something else, or "
            "give run(max_repeats=…)"
        )
    spent, held = numbers["spent"], numbers.get("reserved", 0)
    shown = {"usd": "${:.6g}", "tokens": "{} tokens", "calls": "{} calls"}[unit].format
    more = f", {shown(held)} held for calls under way" if held else ""
    return (
        f"{name}: run {run_name!r} may use {shown(cap)} and has used {shown(spent)}{more}; no "
        "further call is made in it"
    )

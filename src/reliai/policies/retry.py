"""Trying the same target again: when, after which wait, and who pays for it.

The loop is entered after a first failure only; a call that succeeds pays one deposit.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, cast

from reliai import clock
from reliai._core.chance import chance
from reliai._core.complaints import follow, note, parentheses, warn, warn_once
from reliai._core.decorator import Policy
from reliai._core.frames import empty_frames
from reliai._core.outcome import Outcome
from reliai._core.settings import settings
from reliai.decisions.backoff import Stop, full_jitter, next_delay
from reliai.decisions.retry_budget import RetryBudget
from reliai.errors import (
    AmbiguousOutcome,
    ConfigurationError,
    ErrorKind,
    OutputInvalid,
)
from reliai.policies._conditions import (
    Condition,
    ResultCondition,
    Wait,
    result_condition,
    retry_condition,
    retry_wait,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from reliai._core.call import Call, Proceed
    from reliai._core.evaluation import Evaluation
    from reliai._core.site import Site
    from reliai.clock import Clock

__all__ = ["Retry"]

BASE, LONGEST = 0.5, 30.0
"""Seconds: the default wait is drawn from 0 to 0.5, doubled each time, up to 30."""


class Retry(Policy):
    """Tries again after a transient failure, at most `attempts` times in all.

    It waits at least as long as the provider asks (Retry-After), stops when the wait would pass
    the deadline or the budget is spent, and never repeats a stream whose first chunk was
    delivered, a refusal of reliai's own, or an effect that may have happened. When it stops, the
    model's own exception comes out.

    Args:
        attempts: how often the function is called at most, the first time included (>= 1).
        on: what to retry: exception types, a set of `ErrorKind`, a function of the error that
            says True, or a tenacity retry object, which is asked about values too (those of
            streams excepted). By default the transient kinds.
        wait: a tenacity wait object, a number of seconds, or a function of tenacity's retry state
            or of the attempt's number. By default drawn evenly from 0 to 0.5 s, doubled up to 30 s.
        budget: "pipeline" for one `RetryBudget` of this pipeline's own, one to share, or None.
        on_result: a function of the value that says True when it is to be tried again.

    Raises:
        ConfigurationError: for a value out of range or of a wrong type.
    """

    repeats = True
    rank = 70

    def __init__(
        self,
        attempts: int = 3,
        *,
        on: Any = None,
        wait: Any = None,
        budget: RetryBudget | str | None = "pipeline",
        on_result: Callable[[Any], bool] | None = None,
    ) -> None:
        if not isinstance(attempts, int) or isinstance(attempts, bool) or attempts < 1:
            message = f"Retry(attempts={attempts!r}): must be a whole number of at least 1"
            raise ConfigurationError(message + parentheses(attempts, "Retry"))
        if budget is not None and budget != "pipeline" and not isinstance(budget, RetryBudget):
            message = f"Retry(budget={budget!r}): use 'pipeline', a RetryBudget or None"
            raise ConfigurationError(message)
        if on_result is not None and not callable(on_result):
            message = f"Retry(on_result={on_result!r}): must be a function of the value"
            raise ConfigurationError(message)
        self.attempts = attempts
        self.on = on
        self.wait = wait
        self.budget = budget
        self.on_result = on_result
        self._condition: Condition | None = retry_condition(on)
        self._of_result: ResultCondition | None = result_condition(on)
        self._judges = on_result is not None or self._of_result is not None
        self._wait: Wait | None = retry_wait(wait)
        self._budget = budget if isinstance(budget, RetryBudget) else None
        self._random = chance.random

    def bind(self, site: Site) -> Retry:
        if self.on_result is not None and site.streaming:
            message = (
                f"Retry(on_result=…): {site.name} gives a stream, which cannot be judged before "
                "it was delivered; use Validate(…, buffer=True), or leave on_result out"
            )
            raise ConfigurationError(message)
        bound = copy.copy(self)
        if self._budget is not None and self._budget.name is not None:
            _keep_in_step(self._budget, clock.active())
        if self.budget == "pipeline":
            bound._budget = RetryBudget()  # noqa: SLF001  the copy is ours
        if self.attempts > 1:
            self._warn_of_inner_retries(site)
        return bound

    def isolated(self, evaluation: Evaluation) -> Retry:
        shared = self._budget
        if shared is None:
            return self

        def fresh() -> RetryBudget:
            return RetryBudget(shared.ratio, shared.min_per_second, shared.ttl)

        made = copy.copy(self)
        made._budget = evaluation.kept("budget", shared, fresh)  # noqa: SLF001  the copy is ours
        return made

    def _warn_of_inner_retries(self, site: Site) -> None:
        from reliai.providers import inner_retries  # noqa: PLC0415  decorating only

        for client in inner_retries(site.function):
            if client.max_retries:
                wire = self.attempts * (client.max_retries + 1)
                warn(
                    f"{client.description} in {site.name} retries {client.max_retries} times by "
                    f"itself, inside Retry({self.attempts}): up to {wire} requests for one call. "
                    "Use client.with_options(max_retries=0)"
                )

    @property
    def spends(self) -> RetryBudget | None:
        """The budget that its retries, and the hedges inside it, are paid from."""
        return self._budget

    async def run(self, call: Call, proceed: Proceed) -> Outcome:
        budget = self._budget
        if budget is not None:
            if budget.name is not None and budget.seen is not settings.state:
                _keep_in_step(budget, call.clock)
            budget.deposit(call.started)
        outcome = await proceed(call)
        if outcome.error is None and (not self._judges or not self._unwanted(call, outcome)):
            return outcome
        try:
            return await self._try_again(call, proceed, outcome)
        except Exception as error:  # noqa: BLE001  by `on` or `wait`: a mistake of the user's
            follow(error, outcome.error)
            return Outcome(error=error)

    async def _try_again(self, call: Call, proceed: Proceed, outcome: Outcome) -> Outcome:
        made = 1
        malformed = 0
        while True:
            malformed += _is_malformed(outcome)
            stop = self._stop(call, outcome, made, malformed)
            if stop is None:
                delay = self._delay(call, outcome, made)
                if isinstance(delay, Stop):
                    stop = delay.reason
                else:
                    await self._wait_and_say(call, outcome, made, delay.seconds)
                    made += 1
                    outcome = await proceed(call)
                    call.waited = 0.0  # a policy inside may have gone on with a copy
                    if outcome.error is None and not self._unwanted(call, outcome):
                        return outcome
                    continue
            return self._given_up(call, outcome, made, stop)

    def _unwanted(self, call: Call, outcome: Outcome) -> bool:
        """Whether a value is to be tried again; a function that raises has no say."""
        if not self._judges or outcome.streaming:
            return False
        try:
            if self.on_result is not None and self.on_result(outcome.value):
                return True
            return self._of_result is not None and self._of_result(call, outcome)
        except Exception as error:  # noqa: BLE001  a user's function; its mistake is the outcome
            outcome.value, outcome.error = None, error
            return True

    @property
    def _judge(self) -> str:
        return "on" if self.on_result is None else "on_result"

    def _stop(self, call: Call, outcome: Outcome, made: int, malformed: int) -> str | None:
        """Why there is no further attempt; None to go on and ask for a delay."""
        allowed = call.deactivated
        error = outcome.error
        if error is not None and not self._wanted(call, outcome):
            if self._repeated_inside(call, error):
                return "nested"
            failure = outcome.failure
            refused = failure is not None and failure.kind is ErrorKind.REJECTED
            return "refused" if refused else "permanent"
        if made >= (self.attempts if allowed is None else min(self.attempts, allowed)):
            return "attempts"
        return "malformed" if malformed > 1 else None

    def _wanted(self, call: Call, outcome: Outcome) -> bool:
        failure, error = outcome.failure, outcome.error
        if failure is None or not isinstance(error, Exception):
            return False
        if self._repeated_inside(call, error) or not _may_repeat(call, outcome):
            return False
        if self._condition is None:
            return failure.verdict.retry
        return self._condition(call, outcome, failure)

    def _repeated_inside(self, call: Call, error: BaseException) -> bool:
        """Whether a guarded call inside this one has already repeated what failed."""
        if not call.exhausted or call.exhausted not in _exhausted(error):
            return False
        warn_once(
            f"nested:{call.name}",
            f"{call.name} retries a function that retries by itself; what was repeated inside is "
            "not repeated outside. Keep Retry in one of the two",
        )
        return True

    def _delay(self, call: Call, outcome: Outcome, made: int) -> Any:
        if call.deactivated is not None:
            return next_delay(0.0, float)
        failure = outcome.failure
        budget = self._budget
        now = call.clock.monotonic()

        def default() -> float:
            return full_jitter(made, self._random, BASE, LONGEST)

        until = call.until
        return next_delay(
            None if self._wait is None else self._wait(call, outcome, made),
            default,
            retry_after=None if failure is None else failure.retry_after,
            jitter=self._random() * BASE,
            remaining=None if until is None else until - now,
            afford=None if budget is None else lambda: budget.withdraw(now),
        )

    async def _wait_and_say(self, call: Call, outcome: Outcome, made: int, seconds: float) -> None:
        failure = outcome.failure
        kind = "unwanted_result" if failure is None else str(failure.kind)
        call.emit("retry", attempt=made, wait=seconds, error=kind)
        empty_frames(outcome.error)
        if outcome.error is None:
            await _discard(call, outcome.value)
        if seconds > 0:
            await call.runtime.sleep(seconds)
        call.waited = seconds

    def _given_up(self, call: Call, outcome: Outcome, made: int, stop: str) -> Outcome:
        if stop in {"permanent", "refused"} and made == 1:
            return outcome
        if outcome.error is None:
            outcome = Outcome(
                error=OutputInvalid(
                    f"{call.name} gave a value that {self._judge} refuses, {made} times; "
                    "the last one is in .raw",
                    errors=(f"refused by {self._judge}",),
                    raw=outcome.value,
                )
            )
        error = outcome.error
        assert error is not None  # noqa: S101  set above
        call.emit("retry_stopped", attempts=made, reason=stop)
        # One that the budget refused was not repeated inside, and is not to be repeated outside:
        # budgets of several layers would add up.
        if made > 1 or stop == "budget":
            call.exhausted = id(error)
        text = f"{made} of {self.attempts} attempts ({_REASONS[stop]})"
        note(error, f"reliai: {call.name}: {_STOPPED} {text}")
        return outcome


def _keep_in_step(budget: RetryBudget, time: Clock) -> None:
    from reliai.policies._retry_sharing import keep_in_step  # noqa: PLC0415  budgets with a name

    keep_in_step(budget, time)


_STOPPED = "Retry stopped after"


_REASONS = {
    "attempts": "no attempts left",
    "permanent": "this failure is not worth repeating",
    "refused": "the call was refused further inside, by an open circuit or a limit",
    "malformed": "the answer was malformed twice",
    "deadline": "the next wait would pass the deadline",
    "budget": "the retry budget is spent",
    "wait": "the wait function said to stop",
    "nested": "a guarded call inside has already repeated it",
}


def _is_malformed(outcome: Outcome) -> bool:
    failure = outcome.failure
    return failure is not None and failure.kind is ErrorKind.MALFORMED


def _may_repeat(call: Call, outcome: Outcome) -> bool:
    """Whether repeating is allowed at all: an effect only when it provably did not happen."""
    failure, error = outcome.failure, outcome.error
    if failure is None or failure.control_flow or isinstance(error, AmbiguousOutcome):
        return False
    if failure.kind in {ErrorKind.REJECTED, ErrorKind.CANCELLED}:
        return False
    if type(error).__module__ == "reliai.errors" and not failure.verdict.retry:
        return False
    if call._site.effects != "once":  # noqa: SLF001  a fact of the function
        return True
    return failure.sent is False or failure.kind is ErrorKind.RATE_LIMITED


def _exhausted(error: BaseException) -> set[int]:
    """The identities of those a Retry gave up on, among an error and what it was raised from.

    An identity alone proves nothing: that of an error which is gone is soon another's.
    """
    found: set[int] = set()
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        if any(_STOPPED in str(text) for text in getattr(cause, "__notes__", ())):
            found.add(id(cause))
        cause = cause.__cause__ or cause.__context__
    return found


async def _discard(call: Call, value: Any) -> None:
    """Close a value that nobody will see."""
    close = getattr(value, "aclose", None) if call.runtime.asynchronous else None
    try:
        if callable(close):
            await cast("Any", close())
        elif callable(close := getattr(value, "close", None)):
            close()
    except Exception as error:  # noqa: BLE001  a value nobody wants cannot fail the call
        call.emit("discard_failed", error=type(error).__name__)

"""Checks of what comes out, and its conversion to the type that was asked for."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from reliai._core.decorator import Policy
from reliai._core.outcome import Outcome
from reliai._core.policy import plain
from reliai._core.record import ErrorInfo
from reliai._core.transforming import released_first
from reliai.checks._types import type_name
from reliai.checks.base import as_check
from reliai.errors import (
    ConfigurationError,
    ErrorKind,
    OutputInvalid,
    OutputRefused,
    OutputTruncated,
    StreamInterrupted,
)
from reliai.policies._answers import Answer, answer_of, close_unread, collect, replay
from reliai.policies._callbacks import answer_instead, checked_function, checked_mode, ready
from reliai.policies._examining import Accepted, Examiner
from reliai.policies._holding import Holding, held, holding_of
from reliai.policies._judging import MISSING
from reliai.policies._reask import Plan, plan_for
from reliai.policies._structured import BROKEN, INVALID, LATE, REFUSED, TRUNCATED, Parser, Problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from reliai._core.call import Call, Proceed
    from reliai._core.site import Site
    from reliai.checks.base import Check

__all__ = ["Validate"]


class Validate(Policy):
    """Delivers an answer only if it is what was asked for, converted to `output` if that is given.

    Text is parsed as strict JSON first, then repaired where that cannot change its meaning. An
    answer that was cut off is neither repaired nor asked for again. Text checks (`MaxLength`,
    `Pattern`, ...) look at the answer's text, of a provider's response too; other functions look at
    the value that will be delivered. The first check that fails decides.

    Args:
        checks: checks of the answer.
        output: a type pydantic can build: a model, a dataclass, `list[int]`, a `Literal`, ... Said
            as `reliable(Validate(reask=1), output=Answer)`, type checkers see it too.
        buffer: collect a stream, validate the whole of it, and deliver it then (with `output`, its
            value). Without it a stream is held back as far as its checks' windows say and let out
            as it is cleared; one that has a check without a window is collected all the same.
        repair: whether to repair JSON that is not strict.
        reask: how often to ask the model again, telling it what was wrong with its last answer
            (>= 0): two messages more in a parameter `messages`, or a suffix to the only parameter
            that is a `str`.
        reask_with: `f(call, error, raw)` giving the call to make instead; needs `reask`.
        otherwise: `f(call, error)` giving an answer in place of `OutputInvalid`; the call is then
            degraded.
        mode: "enforce", or "observe" to refuse and ask nothing, and say what would have been
            refused. What can be converted to `output` is converted all the same.

    Raises:
        ConfigurationError: for a value out of range, or a class among the checks; when a function
            is decorated: for `output` of a stream without `buffer`, or where it cannot be asked
            again.
    """

    rank = 60

    def __init__(
        self,
        *checks: Callable[[Any], Any],
        output: Any = None,
        buffer: bool = False,
        repair: bool = True,
        reask: int = 0,
        reask_with: Callable[[Call, OutputInvalid, Any], Any] | None = None,
        otherwise: Callable[[Call, OutputInvalid], Any] | None = None,
        mode: str = "enforce",
    ) -> None:
        self.checks = tuple(as_check(check) for check in checks)
        self.output = output
        self.buffer = bool(buffer)
        self.repair = bool(repair)
        self.reask = _count(reask)
        self.reask_with = reask_with
        self.otherwise = otherwise
        self.mode = checked_mode(mode, "Validate")
        if not (self.checks or buffer or reask or otherwise) and repair and output is None:
            raise ConfigurationError("Validate() checks nothing; give output= or a check")
        if reask_with is not None and not reask:
            raise ConfigurationError(
                "Validate(reask_with=…) is never used with reask=0; give reask=1 or more"
            )
        self._examiner = Examiner(self.checks, None)
        self._parse: Callable[[str], Any] | None = None
        self._holding = Holding((), quick=True, whole=True)
        self._quick: tuple[Check, ...] = ()
        self._plan: Plan | None = None

    @property
    def repeats(self) -> bool:
        """Whether it may call the function more than once."""
        return self.reask > 0

    def describe(self) -> dict[str, Any]:
        output = None if self.output is None else type_name(self.output)
        given = {"output": output, "buffer": self.buffer, "repair": self.repair}
        asked = {"reask": self.reask, "reask_with": plain(self.reask_with)}
        checks = [check.describe() for check in self.checks]
        rest = {"otherwise": plain(self.otherwise), "mode": self.mode}
        return {"checks": checks, **given, **asked, **rest}

    def with_output(self, output: Any) -> Validate:
        """The same, giving answers of a type: what `reliable(output=)` makes of one without."""
        made = copy.copy(self)
        made.output = output
        return made

    def bind(self, site: Site) -> Validate:
        if not self.checks and self.output is None:
            raise ConfigurationError(
                f"Validate checks nothing of what {site.name} gives; give it a check or output=, "
                "or say the type there: reliable(Validate(reask=1), output=Answer)"
            )
        if site.streaming and not self.buffer and self.output is not None:
            raise ConfigurationError(f"{site.name} {_NOT_PARSED}")
        ready(self.checks, site, "Validate")
        checked_function(self.otherwise, site, "Validate(otherwise)", "call, error")
        checked_function(self.reask_with, site, "Validate(reask_with)", "call, error, raw")
        bound = copy.copy(self)
        bound._bind_output()  # noqa: SLF001  the copy is ours
        if self.reask:
            _check_may_repeat(site)
            bound._plan = plan_for(site, self.reask_with)  # noqa: SLF001
        return bound

    def _bind_output(self) -> None:
        if self.output is None:
            inline = all(_inline(check) for check in self.checks)
            self._quick = self.checks if inline else ()
            self._holding = holding_of(self.checks)
            return
        parser = Parser(self.output, repair=self.repair)
        self._examiner = Examiner(self.checks, parser)
        if not self.checks:
            self._parse = parser.quick

    async def run(self, call: Call, proceed: Proceed) -> Outcome:
        outcome = await proceed(call)
        if outcome.error is not None:
            return outcome
        # The path of nearly every answer. What does not simply pass is gone into by `_settle`.
        value = outcome.value
        if type(value) is not str:
            return await self._settle(call, proceed, outcome)
        if self._parse is not None and value[-1:] in _CLOSING:
            try:
                outcome.value = self._parse(value)
            except Exception:  # noqa: BLE001  it is looked at again, with more patience
                return await self._settle(call, proceed, outcome)
            return outcome
        known: Any = MISSING
        for first, check in enumerate(self._quick):
            try:
                known = check(value)
            except Exception as error:  # noqa: BLE001  a check's fault is not the call's
                known = error
            if known is not None and known is not True:
                try:
                    return await self._settle(call, proceed, outcome, first, known)
                finally:
                    del known  # no cycle through the traceback of a crash
        return outcome if self._quick else await self._settle(call, proceed, outcome)

    async def _settle(
        self, call: Call, proceed: Proceed, outcome: Outcome, first: int = 0, known: Any = MISSING
    ) -> Outcome:
        """Examine answers until one is accepted or none is left to ask for.

        Args:
            call: the call as it reached this policy; every further one is made from it.
            proceed: the rest of the pipeline.
            outcome: the first answer.
            first: the check to begin with, since those before it have passed.
            known: what that check has returned or raised already.
        """
        asked = 0
        while True:
            if outcome.streaming and self._may_hold(call):
                watching = call.observes(self)
                found = await held(self._holding, call, outcome, _error, _note, observing=watching)
            else:
                found = await self._found(call, outcome, first, known)
            if isinstance(found, Outcome):
                return found
            problem, answer = found
            first, known = 0, MISSING
            error = _error(call, problem, answer)
            try:
                again = await self._again(call, problem, answer, error, asked)
            except Exception as raised:  # noqa: BLE001  by a function of the user's
                return Outcome(error=raised)
            if again is None:
                return await self._rejected(call, error, asked)
            asked += 1
            outcome = await proceed(again)
            if outcome.error is not None:
                return outcome

    async def _found(
        self, call: Call, outcome: Outcome, first: int, known: Any
    ) -> Outcome | tuple[Problem, Answer]:
        """The outcome to deliver, or what is wrong with the answer."""
        try:
            answer = await self._answer(call, outcome)
        except StreamInterrupted as cut:
            # Nobody has seen a chunk of it, so it is a failure like any other.
            return Outcome(error=cut.__cause__ or cut)
        except Exception as error:  # noqa: BLE001  the same
            return Outcome(error=error)
        observing = call.observes(self)
        found = await self._examiner.examine(call, answer, first, known, observing=observing)
        if isinstance(found, Accepted):
            return self._delivered(call, outcome, answer, found)
        if found.kind == LATE:
            return Outcome(error=found.cause)
        if not observing:
            return found, answer
        call.emit("output_would_reject", problem=found.kind, errors=found.errors)
        return self._delivered(call, outcome, answer, Accepted(outcome.value, changed=False))

    def _may_hold(self, call: Call) -> bool:
        """Whether a stream is judged on its way, and not collected first."""
        if self.buffer or self._examiner.parser is not None:
            return False
        return call.observes(self) or not self._holding.whole

    async def _answer(self, call: Call, outcome: Outcome) -> Answer:
        if not outcome.streaming:
            return answer_of(call, outcome.value)
        if self.buffer or self._examiner.parser is None:
            return await collect(call, outcome.value)
        await close_unread(call, outcome.value)
        raise ConfigurationError(f"{call.name} {_NOT_PARSED}")

    def _delivered(
        self, call: Call, outcome: Outcome, answer: Answer, accepted: Accepted
    ) -> Outcome:
        if answer.chunks is None:
            outcome.value = accepted.value
            return outcome
        released_first(call)
        if not accepted.changed:
            made = replay(call, answer.chunks)
        elif self._examiner.parser is None:
            made = replay(call, [accepted.value])
        else:
            made = Outcome(accepted.value)
        made.degraded = outcome.degraded
        return made

    async def _again(
        self, call: Call, found: Problem, answer: Answer, error: OutputInvalid, asked: int
    ) -> Call | None:
        """The call that asks the model again; None when that is not done."""
        _note(call, found, error)
        allowed = call.deactivated
        spent = asked >= self.reask or (allowed is not None and asked + 1 >= allowed)
        if self._plan is None or found.kind != INVALID or spent or call.remaining() == 0:
            return None
        again = await self._plan.next_call(call, error, found.advice, answer.said)
        call.emit("reask" if again is not None else "reask_impossible", number=asked + 1)
        return again

    async def _rejected(self, call: Call, error: OutputInvalid, asked: int) -> Outcome:
        if asked:
            error.add_note(f"reliai: {call.name}: Validate asked the model again {asked} times")
        if self.otherwise is None:
            return Outcome(error=error)
        return await answer_instead(call, self.otherwise, error, "Validate")


def _inline(check: Check) -> bool:
    """Whether a check can be asked of a text as it stands, in place."""
    waits = check.asynchronous or check.timeout is not None
    return not (waits or check.reads_response or check.reads_arguments)


_NOT_PARSED = (
    "gives a stream, of which output= can make a value only when it is over: use Validate(…, "
    "output=…, buffer=True), which delivers that value then"
)

_CLOSING = frozenset({"}", "]"})
"""How text ends whose JSON is surely all there."""

_ERRORS: dict[str, type[OutputInvalid]] = {TRUNCATED: OutputTruncated, REFUSED: OutputRefused}

_SAYS = {
    INVALID: "the answer is not what was asked for",
    TRUNCATED: "the answer was cut off, and is neither repaired nor asked for again",
    REFUSED: "the model refused to answer, and is not asked again",
    BROKEN: "the answer could not be checked",
}
_ADVICE = {
    INVALID: "See .errors and .raw",
    TRUNCATED: "Raise the limit of its tokens, or ask for less",
    REFUSED: "Its words are in .raw",
    BROKEN: "The answer is in .raw",
}


def _error(call: Call, problem: Problem, answer: Answer) -> OutputInvalid:
    """The exception for a problem. The answer itself is in `.raw` and nowhere else."""
    kind = _ERRORS.get(problem.kind, OutputInvalid)
    first, *rest = problem.errors
    more = f" (and {len(rest)} more)" if rest else ""
    error = kind(
        f"{call.name}: {_SAYS[problem.kind]}: {first}{more}. {_ADVICE[problem.kind]}",
        errors=problem.errors,
        raw=answer.words if problem.kind == REFUSED else answer.raw,
    )
    error.__cause__ = problem.cause
    return error


def _note(call: Call, problem: Problem, error: BaseException) -> None:
    """Say what was wrong with an answer."""
    call.emit("output_invalid", problem=problem.kind, errors=problem.errors)
    _mark_attempt(call, error)


def _mark_attempt(call: Call, error: BaseException) -> None:
    """Put on the record that the last attempt gave nothing that could be used."""
    if call._record.written_attempts():  # noqa: SLF001  a stand-in's plain value has no attempt
        attempt = call.current_attempt()
        attempt.status = "error"
        refused = isinstance(error, OutputRefused)
        kind = ErrorKind.CONTENT_FILTER if refused else ErrorKind.INVALID_OUTPUT
        attempt.error = ErrorInfo.of(error, kind)


def _count(reask: object) -> int:
    if isinstance(reask, int) and not isinstance(reask, bool) and reask >= 0:
        return reask
    raise ConfigurationError(f"Validate(reask={reask!r}): must be a whole number of at least 0")


def _check_may_repeat(site: Site) -> None:
    if site.effects == "once" or any(type(p).__name__ == "Once" for p in site.requested):
        raise ConfigurationError(
            f"Validate(reask=…): {site.name} has an effect that must not happen twice, and asking "
            "again would call it once more; leave reask out"
        )

"""Asking a grader: a function of one prompt, sync or async, guarded or not."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from reliai._core.ambient import collect
from reliai._core.binding import bound_of
from reliai.comparisons.values import plain
from reliai.errors import ConfigurationError, ErrorKind
from reliai.evals.scoring import Unscored
from reliai.providers import Response, classify, looks_like_response, price_of, read_response

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from reliai._core.record import CallRecord
    from reliai.datasets.case import Case

__all__ = ["Grader", "Reply", "Spent", "fingerprint_of", "scoring_function"]

_LONGEST: Final = 500


@dataclass(frozen=True, slots=True)
class Reply:
    """What a grader answered.

    Attributes:
        said: its text, or the mapping that it gave.
        failure: why there is nothing to read in it; None when there is.
        model: that answered, as far as it was told.
        cost_usd: of the answer; None for unknown.
    """

    said: str | Mapping[str, Any] | None
    failure: Unscored | None = None
    model: str | None = None
    cost_usd: float | None = None


@dataclass(slots=True)
class Spent:
    """What several answers of a grader were made by, and cost."""

    models: set[str] = field(default_factory=set[str])
    cost_usd: float | None = 0.0

    def add(self, replies: Sequence[Reply]) -> Spent:
        for reply in replies:
            if reply.model is not None:
                self.models.add(reply.model)
            known = self.cost_usd is not None and reply.cost_usd is not None
            self.cost_usd = (self.cost_usd or 0.0) + (reply.cost_usd or 0.0) if known else None
        return self

    def told(self) -> dict[str, Any]:
        """Metadata of a score: only what is known."""
        told: dict[str, Any] = {}
        if self.models:
            told["judge_model"] = "+".join(sorted(self.models))
        if self.cost_usd is not None:
            told["judge_usd"] = self.cost_usd
        return told


class Grader:
    """A function that answers one prompt, which is no model under test.

    Args:
        where: it is given, for messages.
        function: of a text, giving a text, a provider's response, a mapping or a model of pydantic.
        what: it is called there.
        kind: of function it has to be.

    Raises:
        ConfigurationError: when it is no such function, or one that gives a stream.
    """

    def __init__(
        self,
        where: str,
        function: Any,
        what: str = "grader",
        kind: str = "a prompt that asks a model; there is no default, for no model should judge "
        "itself",
    ) -> None:
        if not callable(function) or isinstance(function, type):
            raise ConfigurationError(f"{where}({what}={function!r}): must be a function of {kind}")
        inner = getattr(function, "func", function)
        call = getattr(inner, "__call__", None)  # noqa: B004  an object may be called too
        for each in (inner, call):
            if inspect.isgeneratorfunction(each) or inspect.isasyncgenfunction(each):
                raise ConfigurationError(
                    f"{where}({what}={function!r}): gives a stream; give a function that returns "
                    "the whole answer"
                )
        self.function: Callable[[str], Any] = function
        self.asynchronous = any(inspect.iscoroutinefunction(each) for each in (inner, call))

    async def ask(self, prompts: Sequence[str]) -> list[Reply]:
        """Ask each prompt; an async grader all at once. Never raises an `Exception`."""
        if self.asynchronous and len(prompts) > 1:
            return await asyncio.gather(*(self._one(each) for each in prompts))
        return [await self._one(each) for each in prompts]

    async def _one(self, prompt: str) -> Reply:
        with collect() as records:
            try:
                said = self.function(prompt)
                if self.asynchronous:
                    said = await said
                elif inspect.isawaitable(said):
                    close = getattr(said, "close", None)
                    if callable(close):
                        close()
                    raise TypeError("the grader gave an awaitable: declare it with async def")
                reply = _read(said)
            except Exception as error:  # noqa: BLE001  whatever it is, the score says it
                failure = Unscored(_code_of(error), f"{type(error).__name__}: {error}"[:_LONGEST])
                reply = Reply(None, failure)
        return _with_records(reply, records) if records else reply


def _code_of(error: Exception) -> str:
    """Why there is no answer; a run asks again where the grader only wants to be asked later."""
    kind = classify(error).kind
    if kind in {ErrorKind.RATE_LIMITED, ErrorKind.OVERLOADED}:
        return "judge_rate_limited"
    return "judge_timeout" if isinstance(error, TimeoutError) else "judge_error"


def scoring_function(
    grader: Grader, judge: Callable[[Any, Case], Coroutine[Any, Any, Any]]
) -> Callable[[Any, Case], Any]:
    """The function of a scorer that awaits nothing but its grader: sync where the grader is."""
    if grader.asynchronous:

        async def later(output: Any, case: Case) -> Any:
            return await judge(output, case)

        return later

    def now(output: Any, case: Case) -> Any:
        running = judge(output, case)
        try:
            running.send(None)
        except StopIteration as finished:
            return finished.value
        running.close()
        raise RuntimeError("a sync grader waits")

    return now


def _read(said: Any) -> Reply:
    if isinstance(said, str):
        return Reply(said)
    response = said if isinstance(said, Response) else None
    if response is None and looks_like_response(said):
        response = read_response(said)
    if response is not None:
        return _of_response(response)
    data = plain(said)
    if isinstance(data, Mapping):
        return Reply(data)
    failure = f"the grader gave {type(said).__name__}, which is neither a text nor a mapping"
    return Reply(None, Unscored("judge_parse_failure", failure))


def _of_response(response: Response) -> Reply:
    failure = None
    if response.refusal is not None or response.finish_reason in {"refusal", "content_filter"}:
        failure = Unscored("judge_refused", "the judge refused")
    elif response.finish_reason == "length":
        failure = Unscored("judge_truncated", "the judge's answer reached its length limit")
    elif response.text is None:
        failure = Unscored("judge_parse_failure", "the judge's answer has no text")
    said = None if failure is not None else response.text
    return Reply(said, failure, response.model, _cost_of(response))


def _cost_of(response: Response) -> float | None:
    if response.cost_usd is not None:
        return response.cost_usd
    return price_of(
        response.provider,
        response.model,
        response.input_tokens,
        response.output_tokens,
        response.cached_tokens,
    )


def _with_records(reply: Reply, records: Sequence[CallRecord]) -> Reply:
    """With what the records of a guarded grader tell; an answer of a stand-in is none of it."""
    failure = reply.failure
    if failure is None and any(each.status == "degraded" for each in records):
        failure = Unscored("judge_degraded", "a fallback of the judge answered in its place")
    callers = {each.parent_id for each in records}
    asked = [each for each in records if each.id not in callers or each.model_served is not None]
    models = {each.model_served or each.model_requested for each in asked} - {None}
    costs = [each.cost_usd for each in asked if each.cost_usd is not None]
    return Reply(
        None if failure is not None else reply.said,
        failure,
        "+".join(sorted(str(each) for each in models)) or reply.model,
        sum(costs) if len(costs) == len(asked) else reply.cost_usd,
    )


def fingerprint_of(grader: Grader) -> Any:
    """The function that is the judge: a guarded one without what guards it."""
    bound = bound_of(grader.function)
    return grader.function if bound is None else bound.site.function

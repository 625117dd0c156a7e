"""`reliable`, `Pipeline` and `standard`: what puts policies around a function.

Floor 3. Only what has to know the policies lives here; how they are composed is the engine's.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MethodType
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypeVar, cast, overload

from reliai._core.binding import Bound, Options, bound_of, guard
from reliai._core.observers import checked_observers
from reliai._core.policy import as_policy
from reliai.errors import ConfigurationError
from reliai.pipeline_check import findings
from reliai.policies.circuit_breaker import CircuitBreaker
from reliai.policies.fallback import Fallback
from reliai.policies.retry import Retry
from reliai.policies.timeout import Timeout

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from reliai._core.observers import Observer
    from reliai._core.outcome import Outcome
    from reliai._core.policy import Policy

__all__ = ["Pipeline", "aexecute", "execute", "pipeline_of", "reliable", "standard"]

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")
A_co = TypeVar("A_co", covariant=True)


class Decorator(Protocol):
    """Gives back a function of the same kind and signature."""

    def __call__(self, function: Callable[P, R], /) -> Callable[P, R]: ...


class OutputDecorator(Protocol[A_co]):
    """Gives back a function of the same kind whose answer is an `A_co`."""

    @overload
    def __call__(  # pyright: ignore[reportOverlappingOverload]  the narrower one comes first
        self, function: Callable[P, Coroutine[Any, Any, Any]], /
    ) -> Callable[P, Coroutine[Any, Any, A_co]]: ...
    @overload
    def __call__(self, function: Callable[P, Any], /) -> Callable[P, A_co]: ...


class Pipeline:
    """Policies and facts, outermost policy first, ready to guard any number of functions.

    Args:
        policies: policies, or `async def middleware(call, proceed)` functions.
        as_reliable: the keyword arguments of `reliable`.

    Raises:
        ConfigurationError: when something given is no policy, or contradicts itself.
    """

    def __init__(self, *policies: Any, **as_reliable: Any) -> None:
        self._options = _options(as_reliable)
        self.policies: tuple[Policy, ...] = _with_output(
            tuple(as_policy(policy) for policy in policies), self._options.output
        )
        self._bound: dict[int, tuple[Any, Bound]] = {}

    def __call__(self, function: Callable[P, R], /) -> Callable[P, R]:
        """Guard a function."""
        return cast("Callable[P, R]", guard(function, self.policies, self._options))

    def run(self, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call a function guarded."""
        return cast("R", self._guarded(function)(*_with_self(function, args), **kwargs))

    async def arun(
        self, function: Callable[P, Awaitable[R]], /, *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Call an asynchronous function guarded."""
        return cast("R", await self._guarded(function)(*_with_self(function, args), **kwargs))

    def _guarded(self, function: Callable[..., Any]) -> Callable[..., Any]:
        # A function keeps its wrapper, and with it budgets and circuits, from call to call. A
        # method of an object is a new object each time it is looked up, its function is not.
        function = getattr(function, "__func__", function)
        known = self._bound.get(id(function))
        if known is None or known[0] is not function:
            if len(self._bound) >= 128:
                self._bound.clear()
            bound = bound_of(guard(function, self.policies, self._options))
            assert bound is not None  # noqa: S101  guard made it
            known = self._bound[id(function)] = (function, bound)
        return known[1].wrapper

    def describe(self) -> dict[str, Any]:
        """The pipeline as plain data, with every default."""
        options = self._options._asdict()
        return {
            "name": options["name"],
            "effects": options["effects"] or "none",
            "cooperative": bool(options["cooperative"]),
            "policies": [
                {"policy": type(policy).__name__, **policy.describe(), **self._place(index)}
                for index, policy in enumerate(self.policies)
            ],
        }

    def _place(self, index: int) -> dict[str, str]:
        """What binding to a function will make of a Timeout that stands here."""
        if not isinstance(self.policies[index], Timeout):
            return {}
        return {"layer": "total" if _rank(self.policies, index) == 40 else "attempt"}

    def check(self) -> list[str]:
        """What is probably not meant: inverted order, nested retries, timeouts that do not fit."""
        return findings(self.policies, self._options)

    def __repr__(self) -> str:
        return f"reliai.Pipeline({', '.join(map(repr, self.policies))})"


class _BoundPipeline(Pipeline):
    """The pipeline of a decorated function: its description shows what binding decided."""

    def __init__(self, bound: Bound) -> None:
        self._options = bound.options._replace(name=bound.site.name)
        self.policies = bound.site.policies
        self._site = bound.site
        self._bound = {id(bound.site.function): (bound.site.function, bound)}

    def __call__(self, function: Callable[P, R], /) -> Callable[P, R]:
        return cast("Callable[P, R]", guard(function, self._site.requested, self._options))

    def check(self) -> list[str]:
        return findings(self.policies, self._options, self._site)


@overload
def reliable(
    *policies: Any,
    output: type[T],
    effects: str | None = None,
    cooperative: bool | None = None,
    idempotency_key: str | None = None,
    measure: Callable[..., Mapping[str, Any]] | None = None,
    name: str | None = None,
    tags: Mapping[str, str] | None = None,
    observers: tuple[Observer, ...] | list[Observer] = (),
    kind: str | None = None,
) -> OutputDecorator[T]: ...
@overload
def reliable(
    *policies: Any,
    output: None = None,
    effects: str | None = None,
    cooperative: bool | None = None,
    idempotency_key: str | None = None,
    measure: Callable[..., Mapping[str, Any]] | None = None,
    name: str | None = None,
    tags: Mapping[str, str] | None = None,
    observers: tuple[Observer, ...] | list[Observer] = (),
    kind: str | None = None,
) -> Decorator: ...
def reliable(*policies: Any, **facts: Any) -> Any:  # noqa: D417  the overloads name the facts
    """Guard a function with policies, outermost first. `reliable()` alone only records its calls.

    Args:
        policies: policies, or `async def middleware(call, proceed)` functions.
        output: the type of the answer; puts `Validate(output=)` in its place in the order.
        effects: "none" (default), "idempotent", or "once": an effect that must not repeat.
        cooperative: the function itself keeps to `reliai.remaining()`, so no thread is needed to
            hold it to its deadline.
        idempotency_key: the parameter that carries the key; by default the call's id is the key.
        measure: `f(arguments, output)` giving values for the record.
        name: the name in records; "module.qualname" by default.
        tags: labels for the record.
        observers: observers of this function's calls, besides those of the process.
        kind: "sync", "async", "generator" or "async_generator" for a function that does not tell.

    Returns:
        A decorator. What it gives is a plain function of the kind that went in, with its signature.

    Raises:
        ConfigurationError: when a policy or a fact cannot be honoured.
    """
    return Pipeline(*policies, **facts)


def _options(facts: Mapping[str, Any]) -> Options:
    unknown = set(facts) - set(Options._fields)
    if unknown:
        known = ", ".join(Options._fields)
        message = f"reliable() takes no {', '.join(sorted(unknown))}; it takes: {known}"
        raise ConfigurationError(message)
    given = dict(facts)
    _check_facts(given)
    given["observers"] = checked_observers("reliable", given.get("observers", ()))
    return Options(**given)


def _check_facts(given: Mapping[str, Any]) -> None:
    name, tags, measure = given.get("name"), given.get("tags"), given.get("measure")
    if name is not None and not isinstance(name, str):
        message = f"reliable(name={name!r}): must be text, the name of the call in records"
        raise ConfigurationError(message)
    if tags is not None and not isinstance(tags, Mapping):
        message = f"reliable(tags={tags!r}): must be a mapping, such as {{'team': 'support'}}"
        raise ConfigurationError(message)
    if measure is not None and not callable(measure):
        message = f"reliable(measure={measure!r}): must be a function of (arguments, output)"
        raise ConfigurationError(message)


def _with_output(policies: tuple[Policy, ...], output: Any) -> tuple[Policy, ...]:
    """The policies with `Validate(output=)` in its canonical place."""
    if output is None:
        return policies
    from reliai.policies.validate import Validate  # noqa: PLC0415  pydantic only when asked for

    for policy in policies:
        if isinstance(policy, Validate) and getattr(policy, "output", None) is not None:
            message = "output= is given twice: to reliable() and to Validate(); keep one"
            raise ConfigurationError(message)
    for index, policy in enumerate(policies):
        if isinstance(policy, Validate):  # one with checks and reasks, and no type yet: it gets it
            return (*policies[:index], policy.with_output(output), *policies[index + 1 :])
    made = Validate(output=output)
    for index, policy in enumerate(policies):
        if getattr(policy, "rank", None) is not None and _rank(policies, index) > made.rank:
            return (*policies[:index], made, *policies[index:])
    return (*policies, made)


def _rank(policies: tuple[Policy, ...], index: int) -> int:
    """A policy's place in the canonical order; a Timeout's depends on where Retry stands."""
    policy = policies[index]
    if isinstance(policy, Timeout):
        inside = any(getattr(p, "repeats", False) for p in policies[:index])
        return 120 if inside else 40
    return int(getattr(policy, "rank", 0))


def standard(
    *,
    timeout: float | None = 60,
    attempt_timeout: float | None = 20,
    first_chunk: float | None = None,
    idle: float | None = 15,
    attempts: int = 3,
    fallback: Any = None,
    output: Any = None,
    breaker: bool | CircuitBreaker = True,
    name: str | None = None,
) -> Pipeline:
    """A pipeline in canonical order with good defaults.

    Args:
        timeout: seconds for the whole call.
        attempt_timeout: seconds for one attempt.
        first_chunk: seconds to a stream's first chunk.
        idle: seconds between two chunks of a stream.
        attempts: how often the function is called at most.
        fallback: a function, a plain value, or a list of targets (`Value([...])` for a list that
            is the value); None for none.
        output: the type of the answer.
        breaker: whether a circuit breaker guards the target, or the one that does.
        name: the name in records.

    Raises:
        ConfigurationError: for a value out of range.
    """
    policies: list[Policy] = []
    if timeout is not None:
        policies.append(Timeout(timeout))
    if fallback is not None:
        targets = fallback if isinstance(fallback, list) else [fallback]
        policies.append(Fallback(*targets))
    policies.append(Retry(attempts))
    if isinstance(breaker, CircuitBreaker):
        policies.append(breaker)
    elif breaker:
        policies.append(CircuitBreaker())
    if any(limit is not None for limit in (attempt_timeout, first_chunk, idle)):
        policies.append(Timeout(attempt_timeout, first_chunk=first_chunk, idle=idle))
    return Pipeline(*policies, output=output, name=name)


def pipeline_of(function: Any) -> Pipeline:
    """The pipeline of a decorated function.

    Raises:
        ConfigurationError: when the function is not guarded.
    """
    return _BoundPipeline(_guarded(function, "pipeline_of"))


def execute(function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Outcome:
    """Call a guarded function and get its `Outcome`; never raises an `Exception`.

    A stream function is started: `.value` is the stream, with its first chunk read.

    Raises:
        ConfigurationError: when the function is not guarded, or is asynchronous.
    """
    bound = _guarded(function, "execute")
    if bound.asynchronous:
        message = f"{bound.site.name} is asynchronous; use `await reliai.aexecute(…)`"
        raise ConfigurationError(message)
    # Not kept in a variable: a traceback may reach this frame.
    return bound.execute(_with_self(function, args), kwargs)  # type: ignore[no-any-return]


async def aexecute(function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Outcome:
    """`execute` for an asynchronous function.

    Raises:
        ConfigurationError: when the function is not guarded, or is synchronous.
    """
    bound = _guarded(function, "aexecute")
    if not bound.asynchronous:
        message = f"{bound.site.name} is synchronous; use `reliai.execute(…)`"
        raise ConfigurationError(message)
    return await bound.execute(_with_self(function, args), kwargs)  # type: ignore[no-any-return]


def _guarded(function: Any, what: str) -> Bound:
    try:
        bound: Bound | None = function.__reliai__
    except AttributeError:
        bound = None
    if bound is None or bound.wrapper is not function:
        bound = bound_of(function)
    if bound is None:
        raise ConfigurationError(_not_guarded(function, what))
    return bound


def _not_guarded(function: Any, what: str) -> str:
    """Why something has no pipeline; not what is in it, for it may be somebody's answer."""
    if not callable(function):
        given = f"{what}(an object of {type(function).__name__})"
        return f"{given}: give the function, and its arguments after it: {what}(answer, …)"
    name = getattr(function, "__qualname__", type(function).__qualname__)
    return f"{what}({name}): the function is not guarded; decorate it with @reliai.reliable()"


def _with_self(function: Any, args: tuple[Any, ...]) -> tuple[Any, ...]:
    return (function.__self__, *args) if isinstance(function, MethodType) else args

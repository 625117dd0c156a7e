"""What every policy is, and how any `async def middleware(call, proceed)` becomes one."""

from __future__ import annotations

import inspect
from math import isfinite
from typing import TYPE_CHECKING, Any, ClassVar, cast

from reliai._core.outcome import Outcome, StreamOutcome
from reliai.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from reliai._core.call import Call, Proceed
    from reliai._core.evaluation import Evaluation
    from reliai._core.site import Site

__all__ = ["Middleware", "Policy", "as_policy"]


class Policy:
    """One concern of a call, written once for functions of every kind.

    A subclass implements `run`. It awaits only `proceed(call)` and what `call.runtime` offers, so
    that the same coroutine can serve a synchronous function, where nothing may suspend.

    Attributes:
        mode: "enforce", or "observe" to only say what the policy would have refused.
    """

    mode: str = "enforce"
    _derived: ClassVar[tuple[str, ...]] = ()
    """What `describe` tells beside the settings."""

    async def run(self, call: Call, proceed: Proceed) -> Outcome:
        """Decide, proceed zero or more times, and give the outcome."""
        raise NotImplementedError(type(self).__name__)

    def bind(self, site: Site) -> Policy:
        """Fit the policy to a function, once, when it is decorated.

        Returns:
            This policy, or a copy that knows the function.

        Raises:
            ConfigurationError: when the function cannot honour a setting.
        """
        return self

    def isolated(self, evaluation: Evaluation) -> Policy | None:
        """The policy to use in its place in an evaluation; asked once for each evaluation.

        A policy that keeps something from call to call gives one with the same settings that knows
        nothing yet and shares nothing. One that would have other calls' answers given, or other
        functions called, gives None: it is left out.
        """
        return self

    def describe(self) -> dict[str, Any]:
        """The settings as plain data, defaults included."""
        return {name: plain(value) for name, value in vars(self).items() if name[0] != "_"}

    def __repr__(self) -> str:
        """The settings that are not what they are by default; `describe` has all of them."""
        usual = _defaults(type(self))
        settings = ", ".join(
            f"{name}={value!r}"
            for name, value in self.describe().items()
            if value != usual.get(name, []) and value != {} and name not in self._derived
        )
        return f"reliai.{type(self).__name__}({settings})"


def _defaults(kind: type[Policy]) -> dict[str, object]:
    try:
        parameters = inspect.signature(kind).parameters.values()
    except (TypeError, ValueError):  # one of the user's own, made in an unusual way
        return {}
    return {each.name: plain(each.default) for each in parameters if each.default is not each.empty}


def plain(value: object) -> object:
    """`value` as plain data: numbers and text as they are, containers by item, else its name."""
    if value is None or isinstance(value, bool | int | float | str):
        finite = not isinstance(value, float) or isfinite(value)
        return value if finite else str(value)  # JSON has no such numbers
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, Policy):
        return {"policy": type(value).__name__, **value.describe()}
    if isinstance(value, type) or callable(value):
        return getattr(value, "__qualname__", None) or type(value).__qualname__
    describe = getattr(value, "describe", None)
    return plain(describe()) if callable(describe) else repr(value)


class Middleware(Policy):
    """A function, or a policy from outside reliai, made safe.

    What it raises becomes an outcome, and a plain value it returns becomes one too.
    """

    def __init__(self, function: Callable[[Call, Proceed], Awaitable[object]], name: str) -> None:
        self.function = function
        self.name = name

    async def run(self, call: Call, proceed: Proceed) -> Outcome:
        degraded = False

        async def watched(inner: Call) -> Outcome:
            nonlocal degraded
            outcome = await proceed(inner)
            degraded = outcome.degraded
            return outcome

        try:
            result = await self.function(call, watched)
        except Exception as error:  # noqa: BLE001  a middleware may prefer exceptions
            return Outcome(error=error)
        if isinstance(result, Outcome):
            return result
        outcome = _outcome_of(result)
        outcome.degraded = degraded  # what it made of a stand-in's answer is no better
        return outcome

    def describe(self) -> dict[str, Any]:
        return {"middleware": self.name}


def _outcome_of(value: object) -> Outcome:
    """An outcome around a value; a stream that a middleware unwrapped stays one."""
    from reliai._core.stream import Stream  # noqa: PLC0415  only for middleware that unwraps

    return StreamOutcome(value) if isinstance(value, Stream) else Outcome(value)


class _Foreign(Middleware):
    """A policy class from outside: bound as its author wrote it, and then made safe."""

    def __init__(self, policy: Policy) -> None:
        super().__init__(policy.run, type(policy).__qualname__)
        self._policy = policy
        self.mode = policy.mode
        self.rank = getattr(policy, "rank", None)
        self.repeats = getattr(policy, "repeats", False)

    def bind(self, site: Site) -> Policy:
        return _Foreign(self._policy.bind(site))

    def isolated(self, evaluation: Evaluation) -> Policy | None:
        apart = self._policy.isolated(evaluation)
        return None if apart is None else _Foreign(apart)

    def describe(self) -> dict[str, Any]:
        return {"policy": self.name, **self._policy.describe()}


def as_policy(thing: object) -> Policy:
    """`thing` as a policy.

    Raises:
        ConfigurationError: when it is neither a policy nor an `async def` of (call, proceed).
    """
    if isinstance(thing, Policy):
        ours = type(thing).__module__.partition(".")[0] == "reliai"
        return thing if ours else _Foreign(thing)
    if isinstance(thing, type):
        message = f"{thing.__name__} is a class; pass an object of it: {thing.__name__}()"
        raise ConfigurationError(message)
    function = cast("Callable[[Call, Proceed], Awaitable[object]]", thing)
    run = getattr(thing, "__call__", None)  # noqa: B004  of an object, its method
    if not inspect.iscoroutinefunction(thing) and not inspect.iscoroutinefunction(run):
        raise ConfigurationError(_no_policy(thing))
    _check_takes_two(function)
    return Middleware(function, getattr(thing, "__qualname__", type(thing).__qualname__))


def _no_policy(thing: object) -> str:
    name = getattr(thing, "__qualname__", None) or repr(thing)
    message = (
        f"{name} is no policy; pass one of reliai's policies or an "
        "`async def middleware(call, proceed)`"
    )
    if isinstance(thing, list | tuple):
        return f"{message}. Of several pass each by itself: reliable(*policies)"
    return message + ("; above a function write @reliai.reliable()" if callable(thing) else "")


def _check_takes_two(function: Callable[..., Any]) -> None:
    try:
        inspect.signature(function).bind(None, None)
    except TypeError:
        message = f"{function!r} must take two arguments: `async def middleware(call, proceed)`"
        raise ConfigurationError(message) from None

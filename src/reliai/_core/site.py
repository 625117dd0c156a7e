"""What is known of a decorated function: what its policies are bound to."""

from __future__ import annotations

import copy
import inspect
from collections import deque
from importlib import import_module
from typing import TYPE_CHECKING, Any

from reliai._core.observers import Hooks
from reliai._core.policy import plain
from reliai._core.runtime import ASYNCIO, BLOCKING
from reliai._core.settings import settings
from reliai._core.target import MAX_STRAGGLERS, Target, target_name
from reliai.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from reliai._core.call import Call, Proceed
    from reliai._core.observers import Observer
    from reliai._core.outcome import Outcome
    from reliai._core.policy import Policy
    from reliai._core.record import CallRecord
    from reliai._core.runtime import Runtime
    from reliai._core.workers import Worker

__all__ = ["MAX_STRAGGLERS", "Site"]

NOT_KEPT: deque[CallRecord] = deque(maxlen=0)
"""Where the calls of evaluations are put in place of those that `report()` looks back on."""

_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


class Site:
    """A decorated function.

    Attributes:
        function: what was decorated, bare.
        name: the record's name for it.
        kind: "sync", "async", "generator" or "async_generator".
        parameters: the names of its parameters, without those of `*args` and `**kwargs`.
        effects: "none", "idempotent" or "once".
        cooperative: whether the function itself keeps to `remaining()`.
        policies: the bound policies, outermost first; complete once all are bound.
        index: the position of the policy that is being bound.
        threaded: whether a timeout leaves a synchronous function behind on a thread.
        is_tool: whether it does something for a model and is none itself, so uses no tokens.
        origin: the one that this stands in for in an evaluation; None of every other.
        spared: whether the function itself needs no thread, for its clients keep to the time; the
            streams it returns, and other targets, do.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        kind: str,
        *,
        name: str,
        effects: str = "none",
        cooperative: bool = False,
        idempotency_key: str | None = None,
        output: Any = None,
        measure: Callable[..., Mapping[str, Any]] | None = None,
        tags: Mapping[str, str] | None = None,
        observers: tuple[Observer, ...] = (),
    ) -> None:
        self.function = function
        self.kind = kind
        self.name = name
        self.effects = effects
        self.cooperative = cooperative
        self.output = output
        self.measure = measure
        self.tags = {str(name): str(value) for name, value in (tags or {}).items()}
        self.observers = observers
        if observers:
            settings.observed.add(self)
        self.idempotency_key = idempotency_key
        self.signature = _signature(function)
        parameters = self.signature.parameters.values()
        self.parameters = tuple(p.name for p in parameters if p.kind not in _VARIADIC)
        self.takes_any_keyword = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters)
        self.names_model = "model" in self.parameters
        self._model = _place(self.signature, "model") if self.names_model else (0, None)
        self.runtime: Runtime = ASYNCIO if kind.startswith("async") else BLOCKING
        self.policies: tuple[Policy, ...] = ()
        self.requested: tuple[Policy, ...] = ()
        self.index = 0
        self.threaded = False
        self.is_tool = False
        self.origin: Site | None = None
        self._spreads: bool | None = None
        self.spared = False
        self.target = Target(function, kind, target_name(function), primary=True)
        self.chain: Proceed
        self._fingerprint: str | None = None
        self._forget_hooks()

    def _forget_hooks(self) -> None:
        nobody = Hooks((), settings.recent)
        self._hooks: tuple[tuple[Observer, ...] | None, Hooks] = (None, nobody)
        self._evaluated: tuple[Hooks, Hooks] = (nobody, Hooks((), NOT_KEPT))

    @property
    def streaming(self) -> bool:
        """Whether the function is a generator of either kind."""
        return self.kind.endswith("generator")

    @property
    def spreads(self) -> bool:
        """Whether its calls may go to functions of others, such as those of a Fallback."""
        if self._spreads is None:
            self._spreads = any(getattr(policy, "elsewhere", False) for policy in self.policies)
        return self._spreads

    @property
    def asynchronous(self) -> bool:
        """Whether an event loop runs the function."""
        return self.runtime is ASYNCIO

    def serve(self, call: Call) -> Awaitable[Outcome]:
        """The whole pipeline's work on a call; only the function when the mode is "off"."""
        serve = self.target.leaf if call.mode == "off" else self.chain
        return serve(call)

    def hooks(self) -> Hooks:
        """The observers of this function's calls, as they are set now."""
        known = self._hooks
        everybodys = settings.observers  # read once: another thread may replace it
        if known[0] is not everybodys:
            if settings.named is not None:  # only the top floor knows the observers by name
                import_module("reliai._configure").use_named()
                everybodys = settings.observers
            hooks = Hooks((*everybodys, *self.observers), settings.recent)
            known = self._hooks = (everybodys, hooks)
        return known[1]

    def hooks_of_evaluations(self) -> Hooks:
        """Those of the observers that want to see the calls of evaluations too."""
        hooks, known = self.hooks(), self._evaluated
        if known[0] is not hooks:
            observers = (*self._hooks[0], *self.observers) if self._hooks[0] else self.observers
            wanting = tuple(each for each in observers if getattr(each, "evaluations", False))
            known = self._evaluated = (hooks, Hooks(wanting, NOT_KEPT))
        return known[1]

    def apart(self) -> Site:
        """The same function with nothing bound to it yet, and nothing in common with this one."""
        twin = copy.copy(self)
        twin.origin = self
        target = self.target
        twin.target = Target(target.function, target.kind, target.name, primary=True)
        twin.target.keeps_time = target.keeps_time
        twin._fingerprint = self.fingerprint  # noqa: SLF001  our own; it is that of what was written
        twin._spreads = None  # noqa: SLF001
        twin.threaded = twin.spared = False
        twin._forget_hooks()  # noqa: SLF001
        return twin

    @property
    def fingerprint(self) -> str:
        """A digest of the policies and their settings."""
        if self._fingerprint is None:
            import hashlib  # noqa: PLC0415  asked for when a record is read

            text = repr([plain(policy) for policy in self.policies])
            self._fingerprint = hashlib.sha256(text.encode()).hexdigest()[:16]
        return self._fingerprint

    def outside(self) -> tuple[Policy, ...]:
        """The policies around the one that is being bound."""
        return self.requested[: self.index]

    def inside(self) -> tuple[Policy, ...]:
        """The policies inside the one that is being bound."""
        return self.requested[self.index + 1 :]

    def put_argument(self, bound: inspect.BoundArguments, name: str, value: object) -> None:
        """Change one argument of bound ones.

        Raises:
            ConfigurationError: for a name that is no parameter of the function.
        """
        if name in self.signature.parameters:  # what `*args` took in is changed as a whole
            bound.arguments[name] = value
            return
        for parameter in self.signature.parameters.values():
            if parameter.kind is inspect.Parameter.VAR_KEYWORD:
                rest = dict(bound.arguments.get(parameter.name, {}))
                bound.arguments[parameter.name] = {**rest, name: value}
                return
        message = (
            f"{self.name} has no parameter {name!r}; "
            f"its parameters are: {', '.join(self.parameters) or 'none'}"
        )
        raise ConfigurationError(message)

    def model_of(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> object:
        """The argument `model`. Looked up by its place: binding all arguments takes 5 µs."""
        place, default = self._model
        if "model" in kwargs:
            return kwargs["model"]
        return args[place] if 0 <= place < len(args) else default

    @property
    def stragglers(self) -> int:
        """Threads left behind by timeouts that still run the function, or a check of its calls."""
        return self.target.stragglers.count

    def straggle(self, worker: Worker) -> None:
        """Count a thread that was left behind, until it ends."""
        self.target.stragglers.add(worker)


def _place(signature: inspect.Signature, name: str) -> tuple[int, Any]:
    """Where among positional arguments a parameter stands (-1: nowhere), and its default."""
    parameter = signature.parameters[name]
    if parameter.kind is inspect.Parameter.KEYWORD_ONLY:
        return -1, parameter.default
    return list(signature.parameters).index(name), parameter.default


def _signature(function: Callable[..., Any]) -> inspect.Signature:
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):  # some builtins have none
        return inspect.Signature(
            [
                inspect.Parameter("args", inspect.Parameter.VAR_POSITIONAL),
                inspect.Parameter("kwargs", inspect.Parameter.VAR_KEYWORD),
            ]
        )

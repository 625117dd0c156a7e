"""How policies and a function become one; stacked decorators merge."""

from __future__ import annotations

import functools
from types import MethodType
from typing import TYPE_CHECKING, Any, NamedTuple

from reliai._core.admission import refusal
from reliai._core.kinds import kind_of
from reliai._core.leaf import sync_leaf
from reliai._core.outcome import Outcome
from reliai._core.policy import as_policy
from reliai._core.shadowing import fenced
from reliai._core.site import Site
from reliai._core.target import Target, target_name
from reliai._core.wrappers import executor, wrapper
from reliai.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from reliai._core.call import Call, Proceed
    from reliai._core.observers import Observer
    from reliai._core.policy import Policy

__all__ = ["Bound", "Options", "assemble", "bound_of", "guard", "new_target"]

EFFECTS = ("none", "idempotent", "once")


class Options(NamedTuple):
    """The facts about a function that `reliable` takes; None where nothing was said."""

    name: str | None = None
    effects: str | None = None
    cooperative: bool | None = None
    idempotency_key: str | None = None
    output: Any = None
    measure: Callable[..., Mapping[str, Any]] | None = None
    tags: Mapping[str, str] | None = None
    observers: tuple[Observer, ...] = ()
    kind: str | None = None

    def around(self, inner: Options) -> Options:
        """These options on a function that has others already: the outer ones win, lists join."""
        merged: dict[str, Any] = {
            name: mine if mine is not None else theirs
            for name, mine, theirs in zip(self._fields, self, inner, strict=True)
        }
        if self.effects and inner.effects and self.effects != inner.effects:
            message = (
                f"effects={self.effects!r} contradicts effects={inner.effects!r} of the function "
                "that is decorated; say it once"
            )
            raise ConfigurationError(message)
        merged["tags"] = {**(inner.tags or {}), **(self.tags or {})}
        merged["observers"] = (*self.observers, *inner.observers)
        return Options(**merged)


class Bound(NamedTuple):
    """What stands behind a wrapper, as its `__reliai__`."""

    site: Site
    policies: tuple[Policy, ...]
    options: Options
    execute: Callable[..., Any]
    wrapper: Callable[..., Any]
    asynchronous: bool


def bound_of(function: Any) -> Bound | None:
    """What stands behind `function`, when it is reliai's own wrapper and not a foreign one."""
    function = getattr(function, "__func__", function)
    bound = getattr(function, "__dict__", {}).get("__reliai__")
    # functools.wraps copies attributes, so a foreign wrapper around ours carries it too.
    return bound if isinstance(bound, Bound) and bound.wrapper is function else None


def guard(function: Any, policies: tuple[Any, ...], options: Options | None = None) -> Any:
    """`function` behind policies, outermost first; a wrapper of the kind that went in.

    Raises:
        ConfigurationError: when something cannot be guarded, or a policy cannot honour a setting.
    """
    options = options or Options()
    if isinstance(function, classmethod | staticmethod):
        return type(function)(guard(function.__func__, policies, options))
    if isinstance(function, type) or not callable(function):
        raise ConfigurationError(_cannot_guard(function))
    checked = tuple(as_policy(policy) for policy in policies)
    inner = bound_of(function)
    if inner is not None:
        function = _bare(inner, function)
        checked += inner.policies
        options = options.around(inner.options)
    return _bind(function, checked, options).wrapper


def _cannot_guard(thing: object) -> str:
    """Why something is no function; not what is in it, for it may be somebody's prompt."""
    what = "cannot be guarded; decorate a function, a method or a callable object"
    if isinstance(thing, type):
        return f"the class {thing.__name__} {what}: {thing.__name__}.method"
    if isinstance(thing, property):
        return f"a property {what}; write @property above the policies"
    return (
        f"an object of {type(thing).__name__} {what}. A policy above a function needs its "
        "parentheses: @reliai.Guard(…), not @reliai.Guard"
    )


def _bare(bound: Bound, wrapper: Any) -> Any:
    """The function behind a wrapper; of a bound method, bound to the same object."""
    owner = getattr(wrapper, "__self__", None)
    return bound.site.function if owner is None else MethodType(bound.site.function, owner)


def _bind(function: Callable[..., Any], policies: tuple[Policy, ...], options: Options) -> Bound:
    site = _site(function, options)
    assemble(site, policies)
    made = wrapper(site)
    if not hasattr(function, "__name__"):  # a partial, or a callable object
        made.__module__, made.__qualname__ = _home(function)
        made.__name__ = site.target.name
    functools.update_wrapper(made, function)
    if options.output is not None:
        made.__annotations__ = {
            **getattr(function, "__annotations__", {}),
            "return": options.output,
        }
        made.__signature__ = site.signature.replace(return_annotation=options.output)  # type: ignore[attr-defined]
    bound = Bound(site, policies, options, executor(site), made, site.asynchronous)
    vars(made)["__reliai__"] = bound
    return bound


def assemble(site: Site, policies: tuple[Policy, ...]) -> None:
    """Bind policies to a site, outermost first, and make one chain of them and the function.

    Raises:
        ConfigurationError: when a policy cannot honour a setting.
    """
    function = site.function
    site.target.leaf = _leaf(site, site.target)
    site.requested = policies
    bound_policies = []
    for index, policy in enumerate(policies):
        site.index = index
        bound_policies.append(policy.bind(site))
    site.policies = tuple(bound_policies)
    chain: Proceed = _terminal
    for policy in reversed(bound_policies):
        chain = _link(policy, chain)
    site.chain = chain
    if site.effects != "none":
        site.chain, site.target.leaf = fenced(chain, function), fenced(site.target.leaf, function)


def _terminal(call: Call) -> Any:
    if call.meters and (refused := refusal(call)) is not None:
        return Outcome(error=refused)
    return call._target.leaf(call)  # noqa: SLF001  the engine's own


def _link(policy: Policy, proceed: Proceed) -> Proceed:
    link: Callable[[Proceed], Proceed] | None = getattr(policy, "link", None)
    if link is not None:
        return link(proceed)
    run = policy.run

    def enter(call: Call) -> Any:
        return run(call, proceed)

    return enter


def _site(function: Callable[..., Any], options: Options) -> Site:
    effects = options.effects or "none"
    if effects not in EFFECTS:
        message = f"effects={effects!r} is unknown; use one of {', '.join(map(repr, EFFECTS))}"
        raise ConfigurationError(message)
    site = Site(
        function,
        kind_of(function, options.kind),
        name=options.name or ".".join(_home(function)),
        effects=effects,
        cooperative=bool(options.cooperative),
        idempotency_key=options.idempotency_key,
        output=options.output,
        measure=options.measure,
        tags=options.tags,
        observers=options.observers,
    )
    key = options.idempotency_key
    if key is not None and key not in site.parameters:
        message = (
            f"idempotency_key={key!r}: {site.name} has no such parameter; "
            f"its parameters are: {', '.join(site.parameters) or 'none'}"
        )
        raise ConfigurationError(message)
    return site


def _home(function: Any) -> tuple[str, str]:
    """The module and the qualified name of a function, or of the type of a callable object."""
    while isinstance(function, functools.partial):
        function = function.func
    owner = function if hasattr(function, "__qualname__") else type(function)
    return getattr(owner, "__module__", None) or "builtins", owner.__qualname__


def _leaf(site: Site, target: Target) -> Proceed:
    if site.asynchronous:
        from reliai._core.async_leaf import async_leaf  # noqa: PLC0415  imports asyncio

        return async_leaf(site, target)
    return sync_leaf(site, target)


def new_target(site: Site, function: Callable[..., Any]) -> Target:
    """A stand-in for the site's function, to be called through the same inner policies.

    Raises:
        ConfigurationError: when a function of its kind cannot stand in for the site's.
    """
    kind = kind_of(function)
    if kind.startswith("async") and not site.asynchronous:
        message = (
            f"{target_name(function)} is asynchronous and cannot stand in for {site.name}, "
            "which is not; give a plain function"
        )
        raise ConfigurationError(message)
    if kind.endswith("generator") and not site.streaming:
        message = (
            f"{target_name(function)} gives a stream and cannot stand in for {site.name}, "
            "which gives one value"
        )
        raise ConfigurationError(message)
    from reliai.providers import keeps_time  # noqa: PLC0415  decorating only

    target = Target(function, kind, target_name(function), primary=False)
    target.keeps_time = keeps_time(function)
    target.leaf = _leaf(site, target)
    return target

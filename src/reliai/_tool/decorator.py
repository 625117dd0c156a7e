"""`tool`: a function that a model may call, with its arguments held to its annotations.

A tool has an effect that must not happen twice, and its arguments come from a model: they are
validated and converted before the function sees them, and what is wrong with them is said in words
that the model can be told.
"""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar, cast, overload

from reliai._core.binding import Options, bound_of, guard
from reliai._core.kinds import kind_of
from reliai._core.observers import checked_observers
from reliai._tool.approval import approvals, approved
from reliai._tool.arguments import Arguments, Unparsed
from reliai.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

    from reliai._core.binding import Bound
    from reliai._core.observers import Observer

__all__ = ["tool"]

P = ParamSpec("P")
R = TypeVar("R")

_NAME: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_FORMATS: Final = ("openai", "openai-responses", "anthropic", "json-schema")


class ToolDecorator:
    """A function that a model may call: `@reliai.tool`, or `@reliai.tool(name=…)`.

    It is `reliable(effects="once")`: never repeated where the effect may have happened. Its
    arguments are validated against their annotations by pydantic and converted. Wrong ones are
    `GuardRejected`, whose `.errors` say what is wrong with each without quoting it; the function is
    not called. Inside `reliai.run`, calls with equal arguments over and over are refused.

    The function stays a plain function of its kind; stack policies on it as on any other.
    `tool.schema(function)` is what to send to the provider, `tool.call_json(function, text)` calls
    it with the arguments as the model wrote them.

    Args:
        function: a function or a coroutine function, without `*args`.
        name: its name for the model and in records: letters, digits, "_" and "-", 64 at most.
        effects: "once" by default; "idempotent" or "none" for one that may be repeated.
        idempotency_key: the parameter that carries the key; by default the call's id is the key.
        repair: whether `call_json` may repair JSON that is not strict. By default it is refused:
            what a repair makes of broken arguments may not be what the model meant.
        approval: True for what cannot be undone: each call needs the approval of a person, given by
            `tool.approve` and `tool.approved`, in whatever mode; without one it is `GuardRejected`.
        tags, observers: as for `reliable`.

    Raises:
        ConfigurationError: for a generator, a parameter `*args`, a name no provider takes, or an
            annotation pydantic cannot build.

    Example:
        >>> @tool
        ... def refund(order: int, reason: str = "") -> str:
        ...     return f"refunded {order}"
        >>> tool.call_json(refund, '{"order": "17"}')
        'refunded 17'
    """

    __name__ = "tool"
    __qualname__ = "tool"

    def __reduce__(self) -> str:
        return "tool"  # there is one, and a pickle finds it again by its public name

    @overload
    def __call__(self, function: Callable[P, R], /) -> Callable[P, R]: ...
    @overload
    def __call__(
        self,
        function: None = None,
        /,
        *,
        name: str | None = None,
        effects: str = "once",
        idempotency_key: str | None = None,
        repair: bool = False,
        approval: bool = False,
        tags: Mapping[str, str] | None = None,
        observers: tuple[Observer, ...] | list[Observer] = (),
    ) -> Callable[[Callable[P, R]], Callable[P, R]]: ...
    def __call__(
        self,
        function: Any = None,
        /,
        *,
        name: str | None = None,
        effects: str = "once",
        idempotency_key: str | None = None,
        repair: bool = False,
        approval: bool = False,
        tags: Mapping[str, str] | None = None,
        observers: tuple[Observer, ...] | list[Observer] = (),
    ) -> Any:
        """Make a tool of a function."""
        if name is not None and not (isinstance(name, str) and _NAME.fullmatch(name)):
            raise ConfigurationError(
                f"tool(name={name!r}): must be of letters, digits, '_' and '-', 64 at most; "
                "providers take no other"
            )
        options = Options(
            name=name,
            effects=effects,
            idempotency_key=idempotency_key,
            tags=tags,
            observers=checked_observers("tool", observers),
        )
        variables = sys._getframe(1).f_locals  # noqa: SLF001  where types of its own are to be found

        def decorated(function: Any) -> Any:
            inner = getattr(function, "__func__", function)  # of a classmethod or staticmethod
            _check_kind(inner)
            arguments = Arguments(inner, variables, repair=bool(repair), approval=bool(approval))
            return guard(function, (arguments,), options)

        if function is None:
            return decorated
        return decorated(function)

    def schema(
        self,
        function: Callable[..., Any],
        format: str = "openai",  # noqa: A002  the field's word
    ) -> dict[str, Any]:
        """What tells a provider of the tool: its name, its docstring, its parameters.

        Args:
            function: a tool, or a bound method that is one.
            format: "openai" (chat completions), "openai-responses", "anthropic", or "json-schema"
                for the parameters alone.

        Raises:
            ConfigurationError: when it is no tool, the format is unknown, or an annotation has no
                JSON Schema.
        """
        bound, arguments = _tool_of(function, "schema")
        if format not in _FORMATS:
            known = ", ".join(map(repr, _FORMATS))
            raise ConfigurationError(f"tool.schema(format={format!r}): use one of {known}")
        parameters = arguments.schema()
        if format == "json-schema":
            return parameters
        name = bound.options.name or bound.site.target.name
        description = _first_paragraph(bound.site.function)
        said = {"name": name, **({"description": description} if description else {})}
        if format == "anthropic":
            return {**said, "input_schema": parameters}
        if format == "openai":
            return {"type": "function", "function": {**said, "parameters": parameters}}
        return {"type": "function", **said, "parameters": parameters}

    def call_json(self, function: Callable[..., R], arguments: str | Mapping[str, Any]) -> R:
        """Call a tool with the arguments as a model gave them: JSON text, or decoded already.

        Args:
            function: a tool, or a bound method that is one; of an asynchronous one the result is
                to be awaited.
            arguments: a JSON object; no text at all stands for no arguments.

        Raises:
            GuardRejected: when they are no JSON object, or do not fit the annotations.
            ConfigurationError: when `function` is no tool.
        """
        _tool_of(function, "call_json")
        if isinstance(arguments, str):
            decoded = _decoded(arguments or "{}")
            return function(Unparsed(arguments)) if decoded is None else function(**decoded)
        return function(**{str(key): value for key, value in arguments.items()})

    def approve(
        self,
        function: Callable[..., Any],
        arguments: Mapping[str, Any],
        *,
        by: str,
        valid_for: float = 600.0,
    ) -> str:
        """Approve one call of a tool, with these very arguments; for code that a person reaches.

        Args:
            function: a tool with `approval=True`, or a bound method that is one.
            arguments: all that are to be passed, by name. They are compared to the last field, also
                secrets; an object that is one of a kind is told by which it is, and so is approved
                in its own process only. Of a method the object it belongs to is not looked at.
            by: who approves.
            valid_for: seconds (> 0) in which the call may begin.

        Returns:
            A token for `tool.approved`. It is good for one call in each process that knows the key
            it was signed with: this one and its forks, or all that have `RELIAI_APPROVAL_KEY`.

        Raises:
            GuardRejected: when the arguments do not fit.
            ConfigurationError: when `function` is no tool or needs no approval, or for a value out
                of its range.
        """
        bound, held = _tool_of(function, "approve")
        if not held.approval:
            name = getattr(function, "__qualname__", repr(function))
            message = f"tool.approve({name}): it needs none; decorate it with tool(approval=True)"
            raise ConfigurationError(message)
        name = bound.site.name
        return approvals.token(name, held.digest(name, arguments), by, valid_for)

    def approved(self, *tokens: str) -> AbstractContextManager[None]:
        """Inside, tools may be called as the tokens of `approve` say, each once.

        Give what a person approved, and never what a model wrote.
        """
        return approved(*tokens)


def _decoded(text: str) -> dict[str, Any] | None:
    """The object that strict JSON text holds; None for anything else."""
    try:
        value = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def _refuse(constant: str) -> None:
    """Refuse NaN and Infinity, which JSON does not have."""
    raise ValueError(constant)


def _tool_of(function: Any, what: str) -> tuple[Bound, Arguments]:
    bound = bound_of(function)
    for policy in () if bound is None else bound.site.policies:
        if isinstance(policy, Arguments):
            assert bound is not None  # noqa: S101  it has policies
            return bound, policy
    name = getattr(function, "__qualname__", repr(function))
    raise ConfigurationError(f"tool.{what}({name}): it is no tool; decorate it with @reliai.tool")


def _check_kind(function: Any) -> None:
    if callable(function) and kind_of(function).endswith("generator"):
        name = getattr(function, "__qualname__", repr(function))
        raise ConfigurationError(
            f"tool({name}): a tool gives one value, and this function gives a stream; return the "
            "value, or use @reliai.reliable(effects='once')"
        )


def _first_paragraph(function: Any) -> str:
    import inspect  # noqa: PLC0415  asked for rarely

    text = inspect.getdoc(function) or ""
    return " ".join(text.partition("\n\n")[0].split())


tool = ToolDecorator()
"""Makes a tool of a function."""

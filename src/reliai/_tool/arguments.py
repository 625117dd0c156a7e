"""Holding a tool's arguments to its annotations: the policy behind `reliai.tool`."""

from __future__ import annotations

import hashlib
import inspect
import json
import typing
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, cast

from reliai._core.decorator import Policy
from reliai._core.outcome import Outcome
from reliai._tool.approval import approvals
from reliai._tool.exact import exactly
from reliai.checks._types import TypeReader
from reliai.checks.repair import read_json
from reliai.errors import ConfigurationError, GuardRejected

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from reliai._core.call import Call, Proceed
    from reliai._core.site import Site

__all__ = ["Arguments", "Unparsed"]

_OWNERS: Final = ("self", "cls")


class Unparsed(str):
    """Arguments as a model wrote them, which are no strict JSON object."""

    __slots__ = ()


class Arguments(Policy):
    """Validates and converts a tool's arguments, and tells agents' runs of the call.

    Args:
        function: the tool.
        variables: those of the place where it is decorated, where its types may be found.
        repair: whether JSON that is not strict may be repaired.
        approval: whether each call needs the approval of a person.
    """

    # It has no rank: a tool is decorated first, so whatever else is put on it stands outside.

    def __init__(
        self,
        function: Callable[..., Any],
        variables: Mapping[str, Any],
        *,
        repair: bool,
        approval: bool = False,
    ) -> None:
        self.repair = repair
        self.approval = approval
        self._function = function
        parameters = list(inspect.signature(function).parameters.values())
        self._owner = bool(parameters) and parameters[0].name in _OWNERS
        self._parameters = parameters[1:] if self._owner else parameters
        self._lock = Lock()
        self._reader: TypeReader | None = None
        for each in self._parameters:
            if each.kind is inspect.Parameter.VAR_POSITIONAL:
                raise ConfigurationError(
                    f"tool({_name(function)}): a model cannot be told of *{each.name}; name the "
                    "parameters, or take a list"
                )
        try:
            self._reader = self._built(dict(variables))
        except NameError:  # a type that is defined later: it is looked for when it is needed
            self._reader = None

    def bind(self, site: Site) -> Arguments:
        site.is_tool = True
        site.target.leaf = self._held(site.target.leaf)
        return self

    def _held(self, leaf: Proceed) -> Proceed:
        """The function itself, which policies that are all off leave alone, but not its types.

        A model's text is no argument of a function, whatever an operator has switched off.
        """

        def enter(call: Call) -> Awaitable[Outcome]:
            if call.mode != "off":
                return leaf(call)
            try:
                call, values = self._validated(call)
                refused = self._unapproved(call, values)
            except Exception as error:  # noqa: BLE001  as in `run`
                return Outcome(error=error)
            return leaf(call) if refused is None else Outcome(error=refused)

        return enter

    def describe(self) -> dict[str, Any]:
        names = [each.name for each in self._parameters]
        given = {"arguments": names, "repair": self.repair}
        return {**given, "approval": True} if self.approval else given

    def digest(self, call_name: str, arguments: Mapping[str, Any]) -> bytes:
        """What an approval of a call with these arguments is for.

        Raises:
            GuardRejected: when they do not fit.
            ConfigurationError: when they are nothing that can be told from others.
        """
        reader = self.reader
        try:
            values = reader.validate_python(dict(arguments))
        except reader.Error as error:
            raise self._misfit(call_name, reader.problems(error)) from None
        digest = _exact_digest(call_name, values)
        if digest is not None:
            return digest
        raise ConfigurationError(
            f"tool.approve({call_name}): arguments that refer to themselves are like no others"
        )

    def _unapproved(self, call: Call, values: Mapping[str, Any]) -> GuardRejected | None:
        """Why a call is not made that a person should have approved; None when it may be."""
        if not self.approval:
            return None
        return approvals.refusal(call, _exact_digest(call.name, values))

    @property
    def reader(self) -> TypeReader:
        """Reads the arguments as one mapping.

        Raises:
            ConfigurationError: for an annotation that names nothing, or that pydantic cannot build.
        """
        if self._reader is None:
            with self._lock:
                try:
                    self._reader = self._reader or self._built({})
                except NameError as error:
                    message = f"tool({_name(self._function)}): an annotation names nothing: {error}"
                    raise ConfigurationError(message) from error
        return self._reader

    def schema(self) -> dict[str, Any]:
        """The JSON Schema of the parameters.

        Raises:
            ConfigurationError: when an annotation has none.
        """
        try:
            made: dict[str, Any] = self.reader.json_schema()
        except ConfigurationError:
            raise
        except Exception as error:
            raise ConfigurationError(
                f"tool({_name(self._function)}): a parameter has no JSON Schema "
                f"({type(error).__name__}); annotate it with a type that JSON can say"
            ) from error
        made.pop("title", None)
        made.pop("description", None)
        made.setdefault("properties", {})
        return made

    async def run(self, call: Call, proceed: Proceed) -> Outcome:
        try:
            inner, values = self._validated(call)
        except Exception as error:  # noqa: BLE001  a rejection, or a crash of the type's own code
            call.emit("arguments_rejected", problems=len(getattr(error, "errors", ())))
            return Outcome(error=error)
        refused = _repeated(call, values)
        if refused is None:
            refused = self._unapproved(call, values)
        if refused is not None:
            return Outcome(error=refused)
        return await proceed(inner)

    def _built(self, variables: dict[str, Any]) -> TypeReader:
        return TypeReader(self._typed(variables))

    def _typed(self, variables: dict[str, Any]) -> Any:
        """The arguments as one type: a mapping with a key for each parameter."""
        from typing_extensions import TypedDict  # noqa: PLC0415  comes with pydantic, who wants it

        hints = _hints(self._function, variables)
        fields: dict[str, Any] = {}
        extra = "forbid"
        for each in self._parameters:
            wanted = hints.get(each.name, Any)
            if each.kind is inspect.Parameter.VAR_KEYWORD:
                extra = "allow"
            else:
                needed = each.default is inspect.Parameter.empty
                fields[each.name] = wanted if needed else typing.NotRequired[wanted]
        make: Any = TypedDict
        made = make(_name(self._function), fields)
        made.__pydantic_config__ = {"extra": extra, "arbitrary_types_allowed": True}
        return made

    def _validated(self, call: Call) -> tuple[Call, dict[str, Any]]:
        """The call with its arguments converted, and these by name.

        Raises:
            GuardRejected: when they do not fit.
            TypeError: when they are given by position, and not as the function takes them.
        """
        reader, given = self.reader, self._given(call)
        try:
            values: dict[str, Any] = reader.validate_python(given)
        except reader.Error as error:
            problems = reader.problems(error)
        else:
            owner = call.args[:1] if self._owner else ()
            args, kwargs = self._as_passed(values)
            return call.given((*owner, *args), kwargs), values
        raise self._rejected(call, problems)  # not from pydantic's, which quotes what was given

    def _given(self, call: Call) -> dict[str, Any]:
        args = call.args[1:] if self._owner else call.args
        if args and type(args[-1]) is Unparsed:
            return self._parsed(call, str(args[-1]))
        signature = inspect.Signature(self._parameters)
        try:
            given = signature.bind(*args, **call.kwargs).arguments
        except TypeError:
            if args:
                raise
            return dict(call.kwargs)  # as models give them: what is missing is told by name
        for each in self._parameters:
            if each.kind is inspect.Parameter.VAR_KEYWORD:
                return {**given, **given.pop(each.name, {})}
        return given

    def _parsed(self, call: Call, text: str) -> dict[str, Any]:
        reading = read_json(text)
        reason = reading.reason or "it is no object"
        if reading.text is not None and (self.repair or not reading.repaired):
            value: Any = json.loads(reading.text)
            if isinstance(value, dict):
                return cast("dict[str, Any]", value)
        elif reading.repaired:
            reason = "it is no strict JSON, and is not repaired unless tool(repair=True) says so"
        raise self._rejected(call, (f"$: {reason}",))

    def _as_passed(self, values: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        args: list[Any] = []
        kwargs = dict(values)
        for each in self._parameters:
            if each.kind is not inspect.Parameter.POSITIONAL_ONLY or each.name not in kwargs:
                break
            args.append(kwargs.pop(each.name))
        return args, kwargs

    def _rejected(self, call: Call, problems: tuple[str, ...]) -> GuardRejected:
        return self._misfit(call.name, problems)

    def _misfit(self, name: str, problems: tuple[str, ...]) -> GuardRejected:
        first, *rest = problems
        more = f" (and {len(rest)} more, see .errors)" if rest else ""
        takes = ", ".join(each.name for each in self._parameters) or "none"
        return GuardRejected(
            f"{name} was not called, its arguments do not fit: {first}{more}. "
            f"Its parameters are: {takes}",
            check="arguments",
            errors=problems,
        )


def _name(function: Any) -> str:
    return str(getattr(function, "__name__", None) or type(function).__name__)


def _hints(function: Any, variables: dict[str, Any]) -> dict[str, Any]:
    """The annotations, resolved."""
    while hasattr(function, "func"):  # functools.partial
        function = function.func
    if not hasattr(function, "__annotations__"):
        function = type(function).__call__
    return typing.get_type_hints(function, localns=variables or None, include_extras=True)


def _repeated(call: Call, values: Mapping[str, Any]) -> Exception | None:
    """Tell the runs of a tool call, once however often it is tried; the refusal of one."""
    runs = [seen for meter in call.meters if (seen := getattr(meter, "repeated", None)) is not None]
    if not runs or call._record.written_attempts():  # noqa: SLF001  looked at only
        return None
    step = _digest(call.name, values)
    for seen in runs:
        refused: Exception | None = seen(call, step)
        if refused is not None:
            return refused
    return None


def _exact_digest(name: str, values: Mapping[str, Any]) -> bytes | None:
    """What is equal for calls that are the same in everything; None where it cannot be told."""
    try:
        return hashlib.sha256(exactly(name, values).encode()).digest()
    except Exception:  # noqa: BLE001  whatever an object does when it is looked at
        return None


def _digest(name: str, values: Mapping[str, Any]) -> object:
    """What is equal for equal calls and keeps nothing of their content."""
    from pydantic_core import to_jsonable_python  # noqa: PLC0415  loaded with pydantic

    try:
        plain = to_jsonable_python(dict(values), fallback=repr)
        text = json.dumps([name, plain], sort_keys=True)
    except Exception:  # noqa: BLE001  arguments that refer to themselves are like no others
        return object()
    return hashlib.sha256(text.encode()).digest()

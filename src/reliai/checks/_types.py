"""Reading a value of a given type with pydantic, and saying what is wrong without quoting it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeGuard, cast, get_args

from reliai.checks.base import cut
from reliai.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from pydantic import ValidationError

__all__ = ["TypeReader", "json_path", "type_name"]

MOST = 10
"""Problems told one by one; the rest are counted."""

LONGEST = 300
"""Characters of one problem's sentence."""

# What a message of pydantic may say without quoting the answer: facts of the type itself.
_FACTS = frozenset(
    {
        "actual_length",
        "class",
        "class_name",
        "decimal_places",
        "discriminator",
        "encoding",
        "expected",
        "expected_plural",
        "expected_schemes",
        "expected_tags",
        "expected_version",
        "field_type",
        "ge",
        "gt",
        "le",
        "lt",
        "max_digits",
        "max_length",
        "min_length",
        "multiple_of",
        "pattern",
        "tz_expected",
        "whole_digits",
    }
)


class TypeReader:
    """Validates text and values against a type; pydantic's adapter is built once, here.

    Attributes:
        name: the type's name, for messages.
        is_text: whether the type is text itself, so that an answer is not read as JSON.
        floats: whether a value of the type may have a float in it.

    Raises:
        ConfigurationError: when pydantic cannot build the type.
    """

    def __init__(self, wanted: Any) -> None:
        self.name = type_name(wanted)
        from pydantic import TypeAdapter, ValidationError  # noqa: PLC0415  costs 190 ms

        self.Error: type[ValidationError] = ValidationError
        try:
            adapter: TypeAdapter[Any] = TypeAdapter(wanted)
        except Exception as error:
            # what a library misses says how to get it; other errors may quote what they were given
            why = str(error) if isinstance(error, ImportError) else type(error).__name__
            message = f"{self.name} is no type that pydantic can build: {why}"
            raise ConfigurationError(message) from error
        self._adapter = adapter
        # The validator itself saves the adapter's own 0.4 µs; a type whose parts are defined later
        # has none yet, and the adapter builds it when it can.
        complete = getattr(adapter, "pydantic_complete", True)
        validator: Any = adapter.validator if complete else adapter
        self.validate_json: Callable[[str], Any] = validator.validate_json
        self.validate_python: Callable[[Any], Any] = validator.validate_python
        self.is_text = complete and _is_text(adapter)
        self.floats = not complete or _has_floats(cast("Any", adapter).core_schema)
        self._names: frozenset[str] | None = None

    def json_schema(self) -> dict[str, Any]:
        """The type's JSON Schema.

        Raises:
            Exception: pydantic's, when it has none.
        """
        return self._adapter.json_schema()

    def read(self, value: Any) -> Any:
        """`value` as the type asks for it: text as JSON, or as it stands where that is what fits.

        Raises:
            ValidationError: pydantic's, when it is not of the type.
        """
        if not isinstance(value, str) or self.is_text:
            return self.validate_python(value)
        try:
            return self.validate_json(value)
        except self.Error as error:
            problem = error
        # A label such as Literal["yes", "no"] comes without the quotes that JSON would want.
        try:
            return self.validate_python(value.strip())
        except self.Error:
            raise problem from None

    def is_our_error(self, error: Exception) -> TypeGuard[ValidationError]:
        """Whether it is a verdict on the value, and not a crash of the type's own code."""
        return isinstance(error, self.Error)

    def problems(self, error: ValidationError) -> tuple[str, ...]:
        """What was wrong, a sentence each with its JSON path, without the value's content."""
        names = self.names()
        told = (f"{json_path(each['loc'], names)}: {_message(each)}" for each in _errors(error))
        return _counted(told, error.error_count())

    def advice(self, error: ValidationError) -> tuple[str, ...]:
        """The same for the model that gave the answer, who may read its content again."""
        told = (f"{json_path(each['loc'])}: {each['msg']}" for each in _errors(error))
        return _counted(told, error.error_count())

    def names(self) -> frozenset[str]:
        """The field names that the type itself declares; other keys come from the answer."""
        if self._names is None:
            try:
                self._names = frozenset(declared_names(self._adapter.json_schema()))
            except Exception:  # noqa: BLE001  a type need not have a JSON Schema
                self._names = frozenset()
        return self._names


def type_name(wanted: Any) -> str:
    """A type's name, for messages."""
    name = getattr(wanted, "__name__", None)
    generic = getattr(wanted, "__origin__", None) is not None
    return cut(str(wanted) if name is None or generic else str(name))


def _is_text(adapter: Any) -> bool:
    schema: Any = adapter.core_schema
    return bool(schema["type"] == "str")


_MAY_BE_FLOATS = frozenset({"float", "any", "complex"})


def _has_floats(schema: Any) -> bool:
    """Whether a core schema of pydantic's has a part that takes floats."""
    if isinstance(schema, dict):
        parts = cast("dict[str, Any]", schema)
        if isinstance(kind := parts.get("type"), str) and kind in _MAY_BE_FLOATS:
            return True
        return any(_has_floats(each) for name, each in parts.items() if name != "metadata")
    if isinstance(schema, list | tuple):
        return any(map(_has_floats, cast("Iterable[Any]", schema)))
    return False


def _errors(error: ValidationError) -> list[Any]:
    return list(error.errors(include_url=False, include_input=False))[:MOST]


def _counted(sentences: Iterable[str], count: int) -> tuple[str, ...]:
    told = tuple(cut(sentence, LONGEST) for sentence in sentences)
    return told if count <= len(told) else (*told, f"and {count - len(told)} more")


def _message(error: Any) -> str:
    """The message, if it is made of facts of the type alone; else which rule was broken."""
    from pydantic_core import core_schema  # noqa: PLC0415  loaded with pydantic

    kind = str(error["type"])
    known = kind in get_args(core_schema.ErrorType)
    if known and (kind == "json_invalid" or _FACTS.issuperset(error.get("ctx", ()))):
        return str(error["msg"])
    return f"it breaks the rule {kind!r}"


def json_path(location: Iterable[int | str], names: frozenset[str] | None = None) -> str:
    """A place in a JSON value, such as `$.items[3].price`.

    Args:
        location: the keys and indexes that lead there.
        names: the keys that may be shown; any other stands as `*`, for it came with the content.
            None shows all.
    """
    path = "$"
    for step in location:
        if isinstance(step, int):
            path += f"[{step}]"
        else:
            path += f".{step if names is None or step in names else '*'}"
    return path


def declared_names(schema: Any) -> Iterator[str]:
    """The property names that a JSON Schema declares, at any depth."""
    if isinstance(schema, dict):
        mapping = cast("dict[str, Any]", schema)
        properties: Any = mapping.get("properties")
        if isinstance(properties, dict):
            yield from cast("dict[str, Any]", properties)
        for value in mapping.values():
            yield from declared_names(value)
    elif isinstance(schema, list):
        for value in cast("Iterable[Any]", schema):
            yield from declared_names(value)

"""A check that a value is of a type, or fits a JSON Schema."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from reliai.checks._types import type_name
from reliai.checks.base import Check, CheckVerdict, cut
from reliai.errors import ConfigurationError

if TYPE_CHECKING:
    from reliai.checks._json_schema import JsonSchema
    from reliai.checks._types import TypeReader

__all__ = ["Schema"]

MOST = 3
"""Problems that one reason tells."""


class Schema(Check):
    """Passes values of a type, or values that fit a JSON Schema; text is read as strict JSON.

    Args:
        schema: a type pydantic can build (a model, a dataclass, `list[int]`, ...), or a JSON Schema
            as a dict (needs `pip install "reliai[schema]"`).

    Raises:
        ConfigurationError: when `schema` is neither. A type is built when a function is decorated.
    """

    reads_text = True

    def __init__(self, schema: Any) -> None:
        if schema is None or isinstance(schema, str | bytes | int | float | list | tuple):
            message = f"Schema({schema!r}): give a type, or a JSON Schema as a dict"
            raise ConfigurationError(message)
        self.schema = schema
        self._type: TypeReader | None = None
        self._json: JsonSchema | None = None
        if isinstance(schema, dict):
            from reliai.checks._json_schema import JsonSchema  # noqa: PLC0415  only a dict needs it

            document = cast("dict[str, Any]", schema)
            self._json = JsonSchema(document)
            self.name = cut(f"Schema({document.get('title', 'JSON')})")
        else:
            self.name = cut(f"Schema({type_name(schema)})")

    def prepare(self) -> None:
        if self._json is None:
            self._reader()

    def __call__(self, value: Any, /) -> CheckVerdict:
        problems = self._type_problems(value) if self._json is None else self._json.problems(value)
        return "; ".join(problems[:MOST]) if problems else None

    def _type_problems(self, value: Any) -> tuple[str, ...]:
        reader = self._reader()
        try:
            reader.read(value)
        except reader.Error as error:
            return reader.problems(error)
        return ()

    def _reader(self) -> TypeReader:
        if self._type is None:
            from reliai.checks._types import TypeReader  # noqa: PLC0415  loads pydantic

            self._type = TypeReader(self.schema)
        return self._type

    def describe(self) -> dict[str, Any]:
        schema = self.schema if self._json is not None else type_name(self.schema)
        return {**super().describe(), "schema": schema}

    def __repr__(self) -> str:
        return f"reliai.{self.name}"

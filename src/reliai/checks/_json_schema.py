"""Judging a value by a JSON Schema, with the `jsonschema` package.

That package is the reference implementation for Python: all drafts from 4 to 2020-12, and the
place of each error. pydantic builds models and does not read schemas. References are looked up in
the schema alone: nothing is ever fetched.
"""

from __future__ import annotations

import json
from importlib import import_module
from itertools import islice
from typing import Any

from reliai.checks._types import LONGEST, MOST, declared_names, json_path
from reliai.checks.base import cut
from reliai.errors import ConfigurationError

__all__ = ["JsonSchema"]


class JsonSchema:
    """A JSON Schema, checked once and ready to judge.

    Raises:
        ConfigurationError: when the schema is not valid, or the `schema` extra is not installed.
    """

    def __init__(self, schema: dict[str, Any]) -> None:
        try:
            jsonschema: Any = import_module("jsonschema")
            registry: Any = import_module("referencing").Registry()
        except ImportError as error:
            message = 'to check a JSON Schema, run: pip install "reliai[schema]"'
            raise ConfigurationError(message) from error
        dialect = jsonschema.validators.validator_for(
            schema, default=jsonschema.Draft202012Validator
        )
        try:
            dialect.check_schema(schema)
        except jsonschema.SchemaError as error:
            message = f"Schema({cut(repr(schema))}): this is no JSON Schema: {error.message}"
            raise ConfigurationError(message) from error
        self._validator = dialect(schema, registry=registry)
        self._names = frozenset(declared_names(schema))

    def problems(self, value: Any) -> tuple[str, ...]:
        """What is wrong with `value`, a sentence each, without its content; () when nothing is."""
        if isinstance(value, str):
            try:
                value = json.loads(value, parse_constant=_refuse)
            except json.JSONDecodeError as error:
                place = f"line {error.lineno}, column {error.colno}"
                return (f"it is not JSON: {error.msg} at {place}",)
            except (ValueError, RecursionError):
                return ("it is not JSON",)
        errors = islice(self._validator.iter_errors(value), MOST)
        return tuple(cut(self._sentence(error), LONGEST) for error in errors)

    def _sentence(self, error: Any) -> str:
        # The error's own message quotes the value; the rule it broke does not.
        path = json_path(error.absolute_path, self._names)
        rule = json.dumps(error.validator_value, default=str)
        return f"{path}: it breaks the rule {error.validator}: {cut(rule)}"


def _refuse(constant: str) -> None:
    message = f"{constant} is not JSON"
    raise ValueError(message)

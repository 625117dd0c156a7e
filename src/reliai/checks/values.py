"""Checks of a value as such: being one of a few."""

from __future__ import annotations

from typing import Any

from reliai.checks.base import Check, CheckVerdict
from reliai.errors import ConfigurationError

__all__ = ["OneOf"]


class OneOf(Check):
    """Passes a value that equals one of `values`: the same case, no blanks around, 1 is not True.

    Raises:
        ConfigurationError: when there are no values, or a list in place of them.
    """

    def __init__(self, *values: Any) -> None:
        if not values:
            message = "OneOf() allows nothing; name the values: OneOf('yes', 'no')"
            raise ConfigurationError(message)
        if len(values) == 1 and isinstance(values[0], list | tuple | set | frozenset | dict):
            message = f"OneOf({values[0]!r}) allows only that container; unpack it: OneOf(*values)"
            raise ConfigurationError(message)
        self.values = values

    def __call__(self, value: Any, /) -> CheckVerdict:
        flag = isinstance(value, bool)
        if any(value == each and isinstance(each, bool) is flag for each in self.values):
            return None
        return f"it is none of the {len(self.values)} allowed values"

    def describe(self) -> dict[str, Any]:
        return {**super().describe(), "values": [repr(value) for value in self.values]}

    def __repr__(self) -> str:
        return f"reliai.OneOf({', '.join(map(repr, self.values))})"

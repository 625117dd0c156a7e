"""Values of any make, made plain so that they can be compared part by part."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any, TypeGuard

__all__ = ["DEEPEST", "Differing", "differences", "plain", "same"]

DEEPEST = 200
"""Levels of a value that are compared; one that goes deeper cannot be."""


def plain(value: Any) -> Any:
    """Models, dataclasses, named tuples and arrays as dictionaries and lists; the rest as it is."""
    dump = getattr(type(value), "model_dump", None)
    if callable(dump):
        return dump(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    named: Any = getattr(value, "_asdict", None) if isinstance(value, tuple) else None
    if callable(named):
        return named()
    if isinstance(value, Enum):
        return value.value
    for name in ("to_dict", "tolist"):  # of tables, of arrays and their numbers
        convert = getattr(value, name, None)
        if callable(convert) and not isinstance(value, Mapping | type):
            return convert()
    return value


class Differing:
    """Which differences count.

    Args:
        ignore: names of keys that may differ wherever they are, or paths from the root with dots,
            where `*` stands for any one key or place: "usage.total", "items.*.id".
        tolerance: how far two numbers may lie apart.
        relative: the same, as a share of the larger one.
    """

    __slots__ = ("_names", "_paths", "relative", "tolerance")

    def __init__(
        self, ignore: tuple[str, ...] = (), tolerance: float = 0.0, relative: float = 0.0
    ) -> None:
        self._names = frozenset(each for each in ignore if "." not in each)
        self._paths = [tuple(each.split(".")) for each in ignore if "." in each]
        self.tolerance = tolerance
        self.relative = relative

    def ignores(self, path: tuple[str, ...]) -> bool:
        """Whether what lies at a path may differ."""
        return bool(path) and (
            path[-1] in self._names or any(_fits(each, path) for each in self._paths)
        )

    def near(self, one: float, other: float) -> bool:
        """Whether two numbers count as the same."""
        if one == other or (math.isnan(one) and math.isnan(other)):
            return True
        if math.isnan(one) or math.isnan(other) or math.isinf(one) or math.isinf(other):
            return False
        allowed = max(self.tolerance, self.relative * max(abs(one), abs(other)))
        return abs(one - other) <= allowed


def _fits(pattern: tuple[str, ...], path: tuple[str, ...]) -> bool:
    return len(pattern) == len(path) and all(
        part in ("*", step) for part, step in zip(pattern, path, strict=True)
    )


_NO_RULES = Differing()


def same(one: Any, other: Any, rules: Differing = _NO_RULES) -> bool:
    """Whether two values do not differ."""
    return next(differences(one, other, rules), None) is None


def differences(
    one: Any, other: Any, rules: Differing = _NO_RULES, path: tuple[str, ...] = ()
) -> Iterator[str]:
    """Where two values differ, as paths with dots; "" is the whole.

    Raises:
        ValueError: when they go deeper than values of data do.
    """
    if rules.ignores(path):
        return
    if len(path) > DEEPEST:
        raise ValueError(f"the values are deeper than {DEEPEST} levels")
    one = plain(one)
    other = plain(other)
    here = ".".join(path)
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        yield from _of_mappings(one, other, rules, path)
    elif isinstance(one, list | tuple) and isinstance(other, list | tuple):
        if len(one) != len(other):
            yield here
            return
        for place, pair in enumerate(zip(one, other, strict=True)):
            yield from differences(*pair, rules, (*path, str(place)))
    elif _is_number(one) and _is_number(other):
        if not rules.near(one, other):
            yield here
    elif isinstance(one, bool) is not isinstance(other, bool) or not _equal(one, other):
        yield here


def _of_mappings(
    one: Mapping[Any, Any], other: Mapping[Any, Any], rules: Differing, path: tuple[str, ...]
) -> Iterator[str]:
    for key in {**one, **other}:
        step = (*path, str(key))
        if key in one and key in other:
            yield from differences(one[key], other[key], rules, step)
        elif not rules.ignores(step):
            yield ".".join(step)


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _equal(one: Any, other: Any) -> bool:
    return one is other or bool(one == other)

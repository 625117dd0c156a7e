"""The JSON form of what a target gave: what is stored, and what scorers see."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from copy import deepcopy
from datetime import timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Any, Final
from uuid import UUID

from reliai.datasets.case import MISSING, Case

__all__ = ["NotJson", "fresh", "fresh_case", "is_empty", "json_form"]

_READY: Final = frozenset((str, int, bool, type(None)))
_SCALARS: Final = _READY | {float}
_DEEPEST: Final = 100


class NotJson(TypeError):
    """An output of which there is no JSON form."""


def json_form(value: Any, _depth: int = 0) -> Any:
    """The value as JSON data.

    Pydantic models, dataclasses, named tuples, enums, sets, dates, UUIDs, paths, decimal numbers
    (as texts) and numpy's arrays and numbers have an evident form; of a provider's answer it is the
    text. Numbers that are not finite become the texts "NaN", "Infinity" and "-Infinity".

    Raises:
        NotJson: for anything else, naming its type.
    """
    kind = type(value)
    if kind in _READY:
        return value
    if kind is float:
        return value if math.isfinite(value) else _odd(value)
    if _depth > _DEEPEST:
        raise NotJson(f"the output is nested deeper than {_DEEPEST} levels")
    if kind is dict or isinstance(value, Mapping):
        return {
            key if type(key) is str else _key(key): json_form(each, _depth + 1)
            for key, each in value.items()
        }
    if kind is list or (isinstance(value, tuple) and not hasattr(value, "_asdict")):
        return [json_form(each, _depth + 1) for each in value]
    return json_form(_unwrapped(value), _depth + 1)


def fresh(value: Any) -> Any:
    """A copy of JSON data, for somebody who may change it: chat agents append to their messages."""
    kind = type(value)
    if kind in _SCALARS:
        return value
    if kind is list:
        return [each if type(each) in _SCALARS else fresh(each) for each in value]
    if kind is dict:
        return {key: v if type(v) in _SCALARS else fresh(v) for key, v in value.items()}
    if isinstance(value, Mapping):
        return {key: fresh(each) for key, each in value.items()}
    return tuple(fresh(each) for each in value) if kind is tuple else deepcopy(value)


def fresh_case(case: Case) -> Case:
    """A copy of a case, for somebody who may change what is inside: others judge by it too."""
    made, put = object.__new__(type(case)), object.__setattr__
    for name in _SHARED:
        put(made, name, getattr(case, name))
    put(made, "inputs", fresh(case.inputs))
    put(made, "expected", case.expected if case.expected is MISSING else fresh(case.expected))
    put(made, "tags", fresh(case.tags))
    put(made, "metadata", fresh(case.metadata))
    return made


def is_empty(output: Any) -> bool:
    """Whether there is nothing in an output: such a one is not worth keeping for the next run."""
    return output is None or (isinstance(output, str | list | dict) and not output)


def _odd(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def _key(key: Any) -> str:
    if isinstance(key, str):
        return str(key)
    if isinstance(key, bool | int | float) or key is None:
        return str(key)
    raise NotJson(f"the output has a key of type {type(key).__qualname__}, which is no text")


def _unwrapped(value: Any) -> Any:
    """One step towards JSON."""
    if isinstance(value, Enum):
        return value.value
    for plain in (str, int, float):
        if isinstance(value, plain):
            return plain(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {each.name: getattr(value, each.name) for each in dataclasses.fields(value)}
    for method, arguments in _WAYS:
        found = getattr(value, method, None)
        if callable(found) and not isinstance(value, type):
            return _text_of(value) or found(**arguments)
    if isinstance(value, set | frozenset):
        return sorted(value, key=repr)
    if isinstance(value, _TEXTS):
        return str(value)
    if isinstance(value, bytes):
        raise NotJson("the output is bytes: decode it, or give base64")
    raise NotJson(
        f"the output is a {type(value).__qualname__}, which has no JSON form: return a dict, a "
        "list, a text, a number, a dataclass or a pydantic model"
    )


_SHARED: Final = tuple(
    name for name in Case.__slots__ if name not in {"inputs", "expected", "tags", "metadata"}
)
"""What of a case nobody can change."""

_TEXTS: Final = (UUID, PurePath, Decimal, timedelta)
_WAYS: Final[tuple[tuple[str, dict[str, Any]], ...]] = (
    ("model_dump", {"mode": "json"}),  # pydantic
    ("_asdict", {}),  # named tuples
    ("tolist", {}),  # numpy
    ("isoformat", {}),  # dates
)


def _text_of(value: Any) -> str | None:
    """The text of a provider's answer; None for anything else."""
    if not hasattr(value, "model_dump"):
        return None
    from reliai.providers import read_response  # noqa: PLC0415  few targets give one

    response = read_response(value)
    return None if response is None or response.provider is None else response.text

"""Which models an application names, so that `reliai doctor` can tell of those that will go."""

from __future__ import annotations

import inspect
from types import CodeType
from typing import TYPE_CHECKING, Any

import reliai
from reliai.cli.doctor_code import bare, held, reached
from reliai.prompts import Prompt, PromptVersion

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["models_of"]


def models_of(function: Callable[..., Any]) -> set[str]:
    """The texts that may name a model: in the code of a guarded function, behind it, around it.

    They are texts in the code, defaults of parameters, the module's constants that the code names
    (and tables and prompts among them), and the values that policies put in place of arguments
    (`Fallback.models`).
    """
    inside = [function, *(each for each, guarded in reached(function) if not guarded)]
    found = {text for each in inside for text in _texts(each)}
    for policy in reliai.pipeline_of(function).policies:
        if isinstance(policy, reliai.Fallback):
            listed = [*policy.targets, *(each for some in policy.on.values() for each in some)]
            values = (getattr(each, "value", each) for each in listed)
            found.update(value for value in values if isinstance(value, str))
            for target in listed:
                if inspect.isfunction(target):
                    found.update(_texts(target))
    return found


def _texts(function: Callable[..., Any]) -> Iterator[str]:
    inner = bare(function)
    code = getattr(inner, "__code__", None)
    if code is None:
        return
    yield from _constants(code)
    defaults = (
        *(getattr(inner, "__defaults__", None) or ()),
        *(getattr(inner, "__kwdefaults__", None) or {}).values(),
    )
    for value in (*defaults, *(value for _, value in held(inner))):
        yield from _named_by(value)


def _named_by(value: object) -> Iterator[str]:
    """The texts that a value is, or holds where models are often put: tables, prompts."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from (each for each in value.values() if isinstance(each, str))
    elif isinstance(value, list | tuple | set | frozenset):
        yield from (each for each in value if isinstance(each, str))
    elif isinstance(value, Prompt | PromptVersion) and value.model is not None:
        yield value.model


def _constants(code: CodeType) -> Iterator[str]:
    for constant in code.co_consts:
        if isinstance(constant, str):
            yield constant
        elif isinstance(constant, tuple):
            yield from (each for each in constant if isinstance(each, str))
        elif isinstance(constant, CodeType):
            yield from _constants(constant)

"""`where=`: conditions by name, on columns of calls and on what is in their parts."""

from __future__ import annotations

from operator import eq, ge, gt, le, lt, ne
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import JSON, Boolean, ColumnElement, Double, and_, exists, func, literal
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from reliai.errors import ConfigurationError
from reliai.records import _tables as tables
from reliai.records._asked import asked, plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Table

__all__ = ["condition"]

_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "=": eq,
    "!=": ne,
    "<": lt,
    "<=": le,
    ">": gt,
    ">=": ge,
}


def condition(key: str, value: Any) -> ColumnElement[bool]:
    """What calls must be like for one entry of `where=`.

    Raises:
        ConfigurationError: for a condition on what calls do not have.
    """
    kind, colon, name = key.partition(":")
    if key in _COLUMNS:
        return _compared(tables.calls.c[key], key, value)
    if key == "output":
        found = _in_json(tables.contents.c.output, (), value)
        return _of_part(tables.contents, (), found, key, plain(value))
    if colon and name and kind in _KINDS:
        return _KINDS[kind](name, key, value)
    kinds = ", ".join(f"{kind}:NAME" for kind in _KINDS)
    message = f"where={{{key!r}: …}}: use {kinds}, output or one of {', '.join(sorted(_COLUMNS))}"
    raise ConfigurationError(message)


_COLUMNS = set(tables.calls.c.keys()) - {"tags"}


def _tag(name: str, key: str, value: Any) -> ColumnElement[bool]:
    tags = tables.calls.c.tags
    return _compared(tags[plain(name)].as_string(), key, plain(value))


def _value(name: str, key: str, value: Any) -> ColumnElement[bool]:
    values = tables.values.c
    numbers = _is_number(_sample(value)) and not isinstance(_sample(value), bool)
    found = values.number if numbers else _in_json(values.value, (), value)
    return _of_part(tables.values, (values.name == asked(name),), found, key, plain(value))


def _event(name: str, key: str, value: Any) -> ColumnElement[bool]:
    """`event:KIND` is whether there was one; `event:KIND.ATTRIBUTE` compares one of its numbers."""
    kind, _, attribute = name.partition(".")
    events = tables.events.c
    found = _in_json(events.attributes, (plain(attribute),), value) if attribute else events.kind
    part = (events.kind == asked(kind),)
    if not attribute:
        return _whether(tables.events, part, key, value)
    return _of_part(tables.events, part, found, key, plain(value))


def _check(name: str, key: str, value: Any) -> ColumnElement[bool]:
    checks = tables.checks.c
    return _of_part(tables.checks, (checks.name == asked(name),), checks.passed, key, value)


def _input(name: str, key: str, value: Any) -> ColumnElement[bool]:
    found = _in_json(tables.contents.c.inputs, tuple(plain(name).split(".")), value)
    return _of_part(tables.contents, (), found, key, plain(value))


def _output(name: str, key: str, value: Any) -> ColumnElement[bool]:
    found = _in_json(tables.contents.c.output, tuple(plain(name).split(".")), value)
    return _of_part(tables.contents, (), found, key, plain(value))


_KINDS: dict[str, Callable[[str, str, Any], ColumnElement[bool]]] = {
    "tag": _tag,
    "value": _value,
    "event": _event,
    "check": _check,
    "input": _input,
    "output": _output,
}


def _of_part(
    table: Table, part: tuple[Any, ...], found: Any, key: str, value: Any
) -> ColumnElement[bool]:
    """Calls that have such a part; for None, those that have none with anything in it."""
    of_call = and_(table.c.call_id == tables.calls.c.id, *part)
    if value is None:
        return ~exists().where(of_call, found.is_not(None))
    return exists().where(of_call, _compared(found, key, value))


def _whether(table: Table, part: tuple[Any, ...], key: str, value: Any) -> ColumnElement[bool]:
    if not isinstance(value, bool):
        message = f"where={{{key!r}: {value!r}}}: give True or False"
        raise ConfigurationError(message)
    there = exists().where(table.c.call_id == tables.calls.c.id, *part)
    return there if value else ~there


def _compared(column: ColumnElement[Any], key: str, value: Any) -> ColumnElement[bool]:
    if value is None:
        return column.is_(None)
    if isinstance(value, list | set | frozenset):
        return column.in_([asked(one) for one in value])
    if isinstance(value, tuple):
        operator = _OPERATORS.get(value[0]) if len(value) == 2 else None
        if operator is None:
            signs = ", ".join(_OPERATORS)
            message = f"where={{{key!r}: {value!r}}}: a pair is an operator ({signs}) and a value"
            raise ConfigurationError(message)
        return cast("ColumnElement[bool]", operator(column, asked(value[1])))
    return cast("ColumnElement[bool]", column == asked(value))


def _sample(value: Any) -> Any:
    """One of the things that are compared with, to know their type."""
    if isinstance(value, tuple):
        return value[-1] if value else None
    if isinstance(value, list | set | frozenset):
        return next(iter(value), None)
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float)


def _in_json(column: Any, path: tuple[str, ...], value: Any) -> Any:
    """What is at a place in a JSON column, as something that `value` can be compared with."""
    sample = _sample(value)
    text = column[path].as_string()
    if not _is_number(sample):
        return text
    place = literal(path, JSON.JSONPathType())
    kind = _JsonTruth if isinstance(sample, bool) else _JsonNumber
    on_sqlite = (func.json_type(column, place), func.json_extract(column, place))
    return kind(column[path], text, *on_sqlite)


class _JsonNumber(FunctionElement[float]):
    """A number in JSON; NULL where there is something else, which PostgreSQL would not convert."""

    type = Double()
    inherit_cache = True
    kinds = ("number",), ("integer", "real")
    converted = "double precision"


class _JsonTruth(FunctionElement[bool]):
    """True or false in JSON; NULL where there is something else."""

    type = Boolean()
    inherit_cache = True
    kinds = ("boolean",), ("true", "false")
    converted = "boolean"


@compiles(_JsonNumber, "sqlite")
@compiles(_JsonTruth, "sqlite")
def _on_sqlite(element: Any, compiler: Any, **options: Any) -> str:
    _, _, typed, found = element.clauses
    # In the order in which they stand in the statement: parameters have no names in SQLite.
    kind, text = compiler.process(typed, **options), compiler.process(found, **options)
    return f"CASE WHEN {kind} IN {element.kinds[1]!r} THEN {text} END"


@compiles(_JsonNumber, "postgresql")
@compiles(_JsonTruth, "postgresql")
def _on_postgres(element: Any, compiler: Any, **options: Any) -> str:
    place, text, *_ = element.clauses
    kind, found = compiler.process(place, **options), compiler.process(text, **options)
    wanted = element.kinds[0][0]
    return (
        f"CASE WHEN json_typeof({kind}) = '{wanted}' THEN CAST({found} AS {element.converted}) END"
    )

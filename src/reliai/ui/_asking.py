"""What a visitor asks for, in words: a span of time, a condition on calls, a page of them."""

from __future__ import annotations

import math
import re
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import select, tuple_

from reliai import clock
from reliai.errors import ConfigurationError
from reliai.records import _tables as tables
from reliai.records._queries import conditions, found

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import ColumnElement

    from reliai.records import RecordStore
    from reliai.records.stored import StoredCall

__all__ = ["SPANS", "Page", "condition_of", "names_of", "page_of", "seconds_of"]

SPANS: Final = {"1h": 3600.0, "24h": 86_400.0, "7d": 604_800.0, "30d": 2_592_000.0}
"""Spans that are offered."""

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_LATELY: Final = 2000


class Page(NamedTuple):
    """Some calls, those that started last first.

    Attributes:
        calls: the calls.
        older: the cursor of those before them; None where there are none.
        newer: the cursor of those after them; None on the first page.
    """

    calls: list[StoredCall]
    older: str | None
    newer: str | None


def page_of(store: RecordStore, which: Mapping[str, Any], cursor: str | None, count: int) -> Page:
    """A page of calls.

    Args:
        store: of the calls.
        which: as of `RecordStore.calls`.
        cursor: as a page before gave it: "-TIME:SEQ" for what is older than that call, "+" for what
            is newer; None for the latest.
        count: calls of a page at most.

    Raises:
        ConfigurationError: for a cursor that is none, or as `RecordStore.calls` does.
    """
    store.flush(0.5)
    chosen = conditions(**which)
    back, place = _place(cursor)
    rows = _rows(store, chosen, place, count + 1, back=back)
    more = len(rows) > count
    rows = rows[:count]
    if back:
        rows.reverse()
    if not rows:
        return Page([], None, None)
    older = _cursor("-", rows[-1]) if more or back else None
    newer = _cursor("+", rows[0]) if place is not None and (more or not back) else None
    return Page(rows, older, newer)


def _rows(
    store: RecordStore,
    chosen: list[ColumnElement[bool]],
    place: tuple[float, int] | None,
    limit: int,
    *,
    back: bool,
) -> list[StoredCall]:
    at, seq = tables.calls.c.started_at, tables.calls.c.seq
    if place is not None:
        pair = tuple_(at, seq)
        chosen = [*chosen, pair > place if back else pair < place]
    order = (at.asc(), seq.asc()) if back else (at.desc(), seq.desc())
    wanted = select(tables.calls).where(*chosen).order_by(*order).limit(limit)
    with store._reading() as connection:  # noqa: SLF001  of the house
        return found(connection, connection.execute(wanted).all())


def _cursor(sign: str, call: StoredCall) -> str:
    return f"{sign}{call.started_at!r}:{call.seq}"


def _place(cursor: str | None) -> tuple[bool, tuple[float, int] | None]:
    if not cursor:
        return False, None
    match = re.fullmatch(r"([+ -])(\d+(?:\.\d+)?(?:e[+-]?\d+)?):(\d{1,18})", cursor)
    if not match or not math.isfinite(float(match[2])):
        raise ConfigurationError("The address of this page of calls is damaged.")
    return match[1] != "-", (float(match[2]), int(match[3]))


def names_of(store: RecordStore) -> list[str]:
    """The functions of the latest calls, to choose from."""
    name, at = tables.calls.c.name, tables.calls.c.started_at
    lately = select(name).order_by(at.desc()).limit(_LATELY).subquery()
    with store._reading() as connection:  # noqa: SLF001  of the house
        return sorted(connection.execute(select(lately.c.name).distinct()).scalars())


def seconds_of(text: str) -> float:
    """The Unix seconds of a span ago such as "2h", or of a date.

    Raises:
        ConfigurationError: when it is neither.
    """
    span = re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?)([smhdw])", text)
    if span:
        return clock.active().time() - float(span[1]) * _UNITS[span[2]]
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError):
        message = f"{text!r}: give a span such as 10m, 2h or 7d, or a date such as 2026-11-25"
        raise ConfigurationError(message) from None


def condition_of(text: str) -> tuple[str, Any]:
    """A condition on calls as `RecordStore.calls(where=)` takes it, from "duration>5".

    Raises:
        ConfigurationError: when it is none.
    """
    match = re.fullmatch(r"\s*([\w:.-]+?)\s*(<=|>=|!=|=|<|>)\s*(.*?)\s*", text)
    if not match:
        message = f"{text!r}: give a name, one of = != < <= > >= and a value"
        raise ConfigurationError(message)
    key, sign, value = match.groups()
    typed: Any = None if value == "none" else _typed(key, value)
    return key, typed if sign == "=" else (sign, typed)


def _typed(key: str, value: str) -> Any:
    """A number, or true or false, where the words can mean one."""
    if key.startswith(("check:", "event:")) and value in {"true", "false"}:
        return value == "true"
    column = tables.calls.columns.get(key)
    if key.startswith("tag:") or (column is not None and column.type.python_type is str):
        return value
    try:
        number = float(value)
    except ValueError:
        return value
    return number if math.isfinite(number) else value

"""Cases as rows of cells: of Parquet, with JSON text, and of CSV, that people read. Floor 5.

In CSV a text stands as it is, but where it could be taken for something else (`42`, `true`, an
empty cell, a formula of a spreadsheet): then it stands in quotation marks, as JSON. All else is
JSON. So each cell can be read in one way only.
"""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any, Final

from reliai.datasets.canonical import json_text
from reliai.datasets.case import MISSING, Case
from reliai.datasets.failures import DatasetError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

__all__ = ["COLUMNS", "case_of_cells", "cells_of", "read_csv", "write_csv"]

COLUMNS: Final = (
    "id",
    "inputs",
    "expected",
    "tags",
    "group",
    "repeats",
    "inclusion_probability",
    "sources",
    "metadata",
)
"""The fields of a case, in the order in which they stand in tables."""

_AS_JSON: Final = ("inputs", "tags", "sources", "metadata")
_AS_IT_IS: Final = ("id", "group", "repeats", "inclusion_probability")
_FORMULA: Final = frozenset("=+-@\t\r")


# --- JSON text ------------------------------------------------------------------------------------
def cells_of(case: Case) -> dict[str, Any]:
    """A row of Parquet."""
    data = case.to_dict()
    row: dict[str, Any] = {name: data.get(name) for name in _AS_IT_IS}
    row.update((name, json_text(data[name]) if name in data else None) for name in _AS_JSON)
    row["expected"] = None if case.expected is MISSING else json_text(case.expected)
    return {"key": case.key, "digest": case.digest, **row}


def case_of_cells(row: Mapping[str, Any]) -> Case:
    """The case of a row of Parquet.

    Raises:
        DatasetError: when it is none.
    """
    unknown = sorted(set(row) - {"key", "digest", *COLUMNS})
    if unknown:
        raise DatasetError(
            f"{unknown[0]!r} is no column of cases ({', '.join(COLUMNS)}); name inputs=[…]"
        )
    fields = {name: row[name] for name in _AS_IT_IS if row.get(name) is not None}
    for name in (*_AS_JSON, "expected"):
        if row.get(name) is not None:
            fields[name] = _decoded(name, row[name])
    return Case.from_dict(fields)


def _decoded(name: str, text: Any) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse)
    except (TypeError, ValueError) as error:
        raise DatasetError(f"{name} is no JSON text: {error}") from error


def _refuse(text: str) -> Any:
    raise ValueError(f"{text} is no number of JSON")


# --- CSV ------------------------------------------------------------------------------------------
def write_csv(cases: Iterable[Case], path: Path) -> int:
    """Write cases, each input and tag in a column of its own; say how many."""
    several = cases if isinstance(cases, list | tuple) else list(cases)
    inputs = dict.fromkeys(name for case in several for name in sorted(case.inputs))
    tags = dict.fromkeys(name for case in several for name in sorted(case.tags))
    header = ["id", *(f"inputs.{name}" for name in inputs), "expected"]
    header += [*(f"tags.{name}" for name in tags), *_LATER]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, header, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(map(_written, several))
    return len(several)


_LATER: Final = ("group", "repeats", "inclusion_probability", "sources", "metadata")


def _written(case: Case) -> dict[str, str]:
    data = case.to_dict()
    row = {f"inputs.{name}": _cell(value) for name, value in data.pop("inputs").items()}
    row |= {f"tags.{name}": _cell(value) for name, value in data.pop("tags", {}).items()}
    return row | {name: _cell(value) for name, value in data.items()}


def _cell(value: Any) -> str:
    if not isinstance(value, str):
        return json_text(value)
    plain = value != "" and value[0] not in _FORMULA and not _is_json(value)
    return value if plain else json_text(value)


def _is_json(text: str) -> bool:
    try:
        json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return False
    return True


def _value(cell: str) -> Any:
    try:
        return json.loads(cell, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return cell


def read_csv(path: Path) -> Iterator[tuple[int, Callable[[], Case]]]:
    """What makes the case of each line, with the number of the line."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, strict=True)
        header = next(reader, None)
        if header is None:
            return
        _check(header, path)
        while True:
            line = reader.line_num + 1
            try:
                row = next(reader, None)
            except csv.Error as error:
                raise DatasetError(f"is no CSV: {error}", path=str(path), line=line) from error
            if row is None:
                return
            if row:
                yield line, _Row(header, row)


class _Row:
    """A line, to be made a case of."""

    def __init__(self, header: list[str], row: list[str]) -> None:
        self._header = header
        self._row = row

    def __call__(self) -> Case:
        if len(self._row) != len(self._header):
            message = f"has {len(self._row)} cells, and the header {len(self._header)}"
            raise DatasetError(message)
        fields: dict[str, Any] = {"inputs": {}}
        for name, cell in zip(self._header, self._row, strict=True):
            if cell == "":
                continue
            field, dot, rest = name.partition(".")
            if dot:
                fields.setdefault(field, {})[rest] = _value(cell)
            else:
                fields[name] = _value(cell)
        return Case.from_dict(fields)


def _check(header: list[str], path: Path) -> None:
    """Refuse columns that no case has, or that are there twice."""
    for at, name in enumerate(header):
        field, dot, _ = name.partition(".")
        known = field in {"inputs", "tags"} if dot else name in {"id", "expected", *_LATER}
        if not known:
            message = (
                f"{name!r} is no column of cases; load_cases(path, inputs=[…]) reads other tables"
            )
            raise DatasetError(message, path=str(path), line=1)
        if name in header[:at]:
            raise DatasetError(f"has {name!r} twice", path=str(path), line=1)

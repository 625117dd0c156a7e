"""Cases from files that people write: JSON lines, JSON and CSV. Strict: an error names its line.

A row that is too short, a field that is unknown, a number that is none: nothing is guessed and
nothing left out, for a case that was read wrongly is scored wrongly for years. Floor 5.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, get_args

from reliai.datasets.case import CASE_FIELDS, Case, Source
from reliai.datasets.failures import DatasetError

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Iterator, Sequence

__all__ = ["FileFormat", "load_cases"]

FileFormat: TypeAlias = Literal["jsonl", "json", "csv"]
"""How a file of cases is written."""

_BY_SUFFIX: Final[dict[str, FileFormat]] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".csv": "csv",
}


def load_cases(
    path: str | os.PathLike[str],
    *,
    format: FileFormat | None = None,  # noqa: A002  the word that everybody looks for
    inputs: Sequence[str] | Mapping[str, str] | None = None,
    expected: str | None = None,
    id: str | None = None,  # noqa: A002  the field of a case
    group: str | None = None,
    tags: Sequence[str] | Mapping[str, str] = (),
    types: Mapping[str, Callable[[str], Any]] | None = None,
) -> list[Case]:
    """Read cases from a file.

    Without `inputs` each object of the file is a case as `Case.to_dict` writes it; in CSV the
    columns are called `inputs.NAME`, `expected`, `id`, `group` and `tags.NAME`. With `inputs` the
    file is any table, and what you name of it makes the cases; the rest is left out.

    Each case gets a source that names the file and the line. In CSV every value is a text unless
    `types` says otherwise, and an empty cell is an empty text; an empty cell of what is expected is
    refused, for it may mean two things.

    Args:
        path: of a file in UTF-8.
        format: of it; by default the suffix says it.
        inputs: columns that are inputs, or the column for each input.
        expected: the column of the reference; an object of JSON without it has none.
        id: the column that names the cases.
        group: the column of the session, document or user.
        tags: columns that are tags, or the column for each tag.
        types: what makes a value of a cell's text, by column, such as `{"age": float}`.

    Raises:
        DatasetError: when a line is no case or two have one key, naming the file and the line.
    """
    where = Path(path)
    kind = _format_of(where, format)
    if types and kind != "csv":
        raise DatasetError(f"types={dict(types)!r} would do nothing: values of {kind} have types")
    columns = _Columns(inputs, expected, id, group, tags)
    columns.filled = kind == "csv"
    text = _text_of(where)
    rows = _csv(text, where, dict(types or {})) if kind == "csv" else _objects(text, where, kind)
    return _cases(rows, columns, where)


class _Columns:
    """Which column of a table is what of a case."""

    def __init__(
        self,
        inputs: Sequence[str] | Mapping[str, str] | None,
        expected: str | None,
        id: str | None,  # noqa: A002  the field of a case
        group: str | None,
        tags: Sequence[str] | Mapping[str, str],
    ) -> None:
        self.whole = inputs is None
        if self.whole and (expected, id, group) != (None, None, None):
            raise DatasetError("name the columns of inputs= too, or none at all")
        self.inputs = _by_name(inputs or (), "inputs")
        self.tags = _by_name(tags, "tags")
        if not self.whole and not self.inputs:
            raise DatasetError("inputs names no column")
        if self.whole and self.tags:
            raise DatasetError("name the columns of inputs= too, or none at all")
        self.fields = {"expected": expected, "id": id, "group": group}

    filled = False
    """Whether what is expected may not be an empty text, because nobody could tell it from none."""

    def case(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """The fields of a case.

        Raises:
            DatasetError: when the row has no such column.
        """
        made = _gathered(row) if self.whole else self._named(row)
        if self.filled and made.get("expected") == "":
            raise DatasetError(
                "the cell of what is expected is empty: no answer, or an empty one? Say it by "
                "types={column: lambda text: text or MISSING}, or fill the cell"
            )
        return made

    def _named(self, row: Mapping[str, Any]) -> dict[str, Any]:
        made: dict[str, Any] = {
            "inputs": {name: _cell(row, column) for name, column in self.inputs.items()}
        }
        for name, column in self.fields.items():
            if column is not None and (name != "expected" or column in row):
                made[name] = _cell(row, column)
        if self.tags:
            made["tags"] = {name: str(_cell(row, column)) for name, column in self.tags.items()}
        return made


def _by_name(given: Sequence[str] | Mapping[str, str], what: str) -> dict[str, str]:
    if isinstance(given, str):
        raise DatasetError(f"{what}={given!r} must be a list of columns, such as [{given!r}]")
    return dict(given) if isinstance(given, Mapping) else {name: name for name in given}


def _cell(row: Mapping[str, Any], column: str) -> Any:
    if column not in row:
        raise DatasetError(f"has no {column!r}; it has {', '.join(map(repr, row))}")
    return row[column]


def _gathered(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row's fields, with `inputs.NAME` and `tags.NAME` gathered by their first half."""
    made: dict[str, Any] = {}
    for name, value in row.items():
        field, dot, rest = name.partition(".")
        if dot and field in {"inputs", "tags", "metadata"}:
            inside = made.setdefault(field, {})
            if not isinstance(inside, dict) or rest in inside:
                raise DatasetError(f"has {field!r} both as a whole and as {name!r}")
            inside[rest] = value
        elif name not in CASE_FIELDS:
            known = ", ".join(sorted(CASE_FIELDS))
            raise DatasetError(f"{name!r} is no field of a case ({known}); or name inputs=[…]")
        else:
            made[name] = value
    return made


def _cases(
    rows: Iterable[tuple[int, Mapping[str, Any]]], columns: _Columns, path: Path
) -> list[Case]:
    made: list[Case] = []
    seen: dict[str, int] = {}
    for line, row in rows:
        try:
            data = columns.case(row)
            source = Source(kind="file", id=path.name, detail={"line": line})
            given = Case.from_dict(data)
            case = Case.from_dict({**data, "sources": [*_dicts(given), source.to_dict()]})
            key = case.key
        except DatasetError as error:
            raise DatasetError(str(error), path=str(path), line=line) from error
        if key in seen:
            message = f"is the same case as line {seen[key]}"
            raise DatasetError(message, path=str(path), line=line)
        seen[key] = line
        made.append(case)
    return made


def _dicts(case: Case) -> list[dict[str, Any]]:
    return [source.to_dict() for source in case.sources]


def _format_of(path: Path, given: FileFormat | None) -> FileFormat:
    if given is not None and given not in get_args(FileFormat):
        raise DatasetError(f"format={given!r} must be one of {get_args(FileFormat)}")
    found = given or _BY_SUFFIX.get(path.suffix.lower())
    if found is None:
        raise DatasetError(
            f"the suffix {path.suffix!r} says no format: give one of {get_args(FileFormat)}",
            path=str(path),
        )
    return found


def _text_of(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DatasetError(f"cannot be read: {error.strerror}", path=str(path)) from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DatasetError("is no UTF-8", path=str(path), line=line) from error


# --- JSON -----------------------------------------------------------------------------------------


def _objects(text: str, path: Path, kind: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    return _lines(text, path) if kind == "jsonl" else _list(text, path)


def _lines(text: str, path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    lines = text.split("\n")
    if lines and not lines[-1]:
        lines.pop()
    for at, line in enumerate(lines):
        if not line.strip():
            raise DatasetError("the line is empty", path=str(path), line=at + 1)
        yield at + 1, _object(_decoded(line, path, at), path, at + 1)


def _list(text: str, path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """The objects of a list, each with the line on which it begins."""
    at = _beyond_space(text, 0)
    if text[at : at + 1] != "[":
        raise DatasetError("must be a list of cases", path=str(path), line=1)
    at = _beyond_space(text, at + 1)
    decoder = _decoder()
    line, counted = 1, 0
    while text[at : at + 1] != "]":
        line, counted = line + text.count("\n", counted, at), at
        try:
            found, at = decoder.raw_decode(text, at)
        except json.JSONDecodeError as error:
            raise DatasetError(
                f"is no JSON: {error.msg}", path=str(path), line=error.lineno
            ) from error
        except DatasetError as error:
            raise DatasetError(str(error), path=str(path), line=line) from error
        yield line, _object(found, path, line)
        at = _beyond_space(text, at)
        if text[at : at + 1] == ",":
            at = _beyond_space(text, at + 1)
        elif text[at : at + 1] != "]":
            said = text.count("\n", 0, at) + 1
            raise DatasetError("is no JSON: ',' or ']' is missing", path=str(path), line=said)
    if _beyond_space(text, at + 1) != len(text):
        said = text.count("\n", 0, at) + 1
        raise DatasetError("has something behind the list", path=str(path), line=said)


def _beyond_space(text: str, at: int) -> int:
    while text[at : at + 1] in {" ", "\n", "\r", "\t"}:
        at += 1
    return at


def _decoded(line: str, path: Path, before: int) -> Any:
    try:
        return _decoder().decode(line)
    except json.JSONDecodeError as error:
        message = f"is no JSON: {error.msg} (column {error.colno})"
        raise DatasetError(message, path=str(path), line=before + error.lineno) from error
    except DatasetError as error:
        raise DatasetError(str(error), path=str(path), line=before + 1) from error


def _decoder() -> json.JSONDecoder:
    return json.JSONDecoder(object_pairs_hook=_once, parse_constant=_refused)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise DatasetError(f"an object has {twice!r} twice")
    return made


def _refused(name: str) -> Any:
    raise DatasetError(f"{name} is no JSON: write null, or leave the field out")


def _object(found: Any, path: Path, line: int) -> Mapping[str, Any]:
    if not isinstance(found, dict):
        kind = type(found).__name__
        raise DatasetError(f"a case is an object, and not a {kind}", path=str(path), line=line)
    return found


# --- CSV ------------------------------------------------------------------------------------------


def _csv(
    text: str, path: Path, types: dict[str, Callable[[str], Any]]
) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """The rows of a table, each with the line on which it ends."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = next(reader, [])
        _check_header(header, types, path)
        for row in reader:
            yield reader.line_num, _typed(header, row, types, path, reader.line_num)
    except csv.Error as error:
        said = f"is no CSV: {error}"
        raise DatasetError(said, path=str(path), line=reader.line_num) from error


def _check_header(header: list[str], types: dict[str, Callable[[str], Any]], path: Path) -> None:
    if not header or not all(name.strip() for name in header):
        raise DatasetError("the first line must name every column", path=str(path), line=1)
    if len(set(header)) < len(header):
        twice = next(name for name in header if header.count(name) > 1)
        raise DatasetError(f"two columns are called {twice!r}", path=str(path), line=1)
    unknown = sorted(set(types) - set(header))
    if unknown:
        raise DatasetError(f"there is no column {unknown[0]!r} to read", path=str(path), line=1)


def _typed(
    header: list[str],
    row: list[str],
    types: dict[str, Callable[[str], Any]],
    path: Path,
    line: int,
) -> dict[str, Any]:
    if len(row) != len(header):
        message = f"has {len(row)} cells and must have {len(header)}, as the first line has"
        raise DatasetError(message, path=str(path), line=line)
    made: dict[str, Any] = dict(zip(header, row, strict=True))
    for name, make in types.items():
        try:
            made[name] = make(row[header.index(name)])
        except Exception as error:
            said = f"the cell {name!r} is no {getattr(make, '__name__', make)}"
            raise DatasetError(said, path=str(path), line=line) from error
        if isinstance(made[name], float) and not math.isfinite(made[name]):
            message = f"the cell {name!r} is {made[name]}, which is no value"
            raise DatasetError(message, path=str(path), line=line)
    return made

"""Cases to and from JSON lines, CSV, Parquet, pandas and Hugging Face, with nothing lost. Floor 5.

What is written and read again has the same digests and the same root: ids, tags, groups, weights
and sources come along. Tables of your own become cases by naming the columns.
"""

from __future__ import annotations

import json
import math
import uuid
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, get_args

from reliai._needs import needed
from reliai.datasets._cells import COLUMNS, case_of_cells, cells_of, read_csv, write_csv
from reliai.datasets.canonical import json_text
from reliai.datasets.case import MISSING, Case
from reliai.datasets.failures import DatasetError
from reliai.datasets.loading import _Columns
from reliai.errors import ConfigurationError

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator, Mapping, Sequence

__all__ = [
    "Format",
    "from_huggingface",
    "from_pandas",
    "read_cases",
    "to_huggingface",
    "to_pandas",
    "write_cases",
]

Format: TypeAlias = Literal["jsonl", "csv", "parquet"]
"""How cases are written in a file."""

_SUFFIXES: Final[dict[str, Format]] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".parquet": "parquet",
}
_ROW_GROUP: Final = 5_000


def write_cases(
    cases: Iterable[Case],
    path: str | os.PathLike[str],
    *,
    format: Format | None = None,  # noqa: A002  the word that everybody looks for
) -> int:
    """Write cases to a file, which is there as a whole or not at all.

    JSON lines have a case a line, as `Case.to_dict` gives it. CSV has a column for each input and
    tag; a cell that is text stands there as it is, unless it could be taken for something else, and
    all else as JSON. Parquet has a row for each case, with inputs and the like as JSON text.

    Args:
        cases: a version, a view, or any cases. A list is read twice for CSV.
        path: the file; one that is there is replaced.
        format: by default the suffix says it.

    Returns:
        How many cases there are in it.

    Raises:
        DatasetError: for a suffix that says no format.
        ConfigurationError: when the extra `datasets` is missing, for Parquet.
    """
    target = Path(path)
    kind = _format_of(target, format)
    unfinished = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
    try:
        if kind == "parquet":
            count = _write_parquet(cases, unfinished)
        elif kind == "csv":
            count = write_csv(cases, unfinished)
        else:
            count = _write_lines(cases, unfinished)
        unfinished.replace(target)
    finally:
        with suppress(OSError):
            unfinished.unlink()
    return count


def read_cases(
    path: str | os.PathLike[str],
    *,
    format: Format | None = None,  # noqa: A002  as above
) -> list[Case]:
    """Read cases that `write_cases` wrote, or that were written in the same way.

    For tables of another kind, and to have the file among the sources, see `load_cases`.

    Args:
        path: the file.
        format: by default the suffix says it.

    Raises:
        DatasetError: when a row is no case, or two have one key, naming the file and the line (of
            Parquet, the row).
        ConfigurationError: when the extra `datasets` is missing, for Parquet.
    """
    where = Path(path)
    kind = _format_of(where, format)
    if kind == "parquet":
        return _unique(_from_parquet(where), str(where))
    rows = read_csv(where) if kind == "csv" else _from_lines(where)
    return _unique(rows, str(where))


def to_pandas(cases: Iterable[Case]) -> Any:
    """A DataFrame with a row for each case, in their order.

    Columns are the fields of a case, and `key` and `digest`. `inputs`, `tags`, `metadata` and
    `sources` hold dictionaries and lists: `frame["inputs"].str["prompt"]` is a column. `expected`
    is NaN where there is no reference.

    Args:
        cases: a version, a view, or any cases.

    Raises:
        ConfigurationError: when pandas is not installed.
    """
    pandas = _installed("pandas")
    rows = [_row_of(case) for case in cases]
    frame = {
        name: pandas.Series([row[name] for row in rows], dtype=_DTYPES.get(name, "object"))
        for name in ("key", "digest", *COLUMNS)
    }
    return pandas.DataFrame(frame)


def from_pandas(
    frame: Any,
    *,
    inputs: Sequence[str] | Mapping[str, str] | None = None,
    expected: str | None = None,
    id: str | None = None,  # noqa: A002  the field of a case
    group: str | None = None,
    tags: Sequence[str] | Mapping[str, str] = (),
) -> list[Case]:
    """The cases of a DataFrame: one that `to_pandas` made, or any with the columns named.

    Args:
        frame: of pandas.
        inputs: columns that are inputs, or the column for each input; None for a frame that has
            the fields of cases as columns.
        expected: the column of the reference; None, NaN, NaT and NA are no reference.
        id: the column that names the cases.
        group: the column of the session, document or user.
        tags: columns that are tags, or the column for each tag.

    Raises:
        DatasetError: when a row is no case, or two have one key, naming the row.
    """
    columns = _Columns(inputs, expected, id, group, tags)
    names = [str(name) for name in frame.columns]
    rows = frame.itertuples(index=False, name=None)
    return _unique(_of_rows((dict(zip(names, row, strict=True)) for row in rows), columns), "")


def to_huggingface(cases: Iterable[Case]) -> Any:
    """A `datasets.Dataset` of Hugging Face with a row for each case, in their order.

    Columns are those of the Parquet file: `inputs`, `expected`, `tags`, `sources` and `metadata`
    are JSON text, for their shape may be another in each case.

    Args:
        cases: a version, a view, or any cases.

    Raises:
        ConfigurationError: when the package `datasets` is not installed.
    """
    hub = _installed("datasets")
    return hub.Dataset(_table(list(cases)))


def from_huggingface(
    dataset: Any,
    *,
    inputs: Sequence[str] | Mapping[str, str] | None = None,
    expected: str | None = None,
    id: str | None = None,  # noqa: A002  the field of a case
    group: str | None = None,
    tags: Sequence[str] | Mapping[str, str] = (),
) -> list[Case]:
    """The cases of a dataset of Hugging Face: one that `to_huggingface` made, or any other.

    Args:
        dataset: a `datasets.Dataset`, or any iterable of rows that are dictionaries.
        inputs: columns that are inputs, or the column for each input; None for one that
            `to_huggingface` made.
        expected: the column of the reference; None is no reference.
        id: the column that names the cases.
        group: the column of the session, document or user.
        tags: columns that are tags, or the column for each tag.

    Raises:
        DatasetError: when a row is no case, or two have one key, naming the row.
    """
    if inputs is None:
        rows = ((at, _Lazily(case_of_cells, row)) for at, row in enumerate(dataset))
        return _unique(rows, "", what="row")
    columns = _Columns(inputs, expected, id, group, tags)
    return _unique(_of_rows(iter(dataset), columns), "", what="row")


# --- rows ---------------------------------------------------------------------------------------
class _Lazily:
    """A case to be made where its place is known, so that an error can name it."""

    def __init__(self, make: Any, row: Any) -> None:
        self._make = make
        self._row = row

    def __call__(self) -> Case:
        made: Case = self._make(self._row)
        return made


def _unique(rows: Iterable[tuple[int, Any]], path: str, *, what: str = "row") -> list[Case]:
    """The cases, each once; errors name their place."""
    made: list[Case] = []
    seen: dict[str, int] = {}
    for place, make in rows:
        try:
            case: Case = make()
            key = case.key
            if key in seen:
                raise DatasetError(f"is the same case as {seen[key]}")
        except DatasetError as error:
            if path:
                raise DatasetError(str(error), path=path, line=place) from error
            raise DatasetError(f"{what} {place}: {error}") from error
        seen[key] = place
        made.append(case)
    return made


def _of_rows(rows: Iterator[Mapping[str, Any]], columns: _Columns) -> Iterator[tuple[int, _Lazily]]:
    def make(row: Mapping[str, Any]) -> Case:
        if columns.whole:
            told = {name: _plain(row[name]) for name in row if not _says_nothing(name, row[name])}
            return Case.from_dict({name: told[name] for name in told if name not in _DERIVED})
        fields = {name: _plain(value) for name, value in row.items() if not _is_empty(value)}
        for name in (columns.fields["id"], columns.fields["group"]):
            if name is not None and name in row:
                fields.setdefault(name, None)
        return Case.from_dict(columns.case(fields))

    return ((place, _Lazily(make, row)) for place, row in enumerate(rows))


_DERIVED: Final = frozenset({"key", "digest"})
_DTYPES: Final = {"repeats": "Int64", "inclusion_probability": "float64"}


def _row_of(case: Case) -> dict[str, Any]:
    expected = float("nan") if case.expected is MISSING else case.expected
    return {
        "key": case.key,
        "digest": case.digest,
        "inputs": dict(case.inputs),
        "expected": expected,
        "id": case.id,
        "tags": dict(case.tags),
        "group": case.group,
        "repeats": case.repeats,
        "sources": [source.to_dict() for source in case.sources],
        "inclusion_probability": case.inclusion_probability,
        "metadata": dict(case.metadata),
    }


def _says_nothing(name: str, value: Any) -> bool:
    """Whether a cell of a frame of ours is empty; None is what is expected where it says so."""
    return _is_empty(value) and not (name == "expected" and value is None)


def _is_empty(value: Any) -> bool:
    """Whether it is what tables write where there is nothing."""
    if value is None or type(value).__name__ in {"NAType", "NaTType"}:
        return True
    return isinstance(value, float) and math.isnan(value)


def _plain(value: Any) -> Any:
    """A cell as JSON data: what numpy has, as Python has it."""
    if hasattr(value, "tolist") and hasattr(value, "dtype"):
        return value.tolist()
    return value


# --- JSON lines -----------------------------------------------------------------------------------
def _write_lines(cases: Iterable[Case], path: Path) -> int:
    count = 0
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for case in cases:
            file.write(json_text(case.to_dict()) + "\n")
            count += 1
    return count


def _from_lines(path: Path) -> Iterator[tuple[int, _Lazily]]:
    def make(line: str) -> Case:
        try:
            data = json.loads(line, parse_constant=_no_number)
        except ValueError as error:
            raise DatasetError(f"is no JSON: {error}") from error
        if not isinstance(data, dict):
            raise DatasetError("is no JSON object")
        return Case.from_dict(data)

    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                yield number, _Lazily(make, line)


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no number of JSON")


# --- Parquet --------------------------------------------------------------------------------------
def _write_parquet(cases: Iterable[Case], path: Path) -> int:
    parquet = needed("pyarrow.parquet", "datasets", "Parquet")
    count = 0
    with parquet.ParquetWriter(path, _schema(), compression="zstd") as writer:
        some: list[Case] = []
        for case in cases:
            some.append(case)
            if len(some) >= _ROW_GROUP:
                writer.write_table(_table(some))
                some.clear()
            count += 1
        if some:
            writer.write_table(_table(some))
    return count


def _from_parquet(path: Path) -> Iterator[tuple[int, _Lazily]]:
    parquet = needed("pyarrow.parquet", "datasets", "Parquet")
    with parquet.ParquetFile(path) as file:
        place = 0
        for batch in file.iter_batches(_ROW_GROUP):
            for row in batch.to_pylist():
                yield place, _Lazily(case_of_cells, row)
                place += 1


def _table(cases: list[Case]) -> Any:
    arrow = needed("pyarrow", "datasets", "Parquet")
    return arrow.Table.from_pylist([cells_of(case) for case in cases], schema=_schema())


def _schema() -> Any:
    arrow = needed("pyarrow", "datasets", "Parquet")
    kinds = {"repeats": arrow.int64(), "inclusion_probability": arrow.float64()}
    return arrow.schema(
        [(name, kinds.get(name, arrow.string())) for name in ("key", "digest", *COLUMNS)]
    )


def _format_of(path: Path, given: Format | None) -> Format:
    if given is not None and given not in get_args(Format):
        raise DatasetError(f"format={given!r} must be one of {get_args(Format)}")
    found = given or _SUFFIXES.get(path.suffix.lower())
    if found is None:
        raise DatasetError(
            f"the suffix {path.suffix!r} says no format: give format=, one of {get_args(Format)}",
            path=str(path),
        )
    return found


def _installed(package: str) -> Any:
    try:
        return import_module(package)
    except ModuleNotFoundError as error:
        if error.name != package:
            raise
        raise ConfigurationError(f"{package} is not installed: pip install {package}") from error

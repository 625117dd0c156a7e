"""A run as a table: one row a trial, in a Parquet file. Needs the extra `evals`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from reliai._needs import needed
from reliai.evals.scoring import score_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reliai.evals.run import Run
    from reliai.evals.trial import Trial

__all__ = ["write"]

_ROWS: Final = 4096
"""In a group: what is held in memory at a time."""

_TYPES: Final = {
    "case": "string",
    "digest": "string",
    "repeat": "int32",
    "status": "string",
    "output": "string",
    "error_kind": "string",
    "error_type": "string",
    "error_message": "string",
    "started_at": "float64",
    "duration": "float64",
    "cost_usd": "float64",
    "input_tokens": "int64",
    "output_tokens": "int64",
    "call_id": "string",
    "retries": "int32",
    "cached": "bool_",
    "extra": "bool_",
    "tags": "string",
    "group": "string",
    "inclusion_probability": "float64",
}
_OF_A_SCORE: Final = {"value": "float64", "label": "string", "unscored": "string"}


def write(run: Run, path: Path | str) -> int:
    """Write the table; what is there is replaced once all is written.

    `output` and `tags` are JSON texts. Of each score there are the columns `score.NAME.value`,
    `.label` and `.unscored`.

    Returns:
        How many rows there are.
    """
    arrow, parquet = needed("pyarrow", "evals"), needed("pyarrow.parquet", "evals")
    names = _score_names(run)
    types = dict(_TYPES)
    for name in names:
        types |= {f"score.{name}.{part}": kind for part, kind in _OF_A_SCORE.items()}
    schema = arrow.schema([(name, getattr(arrow, kind)()) for name, kind in types.items()])
    file = Path(path)
    unfinished = file.with_name(f".{file.name}.unfinished")
    count = 0
    try:
        with parquet.ParquetWriter(unfinished, schema) as writer:
            for rows in _batches(run, names):
                writer.write_table(arrow.Table.from_pylist(rows, schema=schema))
                count += len(rows)
        unfinished.replace(file)
    finally:
        unfinished.unlink(missing_ok=True)
    return count


def _score_names(run: Run) -> list[str]:
    """Of all scores, among them those of scorers that give several."""
    names = dict.fromkeys(run.scorers)
    for data in run.lines():
        names.update(dict.fromkeys(data.get("scores") or ()))
    return list(names)


def _batches(run: Run, names: list[str]) -> Iterator[list[dict[str, Any]]]:
    rows: list[dict[str, Any]] = []
    for trial in run.trials():
        rows.append(_row(trial, names))
        if len(rows) >= _ROWS:
            yield rows
            rows = []
    yield rows


def _row(trial: Trial, names: list[str]) -> dict[str, Any]:
    row: dict[str, Any] = {name: getattr(trial, name, None) for name in _TYPES}
    row["output"] = _json(trial.output)
    row["tags"] = _json(dict(trial.tags))
    if trial.error is not None:
        row["error_kind"], row["error_type"], row["error_message"] = (
            _valid(each) for each in trial.error
        )
    for name in names:
        score = score_in(trial.scores, name)
        row[f"score.{name}.value"] = score.value
        row[f"score.{name}.label"] = None if score.label is None else _valid(score.label)
        row[f"score.{name}.unscored"] = score.unscored
    return row


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=True)


def _valid(text: str) -> str:
    """A text without halves of surrogate pairs, which Arrow refuses."""
    return text.encode("utf-8", "replace").decode()

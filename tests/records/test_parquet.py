"""The store as a Parquet file, read back by pyarrow."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest

import reliai
import reliai.testing
from reliai.records import RecordStore, _parquet

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from reliai.records import StoredCall


@reliai.reliable(
    reliai.Retry(3, wait=lambda state: 0.0, budget=None), name="answer", tags={"team": "support"}
)
def answer(prompt: str, failures: list[Exception] | None = None) -> str:
    reliai.usage(model="model-a", input_tokens=12, output_tokens=3, cost_usd=0.0125)
    reliai.measure(confidence=0.83, mood="good", ages=[31, 45])
    if failures:
        raise failures.pop()
    return prompt.upper()


def _seconds(moment: Any) -> float:
    return float(moment.timestamp())


def _as_read(row: dict[str, Any]) -> dict[str, Any]:
    """What is in a row of the file, in the words of `StoredCall.to_dict`."""
    row["started_at"] = _seconds(row["started_at"])
    for attempt in row["attempts"]:
        attempt["started_at"] = _seconds(attempt["started_at"])
    for event in row["events"]:
        event["attributes"] = json.loads(event["attributes"])
    row["values"] = {value["name"]: json.loads(value["value"]) for value in row["values"]}
    row["tags"] = dict(row["tags"])
    return row


def _assert_same(row: dict[str, Any], call: StoredCall) -> None:
    read = _as_read(row)
    expected: dict[str, Any] = {**call.to_dict(), "seq": call.seq, "epoch": call.epoch}
    for name in ("schema_version", "inputs", "output"):
        del expected[name]
    assert read.pop("feedback") == []
    for one, other in zip(read.pop("attempts"), expected.pop("attempts"), strict=True):
        for name, value in other.items():
            near = pytest.approx(value, abs=1e-6) if isinstance(value, float) else value
            assert one[name] == near
    assert read.pop("started_at") == pytest.approx(expected.pop("started_at"), abs=1e-6)
    assert read == expected


def test_what_is_read_back_is_what_calls_gives(store: RecordStore, tmp_path: Path) -> None:
    with reliai.context(subject="u1", session="s1", tags={"locale": "de"}):
        answer("hello", [ConnectionError("down")])
        reliai.execute(answer, "hello", [ValueError("odd")] * 3)
    answer("again")
    path = tmp_path / "calls.parquet"
    assert store.to_parquet(path) == 3
    rows = pq.read_table(path).to_pylist()
    for row, call in zip(rows, store.calls(), strict=True):
        _assert_same(row, call)


def test_it_takes_the_filters_of_calls(store: RecordStore, tmp_path: Path) -> None:
    for subject in ("u1", "u2", "u1"):
        with reliai.context(subject=subject):
            answer("hello")
    path = tmp_path / "calls.parquet"
    assert store.to_parquet(path, subject="u1", where={"value:confidence": (">", 0.5)}) == 2
    assert pq.read_table(path).column("subject").to_pylist() == ["u1", "u1"]
    assert store.to_parquet(path, limit=2) == 2
    assert pq.read_table(path).num_rows == 2


def test_calls_come_in_row_groups(
    store: RecordStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_parquet, "ROW_GROUP", 4)
    with reliai.testing.virtual_clock():  # all of them start at the same time
        ids = [reliai.execute(answer, "hello").call_id for _ in range(10)]
    path = tmp_path / "calls.parquet"
    assert store.to_parquet(path) == 10
    read = pq.ParquetFile(path)
    assert [read.metadata.row_group(n).num_rows for n in range(read.num_row_groups)] == [4, 4, 2]
    assert read.read().column("id").to_pylist() == [call.id for call in store.calls()]
    assert set(read.read().column("id").to_pylist()) == set(ids)


def test_no_calls_give_a_file_with_the_columns(store: RecordStore, tmp_path: Path) -> None:
    path = tmp_path / "calls.parquet"
    assert store.to_parquet(path, name="nobody") == 0
    table = pq.read_table(path)
    assert table.num_rows == 0
    assert str(table.schema.field("started_at").type) == "timestamp[us, tz=UTC]"
    assert {"id", "attempts", "events", "values", "tags"} <= set(table.column_names)


def test_content_is_in_it_when_the_store_keeps_it(
    opened: Callable[..., RecordStore], tmp_path: Path
) -> None:
    store = opened(content="full")
    reliai.configure(observers=[], records=store)
    path = tmp_path / "calls.parquet"
    store.to_parquet(path)
    assert "inputs" not in pq.read_table(path).column_names
    answer("hello")
    store.to_parquet(path)
    row = pq.read_table(path).to_pylist()[0]
    assert json.loads(row["inputs"])["prompt"] == "hello"
    assert json.loads(row["output"]) == "HELLO"


def test_a_file_is_there_as_a_whole_or_as_it_was(
    store: RecordStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer("hello")
    path = tmp_path / "out" / "calls.parquet"
    path.parent.mkdir()
    store.to_parquet(path)
    before = path.read_bytes()

    def failing(*_: Any, **__: Any) -> dict[str, Any]:
        raise OSError("disk full")

    monkeypatch.setattr(_parquet, "_row", failing)
    with pytest.raises(OSError, match="disk full"):
        store.to_parquet(path)
    assert path.read_bytes() == before
    assert [found.name for found in path.parent.iterdir()] == ["calls.parquet"]


def test_a_missing_extra_is_named(
    store: RecordStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(reliai.ConfigurationError, match=r'pip install "reliai\[parquet\]"'):
        store.to_parquet(tmp_path / "calls.parquet")

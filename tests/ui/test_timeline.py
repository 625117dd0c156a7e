"""The line of time of a call: where attempts, waits and events are drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reliai.ui._timeline import timeline_of

if TYPE_CHECKING:
    from reliai.records import RecordStore


def test_attempts_follow_each_other_with_their_waits_between(store: RecordStore) -> None:
    line = timeline_of(store.calls(status="degraded", limit=1)[0])
    assert line
    assert [bar.label.split() for bar in line.bars] == [
        ["1", "primary"], ["2", "primary"], ["3", "primary"], ["4", "spare"]
    ]  # fmt: skip
    for before, after in zip(line.bars, line.bars[1:], strict=False):
        assert after.x >= before.x + before.width - 3
        assert round(after.wait_x + after.wait_width, 2) == after.x
    assert [bar.status for bar in line.bars] == ["error", "error", "error", "success"]
    assert line.label.startswith("4 attempts over ")


def test_all_of_it_is_inside(store: RecordStore) -> None:
    for call in store.calls(limit=None):
        line = timeline_of(call)
        if line is None:
            continue
        for bar in line.bars:
            assert 120 <= bar.x <= bar.x + bar.width <= 1000
            assert bar.y + 20 <= line.height
        assert all(120 <= mark.x <= 1000 for mark in line.marks)


def test_a_call_that_asked_nobody_has_none(store: RecordStore) -> None:
    assert timeline_of(store.calls(status="rejected", limit=1)[0]) is None

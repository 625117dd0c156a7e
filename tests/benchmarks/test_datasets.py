"""The benchmark of datasets runs. No test asserts a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks import _datasets

if TYPE_CHECKING:
    import pytest


def test_each_act_is_timed_at_both_sizes(capsys: pytest.CaptureFixture[str]) -> None:
    _datasets.main(["--cases", "300"])
    printed = capsys.readouterr().out
    assert "\n3 on a disk" in printed
    assert "\n300 on a disk" in printed
    assert printed.count("commit 100 on top") == 2

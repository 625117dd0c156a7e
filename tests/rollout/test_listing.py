"""The list of rollouts in a state loses none of those that enter it at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from reliai.rollout._index import list_in, listed_in, unlist
from reliai.state import open_state

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

NAMES = [f"answer-{number}" for number in range(6)]


def test_one_that_comes_between_looking_and_writing_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = open_state(f"sqlite:///{tmp_path}/state.db")
    get, between = state.get, ["second", "third"]

    def interrupted(key: str, **given: Any) -> Any:
        entry = get(key, **given)
        if between:
            list_in(state, between.pop(), "1")
        return entry

    with monkeypatch.context() as patched:
        patched.setattr(state, "get", interrupted)
        assert list_in(state, "first", "1")
    assert sorted(listed_in(state)) == [("first", "1"), ("second", "1"), ("third", "1")]
    unlist(state, "second")
    assert sorted(listed_in(state)) == [("first", "1"), ("third", "1")]
    state.close()


def test_of_many_that_begin_at_once_all_are_listed(tmp_path: Path) -> None:
    state = open_state(f"sqlite:///{tmp_path}/state.db")
    with ThreadPoolExecutor(len(NAMES)) as pool:
        assert all(pool.map(lambda name: list_in(state, name, "1"), NAMES))
    assert sorted(listed_in(state)) == [(name, "1") for name in NAMES]
    state.close()

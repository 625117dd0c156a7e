"""Splits and selections: groups stay together, and old cases never move."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reliai.datasets import Case, Dataset, DatasetError, Version, View, cases_of, listed

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_SHARES = {"train": 0.8, "test": 0.2}


def _turn(session: int, turn: int) -> Case:
    return Case(
        inputs={"session": session, "turn": turn},
        group=f"s{session}",
        tags={"locale": "de" if session % 2 else "en"},
    )


def _sessions(many: int, turns: int = 3) -> list[Case]:
    return [_turn(session, turn) for session in range(many) for turn in range(turns)]


@pytest.fixture(scope="module")
def version(tmp_path_factory: pytest.TempPathFactory) -> Version:
    dataset = Dataset.open(tmp_path_factory.mktemp("views") / "refunds")
    dataset.add(_sessions(200))
    return dataset.commit()


def _keys(views: Mapping[str, View]) -> dict[str, set[str]]:
    return {name: {case.key for case in view} for name, view in views.items()}


def test_a_session_is_never_in_two_splits(version: Version) -> None:
    found = defaultdict(set)
    for name, view in version.split(_SHARES, seed=7).items():
        for case in view:
            found[case.group].add(name)
    assert len(found) == 200
    assert all(len(names) == 1 for names in found.values())


def test_splits_have_every_case_once_and_near_the_shares(version: Version) -> None:
    views = version.split(_SHARES, seed=7)
    sizes = {name: len(view) for name, view in views.items()}
    assert sum(sizes.values()) == 600
    assert 60 <= sizes["test"] <= 180
    keys = _keys(views)
    assert not keys["train"] & keys["test"]


def test_the_same_seed_splits_alike_and_another_does_not(version: Version) -> None:
    assert _keys(version.split(_SHARES, seed=7)) == _keys(version.split(_SHARES, seed=7))
    assert _keys(version.split(_SHARES, seed=7)) != _keys(version.split(_SHARES, seed=8))


def test_new_cases_never_move_old_ones(tmp_path: Path) -> None:
    dataset = Dataset.open(tmp_path / "x")
    dataset.add(_sessions(100))
    old = _keys(dataset.commit().split(_SHARES, seed=7))
    dataset.add([_turn(session, 3) for session in range(150)])
    dataset.add([Case(inputs={"alone": number}) for number in range(50)])
    new = _keys(dataset.commit().split(_SHARES, seed=7))
    assert all(old[name] <= new[name] for name in _SHARES)


def test_an_edited_case_with_an_id_stays_in_its_split(tmp_path: Path) -> None:
    dataset = Dataset.open(tmp_path / "x")
    dataset.add([Case(inputs={"n": number}, id=f"q{number}") for number in range(40)])
    old = _keys(dataset.commit().split(_SHARES))
    dataset.add([Case(inputs={"n": -number}, id=f"q{number}") for number in range(40)])
    assert _keys(dataset.commit().split(_SHARES)) == old


@settings(max_examples=30)
@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 99)), unique=True, max_size=40),
    st.lists(st.tuples(st.integers(0, 9), st.integers(100, 199)), unique=True, max_size=40),
    st.integers(),
)
def test_a_split_depends_on_nothing_but_the_group(
    first: list[tuple[int, int]], later: list[tuple[int, int]], seed: int
) -> None:
    shares = {"a": 0.5, "b": 0.25, "c": 0.25}
    old = _keys(listed(_turn(*each) for each in first).split(shares, seed=seed))
    new = _keys(listed(_turn(*each) for each in first + later).split(shares, seed=seed))
    assert all(old[name] <= new[name] for name in shares)


def test_a_larger_first_share_takes_and_never_gives(version: Version) -> None:
    small = _keys(version.split({"test": 0.2, "train": 0.8}, seed=7))
    large = _keys(version.split({"test": 0.4, "train": 0.6}, seed=7))
    assert small["test"] < large["test"]


def test_a_split_of_one_is_everything(version: Version) -> None:
    (view,) = version.split({"all": 1.0}).values()
    assert (len(view), view.root) == (len(version), version.root)


@pytest.mark.parametrize(
    ("shares", "said"),
    [
        ({}, "a split needs shares"),
        ({"train": 0.8}, r"sum to 0.8 and must sum to 1.*'rest': 0.2"),
        ({"a": 0.8, "b": 0.4}, "sum to 1.2"),
        ({"a": 1.5, "b": -0.5}, r"'a': 1.5 must be in \(0, 1\]"),
        ({"a": True}, "must be in"),
        ({"a": float("nan"), "b": 0.5}, "must be in"),
    ],
)
def test_shares_that_are_none_are_refused(
    version: Version, shares: dict[str, Any], said: str
) -> None:
    with pytest.raises(DatasetError, match=said):
        version.split(shares)


def test_a_view_has_the_root_of_a_list_of_its_cases(version: Version) -> None:
    view = version.select(tags={"locale": "de"})
    assert view.root == listed(view).root != version.root
    assert len(view) == 300


def test_selections_can_be_narrowed_and_split(version: Version) -> None:
    german = version.select(tags={"locale": ["de", "fr"]})
    narrowed = german.select(where=lambda case: case.inputs["turn"] == 0)
    assert len(narrowed) == 100
    splits = german.split(_SHARES, seed=7)
    whole = _keys(version.split(_SHARES, seed=7))
    assert all({case.key for case in view} <= whole[name] for name, view in splits.items())


def test_cases_are_selected_by_id_or_digest(tmp_path: Path) -> None:
    dataset = Dataset.open(tmp_path / "x")
    dataset.add([Case(inputs={"n": number}, id=f"q{number}") for number in range(5)])
    version = dataset.commit()
    view = version.select(keys=["q1", Case(inputs={"n": 2}).digest])
    assert {case.id for case in view} == {"q1", "q2"}
    assert view.case("q2").inputs == {"n": 2}
    with pytest.raises(LookupError, match="has no case 'q3'"):
        view.case("q3")


def test_a_selected_key_that_is_not_there_is_an_error(version: Version) -> None:
    with pytest.raises(DatasetError, match="no case 'q1'"):
        list(version.select(keys=["q1"]))


def test_a_selection_of_everything_is_refused(version: Version) -> None:
    with pytest.raises(DatasetError, match="select needs tags="):
        version.select()


def test_the_order_is_that_of_no_history(tmp_path: Path) -> None:
    cases = _sessions(8)
    one, other = Dataset.open(tmp_path / "one"), Dataset.open(tmp_path / "other")
    one.add(cases)
    one.commit()
    for case in reversed(cases):
        other.add(case)
        other.commit()
    assert [case.key for case in one.at("v1")] == [case.key for case in other.at("v24")]


def test_a_list_has_each_case_once() -> None:
    with pytest.raises(DatasetError, match="is there twice"):
        listed([Case(inputs={"a": 1}), Case(inputs={"a": 1.0})])
    with pytest.raises(DatasetError, match="has a dict in it"):
        listed([{"inputs": {}}])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]


def test_an_experiment_may_be_given_any_of_them(version: Version) -> None:
    view = version.select(tags={"locale": "de"})
    assert cases_of(version) is version
    assert cases_of(view) is view
    assert cases_of(version.reference) == version
    assert len(cases_of(_sessions(2))) == 6
    with pytest.raises(DatasetError, match="not a int"):
        cases_of(3)


def test_views_say_what_they_are(version: Version) -> None:
    view = version.select(tags={"locale": "de"}).split(_SHARES, seed=7)["test"]
    assert repr(view) == f"<reliai View {version.reference}[locale=de][test, seed 7]>"


def test_len_and_iteration_agree_while_a_view_is_read_twice(version: Version) -> None:
    view = version.split(_SHARES)["test"]
    assert [case.key for case in view] == [case.key for case in view]
    assert len(list(view)) == len(view)


def test_a_split_is_counted_without_reading_a_case(tmp_path: Path) -> None:
    dataset = Dataset.open(tmp_path / "x")
    dataset.add(_sessions(10))
    view = dataset.commit().split(_SHARES, seed=7)["train"]
    for part in tmp_path.rglob("*.jsonl"):
        part.unlink()
    assert (len(view) > 0, view.root.startswith("sha256:")) == (True, True)

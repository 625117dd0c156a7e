"""Whatever happened to a dataset: what is forgotten is in no file, and all else is as it was."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

from hypothesis import given, settings
from hypothesis import strategies as st

from reliai.datasets import Case, Dataset, Source, listed
from reliai.datasets._whose import Whose

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

NUMBERS = st.integers(0, 5)
CALLS = st.integers(0, 3)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), NUMBERS, CALLS),
        st.tuples(st.just("name"), NUMBERS, CALLS),
        st.tuples(st.just("edit"), NUMBERS, CALLS),
        st.tuples(st.just("remove"), NUMBERS, CALLS),
        st.tuples(st.just("commit"), NUMBERS, CALLS),
        st.tuples(st.just("commit"), NUMBERS, CALLS),
        st.tuples(st.just("forget"), NUMBERS, CALLS),
    ),
    max_size=24,
)


def _case(number: int, call: int, name: str | None = None) -> Case:
    source = Source(kind="call", id=f"call-{call}")
    return Case(inputs={"prompt": f"question {number}"}, id=name, sources=(source,))


def _do(dataset: Dataset, step: str, number: int, call: int) -> None:
    latest = dataset.latest
    if step == "add":
        dataset.add(_case(number, call))
    elif step == "name":
        dataset.add(_case(number + 10 * call, call, f"name-{number}"))
    elif step == "commit":
        dataset.add(_case(100 + number, call))
        dataset.commit()
    elif latest is not None and len(latest):
        keys = [case.key for case in latest]
        key = keys[number % len(keys)]
        if step == "edit":
            dataset.edit(key, expected=f"edited {number}")
        elif step == "remove":
            dataset.remove(key)


def _gone(versions: dict[str, list[Case]], whose: Whose) -> AbstractSet[str]:
    """The keys of all that was theirs, and of what was made of that."""
    gone: set[str] = set()
    known = -1
    while known < len(gone):
        known = len(gone)
        judged = [
            (case, whose.left_of(case, gone)) for cases in versions.values() for case in cases
        ]
        alone = {key for case, left in judged if left is None for key in (case.key, case.digest)}
        others = {
            key for case, left in judged if left is not None for key in (case.key, case.digest)
        }
        gone |= alone - others
    return gone


def _check(dataset: Dataset, call: str) -> None:
    dataset.discard()
    before = {version.name: list(version) for version in dataset.log()}
    latest = dataset.latest
    whose = Whose(frozenset({call}), frozenset(), frozenset(), frozenset())
    gone = _gone(before, whose)
    done = dataset.forget(calls=[call])
    after = Dataset.open(dataset.url)
    for version in after.log():
        cases = list(version)
        if version.name == done.version:
            held = [] if latest is None else before[latest.name]
            wanted = [left for case in held if (left := whose.left_of(case, gone)) is not None]
        else:
            wanted = [case for case in before[version.name] if whose.left_of(case, gone) is case]
        assert {case.key: case.to_dict() for case in cases} == {
            case.key: case.to_dict() for case in wanted
        }
        assert len(version) == len(wanted)
        assert version.root == listed(wanted).root
    found = after.verify(deep=True)
    assert found.ok, str(found)
    storage: Any = after._parts.storage
    for path in storage._files.find(dataset.url):
        assert f'"{call}"'.encode() not in storage._files.cat_file(path)


@given(STEPS, CALLS)
@settings(max_examples=40, deadline=None)
def test_of_a_forgotten_call_nothing_is_left_and_nothing_else_is_changed(
    steps: list[tuple[str, int, int]], call: int
) -> None:
    dataset = Dataset.open(f"memory://{uuid4().hex}/refunds")
    dataset.add(_case(0, 0))
    dataset.commit()
    for step, number, other in steps:
        if step == "forget":
            _check(dataset, f"call-{other}")
        else:
            _do(dataset, step, number, other)
    dataset.add(_case(999, 3))
    dataset.commit()
    _check(dataset, f"call-{call}")

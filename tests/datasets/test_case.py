"""Cases: what makes two of them one, and what cannot be one."""

from __future__ import annotations

import copy
import math
import pickle
from collections import OrderedDict
from types import MappingProxyType
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from reliai.datasets import MISSING, Case, DatasetError, Source
from reliai.datasets.canonical import canonical

_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inside: (
        st.lists(inside, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inside, max_size=4)
    ),
    max_leaves=20,
)


def test_the_digest_is_the_published_one() -> None:
    case = Case(inputs={"q": "What is 2+2?"}, expected="4")
    assert case.digest == (
        "sha256:677e03aa7bcdfd5c3a82297deb0f6daa6d6f821e61c1477152199bcb2501d3ac"
    )


def _composed(value: Any) -> Any:
    import unicodedata

    if isinstance(value, str):
        return unicodedata.normalize("NFC", value)
    if isinstance(value, list):
        return [_composed(each) for each in value]
    if isinstance(value, dict):
        return {_composed(key): _composed(each) for key, each in value.items()}
    return value


@given(_JSON)
def test_canonical_bytes_are_those_of_rfc_8785(value: Any) -> None:
    try:
        written = canonical(value)
    except DatasetError:
        return  # a key in two forms of Unicode, which is refused
    assert written == rfc8785.dumps(_composed(value))


@pytest.mark.parametrize(
    "value", [1e-5, 1e16, 123456789012345680000.0, 1e21, 5e-324, -0.0, 0.1, 1 / 3, 1e15 + 0.5]
)
def test_unusual_numbers_are_written_as_rfc_8785_says(value: float) -> None:
    assert canonical({"x": value}) == rfc8785.dumps({"x": value})


def test_keys_beyond_the_basic_plane_are_put_in_order_as_rfc_8785_says() -> None:
    value = {"\U0001f600": 1, "\uff21": 2, "a": 3}
    assert canonical(value) == rfc8785.dumps(value)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ({"a": 1}, {"a": 1.0}),
        ({"a": "\u00e9"}, {"a": "e\u0301"}),
        ({"\u00e9": 1}, {"e\u0301": 1}),
        ({"a": (1, 2)}, {"a": [1, 2]}),
        ({"a": OrderedDict(x=1)}, {"a": MappingProxyType({"x": 1})}),
        ({"a": -0.0}, {"a": 0}),
    ],
)
def test_what_json_says_alike_is_one_case(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert Case(inputs=one).digest == Case(inputs=other).digest


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Case(inputs={"a": 1}), Case(inputs={"a": True})),
        (Case(inputs={"a": 1}), Case(inputs={"a": "1"})),
        (Case(inputs={"a": 1}), Case(inputs={"a": 1}, expected=None)),
        (Case(inputs={"a": 1}, expected=None), Case(inputs={"a": 1}, expected=False)),
        (Case(inputs={"a": None}), Case(inputs={})),
    ],
)
def test_what_json_says_otherwise_is_another_case(one: Case, other: Case) -> None:
    assert one.digest != other.digest


def test_where_a_case_came_from_is_no_part_of_its_digest() -> None:
    plain = Case(inputs={"a": 1})
    rich = Case(
        inputs={"a": 1},
        id="q1",
        tags={"t": "x"},
        group="g",
        repeats=3,
        sources=(Source(kind="rule", rule="r"),),
        inclusion_probability=0.5,
        metadata={"m": 1},
    )
    assert (rich.digest, rich.key, plain.key) == (plain.digest, "q1", plain.digest)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (math.nan, r"case\.inputs\.x is nan, which JSON cannot say"),
        (math.inf, r"case\.inputs\.x is inf"),
        (2**53, r"case\.inputs\.x is an integer beyond"),
        ([0, {"y": -(2**60)}], r"case\.inputs\.x\[1\]\.y is an integer beyond"),
        ({1: 2}, r"case\.inputs\.x has a key that is a int, no text"),
        ({"\u00e9": 1, "e\u0301": 2}, "has one key twice"),
        (b"bytes", r"case\.inputs\.x is a bytes, which JSON cannot say"),
        ({1, 2}, r"case\.inputs\.x is a set"),
        ("\ud800", "no valid Unicode"),
    ],
)
def test_what_json_cannot_say_is_refused_with_its_place(value: object, said: str) -> None:
    with pytest.raises(DatasetError, match=said):
        _ = Case(inputs={"x": value}).digest


def test_bottomless_data_is_refused() -> None:
    endless: list[object] = []
    endless.append(endless)
    with pytest.raises(DatasetError, match="nested deeper than 200 levels"):
        _ = Case(inputs={"x": endless}).digest


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("inputs", [1]),
        ("inputs", {1: 2}),
        ("id", ""),
        ("id", " "),
        ("id", "sha256:ab"),
        ("group", 3),
        ("tags", {"a": 1}),
        ("tags", ["a"]),
        ("metadata", "x"),
        ("repeats", 0),
        ("repeats", True),
        ("repeats", 1.5),
        ("inclusion_probability", 0),
        ("inclusion_probability", 1.01),
        ("inclusion_probability", math.nan),
    ],
)
def test_a_wrong_field_is_refused_by_name(field: str, value: object) -> None:
    with pytest.raises(DatasetError, match=field):
        Case.from_dict({"inputs": {}, field: value})


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({}, "needs inputs"),
        ({"inputs": {}, "input": 1}, "no field input; it has expected, group"),
        ({"inputs": {}, "sources": [{}]}, "a source needs a kind"),
        ({"inputs": {}, "sources": [{"kind": "x"}]}, "kind='x' must be one of"),
        ({"inputs": {}, "sources": ["call"]}, "each of sources must be an object"),
        ({"inputs": {}, "sources": {"kind": "call"}}, "sources must be a list"),
        ({"inputs": {}, "sources": [{"kind": "call", "at": math.inf}]}, "at=inf"),
    ],
)
def test_a_dictionary_that_is_no_case_is_refused(data: dict[str, Any], said: str) -> None:
    with pytest.raises(DatasetError, match=said):
        Case.from_dict(data)


def test_missing_is_false_and_stays_itself() -> None:
    assert not MISSING
    assert repr(MISSING) == "MISSING"
    assert copy.deepcopy(MISSING) is MISSING
    assert pickle.loads(pickle.dumps(MISSING)) is MISSING  # noqa: S301  our own bytes


@given(st.dictionaries(st.text("abé\u0301"), _JSON, max_size=3), _JSON)
def test_a_case_comes_back_from_its_dictionary(inputs: dict[str, Any], expected: object) -> None:
    case = Case(inputs=inputs, expected=expected, id="x")
    assert Case.from_dict(case.to_dict()) == case


def test_cases_can_be_members_of_sets() -> None:
    assert len({Case(inputs={"a": 1}), Case(inputs={"a": 1}), Case(inputs={"a": 2})}) == 2

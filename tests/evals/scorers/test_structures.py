"""Structured outputs: whether they fit a schema, and how much of them is right."""

from typing import Any

import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliai.errors import ConfigurationError
from reliai.evals.scorers import json_schema, structure
from tests.evals.scorers._cases import score, value

SCHEMA = {
    "type": "object",
    "required": ["total"],
    "properties": {"total": {"type": "number", "minimum": 0}},
}


class Answer(pydantic.BaseModel):
    total: float


@pytest.mark.parametrize("schema", [SCHEMA, Answer])
def test_an_output_fits_a_schema_or_a_type(schema: Any) -> None:
    assert value(json_schema(schema), {"total": 3}) == 1.0
    assert value(json_schema(schema), '{"total": 3}') == 1.0
    assert value(json_schema(schema), {"sum": 3}) == 0.0
    assert value(json_schema(schema), "no JSON") == 0.0


def test_the_reason_names_the_place_and_quotes_nothing() -> None:
    found = score(json_schema(SCHEMA), {"total": -987})
    assert "total" in (found.explanation or "")
    assert "987" not in (found.explanation or "")


def test_a_fence_is_left_away_only_when_asked_for() -> None:
    fenced = '```json\n{"total": 3}\n```'
    assert value(json_schema(SCHEMA), fenced) == 0.0
    assert value(json_schema(SCHEMA, fenced=True), fenced) == 1.0


@pytest.mark.parametrize("schema", [{"type": "nothing"}, None, "text"])
def test_a_schema_must_be_one(schema: Any) -> None:
    with pytest.raises(ConfigurationError, match="Schema"):
        json_schema(schema)


def test_a_schema_counts_in_the_digest() -> None:
    assert json_schema(SCHEMA).digest != json_schema({**SCHEMA, "required": []}).digest
    assert json_schema(Answer).digest == json_schema(Answer).digest


EXPECTED = {"name": "Ana", "items": [{"id": 1, "price": 2.0}, {"id": 2, "price": 3.0}]}


def test_parts_that_are_the_same_are_counted() -> None:
    output = {"name": "Ana", "items": [{"id": 1, "price": 2.5}, {"id": 2}], "note": "x"}
    found = score(structure, output, EXPECTED)
    assert found.value == pytest.approx(3 / 6)
    assert found.metadata == {
        "same": 3,
        "missing": ["items.1.price"],
        "changed": ["items.0.price"],
        "extra": ["note"],
    }
    assert found.explanation == "missing: items.1.price; changed: items.0.price; too many: note"


def test_json_as_text_is_read_on_both_sides() -> None:
    assert value(structure, '```\n{"a": 1}\n```', '{"a": 1}') == 1.0
    assert score(structure, "no JSON", '{"a": 1}').explanation == "the output is no JSON"
    assert value(structure, "no JSON", '{"a": 1}') == 0.0


def test_what_may_differ_is_no_part() -> None:
    assert value(structure(ignore="id"), {"id": 1, "a": 1}, {"id": 2, "a": 1}) == 1.0
    assert value(structure(ignore=["rows.*.at"]), {"rows": [{"at": 1}]}, {"rows": [{}]}) == 1.0
    assert value(structure(tolerance=0.1), {"a": 1.05}, {"a": 1.0}) == 1.0
    assert value(structure(relative=0.1), {"a": 105}, {"a": 100}) == 1.0


def test_lists_may_be_in_any_order() -> None:
    one, other = {"tags": ["a", "b"], "rows": [1, 2]}, {"tags": ["b", "a"], "rows": [2, 1]}
    assert value(structure, one, other) == 0.0
    assert value(structure(any_order="tags"), one, other) == 0.5
    assert value(structure(any_order=True), one, other) == 1.0
    assert value(structure(any_order=True), [1, 2, 3], [3, 1]) == pytest.approx(2 / 3)


def test_a_minimum_makes_it_pass_or_fail() -> None:
    found = score(structure(minimum=0.5), {"a": 1, "b": 3}, {"a": 1, "b": 2})
    assert (found.value, found.kind) == (1.0, "assertion")
    assert value(structure(minimum=0.6), {"a": 1, "b": 3}, {"a": 1, "b": 2}) == 0.0
    assert score(structure(minimum=0.6), "no", {"a": 1}).kind == "assertion"


def test_nothing_expected_and_nothing_there_is_the_same() -> None:
    assert value(structure, {}, {}) == 1.0
    assert value(structure(ignore="a"), {"a": 1}, {"a": 2}) == 1.0


@pytest.mark.parametrize(
    "setting", [{"tolerance": -1}, {"relative": float("nan")}, {"minimum": 0}, {"ignore": [""]}]
)
def test_settings_are_checked(setting: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        structure(**setting)


DATA = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner),
    max_leaves=8,
)


@given(DATA, DATA)
def test_a_share_is_one_only_for_the_same(one: Any, other: Any) -> None:
    wrapped, against = {"it": one}, {"it": other}
    share = value(structure, wrapped, against)
    assert share is not None
    assert 0.0 <= share <= 1.0
    assert (share == 1.0) == (value(structure, against, wrapped) == 1.0)
    assert value(structure, wrapped, wrapped) == 1.0

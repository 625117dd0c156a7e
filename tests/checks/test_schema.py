"""Types and JSON Schemas as checks: what they judge, and what they never say."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field, field_validator
from pydantic_core import PydanticCustomError

from reliai.checks import Schema
from reliai.checks._types import TypeReader, json_path, type_name
from reliai.errors import ConfigurationError


class Item(BaseModel):
    name: str = Field(max_length=5)
    price: float = Field(ge=0)


class Order(BaseModel):
    items: list[Item]
    notes: dict[str, int] = {}
    state: Literal["open", "done"] = "open"

    @field_validator("state")
    @classmethod
    def not_done(cls, value: str) -> str:
        if value == "done":
            raise ValueError(f"the order {value} is over")
        return value


GOOD = '{"items": [{"name": "pen", "price": 1.5}]}'
SHAPE = {
    "title": "Order",
    "type": "object",
    "properties": {"items": {"type": "array", "items": {"$ref": "#/$defs/item"}}},
    "required": ["items"],
    "$defs": {
        "item": {"type": "object", "properties": {"price": {"type": "number", "minimum": 0}}}
    },
}


@pytest.mark.parametrize(
    ("schema", "value", "passes"),
    [
        (Order, GOOD, True),
        (Order, {"items": []}, True),
        (Order, Order(items=[]), True),
        (Order, '{"items": 5}', False),
        (Order, "no JSON", False),
        (Order, GOOD[:-1], False),
        (Order, "```json\n" + GOOD + "\n```", False),
        (list[int], "[1, 2]", True),
        (list[int], '[1, "x"]', False),
        (int, "42", True),
        (int, "forty-two", False),
        (Literal["yes", "no"], "yes", True),
        (Literal["yes", "no"], " yes\n", True),
        (Literal["yes", "no"], '"yes"', True),
        (Literal["yes", "no"], "maybe", False),
        (str, "any text", True),
        (str, '"quoted"', True),
        (Annotated[str, Field(max_length=3)], "four", False),
        (SHAPE, GOOD, True),
        (SHAPE, {"items": [{"price": 1}]}, True),
        (SHAPE, {"items": [{"price": -1}]}, False),
        (SHAPE, "{}", False),
        (SHAPE, "{", False),
        (SHAPE, "[NaN]", False),
        (SHAPE, "[" * 100_000, False),
    ],
)
def test_a_schema_judges_values_and_strict_json(schema: Any, value: Any, *, passes: bool) -> None:
    assert (Schema(schema)(value) is None) is passes


def test_reasons_give_the_path_and_the_rule_of_the_type() -> None:
    reason = Schema(Order)('{"items": [{"name": "pencil", "price": -1}]}')
    assert reason == (
        "$.items[0].name: String should have at most 5 characters; "
        "$.items[0].price: Input should be greater than or equal to 0"
    )


def test_reasons_give_the_path_and_the_rule_of_the_schema() -> None:
    assert Schema(SHAPE)({"items": [{"price": -1}]}) == (
        "$.items[0].price: it breaks the rule minimum: 0"
    )
    assert Schema(SHAPE)("{") == (
        "it is not JSON: Expecting property name enclosed in double quotes at line 1, column 2"
    )
    assert Schema(SHAPE)("[NaN]") == "it is not JSON"


def test_no_reason_quotes_a_value_or_a_key_that_came_with_the_answer() -> None:
    found = [
        Schema(Order)('{"items": [], "notes": {"SECRET": "SECRET"}}'),
        Schema(Order)('{"items": [], "state": "SECRET"}'),
        Schema(Order)("SECRET"),
        Schema({"additionalProperties": {"type": "integer"}})({"SECRET": "SECRET"}),
        Schema({"enum": ["a"]})("SECRET"),
    ]
    for reason in found:
        assert reason
        assert "SECRET" not in str(reason)
    assert str(found[0]).startswith("$.notes.*: Input should be a valid integer")


def test_a_validators_own_message_is_kept_for_the_model() -> None:
    reader = TypeReader(Order)
    with pytest.raises(ValueError, match="is over") as caught:
        reader.read('{"items": [], "state": "done"}')
    assert reader.is_our_error(caught.value)
    assert reader.problems(caught.value) == ("$.state: it breaks the rule 'value_error'",)
    assert reader.advice(caught.value) == ("$.state: Value error, the order done is over",)


def test_a_custom_error_is_told_by_its_rule_alone() -> None:
    class Custom(BaseModel):
        value: str

        @field_validator("value")
        @classmethod
        def refused(cls, value: str) -> str:
            message: Any = f"{value} is bad"
            raise PydanticCustomError("house_rule", message)

    assert Schema(Custom)('{"value": "SECRET"}') == "$.value: it breaks the rule 'house_rule'"


def test_many_problems_are_counted() -> None:
    reader = TypeReader(list[int])
    with pytest.raises(ValueError, match="validation errors") as caught:
        reader.read(str(["x"] * 30).replace("'", '"'))
    assert reader.is_our_error(caught.value)
    told = reader.problems(caught.value)
    assert len(told) == 11
    assert told[-1] == "and 20 more"


def test_only_names_that_the_type_declares_are_shown() -> None:
    reader = TypeReader(Order)
    assert reader.names() == {"items", "name", "price", "notes", "state"}
    assert reader.names() is reader.names()


def test_a_type_without_a_json_schema_shows_no_names() -> None:
    reader = TypeReader(dict[str, Callable[[], int]])
    assert reader.names() == frozenset()
    with pytest.raises(ValueError, match="callable") as caught:
        reader.read({"SECRET": 1})
    assert reader.is_our_error(caught.value)
    assert reader.problems(caught.value) == ("$.*: Input should be callable",)


class Later(BaseModel):
    value: NotYet


EARLY = TypeReader(Later)  # as a decorator above the class it needs
NotYet = int


def test_a_type_whose_parts_come_later_is_built_when_it_can_be() -> None:
    assert EARLY.read('{"value": 1}') == Later(value=1)


def test_what_pydantic_cannot_build_is_a_configuration_error() -> None:
    class Opaque: ...

    with pytest.raises(ConfigurationError, match="Opaque is no type that pydantic can build"):
        Schema(Opaque).prepare()


@pytest.mark.parametrize("schema", [None, "Order", 5, [int], b"{}"])
def test_what_is_neither_type_nor_schema_is_a_configuration_error(schema: Any) -> None:
    with pytest.raises(ConfigurationError, match="give a type"):
        Schema(schema)


def test_a_wrong_json_schema_is_a_configuration_error() -> None:
    with pytest.raises(ConfigurationError, match="this is no JSON Schema"):
        Schema({"type": "strng"})


def test_a_reference_is_never_fetched() -> None:
    check = Schema({"$ref": "https://example.invalid/schema.json"})
    with pytest.raises(Exception, match="Unresolvable"):
        check("1")


def test_the_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jsonschema", None)
    with pytest.raises(ConfigurationError, match=r'pip install "reliai\[schema\]"'):
        Schema({"type": "string"})


def test_preparing_builds_the_type_once() -> None:
    check = Schema(Order)
    check.prepare()
    built = check._reader()
    check.prepare()
    assert check._reader() is built
    Schema(SHAPE).prepare()


def test_schemas_are_named_and_described() -> None:
    assert (Schema(Order).name, repr(Schema(SHAPE))) == ("Schema(Order)", "reliai.Schema(Order)")
    assert Schema(list[int]).name == "Schema(list[int])"
    assert Schema({"type": "string"}).name == "Schema(JSON)"
    assert Schema(Order).describe()["schema"] == "Order"
    assert Schema(SHAPE).describe()["schema"] == SHAPE
    assert type_name(Literal["a"]) == "typing.Literal['a']"


def test_json_paths_show_declared_names_only() -> None:
    assert json_path(()) == "$"
    assert json_path(("a", 0, "b")) == "$.a[0].b"
    assert json_path(("a", 0, "b"), frozenset("a")) == "$.a[0].*"

"""`format_for`: the schema that a provider is sent, and what it refuses to send."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Literal, NamedTuple

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field, RootModel

from reliai import ConfigurationError, format_for

PROVIDERS = [
    "openai",
    "openai-chat",
    "openai-responses",
    "azure",
    "litellm",
    "anthropic",
    "google",
    "bedrock",
    "mistral",
    "cohere",
    "ollama",
]
STRICT = ["openai", "openai-responses", "mistral"]
every_provider = pytest.mark.parametrize("provider", PROVIDERS)


class Line(BaseModel):
    title: str = Field(description="What was bought", min_length=2)
    price: float = Field(ge=0)
    kind: Literal["food", "tool", 7, None] = "food"  # noqa: PYI061  one list of four


class Invoice(BaseModel):
    """An invoice."""

    number: Annotated[str, Field(pattern="^[A-Z]")]
    due: date
    lines: list[Line]
    largest: Line = Field(description="The dearest line")
    note: str | None = None


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int


class Dog(BaseModel):
    kind: Literal["dog"]
    tricks: list[str]


class Household(BaseModel):
    pet: Annotated[Cat | Dog, Field(discriminator="kind")]


class Folder(BaseModel):
    name: str
    folders: list[Folder]


class Tree(BaseModel):
    name: str
    parts: list[Tree] = []


class Labels(RootModel[list[str]]):
    pass


@dataclass
class Point:
    x: int
    y: int


class Counts(BaseModel):
    by_word: dict[str, int]


class Loose(BaseModel):
    anything: Any


class Placed(BaseModel):
    at: tuple[int, str]


def schema_in(arguments: dict[str, Any]) -> dict[str, Any]:
    """The JSON Schema within the keyword arguments of any provider."""
    found: Any = arguments
    while "type" not in found or found["type"] in {"json_schema", "json_object"}:
        inner = {key: value for key, value in found.items() if isinstance(value, (dict, str))}
        for name in ("schema", "json_schema", "response_json_schema", "jsonSchema"):
            if name in inner:
                found = inner[name]
                break
        else:
            found = next(value for value in inner.values() if isinstance(value, dict))
        found = json.loads(found) if isinstance(found, str) else found
    return dict(found)


def objects(schema: Any) -> list[dict[str, Any]]:
    """All schemas of objects inside a schema."""
    if isinstance(schema, list):
        return [found for each in schema for found in objects(each)]
    if not isinstance(schema, dict):
        return []
    mine = [schema] if schema.get("type") == "object" else []
    return mine + [found for each in schema.values() for found in objects(each)]


@every_provider
def test_what_is_sent_is_a_json_schema(provider: str) -> None:
    jsonschema.Draft202012Validator.check_schema(schema_in(format_for(Invoice, provider)))


@every_provider
def test_what_is_sent_is_plain_data(provider: str) -> None:
    arguments = format_for(Invoice, provider)
    assert json.loads(json.dumps(arguments)) == arguments


lines = st.builds(Line, title=st.text(min_size=2), price=st.floats(0, 1e6))
invoices = st.builds(
    Invoice,
    number=st.from_regex("^[A-Z]{3}$", fullmatch=True),
    lines=st.lists(lines, max_size=3),
    largest=lines,
    note=st.none() | st.text(),
)


@every_provider
@settings(max_examples=25)
@given(invoice=invoices)
def test_every_value_of_the_type_fits_what_is_sent(provider: str, invoice: Invoice) -> None:
    jsonschema.validate(invoice.model_dump(mode="json"), schema_in(format_for(Invoice, provider)))


@every_provider
@pytest.mark.parametrize("wrong", [{"lines": 3}, {"extra": 1}, {"note": 5}, {"due": 20}])
def test_what_is_no_value_of_the_type_does_not_fit(provider: str, wrong: dict[str, Any]) -> None:
    line = Line(title="bread", price=2)
    good = Invoice(number="A", due=date(2026, 1, 2), lines=[], largest=line).model_dump(mode="json")
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**good, **wrong}, schema_in(format_for(Invoice, provider)))


@every_provider
def test_objects_are_closed(provider: str) -> None:
    found = objects(schema_in(format_for(Invoice, provider)))
    assert found
    assert {each["additionalProperties"] for each in found} == {False}


@pytest.mark.parametrize("provider", STRICT)
def test_strict_mode_requires_every_field(provider: str) -> None:
    for each in objects(schema_in(format_for(Invoice, provider))):
        assert each["required"] == list(each["properties"])


def test_elsewhere_a_field_with_a_default_may_be_left_out() -> None:
    assert "note" not in schema_in(format_for(Invoice, "anthropic"))["required"]


def test_a_limit_the_provider_knows_is_sent_as_it_is() -> None:
    line = schema_in(format_for(Invoice, "openai"))["$defs"]["Line"]
    assert line["properties"]["price"] == {"type": "number", "minimum": 0}


def test_a_limit_the_provider_does_not_know_is_told_in_words() -> None:
    title = schema_in(format_for(Invoice, "openai"))["$defs"]["Line"]["properties"]["title"]
    assert title == {"type": "string", "description": "What was bought (minLength: 2)"}


def test_a_description_beside_a_reference_is_kept() -> None:
    properties = schema_in(format_for(Invoice, "openai"))["properties"]
    assert properties["largest"]["description"] == "The dearest line"
    assert "$ref" not in properties["largest"]


def test_the_description_of_a_type_is_kept() -> None:
    assert schema_in(format_for(Invoice, "openai"))["description"] == "An invoice."


def test_labels_of_several_kinds_are_sent_a_kind_at_a_time() -> None:
    kind = schema_in(format_for(Line, "openai"))["properties"]["kind"]
    assert kind == {
        "anyOf": [
            {"type": "string", "enum": ["food", "tool"]},
            {"type": "integer", "enum": [7]},
            {"type": "null"},
        ]
    }


def test_a_tagged_union_is_sent_as_a_plain_one() -> None:
    schema = schema_in(format_for(Household, "openai"))
    assert schema["properties"]["pet"] == {
        "anyOf": [{"$ref": "#/$defs/Cat"}, {"$ref": "#/$defs/Dog"}]
    }


def test_a_dataclass_is_described_as_a_model_is() -> None:
    assert schema_in(format_for(Point, "openai"))["required"] == ["x", "y"]


@pytest.mark.parametrize("provider", ["anthropic", "google", "ollama"])
@pytest.mark.parametrize(
    ("wanted", "value"),
    [(list[int], [1]), (Labels, ["a"]), (Literal["a", "b"], "a"), (int | None, 1)],
)
def test_a_value_that_is_no_object_can_be_asked_for_elsewhere(
    provider: str, wanted: Any, value: Any
) -> None:
    sent = schema_in_any(format_for(wanted, provider))
    jsonschema.validate(value, sent)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({}, sent)


def schema_in_any(arguments: dict[str, Any]) -> dict[str, Any]:
    found: Any = arguments
    for name in ("output_config", "config", "format", "response_json_schema", "schema"):
        found = found.get(name, found)
    return dict(found)


def test_a_type_that_holds_its_own_kind_is_sent_once() -> None:
    schema = schema_in(format_for(Folder, "openai"))
    jsonschema.validate({"name": "a", "folders": [{"name": "b", "folders": []}]}, schema)
    assert list(schema["$defs"]) == ["Folder"]


def test_gemini_takes_such_a_type_where_the_field_may_be_left_out() -> None:
    schema = schema_in(format_for(Tree, "google"))
    jsonschema.validate({"name": "a", "parts": [{"name": "b"}]}, schema)


def test_gemini_takes_free_keys_and_tuples() -> None:
    jsonschema.validate({"by_word": {"a": 1}}, schema_in(format_for(Counts, "google")))
    jsonschema.validate({"at": [1, "b"]}, schema_in(format_for(Placed, "google")))


class Refused(NamedTuple):
    wanted: Any
    provider: str
    told: str


REFUSED = [
    Refused(list[int], "openai", r"cannot say \$, a value that is no object"),
    Refused(Literal["a", "b"], "openai", r"no object"),
    Refused(Cat | Dog, "openai-responses", r"no object"),
    Refused(Counts, "openai", r"cannot say \$\.by_word, a mapping with free keys"),
    Refused(Counts, "anthropic", r"\$\.by_word"),
    Refused(Counts, "bedrock", r"\$\.by_word"),
    Refused(Loose, "openai", r"\$\.anything, a value of any type"),
    Refused(Placed, "openai", r"\$\.at, a tuple"),
    Refused(Folder, "anthropic", r"Folder, a type that holds its own kind"),
    Refused(Folder, "google", r"Folder, a required field that holds its own kind"),
    Refused(object(), "openai", r"pydantic can describe no such type"),
    Refused(Invoice, "opnai", r"'opnai'.*use one of 'openai'"),
    Refused({"type": "object", "not": {}}, "openai", r"\$, the keyword 'not'"),
    Refused(
        {"type": "object", "patternProperties": {"^a": {}}}, "openai", r"a mapping with free keys"
    ),
    Refused({"allOf": [{}, {}]}, "ollama", r"allOf"),
    Refused({"enum": [[1]]}, "ollama", r"fixed value \[1\]"),
]


@pytest.mark.parametrize("case", REFUSED, ids=[f"{each.provider} {each.told}" for each in REFUSED])
def test_what_the_provider_cannot_be_told_is_an_error_that_names_it(case: Refused) -> None:
    with pytest.raises(ConfigurationError, match=case.told):
        format_for(case.wanted, case.provider)


def test_a_reference_out_of_the_schema_is_an_error() -> None:
    wanted = {"type": "object", "properties": {"a": {"$ref": "https://elsewhere/a"}}}
    with pytest.raises(ConfigurationError, match=r"\$\.a, the reference"):
        format_for(wanted, "ollama")


def test_a_json_schema_may_be_given_in_the_place_of_a_type() -> None:
    given_schema = {"title": "A b!", "type": "object", "properties": {"a": {"type": "string"}}}
    sent = format_for(given_schema, "openai")["response_format"]["json_schema"]
    assert sent["name"] == "A_b"
    assert sent["schema"]["required"] == ["a"]
    assert given_schema == {
        "title": "A b!",
        "type": "object",
        "properties": {"a": {"type": "string"}},
    }


def test_a_schema_of_one_part_is_read_as_that_part() -> None:
    wanted = {"allOf": [{"type": "object", "properties": {"a": {"type": ["string", "null"]}}}]}
    schema = format_for(wanted, "ollama")["format"]
    assert schema["properties"]["a"] == {"anyOf": [{"type": "string"}, {"type": "null"}]}


def test_a_generic_type_gets_a_name_that_the_provider_takes() -> None:
    class Box(BaseModel):
        items: list[int]

    name = format_for(Annotated[Box, "x"], "openai-responses")["text"]["format"]["name"]
    assert name.isascii()
    assert 0 < len(name) <= 64

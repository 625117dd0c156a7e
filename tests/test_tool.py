"""Tools: arguments from a model held to annotations, effects not repeated, schemas to send."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

import pydantic
import pytest

import reliai

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator


class Order(pydantic.BaseModel):
    number: int
    items: list[str] = []


@reliai.tool
def refund(order: int, reason: Literal["broken", "late"] = "late", *, full: bool = True) -> Any:
    """Give the money
    back.

    Not for the model.
    """
    return order, reason, full


@reliai.tool
async def refund_later(order: int, note: str = "") -> Any:
    return order, note


def test_a_tool_stays_a_plain_function() -> None:
    assert refund(3, "broken", full=False) == (3, "broken", False)
    assert refund.__name__ == "refund"
    assert asyncio.iscoroutinefunction(refund_later)
    assert asyncio.run(refund_later(3)) == (3, "")


def test_arguments_are_converted() -> None:
    assert anyhow(refund)("17", full="no") == (17, "late", False)
    assert asyncio.run(anyhow(refund_later)(order="17")) == (17, "")


def anyhow(function: Callable[..., Any]) -> Any:
    """A function without its types: called as a model would."""
    return function


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"order": "many"}, r"\$\.order: Input should be a valid integer"),
    ({}, r"\$\.order: Field required"),
    ({"order": 1, "reason": "angry"}, r"\$\.reason: Input should be 'broken' or 'late'"),
    ({"order": 1, "amount": 5}, "Extra inputs are not permitted"),
    ({"order": None}, r"\$\.order: Input should be a valid integer"),
]


@pytest.mark.parametrize(("arguments", "message"), WRONG)
def test_wrong_arguments_are_said_and_the_function_is_not_called(
    arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(reliai.GuardRejected, match=message) as rejected:
        anyhow(refund)(**arguments)
    error = rejected.value
    assert error.errors
    assert error.check == "arguments"
    assert "Its parameters are: order, reason, full" in str(error)
    assert isinstance(error, ValueError)


def test_all_that_is_wrong_is_said() -> None:
    with pytest.raises(reliai.GuardRejected, match="and 1 more") as rejected:
        anyhow(refund)(order="x", reason="y")
    assert len(rejected.value.errors) == 2


def test_an_asynchronous_tool_rejects_when_it_is_awaited() -> None:
    with pytest.raises(reliai.GuardRejected):
        asyncio.run(anyhow(refund_later)(order="x"))


def test_a_rejection_is_on_the_record_without_what_was_given() -> None:
    secret = "sk-live-123456"  # noqa: S105  looks like one, as it must
    with reliai.collect() as calls, pytest.raises(reliai.GuardRejected) as rejected:
        anyhow(refund)(order=secret, reason=secret, **{secret: 1})
    (record,) = calls
    assert record.status == "rejected"
    assert record.attempts == ()
    assert [event.kind for event in record.events] == ["arguments_rejected"]
    assert secret not in json.dumps(record.to_dict())
    assert secret not in str(rejected.value)
    assert secret not in str(rejected.value.errors)
    assert rejected.value.__cause__ is None
    assert rejected.value.__context__ is None


def test_too_many_arguments_by_position_are_a_mistake_of_the_programs() -> None:
    with pytest.raises(TypeError, match="too many positional"):
        anyhow(refund)(1, "late", True)


def test_json_text_is_taken_as_a_model_writes_it() -> None:
    assert reliai.tool.call_json(refund, '{"order": "17", "full": false}') == (17, "late", False)
    assert reliai.tool.call_json(refund, {"order": 17}) == (17, "late", True)
    assert asyncio.run(anyhow(reliai.tool.call_json)(refund_later, '{"order": 1}')) == (1, "")


def test_no_text_stands_for_no_arguments() -> None:
    @reliai.tool
    def now() -> str:
        return "noon"

    assert reliai.tool.call_json(now, "") == "noon"
    assert reliai.tool.call_json(now, "{}") == "noon"


@pytest.mark.parametrize(
    "text",
    [
        '{"order": 1,}',
        '```json\n{"order": 1}\n```',
        "{'order': 1}",
        '{"order": 1',
        '{"order": NaN}',
        "[1]",
        "1",
        "order 1",
    ],
)
def test_json_that_is_not_strict_is_refused(text: str) -> None:
    with reliai.collect() as calls, pytest.raises(reliai.GuardRejected) as rejected:
        reliai.tool.call_json(refund, text)
    assert rejected.value.errors[0].startswith("$")
    assert calls[0].status == "rejected"


def test_repairs_are_made_only_when_asked_for() -> None:
    given: list[Any] = []

    @reliai.tool(repair=True)
    def run(items: list[str]) -> None:
        given.append(items)

    reliai.tool.call_json(run, '{"items": ["ls", "pwd",]}')
    assert given == [["ls", "pwd"]]


def test_arguments_that_were_cut_off_are_never_completed() -> None:
    @reliai.tool(repair=True)
    def run(items: list[str]) -> None:
        raise AssertionError(items)

    with pytest.raises(reliai.GuardRejected, match="stops before the end"):
        reliai.tool.call_json(run, '{"items": ["ls", "pwd"')


class Shop:
    def __init__(self) -> None:
        self.sold: list[Any] = []

    @reliai.tool
    def sell(self, order: Order) -> int:
        self.sold.append(order)
        return len(self.sold)

    @reliai.tool
    async def sell_later(self, order: Order) -> int:
        return order.number

    @reliai.tool
    @classmethod
    def kind(cls, number: int) -> Any:
        return cls, number

    @reliai.tool
    @staticmethod
    def price(number: int) -> int:
        return number


def test_methods_are_tools() -> None:
    shop = Shop()
    assert reliai.tool.call_json(shop.sell, '{"order": {"number": "5"}}') == 1
    assert shop.sold == [Order(number=5)]
    assert asyncio.run(shop.sell_later(Order(number=2))) == 2
    assert anyhow(Shop.kind)("3") == (Shop, 3)
    assert anyhow(Shop.price)("3") == 3
    with pytest.raises(reliai.GuardRejected, match=r"\$\.order"):
        anyhow(shop.sell)(order=1)


def test_types_of_many_kinds_are_built() -> None:
    @dataclass
    class Point:
        x: float

    @reliai.tool
    def draw(
        points: list[Point], /, size: Annotated[int, pydantic.Field(ge=1)], **more: Any
    ) -> Any:
        return points, size, more

    given = {"points": [{"x": 1}], "size": 2, "color": "red"}
    assert reliai.tool.call_json(draw, given) == ([Point(1.0)], 2, {"color": "red"})
    with pytest.raises(reliai.GuardRejected, match="greater than or equal to 1"):
        reliai.tool.call_json(draw, {**given, "size": 0})


def test_objects_of_the_programs_own_are_passed_on() -> None:
    class Database:
        pass

    @reliai.tool
    def save(row: str, database: Database) -> Any:
        return row, database

    database = Database()
    assert save("a", database) == ("a", database)
    with pytest.raises(reliai.GuardRejected, match="instance of"):
        anyhow(save)("a", "not one")


def test_parameters_without_annotations_take_anything() -> None:
    def say(what: Any, how: Any = "aloud") -> Any:
        return what, how

    say.__annotations__.clear()
    assert reliai.tool(say)([1]) == ([1], "aloud")


def test_a_parameter_may_have_any_name() -> None:
    @reliai.tool
    def odd(schema: int, model_config: int, copy: int, _private: int = 0) -> int:
        return schema + model_config + copy + _private

    assert reliai.tool.call_json(odd, '{"schema": 1, "model_config": 2, "copy": 3}') == 6


def test_a_type_that_is_defined_later_is_found() -> None:
    @reliai.tool
    def later(value: Later) -> Any:
        return value

    assert anyhow(later)({"x": "1"}) == Later(x=1)


class Later(pydantic.BaseModel):
    x: int


def test_an_annotation_that_names_nothing_is_said() -> None:
    def broken(value: Any) -> None: ...

    broken.__annotations__["value"] = "Nothing"
    made = reliai.tool(broken)
    with pytest.raises(reliai.ConfigurationError, match="names nothing"):
        anyhow(made)(1)


def test_the_effect_of_a_tool_is_not_repeated() -> None:
    made: list[int] = []

    @reliai.Retry(3, wait=0, budget=None)
    @reliai.tool
    def send() -> None:
        made.append(1)
        raise TimeoutError

    with pytest.raises(reliai.AmbiguousOutcome):
        send()
    assert len(made) == 1


def test_a_tool_that_may_be_repeated_says_so() -> None:
    made: list[int] = []

    @reliai.Retry(3, wait=0, budget=None)
    @reliai.tool(effects="idempotent")
    def look() -> None:
        made.append(1)
        raise ConnectionRefusedError

    with pytest.raises(ConnectionRefusedError):
        look()
    assert len(made) == 3


def test_the_key_of_a_tool_may_be_an_argument() -> None:
    @reliai.tool(idempotency_key="order")
    def key(order: str) -> str:
        call = reliai.current_call()
        assert call is not None
        return call.idempotency_key

    assert key("A7") == "A7"


def test_a_tools_schema_for_each_provider() -> None:
    parameters = {
        "additionalProperties": False,
        "properties": {
            "order": {"title": "Order", "type": "integer"},
            "reason": {"enum": ["broken", "late"], "title": "Reason", "type": "string"},
            "full": {"title": "Full", "type": "boolean"},
        },
        "required": ["order"],
        "type": "object",
    }
    said = {"name": "refund", "description": "Give the money back."}
    schema = reliai.tool.schema
    assert schema(refund, "json-schema") == parameters
    assert schema(refund) == {"type": "function", "function": {**said, "parameters": parameters}}
    assert schema(refund, "openai-responses") == {
        "type": "function",
        **said,
        "parameters": parameters,
    }
    assert schema(refund, "anthropic") == {**said, "input_schema": parameters}


def test_a_methods_schema_leaves_its_object_out() -> None:
    assert list(reliai.tool.schema(Shop().sell, "json-schema")["properties"]) == ["order"]


def test_a_name_of_its_own_is_used_by_schema_and_record() -> None:
    @reliai.tool(name="give_back", tags={"kind": "tool"})
    def refund(order: int) -> None: ...

    assert reliai.tool.schema(refund, "anthropic")["name"] == "give_back"
    with reliai.collect() as calls:
        refund(1)
    assert (calls[0].name, calls[0].tags) == ("give_back", {"kind": "tool"})


def test_a_schema_can_still_be_had_under_more_policies() -> None:
    stacked = reliai.Timeout(10)(refund)
    assert reliai.tool.schema(stacked) == reliai.tool.schema(refund)
    assert reliai.tool.call_json(stacked, '{"order": 1}') == (1, "late", True)


def test_a_parameter_that_json_cannot_say_has_no_schema() -> None:
    class Database:
        pass

    @reliai.tool
    def save(database: Database) -> None: ...

    with pytest.raises(reliai.ConfigurationError, match="no JSON Schema"):
        reliai.tool.schema(save)


def test_what_is_no_tool_is_said() -> None:
    with pytest.raises(reliai.ConfigurationError, match="no tool"):
        reliai.tool.schema(len)
    with pytest.raises(reliai.ConfigurationError, match="no tool"):
        reliai.tool.call_json(reliai.reliable()(anyhow), "{}")
    with pytest.raises(reliai.ConfigurationError, match="use one of"):
        reliai.tool.schema(refund, "telegram")


def generating() -> Iterator[str]:
    yield "a"


async def generating_later() -> AsyncIterator[str]:
    yield "a"


@pytest.mark.parametrize("function", [generating, generating_later])
def test_a_stream_is_no_tool(function: Any) -> None:
    with pytest.raises(reliai.ConfigurationError, match="gives a stream"):
        reliai.tool(function)


def test_unnamed_parameters_are_refused() -> None:
    def many(*words: str) -> None: ...

    with pytest.raises(reliai.ConfigurationError, match=r"\*words"):
        reliai.tool(many)


@pytest.mark.parametrize("name", ["", "a b", "a.b", "x" * 65, 5])
def test_a_name_no_provider_takes_is_refused(name: Any) -> None:
    with pytest.raises(reliai.ConfigurationError, match="letters, digits"):
        reliai.tool(name=name)


def test_an_annotation_pydantic_cannot_build_is_refused() -> None:
    def broken(value: Annotated[str, pydantic.Field(pattern="(")]) -> None: ...

    with pytest.raises(reliai.ConfigurationError, match="pydantic"):
        reliai.tool(broken)


def test_a_tool_is_described() -> None:
    (arguments,) = reliai.pipeline_of(refund).describe()["policies"]
    assert arguments == {
        "policy": "Arguments",
        "arguments": ["order", "reason", "full"],
        "repair": False,
    }
    assert reliai.pipeline_of(refund).describe()["effects"] == "once"

"""Records, descriptions and errors of the whole pipeline are plain data, whatever has happened."""

from __future__ import annotations

import copy
import inspect
import json
import math
import pickle
import uuid
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from pydantic import BaseModel

import reliai
from reliai import checks
from reliai.providers.streams.failures import IncompleteStream, InStreamError
from reliai.testing import Cut, Faults, Refusal, Status, Truncated, virtual_clock
from tests.acceptance._asking import asking, every_way

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.acceptance._asking import Way

SCHEMA = reliai.CallRecord.json_schema()


class Answer(BaseModel):
    number: int


def valid(record: reliai.CallRecord) -> dict[str, Any]:
    """The record as JSON holds it, once it is proven to be what the schema says."""
    written: dict[str, Any] = json.loads(json.dumps(record.to_dict(), allow_nan=False))
    jsonschema.validate(written, SCHEMA)
    return written


# --- records -------------------------------------------------------------------------------
SCRIPT = [Status(429, retry_after_ms=1), "fine", Refusal(), Truncated(), Cut(then=["a", "b"])]
"""What is asked of the model by five calls; the last one breaks off, twice."""


@every_way
def test_a_record_of_every_policy_is_what_its_schema_says(way: Way) -> None:
    policies = [
        reliai.Guard(reliai.Pii("pseudonymize"), reliai.MaxTokens(1000)),
        reliai.Cache(stale_if_error=10),
        reliai.Budget(usd=1, estimate=0.01, per=math.inf),
        reliai.Timeout(30),
        reliai.Fallback("a rule"),
        reliai.Validate(reliai.NoRefusal(), reliai.NotTruncated(), lambda _: checks.Score(0.5)),
        reliai.Retry(2, wait=0, budget=None),
        reliai.CircuitBreaker(f"valid {way}"),
        reliai.RateLimit(1000),
        reliai.Bulkhead(10),
    ]
    with asking(way, SCRIPT, *policies, tags={"team": "a"}) as ask, reliai.run("r", max_usd=5):
        written = [valid(ask(f"{prompt} of bob@example.com").record) for prompt in "aabcd"]
    assert [each["status"] for each in written] == ["success", "success"] + ["degraded"] * 3


def echo(prompt: str) -> str:
    return prompt


def refused_by_run() -> None:
    with reliai.run("r", max_calls=1):
        for _ in range(2):
            reliai.execute(reliai.reliable()(echo), "x")


def refused_by_budget() -> None:
    ask = reliai.Budget(usd=1, per=math.inf, estimate=0.9)(echo)
    for _ in range(2):
        reliai.execute(ask, "x")


def in_doubt() -> None:
    def pay(order: str) -> None:
        raise TimeoutError(order)

    guarded = reliai.reliable(reliai.Once(key="arg:order"), effects="once")(pay)
    for _ in range(2):
        reliai.execute(guarded, "o1")


def scored_without_a_number() -> None:
    reliai.Validate(lambda _: checks.Score(math.nan))(echo)("x")


def measured_without_a_number() -> None:
    def ask() -> None:
        reliai.measure(confidence=math.nan, distance=math.inf)

    reliai.reliable()(ask)()


def tool_refused() -> None:
    def book(seats: int) -> int:
        return seats

    wrong: Any = "two"
    reliai.execute(reliai.tool(book), wrong)


@pytest.mark.parametrize(
    "calls",
    [
        refused_by_run,
        refused_by_budget,
        in_doubt,
        scored_without_a_number,
        measured_without_a_number,
        tool_refused,
    ],
)
def test_a_record_is_strict_json_whatever_was_refused_or_measured(
    calls: Callable[[], None],
) -> None:
    with virtual_clock(), reliai.collect() as records:
        calls()
    for record in records:
        valid(record)


def test_what_is_no_text_is_written_as_text() -> None:
    """Users have numbers in databases; records have texts."""
    number: Any = 17
    identifier: Any = uuid.UUID(int=17)
    tags: Any = {"shard": 3}
    ask = reliai.reliable(tags=tags)(echo)
    with (
        reliai.collect() as records,
        reliai.context(subject=number, session=identifier, tenant=number, tags={"page": number}),
    ):
        ask("x")
    written = valid(records[0])
    assert (written["subject"], written["session"]) == ("17", str(identifier))
    assert written["tags"] == {"shard": "3", "page": "17"}


def test_a_tenant_is_the_same_as_number_and_as_text() -> None:
    asked: list[str] = []

    @reliai.Cache()
    def ask(prompt: str) -> None:
        asked.append(prompt)

    number: Any = 17
    for tenant in (number, "17", "18"):
        with reliai.context(tenant=tenant):
            ask("x")
    assert len(asked) == 2


# --- descriptions --------------------------------------------------------------------------
POLICIES = [
    reliai.Guard(
        reliai.MaxLength(10),
        reliai.Pii("pseudonymize"),
        reliai.Secrets(),
        reliai.HiddenText(),
        reliai.Pattern("a.c", forbid=True),
        checks.Injection(),
        checks.Language("en"),
        lambda _: True,
    ),
    reliai.Validate(
        reliai.NoRefusal(),
        reliai.NotTruncated(),
        reliai.Schema(Answer),
        checks.Grounded("a source"),
        checks.Similar("a reference"),
        output=Answer,
        reask=1,
    ),
    reliai.Cache(key=("tenant", "arg:prompt")),
    reliai.Budget(tokens=5, per=math.inf, estimate={"tokens": 3}),
    reliai.Budget(usd=5, key=lambda _: 1, estimate=lambda _: 0.1),
    reliai.Once(key="arg:prompt"),
    reliai.Hedge(math.inf),
    reliai.RateLimit(1, cost=lambda _: 1.0),
    reliai.Bulkhead(1),
    reliai.AdaptiveLimit(),
    Faults(error_rate=0.1),
]


@pytest.mark.parametrize("number", range(len(POLICIES)))
def test_a_description_is_strict_json_with_every_setting(number: int) -> None:
    policy = POLICIES[number]
    described = reliai.Pipeline(policy).describe()
    (only,) = json.loads(json.dumps(described, allow_nan=False))["policies"]
    assert only.pop("policy") == type(policy).__name__
    assert set(inspect.signature(type(policy)).parameters) <= set(only)
    assert repr(policy).startswith("reliai.")


def test_no_description_tells_what_must_stay_secret() -> None:
    planted = "canary-5f0c9a"
    pipeline = reliai.Pipeline(reliai.Guard(reliai.CanaryToken(planted)))
    assert planted not in json.dumps(pipeline.describe())
    assert planted not in repr(pipeline)


# --- errors --------------------------------------------------------------------------------
ERRORS: list[Exception] = [
    reliai.GuardRejected("m", check="c", parameter="p", errors=("e",)),
    reliai.OutputInvalid("m", errors=("e",), raw={"a": 1}),
    reliai.OutputRefused("m", errors=("e",), raw="no"),
    reliai.OutputTruncated("m", errors=("e",), raw="ha"),
    reliai.BudgetExceeded("m", unit="usd", spent=1, reserved=2, wanted=3, cap=4, retry_after=5),
    reliai.StreamInterrupted("m", chunks=3, partial="abc"),
    reliai.AmbiguousOutcome("m", idempotency_key="k"),
    InStreamError({"type": "overloaded_error", "message": "busy"}),
    IncompleteStream("message_stop"),
]


def pickled(error: Exception) -> Any:
    return pickle.loads(pickle.dumps(error))  # noqa: S301  what this test has written itself


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("again", [pickled, copy.copy, copy.deepcopy])
def test_an_error_survives_the_way_to_another_process(
    error: Exception, again: Callable[[Exception], Exception]
) -> None:
    error.__dict__.pop("__notes__", None)
    error.add_note("a note")
    made = again(error)
    assert type(made) is type(error)
    assert (str(made), made.args, vars(made)) == (str(error), error.args, vars(error))
    assert reliai.classify(made).kind is reliai.classify(error).kind

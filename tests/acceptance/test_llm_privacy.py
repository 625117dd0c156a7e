"""Pseudonyms, caches, budgets and real SDKs together: what models see, and what callers get."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel

import reliai
from reliai.testing import sdk_answer
from tests.acceptance._asking import asking, every_way

if TYPE_CHECKING:
    from tests.acceptance._asking import Way

HIDE = reliai.Guard(reliai.Pii("pseudonymize"))
ANSWER = ["I wrote to <EM", "AIL_1> and cop", "ied <EMAIL_2>."]


class Mail(BaseModel):
    to: str
    copies: int


@every_way
def test_a_cached_answer_has_each_callers_own_data(way: Way) -> None:
    """36, 50: the model and the cache know tokens alone, whole, in texts and in events."""
    policies = [
        HIDE,
        reliai.Cache(),
        reliai.Budget(tokens=10_000, estimate=50),
        reliai.Fallback("a rule"),
        reliai.Validate(reliai.Pattern("forbidden", forbid=True)),
        reliai.Retry(2),
    ]
    with asking(way, [ANSWER], *policies) as ask:
        for number, (to, copy) in enumerate(
            [("bob@example.com", "ann@example.org"), ("zoe@example.net", "max@example.org")]
        ):
            got = ask(f"{to} cc {copy}")
            assert (got.text, got.error) == (f"I wrote to {to} and copied {copy}.", None)
            assert len(got.record.attempts) == 1 - number
            assert (got.record.cost_usd == 0) == bool(number)
        (request,) = ask.server.requests
        assert "<EMAIL_1> cc <EMAIL_2>" in json.dumps(request.json)
        assert "example" not in json.dumps(request.json)


@every_way
def test_a_redacted_and_an_observed_prompt_reach_the_model_as_said(way: Way) -> None:
    with asking(way, [ANSWER], reliai.Guard(reliai.Pii("redact"))) as ask:
        ask("to bob@example.com")
        with reliai.mode("observe"):
            ask("to bob@example.com")
        sent = [json.dumps(request.json) for request in ask.server.requests]
    assert ["bob@example.com" in each for each in sent] == [False, True]


def test_arguments_of_tools_come_back_in_json_from_a_cache_too() -> None:
    """50"""
    asked: list[str] = []
    said = {"to": "<EMAIL_1>", "n": 1}

    @reliai.reliable(HIDE, reliai.Cache(), reliai.Retry(2))
    def ask(prompt: str) -> Any:
        asked.append(prompt)
        answer = sdk_answer("", api="chat").model_dump()
        call = {"name": "mail", "arguments": json.dumps(said)}
        answer["choices"][0]["message"]["tool_calls"] = [
            {"id": "c1", "type": "function", "function": call}
        ]
        return answer

    for name in ("bob@example.com", "zoe@example.net"):
        (tool,) = ask(f"write to {name}")["choices"][0]["message"]["tool_calls"]
        assert json.loads(tool["function"]["arguments"]) == {"to": name, "n": 1}
    assert asked == ["write to <EMAIL_1>"]


def test_a_reasked_answer_is_kept_with_tokens_and_given_to_each_with_their_own() -> None:
    """25, 50: what the model is told about its mistake has tokens as well."""
    answers = ['{"to": "<EMAIL_1>", "copies": "many"}', '{"to": "<EMAIL_1>", "copies": 3}']
    asked: list[str] = []

    @reliai.reliable(HIDE, reliai.Cache(), reliai.Validate(output=Mail, reask=2), reliai.Retry(2))
    def ask(prompt: str) -> Any:
        asked.append(prompt)
        return answers[len(asked) - 1]

    assert ask("write to bob@example.com") == Mail(to="bob@example.com", copies=3)
    assert ask("write to zoe@example.net") == Mail(to="zoe@example.net", copies=3)
    assert len(asked) == 2
    assert "example" not in "".join(asked)


@pytest.mark.parametrize("stand_in", ["plain", "function"])
def test_a_stand_in_sees_tokens_and_its_answer_is_restored(stand_in: str) -> None:
    seen: list[str] = []

    def rule(prompt: str) -> str:
        seen.append(prompt)
        return f"later: {prompt}"

    target: Any = rule if stand_in == "function" else "later: <EMAIL_1>"

    @reliai.reliable(HIDE, reliai.Fallback(target), name="ask")
    def ask(prompt: str) -> str:
        raise ConnectionError("down")

    with reliai.collect() as calls:
        assert ask("bob@example.com") == "later: bob@example.com"
    assert "example" not in "".join(seen)
    assert "example" not in json.dumps(calls[0].to_dict())


@every_way
def test_nothing_of_a_prompt_or_an_answer_is_on_a_record(way: Way) -> None:
    """Whatever the policies did and however it went: content only where it was asked for."""
    policies = [
        reliai.Guard(reliai.Pii("pseudonymize")),
        reliai.Cache(),
        reliai.Validate(reliai.NotEmpty(), reliai.Pii("raise", kinds=["card"])),
        reliai.Retry(2, wait=0),
    ]
    script = ["a zebra paid with 4242 4242 4242 4242 at bob@example.com"]
    with asking(way, script, *policies) as ask:
        got = ask("the zebra of bob@example.com")
        assert isinstance(got.error, reliai.OutputInvalid | reliai.StreamInterrupted)
        written = json.dumps(got.record.to_dict())
        for content in ("zebra", "example.com", "4242 4242"):
            assert content not in written
            assert content not in str(got.error)

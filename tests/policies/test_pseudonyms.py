"""Pseudonyms: the model sees tokens in place of personal data, the caller sees what stood there."""

from __future__ import annotations

import asyncio
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

import reliai
from reliai import ConfigurationError, Guard, GuardRejected, MaxLength, Pii, Secrets
from reliai.clock import active
from reliai.testing import virtual_clock
from tests.policies._guarded import KINDS, STREAMS, Guarded, every_kind

PEOPLE = Pii("pseudonymize", kinds=["name", "email", "phone"])
MAIL = "ana@example.com"


def told(answer: Any) -> str:
    """An answer of any kind as one text."""
    return "".join(answer) if isinstance(answer, list) else str(answer)


@every_kind
def test_the_model_sees_tokens_and_the_caller_what_stood_there(kind: str) -> None:
    model = Guarded(kind, Guard(PEOPLE))
    assert told(model(f"Write to {MAIL}, now")) == f"Write to {MAIL}, now"
    assert model.prompts == ["Write to <EMAIL_1>, now"]
    assert model.record.status == "success"


@every_kind
def test_a_call_without_personal_data_goes_as_it_is(kind: str) -> None:
    model = Guarded(kind, Guard(PEOPLE))
    assert told(model("hello <b>there</b>")) == "hello <b>there</b>"
    assert model.prompts == ["hello <b>there</b>"]
    assert model.events == []


def conversation(*said: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": each} for each in said]


def test_the_same_person_has_the_same_token_in_all_messages_and_nobody_elses() -> None:
    """50"""
    asked: list[Any] = []

    @reliai.reliable(Guard(PEOPLE))
    def ask(messages: list[dict[str, Any]]) -> str:
        asked.append(messages)
        return "<NAME_1> knows <NAME_2>; <NAME_1> is first"

    given = conversation("My name is Alice. Alice is here.", "My name is Bob, not Alice.")
    assert ask(given) == "Alice knows Bob; Alice is first"
    assert [each["content"] for each in asked[0]] == [
        "My name is <NAME_1>. <NAME_1> is here.",
        "My name is <NAME_2>, not <NAME_1>.",
    ]
    assert given == conversation("My name is Alice. Alice is here.", "My name is Bob, not Alice.")


def test_what_was_found_once_is_replaced_wherever_it_stands_as_a_word() -> None:
    asked: list[str] = []

    @reliai.reliable(Guard(PEOPLE))
    def ask(prompt: str, note: str) -> str:
        asked.extend((prompt, note))
        return prompt

    ask("my phone is 4155552671, name: Ann", "4155552671 14155552671 Ann Anna")
    assert asked == ["my phone is <PHONE_1>, name: <NAME_1>", "<PHONE_1> 14155552671 <NAME_1> Anna"]


def test_all_parameters_and_all_that_is_nested_share_one_map() -> None:
    asked: list[Any] = []

    @reliai.reliable(Guard(PEOPLE, context=[PEOPLE]))
    def ask(prompt: str, messages: list[Any], *more: str, context: Any = None, **rest: str) -> Any:
        asked.append((prompt, messages, more, context, rest))
        return {"to": "<EMAIL_1>", "cc": ["<EMAIL_2>", ("<EMAIL_1>", 3)]}

    out = ask(
        f"to {MAIL}",
        [{"content": [{"type": "text", "text": f"cc bob@example.com or {MAIL}"}]}],
        MAIL,
        context={"who": {"mail": "bob@example.com"}},
        extra=MAIL,
    )
    assert asked == [
        (
            "to <EMAIL_1>",
            [{"content": [{"type": "text", "text": "cc <EMAIL_2> or <EMAIL_1>"}]}],
            ("<EMAIL_1>",),
            {"who": {"mail": "<EMAIL_2>"}},
            {"extra": "<EMAIL_1>"},
        )
    ]
    assert out == {"to": MAIL, "cc": ["bob@example.com", (MAIL, 3)]}


@every_kind
def test_a_token_that_the_user_typed_is_nobodys_and_stays(kind: str) -> None:
    """50"""
    model = Guarded(kind, Guard(PEOPLE))
    said = f"<EMAIL_1> and <EMAIL_3> are tokens, {MAIL} and bob@example.com are not"
    assert told(model(said)) == said
    assert model.prompts == ["<EMAIL_1> and <EMAIL_3> are tokens, <EMAIL_2> and <EMAIL_4> are not"]


def test_a_token_in_an_argument_that_is_not_looked_at_is_not_given_either() -> None:
    @reliai.reliable(Guard(prompt=[PEOPLE]))
    def ask(prompt: str, system: str = "") -> str:
        return f"{prompt} {system}"

    assert ask(MAIL, system="say <EMAIL_1>") == f"{MAIL} say <EMAIL_1>"


def test_a_token_that_the_model_made_up_stays() -> None:
    model = Guarded(
        "sync", Guard(PEOPLE), answer=lambda _: "<EMAIL_2> <NAME_1> <EMAIL_1> <email_1>"
    )
    assert model(MAIL) == f"<EMAIL_2> <NAME_1> {MAIL} <email_1>"


def test_secrets_are_redacted_for_good_beside_pseudonyms() -> None:
    """50"""
    asked: list[str] = []

    @reliai.reliable(Guard(Secrets("redact"), PEOPLE))
    def ask(prompt: str) -> str:
        asked.append(prompt)
        return prompt

    out = ask(f"password: hunter2! of {MAIL}")
    assert asked == ["password: [PASSWORD] of <EMAIL_1>"]
    assert out == f"password: [PASSWORD] of {MAIL}"


def test_checks_before_see_what_was_passed_and_those_after_the_tokens() -> None:
    seen: list[str] = []

    def note(text: str) -> None:
        seen.append(text)

    guarded = Guarded("sync", Guard(prompt=[note, PEOPLE, note]))
    guarded(MAIL)
    assert seen == [MAIL, "<EMAIL_1>"]


def test_a_check_that_fails_keeps_its_say_before_and_after() -> None:
    for checks in ([MaxLength(3), PEOPLE], [PEOPLE, MaxLength(3)]):
        with pytest.raises(GuardRejected, match="MaxLength"):
            Guarded("sync", Guard(prompt=checks))(MAIL)


def test_otherwise_answers_in_the_callers_words() -> None:
    guard = Guard(prompt=[PEOPLE, MaxLength(3)], otherwise=lambda call, _: call.arguments["prompt"])
    model = Guarded("sync", guard)
    assert model(MAIL) == MAIL
    assert model.record.status == "degraded"


@every_kind
def test_observing_changes_nothing_and_says_what_it_would_do(kind: str) -> None:
    model = Guarded(kind, Guard(PEOPLE, mode="observe"))
    assert told(model(MAIL)) == MAIL
    assert model.prompts == [MAIL]
    assert model.event("guard_would_replace") == {"check": "Pii", "parameter": "prompt"}


@every_kind
def test_what_was_replaced_is_told_without_its_content(kind: str) -> None:
    model = Guarded(kind, Guard(PEOPLE))
    model(f"{MAIL} and bob@example.com")
    assert model.event("guard_replaced") == {"check": "Pii", "parameter": "prompt"}
    assert [(c.name, c.passed, c.reason) for c in model.record.checks] == [("Pii", True, "changed")]


@every_kind
def test_retries_and_fallbacks_see_tokens_alone(kind: str) -> None:
    asked: list[str] = []

    def answer(prompt: str) -> Any:
        asked.append(prompt)
        raise ConnectionError("down")

    def small(prompt: str) -> str:
        asked.append(prompt)
        return f"small: {prompt}"

    policies = (Guard(PEOPLE), reliai.Fallback(small), reliai.Retry(2, wait=0, budget=None))
    model = Guarded(kind, *policies, answer=answer)
    assert told(model(MAIL)) == f"small: {MAIL}"
    assert asked == ["<EMAIL_1>"] * 3
    assert model.record.status == "degraded"


def test_asking_again_sees_tokens_alone() -> None:
    asked: list[Any] = []

    @reliai.reliable(Guard(PEOPLE), reliai.Validate(output=dict[str, str], reask=1))
    def ask(messages: list[dict[str, Any]]) -> Any:
        asked.append(json.dumps(messages))
        return '{"to": "<EMAIL_1>"}' if len(asked) > 1 else "no JSON, <EMAIL_1>"

    assert ask(conversation(MAIL)) == {"to": MAIL}
    assert len(asked) == 2
    assert not any(MAIL in each for each in asked)


def test_a_cache_inside_keeps_tokens_and_each_caller_gets_their_own_data() -> None:
    asked: list[str] = []

    @reliai.reliable(Guard(PEOPLE), reliai.Cache(ttl=60))
    def ask(prompt: str) -> dict[str, str]:
        asked.append(prompt)
        return {"to": prompt}

    assert ask("ana@example.com") == {"to": "ana@example.com"}
    assert ask("bob@example.com") == {"to": "bob@example.com"}
    assert asked == ["<EMAIL_1>"]


def test_what_the_function_keeps_of_its_answer_is_not_changed() -> None:
    kept = {"to": ["<EMAIL_1>"]}
    model = Guarded("sync", Guard(PEOPLE), answer=lambda _: kept)
    assert model(MAIL) == {"to": [MAIL]}
    assert kept == {"to": ["<EMAIL_1>"]}


def test_one_guard_within_another_has_tokens_of_its_own() -> None:
    asked: list[str] = []

    @reliai.reliable(
        Guard(Pii("pseudonymize", kinds=["email"])), Guard(Pii("pseudonymize", kinds=["card"]))
    )
    def ask(prompt: str) -> str:
        asked.append(prompt)
        return prompt

    said = f"{MAIL} pays with 4242 4242 4242 4242"
    assert ask(said) == said
    assert asked == ["<EMAIL_1> pays with <CARD_1>"]


@dataclass
class Desk:
    mail: str = "desk@example.com"

    @reliai.reliable(Guard(PEOPLE))
    def ask(self, prompt: str) -> str:
        return f"{prompt} from {self.mail}"


def test_the_object_of_a_method_is_none_of_its_arguments() -> None:
    desk = Desk()
    assert desk.ask("to <EMAIL_9>") == "to <EMAIL_9> from desk@example.com"
    assert desk.ask(MAIL) == f"{MAIL} from desk@example.com"
    assert desk == Desk()


def test_parameters_may_be_named_beside_the_checks() -> None:
    asked: list[Any] = []

    @reliai.reliable(Guard(PEOPLE, parameters=["messages"]))
    def ask(messages: list[Any], note: str) -> str:
        asked.append((messages, note))
        return "to <EMAIL_1>"

    assert ask([MAIL], "bob@example.com") == f"to {MAIL}"
    assert asked == [(["<EMAIL_1>"], "bob@example.com")]


def test_messages_may_be_objects_of_a_framework() -> None:
    from langchain_core.messages import AIMessage, HumanMessage

    asked: list[Any] = []

    @reliai.reliable(Guard(PEOPLE))
    def ask(messages: list[Any]) -> Any:
        asked.extend(messages)
        return AIMessage(content="to <EMAIL_1>")

    given = HumanMessage(content=f"write to {MAIL}")
    assert ask([given]).content == f"to {MAIL}"
    assert [each.content for each in asked] == ["write to <EMAIL_1>"]
    assert given.content == f"write to {MAIL}"


def test_two_checks_of_one_argument_are_joined() -> None:
    cards = Pii("pseudonymize", kinds=["card"])
    model = Guarded("sync", Guard(prompt=[PEOPLE, cards]))
    said = f"{MAIL} pays with 4242 4242 4242 4242"
    assert model(said) == said
    assert model.prompts == ["<EMAIL_1> pays with <CARD_1>"]


def test_another_name_and_limits_may_be_given_to_the_check() -> None:
    model = Guarded("sync", Guard(reliai.check(PEOPLE, name="people", timeout=5)))
    assert model(MAIL) == MAIL
    assert model.prompts == ["<EMAIL_1>"]
    assert model.event("guard_replaced")["check"] == "people"


class Slow(Pii):
    def find(self, text: str) -> Any:
        raise RuntimeError("no rules today")


@every_kind
def test_a_search_that_fails_keeps_the_call_from_the_model(kind: str) -> None:
    model = Guarded(kind, Guard(Slow("pseudonymize")))
    with pytest.raises(GuardRejected, match=r"the check itself failed \(RuntimeError\)"):
        model(MAIL)
    assert model.prompts == []


def test_a_search_that_fails_may_be_allowed_to() -> None:
    model = Guarded("sync", Guard(reliai.check(Slow("pseudonymize"), on_error="allow")))
    assert model(MAIL) == MAIL
    assert model.prompts == [MAIL]
    assert "check_bypassed" in model.events


class Stubborn(BaseModel):
    content: str

    def __copy__(self) -> Stubborn:
        raise RuntimeError("no copies")


@every_kind
def test_an_argument_that_cannot_be_copied_keeps_the_call_from_the_model(kind: str) -> None:
    model = Guarded(kind, Guard(prompt=[PEOPLE]))
    with pytest.raises(GuardRejected, match=r"the check itself failed \(TypeError\)") as caught:
        model([Stubborn(content=MAIL)])
    assert MAIL not in f"{caught.value} {caught.value.__cause__}"
    assert model.prompts == []
    assert len(told(model([Stubborn(content="hello")]))) > 0


def test_an_argument_that_cannot_be_copied_may_be_allowed() -> None:
    model = Guarded("sync", Guard(prompt=reliai.check(PEOPLE, on_error="allow")))
    given = [Stubborn(content=MAIL)]
    assert model(given) is not None
    assert str(model.prompts) == str([given])


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_the_calls_own_deadline_ends_a_search_as_what_it_is(kind: str) -> None:
    class Waiting(Pii):
        def find(self, text: str) -> Any:
            active().sleep(30)
            return super().find(text)

    model = Guarded(kind, Guard(reliai.check(Waiting("pseudonymize"), timeout=5)))
    with virtual_clock(), reliai.deadline(0.5), pytest.raises(reliai.CallTimeout) as caught:
        model(MAIL)
    assert caught.value.layer == "inherited"
    assert model.prompts == []


def test_an_argument_that_cannot_be_looked_into_is_refused() -> None:
    with pytest.raises(GuardRejected, match="it cannot be looked into"):
        Guarded("sync", Guard(prompt=[PEOPLE]))(object())


def test_other_policies_cannot_give_pseudonyms() -> None:
    with pytest.raises(ConfigurationError, match="belongs into a Guard"):
        Guarded("sync", reliai.Validate(PEOPLE))


def test_calls_at_the_same_time_keep_their_own_maps() -> None:
    barrier = threading.Barrier(8)

    @reliai.reliable(Guard(PEOPLE))
    def ask(prompt: str) -> str:
        barrier.wait(10)
        return f"{prompt} again {prompt}"

    mails = [f"user{n}@example.com" for n in range(8)]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, mails)) == [f"{mail} again {mail}" for mail in mails]


def test_tasks_at_the_same_time_keep_their_own_maps() -> None:
    @reliai.reliable(Guard(PEOPLE))
    async def ask(prompt: str) -> str:
        await asyncio.sleep(0)
        return f"{prompt} again"

    async def main() -> list[str]:
        return await asyncio.gather(*(ask(f"user{n}@example.com") for n in range(20)))

    assert asyncio.run(main()) == [f"user{n}@example.com again" for n in range(20)]


@given(st.text(max_size=80), st.sampled_from(KINDS))
def test_an_echo_is_what_was_said_whatever_it_was(text: str, kind: str) -> None:
    said = f"{text} {MAIL} {text}"
    model = Guarded(kind, Guard(PEOPLE))
    assert told(model(said)) == said
    assert MAIL not in model.prompts[0]


@pytest.mark.parametrize("kind", STREAMS)
def test_a_degraded_stream_stays_degraded(kind: str) -> None:
    def answer(prompt: str) -> Any:
        raise ConnectionError("down")

    model = Guarded(kind, Guard(PEOPLE), reliai.Fallback("to <EMAIL_1>"), answer=answer)
    assert told(model(MAIL)) == f"to {MAIL}"
    assert model.record.status == "degraded"

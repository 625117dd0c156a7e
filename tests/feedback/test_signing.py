"""Tokens: what a browser may say with one, and what nobody may."""

from __future__ import annotations

import base64
import copy
import json
import string
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import reliai
from reliai import feedback
from reliai.testing import virtual_clock

if TYPE_CHECKING:
    from reliai.records import RecordStore


CALL = "0" * 31 + "1"
KEY = "k" * 32


@pytest.fixture(autouse=True)
def store(local: RecordStore, monkeypatch: pytest.MonkeyPatch) -> RecordStore:
    monkeypatch.setenv("RELIAI_FEEDBACK_KEY", KEY)
    return local


def refusal(token: Any, **how: Any) -> str:
    with pytest.raises(feedback.TokenRefused) as caught:
        feedback.accept(token, 1, **how)
    return caught.value.reason


def test_who_has_a_token_says_one_thing_of_one_call_in_one_name() -> None:
    token = feedback.token(CALL, name="thumbs", by="u1")
    assert feedback.accept(token, 1, comment="good")
    (said,) = feedback.read()
    assert (said.call_id, said.name, said.value, said.by, said.comment) == (
        CALL,
        "thumbs",
        1,
        "u1",
        "good",
    )


def test_said_again_it_replaces_and_none_takes_it_back() -> None:
    token = feedback.token(CALL, by="u1")
    feedback.accept(token, 1)
    feedback.accept(token, 0)
    assert [said.value for said in feedback.read(CALL)] == [0]
    feedback.accept(token, None)
    assert feedback.read(CALL) == []


def test_a_token_for_a_conversation() -> None:
    feedback.accept(feedback.token(session="s1", name="solved"), value=True)
    assert [said.value for said in feedback.read(session="s1")] == [True]


def test_a_token_is_good_until_it_expires() -> None:
    with virtual_clock() as clock:
        token = feedback.token(CALL, expires=60)
        clock.advance(59)
        assert feedback.accept(token, 1)
        clock.advance(3)
        assert refusal(token) == "expired"


def test_no_character_of_a_token_can_be_another() -> None:
    token = feedback.token(CALL, by="u1")
    for place, was in enumerate(token):
        # The last of the signature has bits that say nothing; they must not differ either.
        for other in {"A", "B", "-", ".", "é"} - {was}:
            assert refusal(token[:place] + other + token[place + 1 :]) in {"signature", "malformed"}


@settings(max_examples=60, deadline=None)
@given(st.text(string.printable, max_size=60) | st.none() | st.integers() | st.binary(max_size=9))
def test_whatever_is_given_for_a_token_is_refused(token: Any) -> None:
    assert refusal(token) in {"malformed", "signature"}


def test_a_payload_that_somebody_else_signed_is_refused() -> None:
    token = feedback.token(CALL, by="u1", secret=b"x" * 20)
    assert refusal(token) == "signature"


def test_what_a_token_says_cannot_be_changed_and_signed_with_the_old_signature() -> None:
    version, payload, signature = feedback.token(CALL, by="u1").split(".")
    said = json.loads(base64.urlsafe_b64decode(payload + "==="))
    forged = base64.urlsafe_b64encode(json.dumps({**said, "b": "u2"}).encode()).decode()
    assert refusal(f"{version}.{forged.rstrip('=')}.{signature}") == "signature"


def test_keys_can_be_changed_while_old_tokens_are_good(monkeypatch: pytest.MonkeyPatch) -> None:
    old = feedback.token(CALL)
    monkeypatch.setenv("RELIAI_FEEDBACK_KEY", f"{'n' * 32}, {KEY}")
    assert feedback.accept(old, 1)
    new = feedback.token(CALL)
    monkeypatch.setenv("RELIAI_FEEDBACK_KEY", "n" * 32)
    assert feedback.accept(new, 1)
    assert refusal(old) == "signature"


@pytest.mark.parametrize(("key", "said"), [("", "no key"), ("short", "less than 16 bytes")])
def test_without_a_good_key_it_says_what_to_set(
    monkeypatch: pytest.MonkeyPatch, key: str, said: str
) -> None:
    monkeypatch.setenv("RELIAI_FEEDBACK_KEY", key)
    for action in (lambda: feedback.token(CALL), lambda: feedback.accept("v1.a.b", 1)):
        with pytest.raises(reliai.ConfigurationError, match=rf"{said}; set RELIAI_FEEDBACK_KEY"):
            action()


@pytest.mark.parametrize(
    "value",
    [{"a": 1}, [1], "x" * 1025, 2**63, float("nan"), float("inf")],
    ids=["object", "list", "long", "big", "nan", "infinite"],
)
def test_a_browser_can_only_say_small_plain_things(value: Any) -> None:
    with pytest.raises(feedback.FeedbackError, match="value=…"):
        feedback.accept(feedback.token(CALL), value)
    assert feedback.read() == []


def test_where_values_are_given_only_those_can_be_said() -> None:
    token = feedback.token(CALL, values=(0, 1))
    assert feedback.accept(token, 1)
    for other in (2, True, "1"):
        with pytest.raises(feedback.FeedbackError, match=r"one of \[0, 1\]"):
            feedback.accept(token, other)


@pytest.mark.parametrize("values", [(), "01"])
def test_a_token_that_allows_nothing_is_an_error(values: Any) -> None:
    with pytest.raises(feedback.FeedbackError, match=r"must be values, such as \(0, 1\)"):
        feedback.token(CALL, values=values)


def test_a_number_is_the_same_number_however_it_is_written() -> None:
    feedback.accept(feedback.token(CALL, values=(0, 1)), 1.0)  # JSON of another language
    feedback.accept(feedback.token(CALL, name="score", values=(0.5, 1.0)), 1)  # JavaScript's 1.0
    assert {said.name: said.value for said in feedback.read(CALL)} == {"thumbs": 1, "score": 1.0}


def test_a_comment_has_its_limit() -> None:
    with pytest.raises(feedback.FeedbackError, match="at most 8192 characters"):
        feedback.accept(feedback.token(CALL), 1, comment="x" * 8193)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, "give the one or the other"),
        ({"call_id": CALL, "session": "s1"}, "give the one or the other"),
        ({"call_id": CALL, "expires": 0}, "expires=0"),
        ({"call_id": CALL, "expires": float("inf")}, "expires=inf"),
        ({"call_id": CALL, "name": ""}, "name=a text of 0"),
        ({"call_id": CALL, "values": [object()]}, "values=…"),
        ({"call_id": CALL, "values": ["x" * 500] * 9}, "give less"),
    ],
)
def test_settings_of_a_token_that_are_wrong_are_refused(
    arguments: dict[str, Any], said: str
) -> None:
    with pytest.raises(feedback.FeedbackError, match=said):
        feedback.token(**arguments)


def test_a_token_tells_no_key_and_a_refusal_no_token() -> None:
    token = feedback.token(CALL)
    assert KEY not in token
    with pytest.raises(feedback.TokenRefused) as caught:
        feedback.accept(token[:-1], 1)
    assert token[:-1] not in str(caught.value)
    again = copy.copy(caught.value)
    assert (str(again), again.reason) == (str(caught.value), "signature")

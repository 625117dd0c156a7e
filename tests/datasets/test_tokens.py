"""Stable typed tokens: the same thing has the same token, in all of a case."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import reliai
from reliai.checks._pii.finding import Hit
from reliai.datasets import Marker, Tokens, markers

TALK = [
    {"role": "user", "content": "I am ana@example.com; my friend is bob@example.com"},
    {"role": "assistant", "content": "Hello ana@example.com"},
    {"role": "user", "content": "please write to ANA@example.com"},
]


def test_an_address_that_occurs_three_times_has_the_same_token_each_time() -> None:
    made = Tokens().apply(TALK)
    assert [each["content"] for each in made.value] == [
        "I am [EMAIL_1]; my friend is [EMAIL_2]",
        "Hello [EMAIL_1]",
        "please write to [EMAIL_1]",
    ]
    assert made.replaced == {"email": 4}


def test_inputs_output_and_expectation_have_their_tokens_in_common() -> None:
    case = {
        "inputs": {"prompt": "refund ana@example.com, not bob@example.com"},
        "output": "refunded bob@example.com",
        "expected": "refunded ana@example.com",
    }
    made = Tokens().apply(case).value
    assert made["inputs"]["prompt"] == "refund [EMAIL_1], not [EMAIL_2]"
    assert made["output"] == "refunded [EMAIL_2]"
    assert made["expected"] == "refunded [EMAIL_1]"


def test_what_comes_later_has_the_tokens_of_the_case() -> None:
    tokens = Tokens()
    first = tokens.apply("from ana@example.com to bob@example.com")
    later = tokens.apply("bob@example.com, and eve@example.com", first.names)
    assert later.value == "[EMAIL_2], and [EMAIL_3]"


def test_a_number_with_blanks_is_that_number() -> None:
    made = Tokens()("card 4111 1111 1111 1111, again 4111111111111111")
    assert made == "card [CARD_1], again [CARD_1]"


def test_a_long_number_that_is_no_text_is_replaced_too() -> None:
    assert Tokens().apply({"card": 4111111111111111, "n": 7}).value == {"card": "[CARD_1]", "n": 7}


def test_what_a_key_alone_tells_is_found() -> None:
    made = Tokens().apply({"password": "hunter2secretX9"}).value
    assert made == {"password": "[PASSWORD_1]"}


def test_what_was_found_by_its_words_is_replaced_where_it_stands_alone() -> None:
    made = Tokens().apply(["my SSN is 078-05-1120", "again: 078-05-1120"]).value
    assert made == ["my SSN is [US_SSN_1]", "again: [US_SSN_1]"]


def test_keys_of_objects_are_replaced_and_stay_apart() -> None:
    made = Tokens().apply({"ana@example.com": 1, "ANA@example.com": 2}).value
    assert made == {"[EMAIL_1]": 1, "[EMAIL_1] (2)": 2}


def test_a_token_that_stands_there_already_is_given_to_nothing_else() -> None:
    assert Tokens()("[EMAIL_1] wrote to ana@example.com") == "[EMAIL_1] wrote to [EMAIL_2]"


def test_a_value_with_nothing_to_replace_is_given_back_itself() -> None:
    value = {"a": ["plain", 1, None, True, 2.5]}
    assert Tokens().apply(value).value is value


def test_own_kinds_are_found_by_own_finders() -> None:
    tokens = Tokens(reliai.Pii("redact", kinds=[], patterns={"employee": r"EMP-\d{6}"}))
    assert tokens(
        "EMP-123456 asks EMP-654321, EMP-123456"
    ) == "[EMPLOYEE_1] asks [EMPLOYEE_2], " + ("[EMPLOYEE_1]")


@pytest.mark.parametrize("finder", [reliai.Pii, "pii", 7, lambda text: []])
def test_what_finds_nothing_is_refused(finder: Any) -> None:
    with pytest.raises(reliai.ConfigurationError, match="has no find"):
        Tokens(finder)


def test_names_hold_nothing_of_what_was_found() -> None:
    names = Tokens().apply("ana@example.com").names
    assert "ana" not in repr(names)
    assert all(b"ana" not in key for key in names._by_hash)
    assert len(pickle.loads(pickle.dumps(names))) == 0  # noqa: S301  our own


def test_pictures_are_no_texts() -> None:
    url = "data:image/png;base64," + "4111111111111111" * 3
    value = [
        {"image_url": {"url": url}},
        {"source": {"type": "base64", "media_type": "image/png", "data": "4111111111111111"}},
    ]
    assert Tokens().apply(value).value is value


# --- markers ------------------------------------------------------------------------------------
def test_a_scorer_of_leaks_sees_where_personal_data_stood() -> None:
    text = Tokens()("write to ana@example.com, card 4111111111111111")
    assert markers(text) == (Marker("email", 1), Marker("card", 1))


def test_flat_labels_of_redacted_records_are_markers_too() -> None:
    assert markers("[EMAIL] and [GITHUB_TOKEN]") == (
        Marker("email", None),
        Marker("github_token", None),
    )


@pytest.mark.parametrize("text", ["", "[NOTE]", "[1]", "[email_1]", "[ EMAIL_1 ]", "EMAIL_1"])
def test_brackets_that_are_no_token_are_no_marker(text: str) -> None:
    assert markers(text) == ()


@given(st.text(alphabet="ab1@. []_EMAIL-", max_size=60))
def test_scrubbing_twice_changes_nothing_more(text: str) -> None:
    once = Tokens()(text)
    assert Tokens()(once) == once


@given(st.lists(st.sampled_from(["ana@x.org", "bob@x.org", "eve@x.org"]), max_size=8))
def test_equal_things_have_equal_tokens_and_others_have_others(people: list[str]) -> None:
    made = Tokens().apply(people).value
    assert len(set(made)) == len(set(people))
    assert [people.index(each) for each in people] == [made.index(each) for each in made]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ada@example.com wrote", "[EMAIL_1] wrote"),
        ("the key ada@example.community stays", "the key ada@example.community stays"),
        ("(Kimberly)", "([NAME_1])"),
        ("Kimberlyana and xKimberly", "Kimberlyana and xKimberly"),
    ],
)
def test_what_was_found_elsewhere_is_replaced_where_it_is_a_word(text: str, shown: str) -> None:
    class Names:
        def find(self, said: str) -> list[Hit]:
            """Finds only what is introduced."""
            hits: list[Hit] = []
            for kind, word in (("email", "ada@example.com"), ("name", "Kimberly")):
                at = said.find(f"I am {word}") + len("I am ")
                if at >= len("I am "):
                    hits.append(Hit(at, at + len(word), kind))
            return hits

    value = {"a": "I am ada@example.com", "b": "I am Kimberly", "c": text}
    assert Tokens(Names()).apply(value).value["c"] == shown

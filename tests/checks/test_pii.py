"""Pii: what becomes of personal data, in texts and in all that holds texts."""

from __future__ import annotations

import copy
import pickle
import re
import subprocess
import sys
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

import reliai
from reliai import ConfigurationError, Pii, Replace
from reliai.checks._pii.folding import fold

MAIL, CARD = "ana@example.com", "4242 4242 4242 4242"


def redacted(value: Any, **settings: Any) -> Any:
    verdict = Pii("redact", **settings)(value)
    return verdict.value if isinstance(verdict, Replace) else verdict


def test_raise_names_kinds_and_counts_and_never_what_they_are() -> None:
    verdict = Pii()(f"{MAIL} and bob@example.com pay with {CARD}")
    assert verdict == "it has personal data: card (1), email (2)"


def test_a_text_without_personal_data_passes() -> None:
    assert Pii()("hello") is None
    assert Pii("redact")("hello") is None


def test_redact_puts_the_kind_in_place() -> None:
    assert redacted(f"To {MAIL}: {CARD}.") == "To [EMAIL]: [CARD]."


def test_redacted_text_has_nothing_left_to_redact() -> None:
    once = redacted(f"To {MAIL}: {CARD}, born on 1990-05-17, +49 151 23456789")
    assert Pii("redact")(once) is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (
            [{"role": "user", "content": f"I am {MAIL}"}],
            [{"role": "user", "content": "I am [EMAIL]"}],
        ),
        (
            [{"role": "user", "content": [{"type": "text", "text": MAIL}]}],
            [{"role": "user", "content": [{"type": "text", "text": "[EMAIL]"}]}],
        ),
        ((MAIL, 1, None), ("[EMAIL]", 1, None)),
        ({MAIL: 1}, {"[EMAIL]": 1}),
        ({"ana@a.io": 1, "bob@b.io": 2}, {"[EMAIL]": 1, "[EMAIL] (2)": 2}),
        ({MAIL}, {"[EMAIL]"}),
        ({"arguments": f'{{"to": "{MAIL}"}}'}, {"arguments": '{"to": "[EMAIL]"}'}),
    ],
)
def test_every_text_of_messages_is_looked_at(value: Any, expected: Any) -> None:
    before = copy.deepcopy(value)
    assert redacted(value) == expected
    assert value == before
    assert Pii()(before) is not None


class Message(BaseModel):
    role: str = "user"
    content: str


@dataclass(frozen=True, slots=True)
class Turn:
    said: str
    number: int = 1


class Pair(NamedTuple):
    a: str
    b: int


class Frozen(BaseModel, frozen=True, extra="allow"):
    content: str


anyhow: Any = Frozen  # what it allows beyond its fields no type checker knows


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Message(content=MAIL), Message(content="[EMAIL]")),
        (Turn(MAIL), Turn("[EMAIL]")),
        (Pair(MAIL, 1), Pair("[EMAIL]", 1)),
        (SimpleNamespace(content=MAIL), SimpleNamespace(content="[EMAIL]")),
        (anyhow(content="a", more=MAIL), anyhow(content="a", more="[EMAIL]")),
        ([Message(content=MAIL)], [Message(content="[EMAIL]")]),
    ],
)
def test_objects_that_hold_data_are_copied_not_changed(value: Any, expected: Any) -> None:
    assert redacted(value) == expected
    assert Pii()(value) == "it has personal data: email (1)"


def test_what_is_the_same_stays_the_same_object() -> None:
    kept = {"role": "system", "content": "hello"}
    made = redacted([kept, {"content": MAIL}])
    assert made[0] is kept


def test_pictures_are_not_read() -> None:
    picture = "data:image/png;base64," + "4242424242424242" * 4
    source = {"type": "base64", "media_type": "image/png", "data": "4242424242424242"}
    assert Pii()([{"url": picture}, {"source": source}]) is None


def test_what_holds_itself_is_looked_at_once() -> None:
    value: list[Any] = [MAIL]
    value.append(value)
    assert Pii()(value) == "it has personal data: email (1)"


class Sealed(BaseModel):
    content: str

    def __copy__(self) -> Sealed:
        raise RuntimeError("no copies")


def test_what_cannot_be_copied_is_not_let_through() -> None:
    with pytest.raises(TypeError, match="Sealed holds a text to replace, and cannot be copied"):
        Pii("redact")(Sealed(content=MAIL))
    assert Pii("redact")(Sealed(content="hello")) is None


@pytest.mark.parametrize("action", ["raise", "redact"])
def test_what_cannot_be_looked_into_fails(action: Any) -> None:
    verdict = Pii(action)(object())
    assert verdict == "it cannot be looked into: it is neither text nor data but object"


@pytest.mark.parametrize("value", [None, 1, 2.5, True, Decimal("1.5"), date(1990, 5, 17)])
def test_what_is_no_text_passes(value: Any) -> None:
    assert Pii()(value) is None


def test_only_the_kinds_that_were_named_are_looked_for() -> None:
    assert redacted(f"{MAIL} {CARD}", kinds="card") == f"{MAIL} [CARD]"
    assert Pii(kinds=["email", "card"]).kinds == ("email", "card")


def test_names_are_looked_for_only_when_asked() -> None:
    assert Pii()("My name is Ana") is None
    assert redacted("My name is Ana", kinds=["name"]) == "My name is [NAME]"


def test_kinds_of_ones_own_are_found_by_their_expression() -> None:
    given = {"employee": r"EMP-\d{6}", "ward": re.compile("ward [A-F]")}
    found = redacted(f"EMP-123456 in ward B, {MAIL}", patterns=given)
    assert found == "[EMPLOYEE] in [WARD], [EMAIL]"
    assert redacted(f"EMP-123456 {MAIL}", kinds=[], patterns=given) == f"[EMPLOYEE] {MAIL}"


def test_ones_own_kind_wins_over_another_of_the_same_length() -> None:
    assert redacted("123-45-6789", patterns={"ours": r"\d{3}-\d{2}-\d{4}"}) == "[OURS]"


def test_what_is_allowed_is_not_reported() -> None:
    pii = Pii("redact", allow=["help@shop.example", "@public.example", CARD])
    text = f"HELP@shop.example x@public.example {CARD}"
    assert pii(text) is None
    assert pii("ana@shop.example") == Replace("[EMAIL]")


def test_spans_are_in_order_and_say_what_comes_in_place() -> None:
    text = f"{MAIL} {CARD}"
    assert list(Pii("redact").spans(text)) == [(0, 15, "[EMAIL]"), (16, 35, "[CARD]")]
    assert list(Pii().spans(text)) == [(0, 15, None), (16, 35, None)]
    assert list(Pii().spans("")) == []


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"action": "mask"}, r"action='mask'.*\"raise\", \"redact\" or \"pseudonymize\""),
        ({"kinds": ["emial"]}, r"\['emial'\].*no such kind; the kinds are: address"),
        ({"kinds": []}, "looks for nothing"),
        ({"kinds": 3}, "kinds=3"),
        ({"patterns": {"A b": "x"}}, "'A b' is no name"),
        ({"patterns": {"a": "("}}, "no regular expression"),
        ({"patterns": {"a": b"x"}}, "no regular expression"),
        ({"allow": [1]}, r"allow=\[1\]"),
        ({"engine": "spacy"}, "engine='spacy'.*presidio"),
        ({"language": "de"}, "are for presidio"),
        ({"engine": "presidio", "threshold": 2}, "threshold=2.*from 0 to 1"),
        ({"engine": "presidio", "language": ""}, "language=''"),
    ],
)
def test_a_setting_out_of_range_says_so(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        Pii(**settings)


def test_what_it_is_allowed_to_let_through_is_not_described() -> None:
    described = Pii(allow=[MAIL]).describe()
    assert MAIL not in repr(described)
    assert described["allow"] == 1
    assert described["action"] == "raise"
    assert "email" in described["kinds"]
    assert repr(Pii("redact")) == "reliai.Pii(action='redact')"


def test_pseudonyms_are_for_guard_alone() -> None:
    with pytest.raises(ConfigurationError, match="needs a Guard"):
        Pii("pseudonymize")("hello")
    with pytest.raises(ConfigurationError, match=r"Validate: Pii with action=.pseudonymize"):
        reliai.Validate(Pii("pseudonymize"))(redacted)
    with pytest.raises(ConfigurationError, match=r"Validate: Pii with action=.pseudonymize"):
        reliai.Validate(reliai.check(Pii("pseudonymize"), timeout=1))(redacted)


def test_it_can_be_pickled_with_its_settings() -> None:
    again = pickle.loads(pickle.dumps(Pii("redact", kinds=["email"])))  # noqa: S301  our own
    assert again(MAIL) == Replace("[EMAIL]")


def test_the_rules_are_loaded_by_who_asks_for_them() -> None:
    code = (
        "import sys, reliai; reliai.MaxLength(3); print('reliai.checks._pii' in str(sys.modules))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "False"


@given(st.text())
def test_plain_characters_are_as_many_as_there_were(text: str) -> None:
    assert len(fold(text)) == len(text)


@given(st.text(alphabet="0123456789 -./()+@ABab:", max_size=60))
def test_hits_lie_within_the_text_in_order_and_apart(text: str) -> None:
    end = 0
    for hit in Pii().find(text):
        assert end <= hit.start < hit.end <= len(text)
        end = hit.end

"""Personal data and keys on streams: wherever a chunk ends, none of their characters gets out."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reliai import CanaryToken, HiddenText, Pii, Replace, Secrets, StreamInterrupted
from reliai.testing import records
from tests.policies._guarded import every_stream
from tests.policies._holding import guarded, interrupted, partial

MAIL = "ada.lovelace@example.com"
CARD = "4111 1111 1111 1111"
KEY = "sk-proj-" + "abcdefghijklmnopqrstuvwxyz0123456789ABCD"
CANARY = "canary-7f3a9b2c1d"
AROUND = "It was a quiet day on the river, and nobody had anything to say about it at all. "
TEXT = f"{AROUND * 6}Write to {MAIL} or charge {CARD}, please. {AROUND * 6}"
CUTS = st.lists(st.integers(0, 1_100), max_size=40)


def chunked(text: str, cuts: list[int]) -> list[str]:
    places = sorted({min(cut, len(text)) for cut in cuts})
    return [text[a:b] for a, b in zip([0, *places], [*places, len(text)], strict=True)]


@settings(max_examples=60, deadline=None)
@given(CUTS)
def test_personal_data_split_over_chunks_is_redacted_as_in_the_whole_text(cuts: list[int]) -> None:
    """IR-30, 32"""
    check = Pii(action="redact")
    whole = check(TEXT)
    assert isinstance(whole, Replace)
    assert "ada" not in whole.value
    assert "".join(guarded("generator", chunked(TEXT, cuts), checks=(check,))()) == whole.value


@settings(max_examples=60, deadline=None)
@given(CUTS, st.sampled_from(["pii", "secrets", "canary"]))
def test_no_character_of_what_is_forbidden_is_delivered(cuts: list[int], which: str) -> None:
    """IR-30"""
    checks: dict[str, tuple[Any, str]] = {
        "pii": (Pii(action="raise"), MAIL),
        "secrets": (Secrets(), KEY),
        "canary": (CanaryToken(CANARY), CANARY),
    }
    check, forbidden = checks[which]
    before = AROUND * 8
    text = f"{before}{forbidden} {AROUND}"
    with records() as seen, pytest.raises(StreamInterrupted) as caught:
        guarded("generator", [before, *chunked(text[len(before) :], cuts)], checks=(check,))()
    assert before.startswith(partial(caught.value))
    assert forbidden not in str(caught.value)
    assert forbidden not in str(seen[0].to_dict())


@every_stream
def test_hidden_characters_are_taken_out_on_the_way(kind: str) -> None:
    text = f"{AROUND}A zero\u200bwidth and a bidi\u202e mark, a family \U0001f468\u200d\U0001f469. "
    check = HiddenText("remove")
    whole = check(text)
    assert isinstance(whole, Replace)
    assert "".join(guarded(kind, list(text), checks=(check,))()) == whole.value
    interrupted(guarded(kind, list(text), checks=(HiddenText(),)))

"""The time a search takes grows with the text, whatever the text is."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reliai.checks import Pii, Secrets
from reliai.checks._pii.catalogue import KINDS

ALL = Pii(kinds=KINDS)
SECRETS = Secrets()

PIECES = """
a 1 a. @ a@ a@a. 1- 12: 4111 +1 (1 DE89 A1 http://a a://b: 1.1. phone_1 born_1990- passport_A1 (at
a_(at)_a Xstraße_1 Dear_Aa_ 00: f: - = sk- eyJ eyJa. AKIA pass= password token= secret_ key- Bearer_
authorization:_ 1234567890:AA xoxb- ghp_ pypi- SG. Q~ a-token- < é \uff14 中 ; " \\ _
""".split()
LONG = 100_000


def spent(find: Any, text: str) -> float:
    began = time.process_time()
    find(text)
    return time.process_time() - began


@pytest.mark.parametrize("piece", PIECES)
def test_a_hundred_kilobytes_of_anything_are_searched_in_seconds(piece: str) -> None:
    piece = piece.replace("_", " ")
    text = (piece * (LONG // len(piece) + 1))[:LONG]
    assert spent(ALL.find, text) < 15  # a quadratic search takes minutes
    assert spent(SECRETS.find, text) < 15


@pytest.mark.parametrize(
    "text",
    [
        "1 " * 50_000,
        "4111 1111 1111 1111 " * 5_000,
        "12 Main Street, Aa Aa Aa Aa " * 3_500,
        "1 " + "Aa " * 33_000,
        "my name is Aa Bb Cc Dd Ee " * 3_700,
        "-----BEGIN RSA PRIVATE KEY-----\n" * 3_000,
        "a@b.co " * 14_000,
        "01 23 45 67 89 " * 6_600,
        "born 1990-05-1" * 7_000,
    ],
)
def test_texts_full_of_beginnings_are_searched_in_seconds(text: str) -> None:
    assert spent(ALL.find, text) < 15
    assert spent(SECRETS.find, text) < 15


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=4))
def test_no_mixture_takes_more_than_its_share(pieces: list[str]) -> None:
    unit = "".join(pieces).replace("_", " ")
    text = (unit * (20_000 // len(unit) + 1))[:20_000]
    assert spent(ALL.find, text) < 5
    assert spent(SECRETS.find, text) < 5

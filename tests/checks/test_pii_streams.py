"""Pii on parts of texts, as a stream that is held back shows them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reliai.checks import Pii, Secrets
from reliai.checks._pii.catalogue import KINDS
from tests.checks.test_pii_found import CASES, parts
from tests.checks.test_secrets import FOUND

FILLER = "nothing to see in these words, which go on for quite a while and end somewhere. "


@pytest.mark.parametrize("line", CASES)
def test_the_window_holds_all_that_decides_about_a_hit(line: str) -> None:
    """Seen through a window from anywhere before it, a hit is what it is in the whole text."""
    kind, text, expected = parts(line)
    pii = Pii(kinds=[kind])
    assert pii.window is not None
    whole = FILLER * 8 + text + " " + FILLER * 8
    place = whole.index(expected)
    window = whole[place + len(expected) + 4 - pii.window : place + len(expected) + 4]
    assert expected in [window[hit.start : hit.end] for hit in pii.find(window)]


def test_each_kind_has_a_window_of_its_own() -> None:
    assert Pii(kinds=["card"]).window == 84
    assert Pii(kinds=["email"]).window == 364
    assert Pii().window == max(Pii(kinds=[kind]).window or 0 for kind in KINDS if kind != "name")


def test_an_expression_without_a_bound_has_no_window() -> None:
    assert Pii(kinds=["card"], patterns={"a": "x+"}).window is None
    assert Pii(kinds=["card"], patterns={"a": "x{200}"}).window == 200


@pytest.mark.parametrize(("kind", "text", "expected"), FOUND)
def test_a_secret_is_known_before_the_window_lets_it_out(
    kind: str, text: str, expected: str
) -> None:
    secrets = Secrets(kinds=[kind])
    assert secrets.window is not None
    start = text.index(expected)
    shown = text[: start + secrets.window]
    assert any(hit.start == start for hit in secrets.find(shown))


@settings(max_examples=60)
@given(st.data())
def test_what_is_let_out_of_a_held_stream_has_no_personal_data(data: st.DataObject) -> None:
    lines = data.draw(st.lists(st.sampled_from(CASES), min_size=1, max_size=4))
    text = "".join(f"{FILLER}{parts(line)[1]} ; " for line in lines) + FILLER
    cut = data.draw(st.integers(0, len(text)))
    pii = Pii(kinds=KINDS)
    assert pii.window is not None
    seen, held = text[:cut], max(0, cut - pii.window)
    whole = [hit for hit in pii.find(text) if hit.end <= held]
    assert [hit for hit in pii.find(seen) if hit.end <= held] == whole

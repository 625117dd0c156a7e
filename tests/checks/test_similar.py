"""Similar: how close a text is to a reference, by letters or by vectors."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import reliai
from reliai import ConfigurationError, OutputInvalid, Validate
from reliai.checks import Score, Similar

REFERENCE = "Your parcel will arrive on Thursday."

CLOSE = {
    "the same": REFERENCE,
    "capitals": REFERENCE.upper(),
    "blanks": "Your  parcel\nwill arrive   on Thursday.",
    "no full stop": "Your parcel will arrive on Thursday",
    "a letter": "Your parcel will arive on Thursday.",
    "another day": "Your parcel will arrive on Tuesday.",
    "a word more": "Your parcel will arrive early on Thursday.",
    "a word less": "Your parcel arrives on Thursday.",
    "exclamation": "Your parcel will arrive on Thursday!!!",
    "umlauts": "Yöur pärcel will arrive on Thursday.",
    "quotes": f'"{REFERENCE}"',
    "synonym": "Your package will arrive on Thursday.",
    "typing": "Your parcel wil arrvie on Thursday.",
    "prefix": "So: Your parcel will arrive on Thursday.",
    "emoji": "Your parcel will arrive on Thursday. 🎉",
}
FAR = {
    "nothing": "",
    "another": "The invoice was paid.",
    "German": "Ihr Paket kommt am Donnerstag an.",
    "Chinese": "您的包裹将于星期四送达。",
    "one word": "Thursday",
    "code": "def arrive(day): return day",
    "long": REFERENCE * 4,
    "turned": REFERENCE[::-1],
    "letters": "abcdefghijklmnopqrstuvwxyz",
    "number": "42",
    "blank": "   ",
    "refusal": "I'm sorry, but I can't help with that.",
    "words out of order": "Thursday on arrive will parcel your.",
    "json": '{"day": "Thursday"}',
    "half": "Your parcel will",
}


@pytest.mark.parametrize("text", CLOSE.values(), ids=CLOSE)
def test_a_close_text_passes(text: str) -> None:
    found = Similar(REFERENCE)(text)
    assert isinstance(found, Score)
    assert 0.8 <= found.value <= 1


@pytest.mark.parametrize("text", FAR.values(), ids=FAR)
def test_a_text_that_is_far_off_fails(text: str) -> None:
    assert "at least 0.8 is needed" in str(Similar(REFERENCE)(text))


def test_one_of_several_references_is_enough() -> None:
    check = Similar(["The invoice was paid.", REFERENCE])
    assert check(REFERENCE) == Score(1.0)
    assert isinstance(check("Something else entirely"), str)


@given(st.text(max_size=60))
def test_a_text_is_as_close_to_itself_as_can_be(text: str) -> None:
    reference = f"x{text}"
    assert Similar(reference, minimum=1)(reference) == Score(1.0)


VECTORS: dict[str, list[float]] = {
    "a": [1, 0],
    "b": [0.9, 0.1],
    "c": [0, 1],
    "d": [-1, 0],
    "zero": [0, 0],
}


def test_with_a_function_of_vectors_their_cosine_decides() -> None:
    check = Similar("a", embed=VECTORS.__getitem__)
    assert check("b") == Score(0.9939)
    assert check("a") == Score(1.0)
    for far in ("c", "d", "zero"):
        assert isinstance(check(far), str)


def test_references_are_embedded_once() -> None:
    asked: list[str] = []

    def embed(text: str) -> list[float]:
        asked.append(text)
        return [1.0, float(len(text))]

    check = Similar(["one", "three"], embed=embed)
    check.prepare()
    assert asked == []
    check("two")
    check("two")
    assert asked == ["one", "three", "two", "two"]


@pytest.mark.parametrize(
    "vectors", [{"a": [1], "b": [1, 2]}, {"a": [1], "b": [float("nan")]}, {"a": [1], "b": None}]
)
def test_vectors_that_do_not_fit_block_the_answer(vectors: Any) -> None:
    guarded = Validate(Similar("a", embed=vectors.__getitem__))(lambda prompt: "b")
    with pytest.raises(OutputInvalid, match="the check itself failed"):
        guarded("hello")


def test_the_score_is_on_the_record_and_the_texts_are_not() -> None:
    with reliai.collect() as calls:
        Validate(Similar(REFERENCE))(lambda prompt: REFERENCE)("hello")
    assert calls[0].values == {"similar": 1.0}
    with pytest.raises(OutputInvalid, match="similarity") as caught:
        Validate(Similar(REFERENCE))(lambda prompt: FAR["German"])("hello")
    assert "Paket" not in str(caught.value)
    assert "parcel" not in str(caught.value) + repr(Similar(REFERENCE))


@pytest.mark.parametrize("reference", ["", "  ", [], [""], [5], 5, None, ["a", None]])
def test_a_reference_must_be_text(reference: Any) -> None:
    with pytest.raises(ConfigurationError, match="text that is not empty"):
        Similar(reference)


@pytest.mark.parametrize("minimum", [0, 1.1, True, "0.5", float("nan")])
def test_a_wrong_minimum_is_a_configuration_error(minimum: Any) -> None:
    with pytest.raises(ConfigurationError, match="above 0 and at most 1"):
        Similar(REFERENCE, minimum)


@pytest.mark.parametrize("embed", [5, "model", list])
def test_what_cannot_embed_is_a_configuration_error(embed: Any) -> None:
    with pytest.raises(ConfigurationError, match="function of a text"):
        Similar(REFERENCE, embed=embed)


def test_a_missing_extra_is_told_when_decorating(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rapidfuzz.fuzz", None)
    with pytest.raises(ConfigurationError, match=r'pip install "reliai\[similarity\]"'):
        Validate(Similar(REFERENCE))(lambda prompt: prompt)
    Validate(Similar(REFERENCE, embed=lambda _: [1.0]))(lambda prompt: prompt)


def test_settings_are_described() -> None:
    described = Similar(REFERENCE, embed=len).describe()  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    assert (described["references"], described["minimum"], described["embed"]) == (1, 0.8, "len")
    assert Similar(REFERENCE)(5) == "it is not text but int"

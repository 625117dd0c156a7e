"""How pages write numbers, moments and texts."""

from __future__ import annotations

import pytest

from reliai.testing import virtual_clock
from reliai.ui import words


@pytest.mark.parametrize(
    ("value", "said"),
    [(None, ""), (0, "0 ms"), (15e-6, "15 µs"), (0.0021, "2.1 ms"), (0.25, "250 ms"),
     (1.256, "1.26 s"), (45.2, "45 s"), (119.0, "119 s"), (300.0, "5.0 min"),
     (1800.0, "30 min"), (90_000.0, "25 h"), (30 * 86_400.0, "30 d"), (1e8, "1,157 d")],
)  # fmt: skip
def test_durations(value: float | None, said: str) -> None:
    assert words.seconds(value) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [(None, ""), (0.0, "$0"), (0.00002, "$0.000020"), (0.5, "$0.5000"), (1234.5, "$1,234.50")],
)
def test_amounts_of_money(value: float | None, said: str) -> None:
    assert words.dollars(value) == said


def test_a_moment_says_its_zone_and_escapes_nothing_of_its_own() -> None:
    made = words.moment(0.0)
    assert made.startswith('<time datetime="19')
    assert "+" in made or "-" in made.split("T")[1]


@pytest.mark.parametrize("value", [1e18, -1e18, float("nan"), float("inf")])
def test_a_moment_that_no_calendar_has_is_shown_as_it_is(value: float) -> None:
    assert words.moment(value) == f"{value:g}"


def test_how_long_ago() -> None:
    with virtual_clock() as clock:
        assert words.ago(clock.time() - 90) == "90 s ago"
        assert words.ago(clock.time() - 0.2) == "now"
        assert words.ago(clock.time() + 50) == "now"
        assert words.ago(None) == ""


@pytest.mark.parametrize(
    "sign", ["\x00", "\x1b", "\u202e", "\u2066", "\u200b", "\ufeff", "\U000e0041"]
)
def test_what_cannot_be_seen_is_spelt_out(sign: str) -> None:
    assert words.shown(f"a{sign}b") == f'a<span class="hidden-sign">⟨U+{ord(sign):04X}⟩</span>b'


@pytest.mark.parametrize("text", ["a\tb\nc\r\n", "مرحبا", "日本語", "👩‍👩‍👧", "e\u0301", "&lt;"])
def test_what_can_be_seen_stays_as_it_is(text: str) -> None:
    assert words.shown(text).unescape() == text


def test_markup_is_escaped_beside_what_is_spelt_out() -> None:
    assert "<b>" not in words.shown("<b>\u202e</b>")


def test_values_in_a_line() -> None:
    assert [words.plain(each) for each in (0.123456, 3, True, "a", None, [1])] == [
        "0.1235", "3", "true", "a", "null", "[1]"
    ]  # fmt: skip

"""Checks that say which parts of a text they replace or forbid, on streams."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reliai import MaxLength, OutputInvalid, Pattern, Replace, StreamInterrupted, Validate, check
from reliai.checks.base import Check, CheckVerdict, Span
from tests.policies._guarded import Guarded, every_stream
from tests.policies._holding import guarded, interrupted, partial

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST = 6


class Digits(Check):
    """Replaces numbers of three to six digits, or forbids them."""

    reads_text = True
    window = LONGEST + 1
    put: str | None = "<#>"
    expression = re.compile(r"\b\d{3,6}\b")

    def __call__(self, value: Any, /) -> CheckVerdict:
        changed = self.expression.sub(self.put or "", value)
        if changed == value:
            return None
        return "it has a number" if self.put is None else Replace(changed)

    def spans(self, text: str, /) -> Iterator[Span]:
        return ((*match.span(), self.put) for match in self.expression.finditer(text))


class NoDigits(Digits):
    put = None


def chunked(text: str, cuts: list[int]) -> list[str]:
    places = sorted({min(cut, len(text)) for cut in cuts})
    return [text[a:b] for a, b in zip([0, *places], [*places, len(text)], strict=True)]


@settings(max_examples=300)
@given(st.text("12 a-\U0001f600", max_size=40), st.lists(st.integers(0, 40), max_size=12))
def test_a_stream_is_replaced_as_its_whole_text_is(text: str, cuts: list[int]) -> None:
    """32"""
    model = guarded("generator", chunked(text, cuts), checks=(Digits(),))
    assert "".join(model()) == Digits.expression.sub("<#>", text)


@every_stream
def test_only_what_may_still_become_part_of_something_is_held_back(kind: str) -> None:
    """32: the first chunk does not wait for the last."""
    arrived: list[str] = []

    def chunks(prompt: str) -> Any:
        for chunk in ["Call 12", "345 or 99", "9 now", ", please", " and again"]:
            arrived.append(chunk)
            yield chunk

    model = Guarded(kind, Validate(Digits()), answer=chunks)
    assert model() == ["C", "all <#>", " or <#>", " now, ", "please and", " again"]
    assert model.events == ["output_replaced"]
    assert [(c.name, c.passed, c.reason) for c in model.record.checks] == [
        ("Digits", True, "changed")
    ]


@every_stream
def test_the_checks_after_it_see_what_it_made(kind: str) -> None:
    many = ["1234 "] * 10
    checks: tuple[Any, ...] = (Digits(), MaxLength(45), Pattern("123", forbid=True))
    assert "".join(guarded(kind, many, checks=checks)()) == "<#> " * 10
    with pytest.raises(StreamInterrupted):
        guarded(kind, many, checks=(MaxLength(45), Digits()))()
    with pytest.raises(OutputInvalid):
        guarded(kind, many, checks=(Pattern("123", forbid=True), Digits()))()


@every_stream
def test_a_forbidden_part_is_refused_in_the_checks_own_words(kind: str) -> None:
    model = guarded(kind, ["My number", " is 12", "34", " by now"], checks=(NoDigits(),))
    error = interrupted(model)
    assert "My number is ".startswith(partial(error))
    assert isinstance(error.__cause__, OutputInvalid)
    assert error.__cause__.errors == ("NoDigits: it has a number",)
    fine = guarded(kind, ["My number", " is 12", " 34", " by now"], checks=(NoDigits(),))
    assert "".join(fine()) == "My number is 12 34 by now"


@every_stream
def test_another_name_and_a_time_limit_change_nothing(kind: str) -> None:
    numbers = check(Digits(), name="numbers", timeout=5)
    model = guarded(kind, list("Call 12345 or 999, but not 12"), checks=(numbers,))
    assert "".join(model()) == "Call <#> or <#>, but not 12"
    assert model.record.checks[0].name == "numbers"


@every_stream
def test_observing_changes_nothing_and_says_so_once(kind: str) -> None:
    chunks = ["Call 12345", " or 999", " now"]
    model = guarded(kind, chunks, checks=(Digits(), NoDigits()), mode="observe")
    assert model() == chunks
    assert sorted(model.events) == ["output_would_reject", "output_would_replace"]


@every_stream
def test_long_streams_are_replaced_like_short_ones(kind: str) -> None:
    chunks = [f"{number} is a number; " for number in range(1000)]
    model = guarded(kind, chunks, checks=(Digits(),))
    assert "".join(model()) == Digits.expression.sub("<#>", "".join(chunks))


@every_stream
def test_what_goes_before_a_part_is_looked_at_after_it_was_let_out(kind: str) -> None:
    numbers = "1" * 40
    assert "".join(guarded(kind, list(numbers), checks=(Digits(),))()) == numbers
    assert "".join(guarded(kind, list(f"{numbers} 123"), checks=(Digits(),))()) == f"{numbers} <#>"


@every_stream
def test_one_with_a_long_window_is_not_asked_for_each_chunk(kind: str) -> None:
    """28"""
    asked: list[int] = []

    class Wide(Digits):
        window = 80

        def spans(self, text: str, /) -> Iterator[Span]:
            asked.append(len(text))
            return super().spans(text)

    for mode in ("enforce", "observe"):
        asked.clear()
        chunks = ["12", "34", " a", "b "] * 200
        model = guarded(kind, chunks, checks=(Wide(),), mode=mode)
        delivered = "".join(model())
        assert delivered == "".join(chunks) if mode == "observe" else "<#> ab " * 200
        assert len(asked) < 800 / 4
        assert max(asked) < 2 * 80 + 20


@every_stream
@pytest.mark.parametrize("on_error", ["block", "allow"])
def test_one_that_crashes_keeps_to_its_fail_mode(kind: str, on_error: Any) -> None:
    class Crashes(Digits):
        def spans(self, text: str, /) -> Iterator[Span]:
            if "c" in text:
                raise LookupError(text)
            return super().spans(text)

    checks = (check(Crashes(), on_error=on_error),)
    model = guarded(kind, ["a 123 a 123 a ", "b 123 c", " 123 d"], checks=checks)
    if on_error == "block":
        error = interrupted(model)
        assert "a <#> a <#> a b <#>".startswith(partial(error).rstrip())
        return
    assert "".join(model()) == "a <#> a 123 a b 123 c 123 d"
    assert "check_bypassed" in model.events


@every_stream
def test_one_that_crashes_over_its_words_refuses_all_the_same(kind: str) -> None:
    class Wordless(NoDigits):
        def __call__(self, value: Any, /) -> CheckVerdict:
            raise LookupError(value)

    model = guarded(kind, ["1234 at once"], checks=(Wordless(),))
    with pytest.raises(OutputInvalid, match="LookupError"):
        model()


@every_stream
def test_one_that_hangs_keeps_to_its_fail_mode(kind: str) -> None:
    class Hangs(Digits):
        def spans(self, text: str, /) -> Iterator[Span]:
            time.sleep(0.3)
            return super().spans(text)

    hangs = check(Hangs(), on_error="allow", timeout=0.05)
    model = guarded(kind, ["a 123 a ", "b 123 c"], checks=(hangs,))
    assert "".join(model()) == "a 123 a b 123 c"
    assert model.events == ["check_bypassed"]

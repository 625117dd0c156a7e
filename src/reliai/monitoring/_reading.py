"""Reading signals off a record: facts, and descriptors of texts, which are not kept."""

from __future__ import annotations

import math
import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from reliai._core.content import content_of
from reliai.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__: list[str] = []

ENOUGH: Final = 20_000
"""Characters of a text that are looked at."""

_ANSWERED: Final = frozenset({"success", "degraded"})


def failed(record: Any) -> bool | None:
    """Whether a call failed or was turned away; None of one cancelled or rejected by a guard."""
    status = record.status
    if status in _ANSWERED:
        return False
    if status == "cancelled":
        return None
    error = record.error
    if status == "rejected" and error is not None and error.type.endswith("GuardRejected"):
        return None
    return True


def duration(record: Any) -> float | None:
    """Seconds that an answered call took."""
    return record.duration if record.status in _ANSWERED else None


def first_chunk(record: Any) -> float | None:
    """Seconds until the first chunk."""
    return record.time_to_first_chunk  # type: ignore[no-any-return]


def input_tokens(record: Any) -> float | None:
    """Tokens that went in."""
    return record.input_tokens  # type: ignore[no-any-return]


def output_tokens(record: Any) -> float | None:
    """Tokens that came out."""
    return record.output_tokens  # type: ignore[no-any-return]


def cost(record: Any) -> float | None:
    """US dollars."""
    return record.cost_usd  # type: ignore[no-any-return]


def finish_reason(record: Any) -> str | None:
    """Why the answer stopped."""
    return record.finish_reason  # type: ignore[no-any-return]


def refused(record: Any) -> bool | None:
    """Whether the model refused, by what the provider or a check says; None of other errors."""
    if record.finish_reason in {"refusal", "content_filter"}:
        return True
    error = record.error
    if error is None:
        return False
    if error.type.endswith("OutputRefused") or error.kind == "content_filter":
        return True
    return None


def refused_in_words(record: Any) -> bool | None:
    """The same, or in plain words."""
    known = refused(record)
    if known is not False:
        return known
    text = _text_of(record, "output")
    if text is None:
        return False
    from reliai.checks._refusals import reads_as_refusal  # noqa: PLC0415  builds expressions: 20 ms

    return reads_as_refusal(text)


def cut_off(record: Any) -> bool | None:
    """Whether the answer reached its length limit; None where nothing says why it ended."""
    error = record.error
    if error is not None:
        return True if error.type.endswith("OutputTruncated") else None
    reason = record.finish_reason
    return None if reason is None else bool(reason == "length")


_INVALID: Final = frozenset({"output_invalid", "output_would_reject", "reask"})
_GUARDED: Final = frozenset(
    {"guard_rejected", "guard_would_reject", "guard_replaced", "guard_would_replace"}
)


def invalid(record: Any) -> bool | None:
    """Whether an answer of the call did not pass its checks."""
    if any(event.kind in _INVALID for event in record.events):
        return True
    return False if record.status in _ANSWERED else None


def guarded(record: Any) -> bool:
    """Whether a guard did something."""
    return any(event.kind in _GUARDED for event in record.events)


def empty(record: Any) -> bool | None:
    """Whether an answer has no text; a structured one is looked at as a whole."""
    if record.status not in _ANSWERED:
        return None
    content = content_of(record) if hasattr(record, "_content") else None
    found = record.output if content is None else content.answer
    if isinstance(found, str):
        return not found.strip()
    return found is None or found in ({}, [])


def part(of: str) -> Callable[[Any], Any]:
    """Reads the output or an argument."""

    def read(record: Any) -> Any:
        return _part(record, of)

    return read


def _part(record: Any, of: str) -> Any:
    content = content_of(record) if hasattr(record, "_content") else None
    if content is not None:
        if of != "output":
            return content.inputs.get(of)
        return content.output if content.text is None else content.text
    if of == "output":  # of a stored call
        return record.output
    inputs = record.inputs
    return inputs.get(of) if isinstance(inputs, dict) else None


def _text_of(record: Any, of: str) -> str | None:
    if of == "output" and record.status not in _ANSWERED:
        return None
    found = _part(record, of)
    return found if isinstance(found, str) else None


class Length:
    """Characters."""

    def __init__(self, of: str) -> None:
        self.of = of

    def __call__(self, record: Any) -> float | None:
        text = _text_of(record, self.of)
        return None if text is None else len(text)


class OtherScript:
    """Whether a text has letters of another alphabet."""

    def __init__(self, expected: str, of: str) -> None:
        self.of = of
        self.expected = expected.upper()
        if not any(_alphabet(chr(each)) == self.expected for each in _SAMPLES):
            message = (
                f"signals.script({expected!r}): Unicode knows no such alphabet; for instance "
                "'LATIN', 'CYRILLIC', 'GREEK', 'ARABIC', 'HEBREW', 'HANGUL', 'CJK'"
            )
            raise ConfigurationError(message)
        latin = self.expected == "LATIN"
        japanese = self.expected in {"HIRAGANA", "KATAKANA"}
        self._usual = {self.expected, *(("GREEK",) if latin else ("LATIN",))}
        if japanese:
            self._usual |= {"HIRAGANA", "KATAKANA", "CJK"}

    def __call__(self, record: Any) -> bool | None:
        text = _text_of(record, self.of)
        if text is None:
            return None
        text = text[:ENOUGH]
        if text.isascii():
            return False
        others = sum(
            1
            for each in text
            if not each.isascii() and each.isalpha() and _alphabet(each) not in self._usual
        )
        return others >= 2


_SAMPLES: Final = (*range(0x41, 0x2000), *range(0x3040, 0x3200), 0x4E00, 0xAC00)


@lru_cache(maxsize=4096)
def _alphabet(letter: str) -> str | None:
    """The first word of the letter's name; None for signs that every alphabet uses."""
    name = unicodedata.name(letter, "")
    first = name.partition(" ")[0]
    if first in {"FEMININE", "MASCULINE", "MICRO", "MODIFIER", "FULLWIDTH", "MATHEMATICAL"}:
        return "LATIN"
    return first.partition("-")[0] or None


class Tongue:
    """The language of a text, or whether it is in none of those expected."""

    def __init__(self, expected: tuple[str, ...], of: str) -> None:
        from reliai.checks.language import Language  # noqa: PLC0415  only where it is used

        self.of = of
        self._check = Language(*(expected or ("en",)))
        self._check.prepare()
        self._named = not expected

    def __call__(self, record: Any) -> Any:
        from reliai.checks import language  # noqa: PLC0415  as above

        text = _text_of(record, self.of)
        prose = None if text is None else language._prose(text)  # noqa: SLF001  the same detector
        if text is None or prose is None:
            return None
        if not self._named:
            return self._check(text) is not None
        values = language._detector().compute_language_confidence_values(prose)  # noqa: SLF001  as above
        return language._code(values[0])  # noqa: SLF001  as above


class Value:
    """A measured value, as a number, a flag or a word."""

    def __init__(self, name: str, kind: str) -> None:
        self.name = name
        self.kind = kind

    def __call__(self, record: Any) -> Any:
        found = record.values.get(self.name)
        if isinstance(found, dict):
            found = found.get("mean")
        if found is None:
            return None
        if self.kind == "category":
            return found if isinstance(found, str) else str(found)
        if self.kind == "share":
            return bool(found)
        return float(found) if isinstance(found, (int, float)) else None


class Beyond:
    """Whether a measured number is beyond a limit."""

    def __init__(self, name: str, above: float | None, below: float | None) -> None:
        self.read = Value(name, "number")
        self.above = math.inf if above is None else above
        self.below = -math.inf if below is None else below

    def __call__(self, record: Any) -> bool | None:
        found = self.read(record)
        return None if found is None else bool(found > self.above or found < self.below)


class Vector:
    """A vector, as an array."""

    def __init__(self, read: Callable[[Any], Any]) -> None:
        self.read = read

    def __call__(self, record: Any) -> Any:
        found = self.read(record)
        if found is None:
            return None
        import numpy as np  # noqa: PLC0415  only where there are vectors

        vector = np.asarray(found, dtype="float32")
        if vector.ndim != 1 or not vector.size or not np.isfinite(vector).all():
            return None
        return vector

"""A check that a text is close to a reference. Provisional."""

from __future__ import annotations

import math
from importlib import import_module
from typing import TYPE_CHECKING, Any

from reliai.checks.base import Check, CheckVerdict, Score
from reliai.checks.text import not_text
from reliai.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

__all__ = ["Similar"]


class Similar(Check):
    """Passes texts that are close to one of some references; *provisional*.

    Without `embed` letters are compared (needs `reliai[similarity]`): case and blanks do not count,
    1 is the same text, and a text with a tenth of its letters changed has about 0.9. With `embed`
    it is the cosine of the two vectors.

    Args:
        reference: a text, or several of which one must be close.
        minimum: the similarity (above 0, at most 1) that is asked for.
        embed: a function of a text giving its vector, the same length for each text; the references
            are embedded when the first text is checked.

    Raises:
        ConfigurationError: when an argument is nothing of that; when a function is decorated
            without `embed` and without the extra.
    """

    reads_text = True

    def __init__(
        self,
        reference: str | Iterable[str],
        minimum: float = 0.8,
        *,
        embed: Callable[[str], Sequence[float]] | None = None,
    ) -> None:
        number = isinstance(minimum, int | float) and not isinstance(minimum, bool)
        if not number or not 0 < minimum <= 1:
            message = f"Similar(minimum={minimum!r}): must be a similarity above 0 and at most 1"
            raise ConfigurationError(message)
        if embed is not None and (not callable(embed) or isinstance(embed, type)):
            message = f"Similar(embed={embed!r}): must be a function of a text giving its vector"
            raise ConfigurationError(message)
        self.minimum = minimum
        self.embed = embed
        self._references = _checked(reference)
        self._vectors: list[list[float]] | None = None
        self._ratio: Callable[[str, str], float] | None = None

    def prepare(self) -> None:
        if self.embed is not None or self._ratio is not None:
            return
        try:
            fuzz: Any = import_module("rapidfuzz.fuzz")
        except ImportError as error:
            message = 'to compare texts, run: pip install "reliai[similarity]", or give embed='
            raise ConfigurationError(message) from error
        self._ratio = fuzz.ratio

    def __call__(self, value: Any, /) -> CheckVerdict:
        if not isinstance(value, str):
            return not_text(value)
        score = self._by_letters(value) if self.embed is None else self._by_vectors(value)
        if score >= self.minimum:
            return Score(round(score, 4))
        return (
            f"its similarity to the reference is {score:.2f}, at least {self.minimum:g} is needed"
        )

    def _by_letters(self, text: str) -> float:
        self.prepare()
        assert self._ratio is not None  # noqa: S101  made by `prepare`
        plain = _plain(text)
        return max(self._ratio(plain, _plain(each)) for each in self._references) / 100

    def _by_vectors(self, text: str) -> float:
        if self._vectors is None:
            self._vectors = [self._vector(each) for each in self._references]
        vector = self._vector(text)
        return max(_cosine(vector, each) for each in self._vectors)

    def _vector(self, text: str) -> list[float]:
        assert self.embed is not None  # noqa: S101  asked for where it is given
        return [float(each) for each in self.embed(text)]

    def describe(self) -> dict[str, Any]:
        embed = None if self.embed is None else getattr(self.embed, "__qualname__", "a function")
        given = {"references": len(self._references), "minimum": self.minimum, "embed": embed}
        return {**super().describe(), **given}

    def __repr__(self) -> str:
        return f"reliai.checks.Similar(…, minimum={self.minimum})"


def _checked(reference: Any) -> tuple[str, ...]:
    several = (reference,) if isinstance(reference, str) else reference
    try:
        references = tuple(several)
    except TypeError:
        references = ()
    if not references or not all(isinstance(each, str) and each.strip() for each in references):
        message = "Similar(reference=…): give a text that is not empty, or a list of such texts"
        raise ConfigurationError(message)
    return references


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


def _cosine(one: list[float], other: list[float]) -> float:
    """The cosine of two vectors; 0 when one has no direction.

    Raises:
        ValueError: when they are of different lengths, or hold what is no finite number.
    """
    product = sum(a * b for a, b in zip(one, other, strict=True))
    length = math.sqrt(sum(a * a for a in one)) * math.sqrt(sum(b * b for b in other))
    if not math.isfinite(product) or not math.isfinite(length):
        raise ValueError("a vector of embed() holds what is no finite number")
    return product / length if length else 0.0

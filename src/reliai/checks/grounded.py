"""A check that what an answer claims is said by its sources. Provisional."""

from __future__ import annotations

import copy
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from reliai.checks._words import sentences, words_of
from reliai.checks.base import Check, CheckVerdict, Score
from reliai.checks.text import not_text
from reliai.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["Grounded"]

Sources: TypeAlias = "str | Iterable[Any] | Callable[[Mapping[str, Any]], Any]"

SHARE = 0.6
"""Share of a claim's content words that one passage must have for it to be supported."""

PASSAGE = 3
"""Sentences of a passage, within one paragraph; passages overlap."""

FEWEST = 2
"""Content words and numbers of a sentence that claims something."""

_FIELDS = ("text", "content", "page_content")


class Grounded(Check):
    """Passes answers whose claims stand in the sources; *provisional*.

    A claim is a sentence that says something: no question, no greeting, no "I do not know". It is
    supported when three sentences in a row of one paragraph have most of its words, and the source
    all of its numbers. The score is the share of claims that are supported. Words are compared, not
    meanings: what the sources say in other words is not found, what they deny is.

    Args:
        sources: a text, several texts (or documents with `text`, `content` or `page_content`), or a
            function of the call's arguments that gives them: `lambda arguments: arguments["docs"]`.
        minimum: the share of claims (above 0, at most 1) that must be supported.

    Raises:
        ConfigurationError: when `sources` is nothing of that, or `minimum` out of its range.
    """

    reads_text = True

    def __init__(self, sources: Sources, minimum: float = 0.5) -> None:
        number = isinstance(minimum, int | float) and not isinstance(minimum, bool)
        if not number or not 0 < minimum <= 1:
            message = f"Grounded(minimum={minimum!r}): must be a share above 0 and at most 1"
            raise ConfigurationError(message)
        self.minimum = minimum
        self._sources = sources
        self._passages: _Passages | None = None
        self.reads_arguments = callable(sources) and not isinstance(sources, type)
        if not self.reads_arguments:
            try:
                self._passages = _Passages(_texts(sources))
            except TypeError as error:
                message = (
                    f"Grounded: {error}; give texts, or a function of the call's arguments: "
                    'lambda arguments: arguments["docs"]'
                )
                raise ConfigurationError(message) from None

    def fitted(self, arguments: Mapping[str, Any], /) -> Grounded:
        made = copy.copy(self)
        find = cast("Callable[[Mapping[str, Any]], Any]", self._sources)
        made._passages = _Passages(_texts(find(arguments)))  # noqa: SLF001  the copy is ours
        return made

    def __call__(self, value: Any, /) -> CheckVerdict:
        if not isinstance(value, str):
            return not_text(value)
        if self._passages is None:
            raise TypeError("Grounded with a function of the arguments works in Validate and Guard")
        claims = list(_claims(value))
        missing = sum(not self._passages.support(claim) for claim in claims)
        score = 1.0 if not claims else 1 - missing / len(claims)
        if score >= self.minimum:
            return Score(round(score, 4))
        return f"{missing} of its {len(claims)} claims are not in the sources"

    def describe(self) -> dict[str, Any]:
        sources = "of the arguments" if self._passages is None else self._passages.count
        return {**super().describe(), "sources": sources, "minimum": self.minimum}

    def __repr__(self) -> str:
        return f"reliai.checks.Grounded(…, minimum={self.minimum})"


def _texts(sources: Any) -> list[str]:
    """The texts of sources.

    Raises:
        TypeError: when one of them has none.
    """
    if isinstance(sources, str):
        return [sources]
    if isinstance(sources, Mapping | bytes) or not hasattr(sources, "__iter__"):
        return [_text(sources)]
    return [_text(each) for each in sources]


def _text(source: Any) -> str:
    if isinstance(source, str):
        return source
    for name in _FIELDS:
        text = source.get(name) if isinstance(source, Mapping) else getattr(source, name, None)
        if isinstance(text, str):
            return text
    raise TypeError(f"a source is {type(source).__name__}, which has no text")


class _Passages:
    """The passages of all sources, by the words in them."""

    def __init__(self, texts: list[str]) -> None:
        self.count = len(texts)
        self._where: dict[str, list[int]] = {}
        self._source: list[int] = []
        self._numbers: list[frozenset[str]] = []
        for source, text in enumerate(texts):
            self._numbers.append(words_of(text).numbers)
            for paragraph in _PARAGRAPHS.split(text):
                parts = sentences(paragraph)
                for first in range(max(1, len(parts) - PASSAGE + 1)):
                    self._add(source, " ".join(parts[first : first + PASSAGE]))

    def _add(self, source: int, text: str) -> None:
        passage = len(self._source)
        self._source.append(source)
        for word in words_of(text).words:
            self._where.setdefault(word, []).append(passage)

    def support(self, claim: str) -> bool:
        """Whether a passage has most of the claim's words, and its source all of its numbers."""
        said = words_of(claim)
        found: Counter[int] = Counter()
        for word in said.words:
            found.update(self._where.get(word, ()))
        needed = SHARE * len(said.words)
        if not said.words:
            return any(said.numbers <= numbers for numbers in self._numbers)
        return any(
            count >= needed and said.numbers <= self._numbers[self._source[passage]]
            for passage, count in found.items()
        )


def _claims(text: str) -> Iterator[str]:
    """The sentences that claim something."""
    for sentence in sentences(text):
        words = words_of(sentence)
        empty = len(words.words) + len(words.numbers) < FEWEST
        plain = unicodedata.normalize("NFKC", sentence).replace("\u2019", "'")
        if not (empty or plain.endswith(("?", "\u061f")) or _NO_CLAIM.search(plain)):
            yield sentence


_PARAGRAPHS = re.compile(r"\n\s*\n")
_NO_CLAIM = re.compile(
    r"\b(?:i|we)(?:'m| am| are)? (?:do not|don't|did not|didn't|could not|couldn't|cannot|can't|not"
    r"|was unable to|am unable to|unable to) (?:\w+ ){0,2}(?:know|find|found|sure|see|have|certain"
    r"|able|answer|tell|say)\b"
    r"|\b(?:documents?|sources?|context|articles?|text) (?:provided )?(?:do|does|did)(?: not|n't) "
    r"(?:\w+ )?(?:mention|contain|say|include|state|cover|provide)\b"
    r"|\bno (?:information|mention|answer|data) (?:\w+ ){0,3}(?:in|about|on)\b"
    r"|\b(?:weiß|wissen) (?:ich|wir) (?:\w+ )?nicht\b"
    r"|\bich (?:weiß|finde|habe) (?:\w+ ){0,3}(?:nicht|keine)\b"
    r"|\bje ne (?:sais|trouve|dispose) pas\b|\bno (?:lo )?(?:sé|encuentro|dispongo)\b"
    r"|\bnon (?:lo )?so\b|\bnão (?:sei|encontrei)\b|不知道|没有(?:提到|相关)|わかりません"
    r"|^(?:hello|hi|hey|thanks?|thank you|sure|certainly|of course)\b[^.]{0,30}[.!,]?$"
    r"|\b(?:happy|glad|pleased) to (?:help|assist)|\bhope (?:this|that|it) helps|\blet me know\b"
    r"|\byou(?:'re| are) welcome\b|^(?:gerne|bitte|hallo|bonjour|hola|ciao)\b[^.]{0,30}[.!]?$"
    r"|記載(?:が|は)(?:あり|ござい)ません|알 수 없",
    re.IGNORECASE,
)

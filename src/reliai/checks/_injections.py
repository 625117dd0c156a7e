"""From a text to the signs of a prompt injection in it, and a score.

The score adds independent signs up: 1 − (1 − w₁)(1 − w₂)…
"""

# ruff: noqa: RUF001, RUF002  other alphabets are what it is about

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

from reliai.checks._injection_phrases import KINDS

__all__ = ["Signs", "signs_in"]


class Signs(NamedTuple):
    """What speaks for an injection in a text: a score from 0 to 1, and the kinds of signs."""

    score: float
    kinds: tuple[str, ...] = ()


# Looked for in the text as it came: these are made of signs.
_MARKERS = re.compile(
    r"<\|(?:im_start|im_end|system|user|assistant|endoftext|start_header_id|eot_id|end_of_turn)\|>"
    r"|\[/?INST\]|<</?SYS>>|<(?:start|end)_of_turn>|</?(?:system|assistant|instructions?)>"
    r"|^[ \t]*(?:#{1,6}|\*\*)[ \t]*(?:new instructions?|system prompt)[ \t:]{0,4}(?:\*\*)?[ \t:]*+$"
    r"|(?:(?<!-)-{3,}+|(?<!=)={3,}+|\[)[ \t]{0,4}(?:end|begin|start) (?:of )?(?:the )?"
    r"(?:system |user )?(?:prompt|instructions|context|document|input|message|data)",
    re.IGNORECASE | re.MULTILINE,
)
_SPEAKER = re.compile(
    r"^[ \t]*(?:system|assistant)[ \t]{0,4}:[ \t]*+\S", re.IGNORECASE | re.MULTILINE
)
_IMAGE = re.compile(
    r"!\[[^\]\n]{0,300}\]\([ ]?https?://[^)\s?]{1,300}\?[^)\s]{0,300}?(?:\{|=[^)\s&]{0,99}(?:\$|\[|<|%7b|\bdata\b))",
    re.IGNORECASE,
)
_TAGS = re.compile("[\U000e0020-\U000e007e]{4}")

_compiled = tuple(
    (kind, weight, groups, re.compile("|".join(patterns)))
    for kind, (weight, groups, patterns) in KINDS.items()
)

_UNSEEN = re.compile("[\xad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
_BETWEEN = re.compile(r"[\s\"'’‘“”`*_~|>«»()\[\]]+")
_END = re.compile(r"[.!?] |[。！？]")
_SPELT = re.compile(r"\b(?:\w[ .\-_]){5,}\w\b")


def signs_in(text: str) -> Signs:
    """What speaks for an injection in `text`."""
    found = [(kind, weight) for kind, weight in _marks(text)]
    sentences = _END.split(_words(text))
    found += [
        (kind, weight)
        for kind, weight, groups, each in _compiled
        if any(each.search(words) for words in sentences if _may_be(words, groups))
    ]
    doubt = 1.0
    for _, weight in found:
        doubt *= 1 - weight
    return Signs(1 - doubt, tuple(kind for kind, _ in found))


def _may_be(words: str, groups: tuple[tuple[str, ...], ...]) -> bool:
    """Whether it is worth looking closely."""
    return all(any(part in words for part in group) for group in groups)


def _marks(text: str) -> list[tuple[str, float]]:
    marks: list[tuple[str, float]] = []
    if _MARKERS.search(text):
        marks.append(("role marker", 0.5))
    if _SPEAKER.search(text):
        marks.append(("speaker", 0.3))
    if _IMAGE.search(text):
        marks.append(("image that carries data", 0.5))
    if not text.isascii() and _TAGS.search(text):
        marks.append(("hidden text", 0.9))
    return marks


def _words(text: str) -> str:
    """A text as phrases are looked for in it: one case, plain letters, single blanks."""
    if not text.isascii():
        text = _UNSEEN.sub("", unicodedata.normalize("NFKC", text))
    text = _BETWEEN.sub(" ", text.casefold())
    return _SPELT.sub(_joined, text)


def _joined(spelt: re.Match[str]) -> str:
    """Words that are spelt: "i g n o r e"."""
    return re.sub(r"[ .\-_]", "", spelt[0])

"""A check of the language that a text is written in. Provisional."""

from __future__ import annotations

import re
from functools import cache
from importlib import import_module
from typing import Any

from reliai.checks.base import Check, CheckVerdict
from reliai.checks.text import not_text
from reliai.errors import ConfigurationError

__all__ = ["Language"]

SHORTEST = 40
"""Letters below which the language is not asked for; where a sign is a syllable, a third of it."""

ENOUGH = 5_000
"""Characters that are looked at."""

SURE = 80
"""Letters from which on the detector is believed even when it wavers between languages."""

LEAST, MOST = 0.05, 0.8
"""A text fails when the wanted languages together have less confidence (0 to 1) than the first,
and, while it is short, the language it seems to be in more than the second.

So low, since neighbours share it: of a sentence in Bokmål the detector may give 0.7 to Danish. Of
730 English sentences with technical words, 4 with under 80 letters failed and none with more.
"""


class Language(Check):
    """Passes texts in one of some languages; *provisional*, needs `reliai[language]`.

    The detector knows 75 languages, works offline and takes about a millisecond. Short texts pass,
    and so does code: fences, links and addresses are not looked at, nor what is mostly signs.

    Args:
        codes: the languages, by ISO 639 code: "en", "deu", "pt-BR" (the region does not matter).

    Raises:
        ConfigurationError: without codes, or for what is none; when a function is decorated, for a
            language the detector does not know, or without the extra.
    """

    reads_text = True

    def __init__(self, *codes: str) -> None:
        if not codes:
            raise ConfigurationError('Language() allows nothing; name a language: Language("en")')
        for code in codes:
            if not isinstance(code, str) or _CODE.fullmatch(code) is None:
                message = f'Language({code!r}): give a code of ISO 639, such as "en" or "deu"'
                raise ConfigurationError(message)
        self.codes = codes
        self._wanted: frozenset[Any] = frozenset()

    def prepare(self) -> None:
        known = _languages()
        wanted: set[Any] = set()
        for code in self.codes:
            short = re.split("[-_]", code.lower())[0]
            found = known.get(short)
            if not found:
                message = f"Language({code!r}): the detector does not know this language"
                raise ConfigurationError(message)
            wanted |= found
        self._wanted = frozenset(wanted)
        _detector().detect_language_of("Load what is needed, before the first call needs it.")

    def __call__(self, value: Any, /) -> CheckVerdict:
        if not isinstance(value, str):
            return not_text(value)
        prose = _prose(value)
        if prose is None:
            return None
        if not self._wanted:
            self.prepare()
        values = _detector().compute_language_confidence_values(prose)
        wanted = sum(each.value for each in values if each.language in self._wanted)
        if wanted >= LEAST or (_size(prose) < SURE and values[0].value <= MOST):
            return None
        return f"it is not in {' or '.join(self.codes)} but seems to be in {_code(values[0])}"

    def describe(self) -> dict[str, Any]:
        return {**super().describe(), "codes": list(self.codes)}

    def __repr__(self) -> str:
        return f"reliai.checks.Language({', '.join(map(repr, self.codes))})"


_CODE = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8})*")
_NO_PROSE = re.compile(
    r"```.*?(?:```|\Z)|~~~.*?(?:~~~|\Z)|`[^`\n]{0,500}`|<[^>\n]{1,200}>|\b\w{1,20}://\S+|\b[\w.+-]{1,64}@[\w.-]+|\b\S{0,40}\d\S{0,40}|\b[A-Za-z]{40,}+",
    re.DOTALL,
)
_SIGNS = re.compile(r"[{}()\[\];=<>_|\\/+&$#]")
_LETTERS = re.compile(r"[^\W\d_]")
_DENSE = re.compile(
    "[\u0900-\u0dff\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]"
)


def _prose(text: str) -> str | None:
    """What of a text is in a language; None when that is too little to tell."""
    prose = _NO_PROSE.sub(" ", text[: 2 * ENOUGH])[:ENOUGH]
    size = _size(prose)
    return None if size < SHORTEST or len(_SIGNS.findall(prose)) > 0.15 * size else prose


def _size(prose: str) -> int:
    return len(_LETTERS.findall(prose)) + 2 * len(_DENSE.findall(prose))


def _code(found: Any) -> str:
    return str(found.language.iso_code_639_1.name).lower()


@cache
def _languages() -> dict[str, set[Any]]:
    """The detector's languages by their codes, of two letters and of three."""
    known: dict[str, set[Any]] = {}
    for each in _lingua().Language.all():
        for code in (each.iso_code_639_1.name, each.iso_code_639_3.name):
            known.setdefault(code.lower(), set()).add(each)
    norwegian = known.get("nb", set()) | known.get("nn", set())
    return {**known, "no": norwegian, "nor": norwegian}


@cache
def _detector() -> Any:
    """One detector for all checks: its models take 60 MB once they are used."""
    builder = _lingua().LanguageDetectorBuilder.from_all_languages()
    return builder.with_low_accuracy_mode().build()


def _lingua() -> Any:
    try:
        return import_module("lingua")
    except ImportError as error:
        message = 'to tell languages, run: pip install "reliai[language]"'
        raise ConfigurationError(message) from error

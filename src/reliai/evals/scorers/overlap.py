"""Scorers of the words that an output has in common with what was expected: BLEU, chrF, ROUGE."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, get_args

from reliai._needs import needed
from reliai.errors import ConfigurationError
from reliai.evals.scorers._making import Place, made, minimum_of, passing, references, text_at
from reliai.evals.scoring import configurable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from reliai.datasets.case import Case
    from reliai.evals.scoring import Scorer

__all__ = ["bleu", "chrf", "rouge"]

RougeKind: TypeAlias = Literal["rouge1", "rouge2", "rougeL"]


@configurable
def bleu(*, minimum: float | None = None, at: str | None = None, name: str = "bleu") -> Scorer:
    """BLEU of one output, in [0, 1], by sacrebleu: n-grams up to those that the text is long for.

    It is meant for whole corpora: of one short text it says little. The mean over cases is not the
    BLEU of the corpus. What is expected may be several texts. Needs `reliai[overlap]`.

    Args:
        minimum: the value from which the output passes, in (0, 1]; None: it is the score.
        at: where to look in the output, and in an expected structure: "answer.text".
        name: of the score.

    Raises:
        ConfigurationError: for a setting that cannot be it, or a missing extra.
    """
    metric = needed("sacrebleu.metrics", "overlap").BLEU(effective_order=True)
    return _by_sacrebleu("bleu", metric, minimum, at, name)


@configurable
def chrf(*, minimum: float | None = None, at: str | None = None, name: str = "chrf") -> Scorer:
    """ChrF of one output, in [0, 1], by sacrebleu: n-grams of characters, up to 6.

    It needs no words, and says more than BLEU of one short text. What is expected may be several
    texts. Needs `reliai[overlap]`.

    Args:
        minimum: the value from which the output passes, in (0, 1]; None: it is the score.
        at: where to look in the output, and in an expected structure: "answer.text".
        name: of the score.

    Raises:
        ConfigurationError: for a setting that cannot be it, or a missing extra.
    """
    metric = needed("sacrebleu.metrics", "overlap").CHRF()
    return _by_sacrebleu("chrf", metric, minimum, at, name)


@configurable
def rouge(
    kind: RougeKind = "rougeL",
    *,
    stem: bool = False,
    minimum: float | None = None,
    at: str | None = None,
    name: str | None = None,
) -> Scorer:
    """ROUGE of one output, its F-measure in [0, 1], by rouge-score, for texts in any script.

    Words are letters and digits of any script, whatever their capitals; of scripts without blanks
    (Chinese, Japanese, Thai and others) each letter is one. Of texts without any word it is 1 where
    they are the same. Of several texts that are expected the best counts. Needs `reliai[overlap]`.

    Args:
        kind: "rouge1" words, "rouge2" pairs of words, "rougeL" the longest common sequence.
        stem: whether English words are cut to their stem.
        minimum: the value from which the output passes, in (0, 1]; None: it is the score.
        at: where to look in the output, and in an expected structure: "answer.text".
        name: of the score; None: the kind.

    Raises:
        ConfigurationError: for a setting that cannot be it, or a missing extra.
    """
    if kind not in get_args(RougeKind):
        raise ConfigurationError(f'rouge({kind!r}): use "rouge1", "rouge2" or "rougeL"')
    words = _Words(needed("rouge_score.tokenizers", "overlap").DefaultTokenizer(stem))
    scorer = needed("rouge_score.rouge_scorer", "overlap").RougeScorer([kind], tokenizer=words)

    def likeness(said: str, expected: str) -> float:
        if not _WORD.search(said) and not _WORD.search(expected):
            return float(said == expected)
        return float(scorer.score(expected, said)[kind].fmeasure)

    def measure(said: str, expected: Sequence[str]) -> float:
        return max(likeness(said, each) for each in expected)

    settings = {"kind": kind, "stem": stem, "minimum": minimum, "at": at}
    return _measured("rouge", measure, settings, name or kind)


_ALONE: Final = r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff"
"""Thai, Lao, Burmese, Khmer, Japanese and Chinese letters: words have no blanks between them."""
_WORD: Final = re.compile(rf"[{_ALONE}]|(?:(?![{_ALONE}])[^\W_])+")


class _Words:
    """Splits text in any script into words: of ASCII text the very ones that rouge-score takes.

    Args:
        latin: the tokenizer of rouge-score, which drops all but Latin letters and digits.
    """

    def __init__(self, latin: Any) -> None:
        self._latin = latin

    def tokenize(self, text: str) -> list[str]:
        """The words."""
        if text.isascii():
            found: list[str] = self._latin.tokenize(text)
            return found
        words: list[str] = []
        for word in _WORD.findall(text.casefold()):
            words += self._latin.tokenize(word) if word.isascii() else (word,)
        return words


def _by_sacrebleu(
    kind: str, metric: Any, minimum: float | None, at: str | None, name: str
) -> Scorer:
    def measure(said: str, expected: Sequence[str]) -> float:
        if not said.strip() and not all(each.strip() for each in expected):
            return 1.0  # nothing, as was expected
        return min(1.0, float(metric.sentence_score(said, list(expected)).score) / 100.0)

    measure("a", ["a"])  # the signature is known only then
    settings = {"minimum": minimum, "at": at, "signature": str(metric.get_signature())}
    return _measured(kind, measure, settings, name)


def _measured(
    kind: str,
    measure: Callable[[str, Sequence[str]], float],
    settings: dict[str, Any],
    name: str,
) -> Scorer:
    place, least = Place(kind, settings["at"]), minimum_of(kind, settings["minimum"])

    def judge(output: Any, case: Case) -> Any:
        return passing(measure(text_at(place, output), references(case, place)), least)

    return made(
        kind,
        1,
        judge,
        name=name,
        settings=settings,
        needs_expected=True,
        absent_is=False if least is not None else 0.0,
    )

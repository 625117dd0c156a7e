"""Scorers that ask whether an output is what was expected, or has it in it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from reliai.comparisons import Exact, comparator_of, judged
from reliai.errors import ConfigurationError
from reliai.evals.scorers._making import Place, composed, found_at, made, reference, text_at
from reliai.evals.scoring import Unscored, configurable
from reliai.evals.trial import Score

if TYPE_CHECKING:
    from collections.abc import Callable

    from reliai.comparisons import Comparator
    from reliai.datasets.case import Case
    from reliai.evals.scoring import Scorer

__all__ = ["contains", "exact", "regex", "same"]

_same = Exact()


@configurable
def exact(
    *,
    ignore_case: bool = False,
    ignore_space: bool = False,
    at: str | None = None,
    name: str = "exact",
) -> Scorer:
    """Whether the output is the expected value.

    Texts are the same in any Unicode form; 1 and 1.0 are the same, 1 and True are not, and keys may
    be in any order. Of an output that is a provider's answer its text is compared.

    Args:
        ignore_case: whether capital letters may differ.
        ignore_space: whether blanks around words, and their number between them, may differ.
        at: where to look in the output, and in an expected structure: "answer.items.0".
        name: of the score.

    Raises:
        ConfigurationError: for a setting that cannot be it.
    """
    place = Place("exact", at)
    plain = _plainer(ignore_case, ignore_space)

    def judge(output: Any, case: Case) -> Any:
        expected = reference(case, place)
        if isinstance(expected, str):
            said = text_at(place, output)
            return said == expected or plain(said) == plain(expected)
        return _same(_unified(found_at(place, output)), _unified(expected))

    settings = {"ignore_case": ignore_case, "ignore_space": ignore_space, "at": at}
    return made("exact", 1, judge, name=name, settings=settings, needs_expected=True)


@configurable
def contains(
    what: str | Iterable[str] | None = None,
    *,
    every: bool = True,
    forbid: bool = False,
    ignore_case: bool = False,
    at: str | None = None,
    name: str = "contains",
) -> Scorer:
    """Whether the text of the output has something in it.

    Args:
        what: a text, or several; None: what the case expects, a text or a list of them.
        every: whether it must have all of several, or one.
        forbid: whether it must have none of them instead.
        ignore_case: whether capital letters may differ.
        at: where to look in the output: "answer.items.0".
        name: of the score.

    Raises:
        ConfigurationError: for a setting that cannot be it.
    """
    place = Place("contains", at)
    plain = _plainer(ignore_case, space=False)
    wanted = None if what is None else _texts(what)
    if wanted is not None and not all(wanted):
        raise ConfigurationError(f"contains({what!r}): must be texts that are not empty")

    def judge(output: Any, case: Case) -> Any:
        sought = _texts(case.expected) if wanted is None else wanted
        if not sought or not all(sought):
            return Unscored("missing_reference", "there is no text to look for")
        said = plain(text_at(place, output))
        there = [plain(each) in said for each in sought]
        if forbid:
            return not any(there)
        return all(there) if every else any(there)

    settings = {
        "what": wanted,
        "every": every,
        "forbid": forbid,
        "ignore_case": ignore_case,
        "at": at,
    }
    return made("contains", 1, judge, name=name, settings=settings, needs_expected=what is None)


@configurable
def regex(
    pattern: str | re.Pattern[str] | None = None,
    *,
    whole: bool = False,
    forbid: bool = False,
    flags: int = 0,
    at: str | None = None,
    name: str = "regex",
) -> Scorer:
    """Whether the text of the output matches a pattern.

    Args:
        pattern: of a regular expression; None: the case expects one.
        whole: whether it must match the whole text, or something in it.
        forbid: whether it must not match instead.
        flags: of `re`.
        at: where to look in the output: "answer.items.0".
        name: of the score.

    Raises:
        ConfigurationError: for a pattern that is none, or another setting that cannot be it.
    """
    place = Place("regex", at)
    given = None if pattern is None else _compiled(pattern, flags)

    def judge(output: Any, case: Case) -> Any:
        if given is None and not case.expected:
            return Unscored("missing_reference", "there is no pattern to look for")
        sought = _compiled(case.expected, flags) if given is None else given
        found = text_at(place, output)
        match = sought.fullmatch(found) if whole else sought.search(found)
        return (match is None) is forbid

    settings = {"pattern": given, "whole": whole, "forbid": forbid, "flags": int(flags), "at": at}
    return made("regex", 1, judge, name=name, settings=settings, needs_expected=pattern is None)


@configurable
def same(comparator: Comparator | str, *, at: str | None = None, name: str | None = None) -> Scorer:
    """Whether a comparator finds the output the same as the expected value.

    Args:
        comparator: one of `reliai.comparisons`, its name ("json", "numbers", "text"), or any
            function of (expected, output). The number that it gives is kept with the score.
        at: where to look in the output, and in an expected structure: "answer.items.0".
        name: of the score; None: "same_" and the comparator's.

    Raises:
        ConfigurationError: when it is no comparator.
    """
    compare = comparator_of(comparator)
    place = Place("same", at)
    named = getattr(compare, "__name__", type(compare).__name__).lower()

    def judge(output: Any, case: Case) -> Any:
        found, expected = found_at(place, output), reference(case, place)
        judgement = judged(compare, compare(expected, found))
        return Score(
            value=float(judgement.same),
            kind="assertion",
            explanation=judgement.reason,
            metadata=None if judgement.score is None else {"likeness": judgement.score},
        )

    settings = {"comparator": compare, "at": at}
    return made(
        "same", 1, judge, name=name or f"same_{named}", settings=settings, needs_expected=True
    )


def _plainer(case: bool, space: bool) -> Callable[[str], str]:  # noqa: FBT001  settings
    def plain(said: str) -> str:
        said = composed(said)
        if case:
            said = said.casefold()
        return " ".join(said.split()) if space else said

    return plain


def _unified(value: Any) -> Any:
    """The value with its texts in one Unicode form, as cases have them."""
    if isinstance(value, str):
        return composed(value)
    if isinstance(value, Mapping):
        return {_unified(key): _unified(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_unified(each) for each in value]
    return value


def _texts(given: Any) -> tuple[str, ...]:
    if not isinstance(given, Iterable):
        raise ConfigurationError(f"contains({given!r}): must be a text, or several")
    several = (given,) if isinstance(given, str) else tuple(given)
    if not all(isinstance(each, str) for each in several):
        raise ConfigurationError(f"contains({given!r}): must be a text, or several")
    return several


def _compiled(pattern: Any, flags: int) -> re.Pattern[str]:
    try:
        return re.compile(composed(pattern) if isinstance(pattern, str) else pattern, flags)
    except (re.error, TypeError, ValueError) as error:
        raise ConfigurationError(
            f"regex({pattern!r}): is no regular expression: {error}"
        ) from error

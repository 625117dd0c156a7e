"""Personal data in texts: refused, replaced for good, or replaced until the answer comes."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, cast, get_args

from reliai.checks._pii.own import Patterns
from reliai.checks._pii.texts import rewritten, texts, unseen
from reliai.checks.base import Check, CheckVerdict, Replace
from reliai.errors import ConfigurationError

if TYPE_CHECKING:
    import re
    from collections.abc import Iterable, Iterator, Mapping

    from reliai.checks._pii.finding import Hit
    from reliai.checks.base import Span

__all__ = ["Pii", "PiiAction", "counted", "label", "replaced"]

PiiAction: TypeAlias = Literal["raise", "redact", "pseudonymize"]
"""What becomes of personal data."""

_FIX: Final = 'use "raise", "redact" or "pseudonymize"'


class Pii(Check):
    r"""Finds personal data: addresses, telephone numbers, cards, accounts, identities and more.

    It looks at a text, or at every text in messages and other containers. Numbers must satisfy the
    rules of who issues them; what has no check digit must stand beside a word that names it.

    Args:
        action: "raise" fails, and says which kinds and how many, never what they are; "redact" puts
            `[EMAIL]`, `[CARD]`, … in their place; "pseudonymize", in a Guard, puts `<EMAIL_1>`, …
            there, and the answer gets back what stood there.
        kinds: the names of the kinds to look for; None for all that are found with hardly a
            mistake, which is every kind but "name".
        patterns: regular expressions of kinds of your own, by name: `{"employee": r"EMP-\d{6}"}`.
        allow: texts that are not reported, in capitals or not; "@example.com" stands for all
            addresses there.
        engine: "presidio", or an `AnalyzerEngine` of it, to have that look in place of the rules
            here; needs `reliai[presidio]`.
        language: of presidio: the language it is asked for; "en" by default.
        threshold: of presidio: the least score that counts, from 0 to 1; 0.4 by default.

    Raises:
        ConfigurationError: for an unknown action or kind, or an expression that is none.
    """

    reads_text = True
    reads_messages = True

    def __init__(
        self,
        action: PiiAction = "raise",
        kinds: Iterable[str] | None = None,
        *,
        patterns: Mapping[str, str | re.Pattern[str]] | None = None,
        allow: Iterable[str] = (),
        engine: Any = None,
        language: str | None = None,
        threshold: float | None = None,
    ) -> None:
        if action not in get_args(PiiAction):
            raise ConfigurationError(f"Pii(action={action!r}): {_FIX}")
        self.action: PiiAction = action
        self._allow = frozenset(each.casefold() for each in _texts(allow, "allow"))
        self._own = Patterns(patterns or {})
        self._scan: Any = _scanner(_kinds(kinds), engine, language, threshold)
        if kinds is not None and not _kinds(kinds) and not self._own.kinds:
            raise ConfigurationError(f"Pii(kinds={kinds!r}) looks for nothing; name a kind")
        self.window = self._window()

    def _window(self) -> int | None:
        theirs, own = self._scan.window, self._own.window
        return None if theirs is None or own is None else max(theirs, own)

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds it looks for."""
        return (*self._own.kinds, *self._scan.kinds)

    @property
    def pseudonymizes(self) -> bool:
        """Whether what it replaces comes back, so that it can only be in a Guard."""
        return self.action == "pseudonymize"

    def prepare(self) -> None:
        prepare = getattr(self._scan, "prepare", None)
        if prepare is not None:
            prepare()

    def find(self, text: str) -> list[Hit]:
        """Where there is personal data in a text: start, end and kind, in order."""
        hits = self._own.joined(text, self._scan(text)) if self._own.kinds else self._scan(text)
        if not self._allow:
            return cast("list[Hit]", hits)
        return [hit for hit in hits if not self._allowed(text[hit.start : hit.end].casefold())]

    def _allowed(self, text: str) -> bool:
        return text in self._allow or f"@{text.rpartition('@')[2]}" in self._allow

    def __call__(self, value: Any, /) -> CheckVerdict:
        if self.action == "raise":
            return unseen(value) or self._refusal(value)
        if self.action == "redact":
            if (reason := unseen(value)) is not None:
                return reason
            made = rewritten(value, lambda text, _: self.redacted(text))
            return None if made is value else Replace(made)
        raise ConfigurationError(
            'Pii(action="pseudonymize") needs a Guard, which gives the answer back what stood '
            'there; elsewhere use action="redact"'
        )

    def _refusal(self, value: Any) -> str | None:
        found = Counter(hit.kind for text in texts(value) for hit in self.find(text))
        return f"it has personal data: {counted(found)}" if found else None

    def redacted(self, text: str) -> str:
        """The text with a label in the place of each thing that was found."""
        return replaced(text, self.find(text))

    def spans(self, text: str, /) -> Iterator[Span]:
        for hit in self.find(text):
            yield hit.start, hit.end, f"[{label(hit.kind)}]" if self.action == "redact" else None

    def describe(self) -> dict[str, Any]:
        said = {"action": self.action, "kinds": list(self.kinds), "allow": len(self._allow)}
        return {**super().describe(), **said, "engine": type(self._scan).__name__.lower()}

    def __repr__(self) -> str:
        return f"reliai.Pii(action={self.action!r})"


def replaced(text: str, hits: Iterable[Hit]) -> str:
    """A text with labels in the places of hits, which are in order."""
    pieces: list[str] = []
    end = 0
    for hit in hits:
        pieces += (text[end : hit.start], f"[{label(hit.kind)}]")
        end = hit.end
    return "".join((*pieces, text[end:])) if pieces else text


def label(kind: str) -> str:
    """A kind as it stands in redacted text."""
    return kind.upper()


def counted(found: Counter[str]) -> str:
    """Kinds and how often each was found, for people."""
    return ", ".join(f"{kind} ({count})" for kind, count in sorted(found.items()))


def _scanner(kinds: tuple[str, ...] | None, engine: Any, language: Any, threshold: Any) -> Any:
    if engine is not None:
        return _presidio(kinds, engine, language, threshold)
    if language is not None or threshold is not None:
        raise ConfigurationError(
            "Pii(language=…, threshold=…) are for presidio: give engine= too, or leave them out"
        )
    from reliai.checks._pii.catalogue import KINDS, Scanner  # noqa: PLC0415  only who asks for it

    unknown = [kind for kind in kinds or () if kind not in KINDS]
    if unknown:
        raise ConfigurationError(
            f"Pii(kinds={unknown!r}): no such kind; the kinds are: {', '.join(sorted(KINDS))}; "
            "kinds of your own go into patterns="
        )
    return Scanner(kinds if kinds is not None else [k for k, each in KINDS.items() if each.default])


def _presidio(kinds: tuple[str, ...] | None, engine: Any, language: Any, threshold: Any) -> Any:
    from reliai.checks._pii.presidio import Presidio  # noqa: PLC0415  only who asks for it

    if engine != "presidio" and not callable(getattr(engine, "analyze", None)):
        raise ConfigurationError(
            f'Pii(engine={engine!r}): use "presidio", or an AnalyzerEngine of presidio'
        )
    least = 0.4 if threshold is None else threshold
    if isinstance(least, bool) or not isinstance(least, int | float) or not 0 <= least <= 1:
        raise ConfigurationError(f"Pii(threshold={threshold!r}): must be a number from 0 to 1")
    spoken = "en" if language is None else language
    if not isinstance(spoken, str) or not spoken:
        raise ConfigurationError(f'Pii(language={language!r}): give a code, such as "en"')
    return Presidio(None if engine == "presidio" else engine, kinds, spoken, float(least))


def _kinds(kinds: Any) -> tuple[str, ...] | None:
    return None if kinds is None else _texts(kinds, "kinds")


def _texts(given: Any, name: str) -> tuple[str, ...]:
    """One text, or several."""
    several: tuple[Any, ...] = ()
    with suppress(TypeError):
        several = (given,) if isinstance(given, str) else tuple(given)
        if all(isinstance(each, str) and each for each in several):
            return several
    raise ConfigurationError(f"Pii({name}={given!r}): give texts, such as {name}=[…]")

"""Secrets in texts: keys, tokens and passwords, refused or replaced for good."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

from reliai.checks._pii.texts import rewritten, texts, unseen
from reliai.checks.base import Check, CheckVerdict, Replace
from reliai.checks.pii import counted, label, replaced
from reliai.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from reliai.checks._pii.finding import Hit
    from reliai.checks.base import Span

__all__ = ["Secrets", "SecretsAction"]

SecretsAction: TypeAlias = Literal["raise", "redact"]
"""What becomes of secrets. There is no way back for them."""


class Secrets(Check):
    """Finds keys, tokens and passwords, in a text or in every text of messages.

    It knows the forms of the keys of some thirty providers, private keys, web tokens, passwords in
    URLs, `Authorization` headers, and assignments (`api_key = …`) of values that look random.

    Args:
        action: "raise" fails, and says which kinds and how many, never what they are; "redact" puts
            `[GITHUB_TOKEN]`, `[PASSWORD]`, … in their place, for good.
        kinds: the names of the kinds to look for; None for all.

    Raises:
        ConfigurationError: for an unknown action or kind.
    """

    reads_text = True
    reads_messages = True

    def __init__(self, action: SecretsAction = "raise", kinds: Iterable[str] | None = None) -> None:
        if action not in get_args(SecretsAction):
            raise ConfigurationError(
                f'Secrets(action={action!r}): use "raise" or "redact"; a secret is never given back'
            )
        from reliai.checks._pii.credentials import SecretScanner  # noqa: PLC0415  only who asks
        from reliai.checks._pii.secret_forms import FORMS  # noqa: PLC0415  the same

        known = tuple(dict.fromkeys(form.kind for form in FORMS))
        self.action: SecretsAction = action
        self.kinds = known if kinds is None else _known(kinds, known)
        self._scan = SecretScanner(self.kinds)
        # What is replaced must be known to its end, what is refused only as what it is.
        self.window = self._scan.longest if action == "redact" else self._scan.known_after

    def find(self, text: str) -> list[Hit]:
        """Where there are secrets in a text: start, end and kind, in order."""
        return self._scan(text)

    def __call__(self, value: Any, /) -> CheckVerdict:
        if (reason := unseen(value)) is not None:
            return reason
        if self.action == "redact":
            made = rewritten(value, lambda text, _: self.redacted(text))
            return None if made is value else Replace(made)
        found = Counter(hit.kind for text in texts(value) for hit in self.find(text))
        return f"it has secrets: {counted(found)}" if found else None

    def redacted(self, text: str) -> str:
        """The text with a label in the place of each secret."""
        return replaced(text, self.find(text))

    def spans(self, text: str, /) -> Iterator[Span]:
        for hit in self.find(text):
            yield hit.start, hit.end, f"[{label(hit.kind)}]" if self.action == "redact" else None

    def describe(self) -> dict[str, Any]:
        return {**super().describe(), "action": self.action, "kinds": list(self.kinds)}

    def __repr__(self) -> str:
        return f"reliai.Secrets(action={self.action!r})"


def _known(kinds: Iterable[str], known: tuple[str, ...]) -> tuple[str, ...]:
    asked = (kinds,) if isinstance(kinds, str) else tuple(kinds)
    unknown = [kind for kind in asked if kind not in known]
    if unknown or not asked:
        raise ConfigurationError(
            f"Secrets(kinds={kinds!r}): no such kind; the kinds are: {', '.join(sorted(known))}"
        )
    return asked

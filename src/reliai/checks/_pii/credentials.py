"""Finding secrets, each to its end: blocks of keys and web tokens are longer than their form."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from reliai.checks._pii.finding import Hit, resolved
from reliai.checks._pii.folding import fold
from reliai.checks._pii.secret_forms import FORMS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from reliai.checks._pii.secret_forms import Form

__all__ = ["SecretScanner"]

_ORDER: Final = {form.kind: place for place, form in reversed(list(enumerate(FORMS)))}
_PEM_LIMIT: Final = 16_384


class SecretScanner:
    """Finds secrets in a text.

    Attributes:
        known_after: characters after which any of them is known for what it is.
        longest: characters of the longest one.
    """

    def __init__(self, kinds: Iterable[str]) -> None:
        wanted = set(kinds)
        self._forms = [form for form in FORMS if form.kind in wanted]
        self.known_after = max(form.known_after for form in self._forms) + 2
        self.longest = max(form.longest for form in self._forms) + 2

    def __call__(self, text: str) -> list[Hit]:
        """What is found, in the order of the text, each character at most once."""
        return resolved(self._hits(fold(text)), _ORDER.__getitem__)

    def _hits(self, text: str) -> Iterator[Hit]:
        lower = text.lower()
        if len(lower) != len(text):  # some letters have no small one of their own
            lower = "".join(char.lower()[0] for char in text)
        for form in self._forms:
            after = 0
            for match in form.matches(text, lower):
                if match.start() >= after:  # else within the one found last
                    for hit in _found(text, form, match):
                        after = hit.end
                        yield hit


def _found(text: str, form: Form, match: re.Match[str]) -> Iterator[Hit]:
    group = match.lastindex or 0
    start, end = match.span(group)
    if form.kind == "private_key":
        end = _end_of_block(text, end)
    elif form.kind == "jwt":
        end = _end_of_token(text, match.end())
    if form.valid is None or form.valid(text[start:end]):
        yield Hit(start, end, form.kind)


_BODY: Final = re.compile(r"(?:[A-Za-z0-9+/=:,. -]|\\[nr]|[\r\n]){0,16384}")
_FOOT: Final = re.compile(r"-----END [A-Z0-9 ]{2,40}-----")
_REST: Final = re.compile(r"[\w.=-]{0,8192}")


def _end_of_block(text: str, end: int) -> int:
    """Where the block ends whose first line was found: its last line, or what is left of it."""
    foot = text.find("-----END ", end, end + _PEM_LIMIT)
    if foot >= 0:
        last = _FOOT.match(text, foot)
        return last.end() if last else foot
    body = _BODY.match(text, end)
    return body.end() if body else end


def _end_of_token(text: str, end: int) -> int:
    rest = _REST.match(text, end)
    last = rest.end() if rest else end
    return last - 1 if text[last - 1] == "." else last

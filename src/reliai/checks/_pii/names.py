"""Names of people, where the words around say that one comes. Not looked for unless asked."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from reliai.checks._pii.finding import Hit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reliai.checks._pii.finding import Subject

__all__ = ["names"]

_UPPER: Final = r"[A-Z\u00c0-\u00de]"
_LOWER: Final = r"[a-z\u00df-\u024f]{1,20}"
_ONE: Final = f"{_UPPER}{_LOWER}(?:[-']{_UPPER}?{_LOWER})?"
_PARTICLE: Final = "van|von|de|der|den|da|di|del|la|bin|al"
_FULL: Final = rf"{_ONE}(?: (?:{_ONE}|[A-Z]\.|{_PARTICLE})){{0,3}}"
_APART: Final = r"(?<![^\W_])"

_SELF: Final = re.compile(
    rf"{_APART}(?:(?i:my name is|my name's|name is|this is|i am called|i'm called|call me"
    "|ich heiße|ich heisse|mein name ist|je m'appelle|mon nom est|me llamo|mi nombre es|mi chiamo"
    "|il mio nome è|meu nome é|me chamo|ik heet|mijn naam is|jag heter|jeg hedder|nazywam się)"
    r"|(?i:name|full name|customer|patient|client|nom|nombre|nome|naam):)"
    rf" {{1,2}}({_FULL})"
)
_TITLED: Final = re.compile(
    rf"{_APART}(?:Mr|Mrs|Ms|Miss|Dr|Prof|Herr|Herrn|Frau|Monsieur|Madame|Mme|Señor|Señora|Sr|Sra"
    r"|Signor|Signora|Sig|Dott|Senhor|Senhora|Meneer|Mevrouw)\.? (?:(?:Dr|Prof)\.? ){0,2}"
    rf"({_FULL})"
)
_SALUTED: Final = re.compile(
    rf"{_APART}(?:Dear|Hi|Hello|Hey|Liebe|Lieber|Hallo|Cher|Chère|Bonjour|Querido|Querida|Hola"
    "|Caro|Cara|Ciao|Olá|Beste|(?:Best |Kind |Warm )?[Rr]egards,?|Sincerely,?|Cheers,?|Grüße,?"
    rf"|Cordialement,?)[ \n]({_ONE}(?: {_ONE}){{0,2}})"
)
_NO_NAMES: Final = frozenset(
    """all everyone everybody team sir madam customer customers support there friends world
    colleagues user assistant alle zusammen tous todos tutti friend guys folks both again""".split()
)


def names(subject: Subject) -> Iterator[Hit]:
    """Names after words that announce them; no others, so that nothing can rely on it."""
    for form in (_SELF, _TITLED, _SALUTED):
        for match in form.finditer(subject.text):
            if match[1].lower() not in _NO_NAMES:
                yield Hit(match.start(1), match.end(1), "name")

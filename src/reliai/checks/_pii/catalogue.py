"""The kinds of personal data that are found without a library: their rules, order and limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from reliai.checks._pii import (
    addresses,
    births,
    identities,
    lettered,
    names,
    network,
    phones,
    wallets,
)
from reliai.checks._pii.finding import CONTEXT, Subject, resolved
from reliai.checks._pii.numbers import Numbers

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from reliai.checks._pii.finding import Finder, Hit

__all__ = ["KINDS", "Kind", "Scanner"]


class Kind(NamedTuple):
    """One kind of personal data.

    Attributes:
        longest: characters of the longest thing of the kind that is found.
        default: whether it is looked for when nothing is said.
    """

    longest: int
    default: bool = True


_MARGIN: Final = 4
"""Characters beside a hit that decide whether it is a word of its own."""

KINDS: Final = {
    "email": Kind(320),
    "url_login": Kind(194),
    "card": Kind(40),
    "iban": Kind(68),
    "crypto_wallet": Kind(74),
    "fr_nir": Kind(36),
    "cn_resident_id": Kind(18),
    "it_codice_fiscale": Kind(16),
    "mx_curp": Kind(18),
    "br_cpf": Kind(23),
    "ch_ahv": Kind(25),
    "be_national_number": Kind(27),
    "de_tax_id": Kind(20),
    "in_aadhaar": Kind(20),
    "in_pan": Kind(10),
    "es_dni": Kind(10),
    "es_nie": Kind(11),
    "uk_nino": Kind(14),
    "uk_nhs": Kind(18),
    "us_ssn": Kind(17),
    "nl_bsn": Kind(17),
    "pl_pesel": Kind(11),
    "se_personnummer": Kind(16),
    "fi_hetu": Kind(11),
    "ca_sin": Kind(17),
    "passport": Kind(10),
    "date_of_birth": Kind(34),
    "phone": Kind(40),
    "mac": Kind(17),
    "ip": Kind(45),
    "address": Kind(220),
    "name": Kind(90, default=False),
}
"""Every kind. Where two would cover the same text the one that stands first is taken."""

_PLACES: Final = {kind: place for place, kind in enumerate(KINDS)}
_LETTERED: Final = frozenset(
    "iban uk_nino es_nie es_dni in_pan it_codice_fiscale mx_curp fi_hetu cn_resident_id".split()
)
_WITH_DIGITS: Final[dict[str, Finder]] = {
    "phone": phones.phones,
    "ip": network.ips,
    "mac": network.macs,
    "date_of_birth": births.births,
    "passport": births.passports,
    "address": addresses.addresses,
    "crypto_wallet": wallets.wallets,
}
_ALWAYS: Final[dict[str, Finder]] = {
    "email": network.emails,
    "url_login": network.url_logins,
    "name": names.names,
}


class Scanner:
    """Finds some kinds of personal data in a text.

    Attributes:
        kinds: the kinds, best first.
        window: characters that decide about a hit: its own, and those of the words around it.
    """

    def __init__(self, kinds: Iterable[str]) -> None:
        wanted = set(kinds)
        self.kinds = tuple(kind for kind in KINDS if kind in wanted)
        longest = max((KINDS[kind].longest for kind in self.kinds), default=0)
        self.window = longest + CONTEXT + _MARGIN
        rules = [rule for rule in identities.NUMBER_RULES if rule.kind in wanted]
        self._with_digits: list[Finder] = [
            find for kind, find in _WITH_DIGITS.items() if kind in wanted
        ]
        if rules:
            self._with_digits.append(Numbers(rules))
        if wanted & _LETTERED:
            self._with_digits.append(lettered.lettered)
        self._always: list[Finder] = [find for kind, find in _ALWAYS.items() if kind in wanted]
        self._wanted = wanted

    def __call__(self, text: str) -> list[Hit]:
        """What is found, in the order of the text, each character at most once."""
        return resolved(self._hits(Subject(text)), _PLACES.__getitem__)

    def _hits(self, subject: Subject) -> Iterator[Hit]:
        for find in self._always:
            yield from find(subject)
        if subject.groups.starts or ":" in subject.text:
            for find in self._with_digits:
                for hit in find(subject):
                    if hit.kind in self._wanted:
                        yield hit

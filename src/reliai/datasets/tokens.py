"""Personal data and secrets as stable typed tokens: `[EMAIL_1]`, the same wherever it stands.

A flat `[EMAIL]` destroys a reference: "send it to [EMAIL], not to [EMAIL]". With tokens that are
numbered within a case, the inputs, the output and what is expected still say who is who, and
whoever scores for leaks still sees that personal data stood there. There is no way back. Floor 5.
"""

from __future__ import annotations

import re
from bisect import bisect
from collections import Counter
from functools import lru_cache
from hashlib import blake2b
from os import urandom
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from reliai.checks._pii.texts import is_media
from reliai.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from reliai.checks._pii.finding import Hit

__all__ = ["Marker", "Names", "Scrubbed", "Tokens", "markers"]

_MARKER: Final = re.compile(r"\[([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*?)(?:_([1-9][0-9]{0,8}))?\]")

_LONG_NUMBER: Final = 10**6
"""Whole numbers from here on may be a card, a telephone number, an identity."""

_MOST_LABEL: Final = 64
"""Characters of a key that are looked at with what stands under it."""

_MEDIA: Final = frozenset({"media_type", "mime_type", "mimeType", "format", "mediaType"})

_MOST_CLEAN: Final = 16_384

_LEAST_REPEATED: Final = 4
"""Characters of something found that are looked for elsewhere, too."""


class Marker(NamedTuple):
    """A place where personal data or a secret stood.

    Attributes:
        kind: in small letters, for instance "email".
        number: of the token in its case, from 1; None for a flat `[EMAIL]`.
    """

    kind: str
    number: int | None


class Scrubbed(NamedTuple):
    """What is left of a value, and what was replaced in it.

    Attributes:
        value: a copy with tokens in it; the value itself when there was nothing to replace.
        replaced: how often a token was put in, by kind.
        names: the tokens that were given, for what comes later of the same case.
    """

    value: Any
    replaced: dict[str, int]
    names: Names


class Names:
    """The tokens that were given to the things found in a case.

    It does not hold what was found, but a keyed hash of it, with a key that is in this process
    only: whoever gets hold of it cannot tell what stands behind a token, nor try guesses.
    """

    __slots__ = ("_by_hash", "_counts", "_taken")

    def __init__(self) -> None:
        self._by_hash: dict[bytes, str] = {}
        self._counts: dict[str, int] = {}
        self._taken: set[str] = set()

    def __len__(self) -> int:
        return len(self._by_hash)

    def copy(self) -> Names:
        """The same tokens, to be added to."""
        made = Names()
        made._by_hash = dict(self._by_hash)
        made._counts = dict(self._counts)
        made._taken = set(self._taken)
        return made

    def leave_alone(self, tokens: Iterable[str]) -> None:
        """Give nothing a token that stands in the value already."""
        self._taken.update(tokens)

    def of(self, kind: str, text: str) -> str:
        """The token of something found; a new one for what is new."""
        key = _hash(f"{kind}:{_plain(kind, text)}")
        name = self._by_hash.get(key)
        if name is None:
            name = self._by_hash[key] = self._next(kind.upper())
        return name

    def _next(self, kind: str) -> str:
        while True:
            self._counts[kind] = self._counts.get(kind, 0) + 1
            name = f"[{kind}_{self._counts[kind]}]"
            if name not in self._taken:
                return name

    def __repr__(self) -> str:
        return f"<{len(self)} tokens>"

    def __reduce__(self) -> tuple[Any, ...]:
        return Names, ()  # the hashes mean nothing in another process


_SECRET: Final = urandom(32)


def _hash(text: str) -> bytes:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16, key=_SECRET).digest()


def markers(text: str) -> tuple[Marker, ...]:
    """The tokens in a text, for scorers that ask whether personal data stood there.

    Numbered ones of any kind, as `Tokens` writes them, and flat ones of the kinds that reliai
    finds, as records with redacted content have them. `[NOTE]` is none.

    Args:
        text: any text.
    """
    if "[" not in text:
        return ()
    known = _kinds()
    found = ((match[1].lower(), match[2]) for match in _MARKER.finditer(text))
    return tuple(
        Marker(kind, None if number is None else int(number))
        for kind, number in found
        if number is not None or kind in known
    )


@lru_cache(1)
def _kinds() -> frozenset[str]:
    from reliai.checks._pii.catalogue import KINDS  # noqa: PLC0415  only who asks for it
    from reliai.checks._pii.secret_forms import FORMS  # noqa: PLC0415  the same

    return frozenset(KINDS) | {form.kind for form in FORMS}


class Tokens:
    """Replaces personal data and secrets in the texts of a value by numbered tokens.

    The same thing has the same token in all of the value: an address in capitals is that address,
    a number with blanks is that number. What was found in one place is replaced wherever else it
    stands as a word of its own. Tokens that stand in the value already keep their numbers.

    Args:
        *finders: objects with `find(text)`, which gives hits with `start`, `end` and `kind`, such
            as `Pii("redact", patterns=…)`; none: all of `Secrets` and `Pii`.

    Raises:
        ConfigurationError: for something that finds nothing.
    """

    def __init__(self, *finders: Any) -> None:
        for finder in finders:
            wrong = isinstance(finder, type | str | bytes)
            if wrong or not callable(getattr(finder, "find", None)):
                message = (
                    f"Tokens({finder!r}): has no find(text); give for instance "
                    'Pii("redact", patterns={…})'
                )
                raise ConfigurationError(message)
        self._finders = finders
        self._clean = _Clean()

    def apply(self, value: Any, names: Names | None = None) -> Scrubbed:
        """The value with tokens, and how many of which kind.

        Args:
            value: JSON data, for instance `{"inputs": …, "output": …, "expected": …}`: what is
                given together has its tokens in common.
            names: the tokens of the rest of the case, when this comes later.
        """
        known = Names() if names is None else names.copy()
        marking = _Marking(self._all_finders(), known, self._clean)
        marking.read(value)
        return Scrubbed(marking.written(value), dict(marking.replaced), marking.names)

    def __call__(self, text: str) -> str:
        """One text with tokens."""
        return cast("str", self.apply(text).value)

    def _all_finders(self) -> tuple[Callable[[str], Iterable[Hit]], ...]:
        return tuple(finder.find for finder in self._finders or _default_finders())

    def __repr__(self) -> str:
        return f"reliai.datasets.Tokens({', '.join(map(repr, self._finders))})"


@lru_cache(1)
def _default_finders() -> tuple[Any, ...]:
    from reliai.checks.pii import Pii  # noqa: PLC0415  loaded when something is scrubbed
    from reliai.checks.secrets import Secrets  # noqa: PLC0415  the same

    return Secrets("redact"), Pii("redact")


class _Clean:
    """Texts in which nothing was found, known again by a keyed hash.

    Conversations come again with every turn, and keys with every call.
    """

    def __init__(self) -> None:
        self._hashes: dict[bytes, None] = {}

    def __contains__(self, text: str) -> bool:
        return _hash(text) in self._hashes

    def add(self, text: str) -> None:
        """Nothing was found in it."""
        if len(self._hashes) >= _MOST_CLEAN:
            self._hashes.clear()
        self._hashes[_hash(text)] = None


class _Marking:
    """One value under way: first everything in it is found and numbered, then it is replaced."""

    def __init__(
        self, finders: tuple[Callable[[str], Iterable[Hit]], ...], names: Names, clean: _Clean
    ) -> None:
        self._finders = finders
        self._clean = clean
        self._hits: dict[tuple[str, str], list[Hit]] = {}
        self._repeated: dict[str, str] = {}
        self.names = names
        self.replaced: Counter[str] = Counter()

    # --- finding --------------------------------------------------------------------------------
    def read(self, value: Any) -> None:
        """Find all there is, and give each thing its token."""
        texts = list(dict.fromkeys(_texts_of(value, "")))
        self.names.leave_alone(match[0] for _, text in texts for match in _MARKER.finditer(text))
        for label, text in texts:
            hits = self._hits[label, text] = self._found(label, text)
            for hit in hits:
                self._name(hit.kind, text[hit.start : hit.end])

    def _found(self, label: str, text: str) -> list[Hit]:
        """What stands in a text, which is looked at together with its key."""
        before = f"{label}: " if label else ""
        whole = before + text
        if whole in self._clean:
            return []
        hits = [hit for find in self._finders for hit in find(whole)]
        if not hits:
            self._clean.add(whole)
        inside = (hit for hit in hits if hit.end > len(before))
        return _apart(
            type(hit)(max(0, hit.start - len(before)), hit.end - len(before), hit.kind)
            for hit in inside
        )

    def _name(self, kind: str, text: str) -> None:
        name = self.names.of(kind, text)
        if len(text) >= _LEAST_REPEATED:
            self._repeated.setdefault(text, name)

    # --- replacing ------------------------------------------------------------------------------
    def written(self, value: Any, label: str = "") -> Any:
        """The value with tokens; the value itself where nothing changes."""
        if isinstance(value, str):
            return value if is_media(value) else self._replaced(label, value)
        if isinstance(value, int) and not isinstance(value, bool):
            words = str(value)
            made = self._replaced(label, words) if abs(value) >= _LONG_NUMBER else words
            return value if made == words else made
        if isinstance(value, dict):
            return self._object(value)
        if isinstance(value, list | tuple):
            items = [self.written(item, label) for item in value]
            same = all(new is old for new, old in zip(items, value, strict=True))
            return value if same else items
        return value

    def _object(self, value: dict[str, Any]) -> dict[str, Any]:
        made: dict[str, Any] = {}
        same = True
        for key, item in value.items():
            name = _free(made, self._replaced("", key))
            picture = _is_picture(value, key)
            new = made[name] = item if picture else self.written(item, key[:_MOST_LABEL])
            same = same and new is item and name == key
        return value if same else made

    def _replaced(self, label: str, text: str) -> str:
        own = self._hits.get((label, text), [])
        pieces: list[str] = []
        end = 0
        for start, stop, name in _merged(self._named(text, own), self._again(text)):
            pieces += (text[end:start], name)
            end = stop
            self.replaced[name[1:-1].rpartition("_")[0].lower()] += 1
        return "".join((*pieces, text[end:])) if pieces else text

    def _named(self, text: str, hits: list[Hit]) -> Iterator[tuple[int, int, str]]:
        for hit in hits:
            yield hit.start, hit.end, self.names.of(hit.kind, text[hit.start : hit.end])

    def _again(self, text: str) -> Iterator[tuple[int, int, str]]:
        """Where a text repeats what was found elsewhere, as a word of its own."""
        for found, name in self._repeated.items():
            start = text.find(found)
            while start >= 0:
                end = start + len(found)
                before, after = text[start - 1 : start], text[end : end + 1]
                if not (_joined(before, found[0]) or _joined(found[-1], after)):
                    yield start, end, name
                start = text.find(found, end)


def _texts_of(value: Any, label: str) -> Iterator[tuple[str, str]]:
    """Every text in a value, with the key that it stands under; also keys, and long numbers."""
    if isinstance(value, str):
        if not is_media(value):
            yield label, value
    elif isinstance(value, int) and not isinstance(value, bool):
        if abs(value) >= _LONG_NUMBER:
            yield label, str(value)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield "", key
            if not _is_picture(value, key):
                yield from _texts_of(item, key[:_MOST_LABEL])
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts_of(item, label)


def _is_picture(value: dict[str, Any], key: str) -> bool:
    """Whether what stands under a key is a picture or a recording, encoded, and no text."""
    return key == "data" and (value.get("type") == "base64" or not _MEDIA.isdisjoint(value))


def _apart(hits: Iterable[Hit]) -> list[Hit]:
    """Hits that do not overlap: of those that do, the longer one."""
    from reliai.checks._pii.finding import resolved  # noqa: PLC0415  loaded with what found them

    return sorted(resolved(hits, lambda _: 0))


def _merged(
    own: Iterable[tuple[int, int, str]], again: Iterable[tuple[int, int, str]]
) -> list[tuple[int, int, str]]:
    """Places in order, the longer one first where they overlap."""
    kept: list[tuple[int, int, str]] = []
    for place in sorted((*own, *again), key=lambda each: (each[0] - each[1], each)):
        at = bisect(kept, place)
        free = at == 0 or kept[at - 1][1] <= place[0]
        if free and (at == len(kept) or place[1] <= kept[at][0]):
            kept.insert(at, place)
    return kept


def _plain(kind: str, text: str) -> str:
    """What makes two spellings of one thing equal."""
    if kind in _WRITTEN_WITH_GAPS:
        return "".join(char for char in text if char.isalnum()).casefold()
    return text.casefold() if kind in _IN_ANY_CASE else text


_IN_ANY_CASE: Final = frozenset({"email", "mac", "name", "address", "url_login"})
_WRITTEN_WITH_GAPS: Final = frozenset(
    "card iban phone fr_nir br_cpf ch_ahv be_national_number de_tax_id in_aadhaar uk_nino uk_nhs "
    "us_ssn nl_bsn se_personnummer ca_sin passport".split()
)
"""Kinds that people write with or without blanks and dashes."""


def _joined(before: str, after: str) -> bool:
    """Whether two characters that meet are of one word."""
    return before[-1:].isalnum() and after[:1].isalnum()


def _free(made: dict[str, Any], name: str) -> str:
    """A key of its own, where two have become alike."""
    free, number = name, 2
    while free in made:
        free, number = f"{name} ({number})", number + 1
    return free

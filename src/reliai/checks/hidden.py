"""A check for characters that people do not see and models read.

They carry orders past a reviewer (tag characters, variation selectors), turn text around (bidi
controls) or split words past a filter (zero-width ones). The same characters have honest uses:
emoji joined into one, flags, joiners of Arabic and Indian scripts, ideographic variants. Those are
known by what stands beside them, and pass.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

from reliai.checks._pii.texts import rewritten, texts
from reliai.checks.base import Check, CheckVerdict, Replace
from reliai.checks.text import not_text
from reliai.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from reliai.checks.base import Span

__all__ = ["HiddenText"]

Action: TypeAlias = Literal["raise", "remove"]

_KINDS = {
    "bidi control": "\u202a-\u202e\u2066-\u2069",
    "direction mark": "\u200e\u200f\u061c",
    "tag character": "\U000e0000-\U000e007f",
    "variation selector": "\ufe00-\ufe0f\U000e0100-\U000e01ef",
    "joiner": "\u200c\u200d",
    "mongolian selector": "\u180b-\u180d\u180f",
    "jamo filler": "\u115f\u1160",
    "soft hyphen": "\xad",
    "grapheme joiner": "\u034f",
    "zero-width character": "\u200b\u2060-\u2065\u206a-\u206f\ufeff\u180e\u17b4\u17b5\u3164\uffa0"
    "\ufff9-\ufffb\U0001d173-\U0001d17a",
}
_ANY = re.compile("[" + "".join(_KINDS.values()) + "]")
_KIND = re.compile("|".join(f"([{characters}])" for characters in _KINDS.values()))
_NAMES = (*_KINDS,)

_FLAGS = re.compile(
    "\U0001f3f4(?:\U000e0067\U000e0062)(?:\U000e0065\U000e006e\U000e0067|"
    "\U000e0073\U000e0063\U000e0074|\U000e0077\U000e006c\U000e0073)\U000e007f"
)
"""The flags of England, Scotland and Wales: the only ones that are spelt with tags in practice."""

_JOINING = re.compile(
    "[\u0600-\u06ff\u0700-\u07ff\u0840-\u085f\u0860-\u08ff\u0900-\u0dff\u0e80-\u0fff\u1000-\u109f"
    "\u1780-\u17ff\u1800-\u18af\u1980-\u1aaf\u1b00-\u1c4f\ua800-\ua82f\ua840-\ua87f\ua880-\uaaff"
    "\uabc0-\uabff\ufb50-\ufdff\ufe70-\ufefc\U00010a00-\U00010aff\U00010d00-\U00010eff"
    "\U00011000-\U00011fff\U0001e900-\U0001e95f]"
)
"""Letters of the scripts in which a joiner changes what a word looks like."""

_RIGHT_TO_LEFT = re.compile(
    "[\u0590-\u05ff\u0600-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]"
)
_EMOJI = re.compile(
    "[\xa9\xae\u203c\u2049\u2122\u2139\u2190-\u21ff\u2300-\u23ff\u24c2\u25a0-\u27bf\u2900-\u297f"
    "\u2b00-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff]"
)
_IDEOGRAPH = re.compile(
    "[\u2e80-\u2fdf\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)

_KEYCAPS = frozenset("0123456789#*")
_JAMO = re.compile("[\u1100-\u115e\u1161-\u11ff\ua960-\ua97f\ud7b0-\ud7ff]")

_NEAR = 16
"""Characters on either side that make a direction mark an honest one."""


class HiddenText(Check):
    """Passes texts in which nothing is hidden: no bidi, tag or zero-width character, no selector.

    Emoji sequences and flags pass, and so do joiners in Arabic, Persian and Indian scripts,
    direction marks beside right-to-left letters, ideographic variants, a soft hyphen within a word
    and a byte order mark at the start. In messages and other containers every text is looked at.

    Args:
        action: "raise" refuses the text, "remove" takes the hidden characters out of it.

    Raises:
        ConfigurationError: for another action.
    """

    reads_text = True
    reads_messages = True
    window = 2 * _NEAR

    def __init__(self, action: Action = "raise") -> None:
        if action not in get_args(Action):
            message = f'HiddenText(action={action!r}): use "raise" or "remove"'
            raise ConfigurationError(message)
        self.action = action

    def __call__(self, value: Any, /) -> CheckVerdict:
        if isinstance(value, str):
            return None if value.isascii() else self._verdict(value)
        if not isinstance(value, list | tuple | dict):
            return not_text(value)
        if self.action == "remove":
            made = rewritten(value, _cleaned)
            return None if made is value else Replace(made)
        found = [verdict for each in texts(value) if (verdict := self(each)) is not None]
        return found[0] if found else None

    def _verdict(self, text: str) -> CheckVerdict:
        found = list(_hidden(text))
        if not found:
            return None
        if self.action == "remove":
            return Replace(_without(text, found))
        kinds = sorted({kind for _, kind in found})
        return f"it has {len(found)} hidden characters ({', '.join(kinds)})"

    def spans(self, text: str, /) -> Iterator[Span]:
        if text.isascii():
            return iter(())
        put = "" if self.action == "remove" else None
        return ((position, position + 1, put) for position, _ in _hidden(text))

    def describe(self) -> dict[str, Any]:
        return {**super().describe(), "action": self.action}

    def __repr__(self) -> str:
        return f"reliai.HiddenText({self.action!r})"


def _cleaned(text: str, _place: object) -> str:
    return text if text.isascii() else _without(text, list(_hidden(text)))


def _without(text: str, found: list[tuple[int, str]]) -> str:
    places = {position for position, _ in found}
    return "".join(each for position, each in enumerate(text) if position not in places)


def _hidden(text: str) -> Iterator[tuple[int, str]]:
    """Where a text has hidden characters, and of what kind."""
    flags: set[int] | None = None
    for match in _ANY.finditer(text):
        position = match.start()
        kind = _kind_at(text, position)
        if kind == "tag character":
            if flags is None:
                flags = {n for flag in _FLAGS.finditer(text) for n in range(*flag.span())}
            if position in flags:
                continue
        elif _HONEST.get(kind, _never)(text, position):
            continue
        yield position, kind


def _kind_at(text: str, position: int) -> str:
    found = _KIND.match(text, position)
    return _NAMES[(found.lastindex if found and found.lastindex else 1) - 1]


def _never(_text: str, _position: int) -> bool:
    return False


def _honest_mark(text: str, position: int) -> bool:
    near = text[max(0, position - _NEAR) : position + _NEAR]
    repeated = _is(_ANY, text, position - 1) and text[position - 1] == text[position]
    return not repeated and _RIGHT_TO_LEFT.search(near) is not None


def _honest_selector(text: str, position: int) -> bool:
    selector = text[position]
    if selector >= "\U000e0100":
        return _is(_IDEOGRAPH, text, position - 1)
    if selector >= "\ufe0e":  # text or emoji style
        return _is(_EMOJI, text, position - 1) or _at(text, position - 1) in _KEYCAPS
    base = _at(text, position - 1)
    return bool(base) and (unicodedata.category(base) in {"Sm", "Lo"} or base == "0")


def _honest_joiner(text: str, position: int) -> bool:
    before, after = position - 1, position + 1
    if _is(_ANY, text, before) and text[before] not in "\ufe0e\ufe0f\U000e007f":
        return False
    if _is(_JOINING, text, before) or _is(_JOINING, text, after):
        return True
    if text[position] == "\u200c":
        return False
    selected = text[before : before + 1] in {"\ufe0e", "\ufe0f", "\U000e007f"}
    return (selected or _is(_EMOJI, text, before)) and _is(_EMOJI, text, after)


def _honest_hyphen(text: str, position: int) -> bool:
    return _at(text, position - 1).isalpha() and _at(text, position + 1).isalpha()


def _honest_first(text: str, position: int) -> bool:
    return position == 0 and text[0] == "\ufeff"


def _honest_mongolian(text: str, position: int) -> bool:
    return "\u1820" <= _at(text, position - 1) <= "\u18aa"


def _honest_filler(text: str, position: int) -> bool:
    return _is(_JAMO, text, position - 1) or _is(_JAMO, text, position + 1)


def _honest_grapheme_joiner(text: str, position: int) -> bool:
    return unicodedata.combining(_at(text, position + 1) or "a") > 0


_HONEST: dict[str, Callable[[str, int], bool]] = {
    "direction mark": _honest_mark,
    "variation selector": _honest_selector,
    "joiner": _honest_joiner,
    "soft hyphen": _honest_hyphen,
    "zero-width character": _honest_first,
    "mongolian selector": _honest_mongolian,
    "jamo filler": _honest_filler,
    "grapheme joiner": _honest_grapheme_joiner,
}


def _at(text: str, position: int) -> str:
    """The character there; empty where there is none."""
    return text[position] if 0 <= position < len(text) else ""


def _is(kind: re.Pattern[str], text: str, position: int) -> bool:
    return 0 <= position < len(text) and kind.match(text, position) is not None

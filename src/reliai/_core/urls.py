"""URLs in messages: what is said of one must not tell the password that it may hold."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["unquoted", "without_password"]

_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")
_QUOTED: Final = re.compile(r"""(["']).*(?:\1|$)""", re.DOTALL)


def without_password(url: str) -> str:
    """A URL without user, password and options; also one that is not quite a URL."""
    scheme, mark, rest = url.partition("://")
    if not _SCHEME.fullmatch(scheme):
        scheme, mark, rest = "", "", url
    return f"{scheme}{mark}{rest.rpartition('@')[2].partition('?')[0]}"


def unquoted(error: object) -> str:
    """What a parser says of a URL, without the piece of it that it quotes."""
    return _QUOTED.sub("…", str(error)).strip()

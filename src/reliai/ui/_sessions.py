"""Who is signed in: a cookie that this server signed, and a form's proof that it is this page's."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from typing import Final, NamedTuple

from reliai import clock

__all__ = ["LIFETIME", "Session", "Sessions"]

LIFETIME: Final = 12 * 3600
"""Seconds that somebody stays signed in."""


class Session(NamedTuple):
    """Somebody who is signed in.

    Attributes:
        visitor: the name they gave; goes on what they change.
        csrf: what each of their forms must send along.
    """

    visitor: str
    csrf: str


class Sessions:
    """Signs and reads cookies; all it keeps is a key that comes from the token.

    Args:
        token: what people sign in with.
    """

    def __init__(self, token: str) -> None:
        self._token = hashlib.sha256(token.encode()).digest()
        self._key = hashlib.sha256(b"reliai ui session\0" + token.encode()).digest()
        self.cookie = f"reliai_{hashlib.sha256(self._key).hexdigest()[:8]}"

    def accepts(self, token: str) -> bool:
        """Whether this is the token; as fast for one that is nearly right as for others."""
        given = hashlib.sha256(token.encode(errors="replace")).digest()
        return hmac.compare_digest(given, self._token)

    def begun(self, visitor: str) -> str:
        """A cookie for somebody who gave the token."""
        name = base64.urlsafe_b64encode(visitor.encode(errors="replace")).decode().rstrip("=")
        said = f"{int(clock.active().time())}.{secrets.token_hex(8)}.{name}"
        return f"{said}.{self._signed('session', said)}"

    def read(self, cookie: str | None) -> Session | None:
        """Whose cookie it is; None for one that is not ours, was changed, or is too old."""
        said, _, signature = (cookie or "").rpartition(".")
        if not hmac.compare_digest(signature.encode(), self._signed("session", said).encode()):
            return None
        at, _, name = said.split(".")
        if not 0 <= clock.active().time() - int(at) < LIFETIME:
            return None
        visitor = base64.urlsafe_b64decode(name + "=" * (-len(name) % 4)).decode()
        return Session(visitor, self._signed("csrf", said))

    def _signed(self, purpose: str, said: str) -> str:
        return hmac.new(self._key, f"{purpose}|{said}".encode(), hashlib.sha256).hexdigest()

"""The signature of a webhook: who knows the secret can tell that a body is genuine, and recent."""

from __future__ import annotations

import hashlib
import hmac
import time

__all__ = ["HEADER", "signature", "verify"]

HEADER = "Reliai-Signature"


def signature(secret: str | bytes, body: bytes, at: int) -> str:
    """The header's value: `t=UNIX_SECONDS,v1=HEX`, where HEX is HMAC-SHA256 of `UNIX_SECONDS.body`.

    Args:
        secret: what sender and receiver share.
        body: as it is sent.
        at: Unix seconds.
    """
    return f"t={at},v1={_digest(secret, body, at)}"


def verify(
    secret: str | bytes,
    header: str,
    body: bytes,
    *,
    tolerance: float = 300.0,
    now: float | None = None,
) -> bool:
    """Whether a body was signed with the secret, not longer ago than `tolerance` seconds.

    Args:
        secret: what sender and receiver share.
        header: the value of `Reliai-Signature`.
        body: as it was received, before anything reads it as JSON.
        tolerance: seconds that it may be old, or from the future.
        now: Unix seconds; the system's clock when None.
    """
    pairs = (part.partition("=") for part in header.split(","))
    parts = {name: value for name, _, value in pairs}
    try:
        at = int(parts["t"])
    except (KeyError, ValueError):
        return False
    moment = time.time() if now is None else now
    genuine = hmac.compare_digest(parts.get("v1", "").encode(), _digest(secret, body, at).encode())
    return genuine and abs(moment - at) <= tolerance


def _digest(secret: str | bytes, body: bytes, at: int) -> str:
    key = secret.encode() if isinstance(secret, str) else secret
    return hmac.new(key, b"%d." % at + body, hashlib.sha256).hexdigest()

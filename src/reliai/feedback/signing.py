"""Tokens for browsers: each lets its holder say one thing of one call, and nothing else.

A token is what it allows, as JSON, and an HMAC-SHA256 over it. Nothing in it is secret, and
nothing is kept on the server. Who can read the page can vote; who alters the token cannot.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import math
import os
from typing import TYPE_CHECKING, Any, Final

from reliai import clock
from reliai.errors import ConfigurationError
from reliai.feedback._checked import data_of, text_of, word_of
from reliai.feedback.failures import FeedbackError, TokenRefused
from reliai.feedback.giving import record, retract

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["KEY_VARIABLE", "accept", "token"]

KEY_VARIABLE: Final = "RELIAI_FEEDBACK_KEY"
WEEK: Final = 604_800.0
LONGEST: Final = 4096
"""Characters of a token that are looked at."""
_SHORTEST_KEY: Final = 16
_MOST_VALUE: Final = 1024
_MOST_COMMENT: Final = 8192
_VERSION: Final = "v1"


def token(
    call_id: str | None = None,
    name: str = "thumbs",
    *,
    by: str | None = None,
    expires: float = WEEK,
    session: str | None = None,
    values: Sequence[Any] | None = None,
    secret: str | bytes | None = None,
) -> str:
    """A text that lets a browser say one thing of a call.

    Args:
        call_id: of the call; None with `session`.
        name: what may be judged.
        by: in whose name.
        expires: seconds that it is good for; a week by default.
        session: the conversation, in place of a call.
        values: those that may be said, for instance (0, 1); None for any number, truth value or
            text of up to 1 kB.
        secret: the key to sign with, at least 16 bytes; by default RELIAI_FEEDBACK_KEY, of which
            the first signs and all are good, with commas between, so that keys can be changed.

    Raises:
        ConfigurationError: when there is no key, or it is too short.
        FeedbackError: for a setting that is wrong.
    """
    where = "feedback.token"
    if (call_id is None) is (session is None):
        raise FeedbackError(
            f"{where}(call_id={call_id!r}, session={session!r}): give the one or the other"
        )
    if type(expires) not in {int, float} or not 0 < expires < math.inf:
        raise FeedbackError(f"{where}(expires={expires!r}): must be seconds above 0")
    allowed: dict[str, Any] = {
        "n": word_of(where, "name", name),
        "e": math.ceil(clock.active().time() + expires),
    }
    for letter, argument, text in (
        ("c", "call_id", call_id),
        ("s", "session", session),
        ("b", "by", by),
    ):
        if text is not None:
            allowed[letter] = word_of(where, argument, text)
    if values is not None:
        if not values or isinstance(values, str):
            raise FeedbackError(f"{where}(values={values!r}): must be values, such as (0, 1)")
        allowed["v"] = data_of(where, "values", list(values))[0]
    payload = _encoded(json.dumps(allowed, separators=(",", ":")).encode())
    made = f"{_VERSION}.{payload}.{_signature(payload, _keys(where, secret)[0])}"
    if len(made) > LONGEST:
        raise FeedbackError(f"{where}(…): the token would have {len(made)} characters: give less")
    return made


def accept(
    token: str,
    value: Any,
    comment: str | None = None,
    *,
    key: str | None = None,
    durable: bool = False,
    secret: str | bytes | None = None,
) -> bool:
    """Take in what a browser says with a token. Said again, it replaces what was said before.

    Args:
        token: as `feedback.token` made it.
        value: what is said; None takes it back.
        comment: in words, up to 8 kB.
        key: what tells it from others, where it may be delivered twice.
        durable: wait until it is in the database, as of `record`.
        secret: as of `token`.

    Returns:
        As `record` does.

    Raises:
        TokenRefused: when the token is none of ours, was changed, or is too old.
        FeedbackError: when the value or the comment may not be said with it.
        ConfigurationError: when there is no key, or no record store.
        FeedbackNotStored: with `durable`, when it is not in the database in time.
    """
    where = "feedback.accept"
    allowed = _opened(where, token, _keys(where, secret))
    call_id, session, by = allowed.get("c"), allowed.get("s"), allowed.get("b")
    if value is None:
        return retract(call_id, allowed["n"], by=by, session=session, durable=durable)
    value = _checked_value(where, value, allowed)
    if len(text_of(where, "comment", comment) or "") > _MOST_COMMENT:
        raise FeedbackError(f"{where}(comment=…): at most {_MOST_COMMENT} characters")
    return record(
        call_id,
        allowed["n"],
        value,
        by=by,
        comment=comment,
        session=session,
        key=key,
        durable=durable,
    )


def _checked_value(where: str, value: Any, allowed: Mapping[str, Any]) -> Any:
    """What is said, as the token has it, if it may be said: a browser can send anything."""
    if not isinstance(value, bool | int | float | str):
        raise FeedbackError(f"{where}(value=…): must be a number, a truth value or text")
    _, size = data_of(where, "value", value)
    if size > _MOST_VALUE or (type(value) is int and abs(value) >= 2**63):
        raise FeedbackError(f"{where}(value=…): at most {_MOST_VALUE} bytes, and 64 bits")
    among = allowed.get("v")
    if among is None:
        return value
    for one in among:
        # To Python, True is 1; to who reads the numbers, it is another answer. 1.0 is the same one.
        if one == value and isinstance(one, bool) == isinstance(value, bool):
            return one
    raise FeedbackError(f"{where}(value=…): must be one of {among!r}")


def _opened(where: str, token: Any, keys: Sequence[bytes]) -> dict[str, Any]:
    """What a token allows.

    Raises:
        TokenRefused: when it is none of ours, was changed, or is too old.
    """
    parts = token.split(".") if isinstance(token, str) and len(token) <= LONGEST else []
    if len(parts) != 3 or parts[0] != _VERSION or not token.isascii():
        raise TokenRefused(f"{where}: this is no token of feedback.token", "malformed")
    _, payload, signature = parts
    signed = [hmac.compare_digest(_signature(payload, key), signature) for key in keys]
    if not any(signed):
        raise TokenRefused(
            f"{where}: the token was changed, or signed with another key", "signature"
        )
    allowed: dict[str, Any] = json.loads(_decoded(payload))
    late = clock.active().time() - allowed["e"]
    if late > 0:
        raise TokenRefused(f"{where}: the token was good until {late:.0f} s ago", "expired")
    return allowed


def _keys(where: str, secret: str | bytes | None) -> list[bytes]:
    if secret is None:
        given = os.environ.get(KEY_VARIABLE, "").split(",")
        keys = [key.strip().encode() for key in given if key.strip()]
    else:
        keys = [secret.encode() if isinstance(secret, str) else secret]
    if not keys or any(len(key) < _SHORTEST_KEY for key in keys):
        what = "no key" if not keys else f"a key of less than {_SHORTEST_KEY} bytes"
        message = (
            f"{where}: {what}; set {KEY_VARIABLE}, or give secret=: at least {_SHORTEST_KEY} "
            "bytes of chance, the same in all processes (python -c 'import secrets; "
            "print(secrets.token_hex(32))')"
        )
        raise ConfigurationError(message)
    return keys


def _signature(payload: str, key: bytes) -> str:
    signed = f"reliai feedback {_VERSION}.{payload}".encode()
    return _encoded(hmac.new(key, signed, hashlib.sha256).digest())


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))

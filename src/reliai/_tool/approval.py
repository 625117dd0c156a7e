"""Approvals of tool calls: a person lets one call happen, with these very arguments, once.

What a model writes, or what it was given to read, authorises nothing: the approval is a signed text
that only code can make, and it reaches the tool beside the arguments, never among them.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import math
import os
import secrets
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from reliai import clock
from reliai._core.forking import renew_after_fork
from reliai.errors import ConfigurationError, GuardRejected

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reliai._core.call import Call

__all__ = ["Approvals", "approvals", "approved"]

_VARIABLE: Final = "RELIAI_APPROVAL_KEY"
_SHORTEST: Final = 16
_SIGNATURE: Final = 32
_CHECK: Final = "approval"
_NOTED: Final = "reliai.approvals"

_given: ContextVar[tuple[str, ...]] = ContextVar("reliai_approvals", default=())


@contextmanager
def approved(*tokens: str) -> Iterator[None]:
    """Inside, tools may be called as the tokens say: each token for one call.

    Args:
        tokens: of `tool.approve`. Those that are none are no approval; nothing is raised here.
    """
    before = _given.set((*_given.get(), *tokens))
    try:
        yield
    finally:
        _given.reset(before)


class Approvals:
    """Signs approvals, and knows in this process which were used.

    They are signed with the environment's `RELIAI_APPROVAL_KEY` (16 bytes or more), so that one
    process may approve what another does; without it with a key that this process draws, and its
    forks share.
    """

    def __init__(self) -> None:
        self._drawn = secrets.token_bytes(_SIGNATURE)
        self._used: dict[str, float] = {}
        self._renew()
        renew_after_fork(self)

    def _renew(self) -> None:
        self._lock = Lock()

    def token(self, tool: str, digest: bytes, by: str, valid_for: float) -> str:
        """An approval of one call.

        Args:
            tool: its name.
            digest: of name and arguments.
            by: who approves; not empty.
            valid_for: seconds (> 0) until it is no approval any more.

        Raises:
            ConfigurationError: for a value out of its range, or a key that is too short.
        """
        if not isinstance(by, str) or not by.strip():
            raise ConfigurationError(f"tool.approve(by={by!r}): say who approves")
        number = isinstance(valid_for, int | float) and not isinstance(valid_for, bool)
        if not number or not 0 < valid_for < math.inf:
            raise ConfigurationError(
                f"tool.approve(valid_for={valid_for!r}): must be a number of seconds above 0"
            )
        fields = {
            "tool": tool,
            "call": digest.hex(),
            "by": by,
            "until": clock.active().time() + valid_for,
            "number": secrets.token_hex(16),
        }
        data = json.dumps(fields, separators=(",", ":")).encode()
        return base64.urlsafe_b64encode(self._signed(data) + data).decode().rstrip("=")

    def refusal(self, call: Call, digest: bytes | None) -> GuardRejected | None:
        """Use up an approval of this call; why it is not made where there is none.

        Args:
            call: of the tool. Further attempts of one call need no further approval.
            digest: of name and arguments; None where they are like no others.
        """
        reason = "nobody approved a call with these arguments"
        wanted = None if digest is None else digest.hex()
        for token in _given.get():
            found = self._read(token)
            if found is None or found["tool"] != call.name or found["call"] != wanted:
                continue
            reason = self._use(found, call)
            if not reason:
                call.emit("approved", by=found["by"])
                return None
        call.emit("approval_refused", reason=reason)
        return GuardRejected(
            f"{call.name} was not called: it needs an approval, and {reason}. A person gives one "
            "in code: tool.approve(…)",
            check=_CHECK,
        )

    def _use(self, found: dict[str, Any], call: Call) -> str:
        """Note that it was used; why it cannot be, or nothing."""
        record, number, now = call._record, found["number"], call.clock.time()  # noqa: SLF001  the engine's own
        notes = record._notes = record._notes or {}  # noqa: SLF001
        ours: set[str] = notes.setdefault(_NOTED, set())
        if number in ours:  # an earlier attempt
            return ""
        if found["until"] <= now:
            return "the approval has run out"
        with self._lock:
            for used, until in list(self._used.items()):
                if until <= now:
                    del self._used[used]
            if number in self._used:
                return "the approval was used already"
            self._used[number] = found["until"]
        ours.add(number)
        return ""

    def _read(self, token: object) -> dict[str, Any] | None:
        """What a token says; None when it was not signed here."""
        if not isinstance(token, str):
            return None
        try:
            raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            return None
        signature, data = raw[:_SIGNATURE], raw[_SIGNATURE:]
        if not hmac.compare_digest(signature, self._signed(data)):
            return None
        fields: dict[str, Any] = json.loads(data)
        return fields

    def _signed(self, data: bytes) -> bytes:
        key = os.environ.get(_VARIABLE, "").encode()
        if key and len(key) < _SHORTEST:
            raise ConfigurationError(
                f"{_VARIABLE} has {len(key)} bytes; it must have {_SHORTEST} at least"
            )
        return hmac.digest(key or self._drawn, b"reliai.approval:" + data, "sha256")


approvals: Final = Approvals()
"""Those of this process."""

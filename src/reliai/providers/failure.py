"""What one failure was: the value `classify` gives. Floor 1: imports only reliai.errors."""

from __future__ import annotations

from typing import NamedTuple

from reliai.errors import BreakerVerdict, ErrorKind, Verdict

__all__ = ["NOTHING", "Failure"]

NOTHING = Verdict(retry=False, fall_back=False, breaker=BreakerVerdict.NONE)
"""Neither retried nor given to a fallback, and no breaker learns from it."""


class Failure(NamedTuple):
    """What a failure was, whatever library raised it, and what the policies do about it.

    Two failures with equal fields are equal; nothing of the request or the answer is kept.
    """

    kind: ErrorKind
    """The category."""
    status: int | None = None
    """The HTTP status, 400 to 599. An error inside a stream that began with 200 has None."""
    code: str | None = None
    """The provider's own word for it, such as "insufficient_quota", as it was spelt."""
    retry_after: float | None = None
    """Seconds the provider, or one of our own limits, asked to wait; 0 when the moment it named
    has passed."""
    in_stream: bool = False
    """The provider reported it inside a stream that had begun well."""
    sent: bool | None = None
    """Whether the attempt reported here reached the provider: False is proof that it did not,
    None is unknown."""
    verdict: Verdict = NOTHING
    """What the policies do about it: `reliai.errors.verdicts[kind]` at the time of asking, but for
    the few errors whose own nature says otherwise."""
    programming: bool = False
    """A mistake in the code that was called (`TypeError` and its like), or in how reliai is set
    up: it propagates at once."""
    control_flow: bool = False
    """Not a failure but a framework's way of jumping elsewhere: it propagates at once."""

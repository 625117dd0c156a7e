"""A circuit driven by hand: f is a failure, s a success, n no verdict."""

from __future__ import annotations

from typing import Any

from reliai.decisions.circuit import Change, Circuit, CircuitSettings
from reliai.errors import BreakerVerdict

__all__ = ["FAILURE", "NONE", "SUCCESS", "circuit", "feed", "opened", "permit", "state_of"]

SUCCESS, FAILURE, NONE = BreakerVerdict.SUCCESS, BreakerVerdict.FAILURE, BreakerVerdict.NONE
VERDICTS = {"f": FAILURE, "s": SUCCESS, "n": NONE}


def circuit(**settings: Any) -> Circuit:
    return Circuit("model", CircuitSettings(**settings))


def permit(subject: Circuit, now: float) -> int:
    granted = subject.permit or subject.admit(now).permit
    assert granted
    return granted


def state_of(subject: Circuit) -> str:
    return subject.state


def feed(subject: Circuit, results: str, now: float = 0.0, duration: float = 0.1) -> Change | None:
    """Make calls one after the other; the change the last one brought."""
    change = None
    for result in results:
        change = subject.record(permit(subject, now), now, VERDICTS[result], duration)
    return change


def opened(now: float = 0.0, **settings: Any) -> Circuit:
    """A circuit that has just opened."""
    subject = circuit(consecutive=1, **settings)
    feed(subject, "f", now)
    assert state_of(subject) == "open"
    return subject

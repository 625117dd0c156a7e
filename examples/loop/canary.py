"""A canary: a growing share of the users gets the candidate, as long as they do not complain."""

from collections.abc import Iterable
from typing import Any

from loop.hurry import pass_time
from loop.models import Reader
from loop.people import Visit, use
from reliai.rollout import Rollout, feedback

MATURE = 600
"""Seconds that users have to complain of a call, before it is counted."""


def canary(control: Reader, candidate: Any, version: str, **preconditions: Any) -> Rollout:
    return Rollout(
        "digits",
        control=control,
        candidate=candidate,
        version=version,
        unit="subject",
        steps=[0.2, 0.5, 1.0],
        guardrails=[feedback("thumbs", bad=0, mature=MATURE)],
        dwell=1800,
        min_calls=50,
        background=False,  # decides in `sync`, which a thread calls otherwise
        **preconditions,
    )


def serve(rollout: Rollout, visits: Iterable[Visit]) -> int:
    """Serve those who come, until the rollout has ended; gives how many they were."""
    read_digit = rollout.route()
    for count, visit in enumerate(visits, 1):
        use(read_digit, visit)
        if count % 50 == 0:
            pass_time(MATURE)
            rollout.sync()
            if rollout.status().status in {"promoted", "rolled_back"}:
                return count
    raise TimeoutError(f"not decided: {rollout.status()}")

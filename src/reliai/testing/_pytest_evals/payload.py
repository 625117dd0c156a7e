"""What travels on a report from the process that ran an item to the one that leads the session.

Text, with a version, and no longer than `LIMIT`: a worker may be another machine, and what a model
said may be anything.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from reliai.evals.trial import Trial

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["LIMIT", "VERSION", "Payload", "packed", "unpacked"]

VERSION = 1
LIMIT = 256 * 1024
"""Characters of one payload; a longer output is replaced by its size and digest."""

EXPLANATION = 2_000
"""Characters of a score's explanation that are kept."""


class Payload(NamedTuple):
    """What one item tells.

    Attributes:
        experiment: its name.
        trial: what came of it; None where the dataset has no case at all.
        passed: whether the test passed.
        of: how many tries of the case there are.
        header: about the experiment; with the first item of each process only.
    """

    experiment: str
    trial: Trial | None
    passed: bool
    of: int
    header: Mapping[str, Any] | None


def packed(payload: Payload) -> str:
    """The payload as text, in ASCII; an output that makes it too long is left out."""
    text = _written(payload)
    if len(text) > LIMIT and payload.trial is not None:
        text = _written(payload._replace(trial=_shortened(payload.trial)))
    if len(text) > LIMIT and payload.trial is not None:
        text = _written(payload._replace(trial=replace(payload.trial, output=None, scores={})))
    return text


def unpacked(text: Any) -> Payload:
    """The payload that a report carries.

    Raises:
        ValueError: when it is none, too long, or one of another version.
    """
    if not isinstance(text, str) or len(text) > LIMIT:
        raise ValueError(f"a payload of more than {LIMIT} characters, or none")
    data = json.loads(text)
    if not isinstance(data, dict) or data.get("v") != VERSION:
        raise ValueError("a payload of another version; use one version of reliai everywhere")
    trial = data["trial"]
    return Payload(
        str(data["experiment"]),
        None if trial is None else Trial.from_dict(trial),
        bool(data["passed"]),
        int(data["of"]),
        data["header"],
    )


def _written(payload: Payload) -> str:
    data = payload._asdict()
    data["trial"] = None if payload.trial is None else payload.trial.to_dict()
    return json.dumps({"v": VERSION, **data}, default=str, separators=(",", ":"))


def _shortened(trial: Trial) -> Trial:
    written = json.dumps(trial.output, default=str, sort_keys=True)
    digest = hashlib.sha256(written.encode()).hexdigest()
    left_out = {"reliai_left_out": {"characters": len(written), "sha256": digest}}
    scores = {
        name: replace(score, explanation=score.explanation[:EXPLANATION], metadata=None)
        if score.explanation
        else replace(score, metadata=None)
        for name, score in trial.scores.items()
    }
    return replace(trial, output=left_out, scores=scores)

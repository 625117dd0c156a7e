"""Scores of calls that are given after them, by evaluators: told to the observers that want them.

A score that is known while the call runs is a check's (`reliai.checks.Score`); this is for judges
that look at an answer later, or somewhere else.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reliai._core.ambient import ambient
from reliai._core.record import CallRecord
from reliai._core.settings import settings
from reliai.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Score", "score"]


@dataclass(frozen=True, slots=True)
class Score:
    """What an evaluator made of a call.

    Attributes:
        name: what is scored, for instance "helpfulness".
        value: the number; None when there is only a label.
        label: the word, for instance "pass"; None when there is only a number.
        explanation: why. It may quote the call, so it is shown as it is to whoever asks for scores.
        evaluator, version: who scored, and in which version.
    """

    name: str
    value: float | None = None
    label: str | None = None
    explanation: str | None = None
    evaluator: str | None = None
    version: str | None = None


def score(
    call: CallRecord | str,
    name: str,
    value: float | None = None,
    *,
    label: str | None = None,
    explanation: str | None = None,
    evaluator: str | None = None,
    version: str | None = None,
) -> Score:
    """Tell the observers what an evaluator made of a call; returns at once.

    Each observer with `on_score(call_id, record, score)` is told on its worker. The record is found
    again for one of the last 256 calls of this process; for others it is None.

    Args:
        call: the call's record or id.
        name: what is scored, for instance "helpfulness".
        value: the number, finite; None when there is only a label.
        label: a word for it, for instance "pass".
        explanation: why. It goes to the observers as it is.
        evaluator: who scored.
        version: in which version.

    Raises:
        ConfigurationError: without a name, without both value and label, or for a value that is
            no finite number.
    """
    if not isinstance(name, str) or not name:
        message = f"score(name={name!r}): must be a text that is not empty"
        raise ConfigurationError(message)
    if value is None and label is None:
        message = f"score({name!r}) tells nothing; give a value, a label, or both"
        raise ConfigurationError(message)
    number = isinstance(value, int | float) and abs(value) <= sys.float_info.max
    if value is not None and not number:
        message = f"score({name!r}, {value!r}): the value must be a finite number, or None"
        raise ConfigurationError(message)
    told = Score(
        name, None if value is None else float(value), label, explanation, evaluator, version
    )
    record = call if isinstance(call, CallRecord) else _recent(call)
    observers = list(_who_want(record))
    if observers:
        from reliai._core.hub import hub  # noqa: PLC0415  loads threads and queues

        call_id = call.id if isinstance(call, CallRecord) else call
        hub.put(observers, "on_score", (call_id, record, told))
    return told


def _recent(call_id: str) -> CallRecord | None:
    for record in reversed(list(settings.recent)):
        if record.id == call_id:
            return record
    return None


def _who_want(record: CallRecord | None) -> Iterator[object]:
    own = () if record is None else record._site.observers  # noqa: SLF001  the engine's own
    here = ambient.get() if record is None else record._ambient  # noqa: SLF001
    for observer in (*settings.observers, *own):
        if here.evaluation is not None and not getattr(observer, "evaluations", False):
            continue
        if callable(getattr(observer, "on_score", None)):
            yield observer

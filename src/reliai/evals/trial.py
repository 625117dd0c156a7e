"""One try of one case, and what scorers said of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reliai._core.record_parts import ErrorInfo

__all__ = ["Kind", "Score", "Status", "Trial"]

Kind: TypeAlias = Literal["assertion", "number", "label"]
Status: TypeAlias = Literal["ok", "error", "timeout", "degraded", "rejected", "skipped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """What a scorer said of one output.

    Attributes:
        value: the number; None for a label, and for what is unscored.
        kind: "assertion" (1.0 held, 0.0 did not), "number" or "label".
        label: the word, of a label.
        unscored: the code of the reason why there is none; None where there is one.
        explanation: why, for people.
        metadata: more of it, as JSON data.
    """

    value: float | None
    kind: Kind = "number"
    label: str | None = None
    unscored: str | None = None
    explanation: str | None = None
    metadata: Mapping[str, Any] | None = None


_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One try of one case.

    Attributes:
        case: its key.
        digest: of its content.
        repeat: which try it is, from 1.
        status: what became of the call.
        output: of the target, as JSON data.
        error: what went wrong, of a call that failed.
        started_at: Unix time in seconds.
        duration: of the target alone, in seconds.
        cost_usd, input_tokens, output_tokens: what was measured; None for unknown.
        call_id: of its record.
        retries: that the transport needed.
        cached: whether the output is one of an earlier run.
        tags, group, inclusion_probability: those of the case.
        scores: by name.
    """

    case: str
    digest: str
    repeat: int
    status: Status
    output: Any = None
    error: ErrorInfo | None = None
    started_at: float = 0.0
    duration: float = 0.0
    cost_usd: float | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    call_id: str | None = None
    retries: int = 0
    cached: bool = False
    tags: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    group: str | None = None
    inclusion_probability: float | None = None
    scores: Mapping[str, Score] = field(default_factory=lambda: _NOTHING)

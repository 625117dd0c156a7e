"""One try of one case, and what scorers said of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from reliai._core.record_parts import ErrorInfo

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["NOT_ASKED", "Kind", "Score", "Status", "Trial"]

Kind: TypeAlias = Literal["assertion", "number", "label"]
Status: TypeAlias = Literal["ok", "error", "timeout", "degraded", "rejected", "skipped"]

NOT_ASKED: Final = frozenset({"missing_reference", "not_applicable"})
"""Reasons for no score that lie in the case, not in the answer: such a case is not missing."""


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

    def to_dict(self) -> dict[str, Any]:
        """JSON data, without what is empty."""
        made: dict[str, Any] = {"value": self.value}
        if self.kind != "number":
            made["kind"] = self.kind
        if self.label is not None:
            made["label"] = self.label
        if self.unscored is not None:
            made["unscored"] = self.unscored
        if self.explanation is not None:
            made["explanation"] = self.explanation
        if self.metadata is not None:
            made["metadata"] = dict(self.metadata)
        return made

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Score:
        """The score that `to_dict` wrote; fields of later versions are left out."""
        return cls(**{name: data[name] for name in data if name in _SCORE_FIELDS})


_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
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
        duration: of the target alone, in seconds; of its last attempt, where the transport failed.
        cost_usd, input_tokens, output_tokens: what was measured; None for unknown.
        call_id: of its record.
        retries: that the transport needed.
        cached: whether the output is one of an earlier run.
        extra: whether it is beyond the planned repeats. Such a try was made because those before it
            disagreed: it tells how flaky the case is, and is in no mean, which it would bias.
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
    extra: bool = False
    tags: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    group: str | None = None
    inclusion_probability: float | None = None
    scores: Mapping[str, Score] = field(default_factory=lambda: _NOTHING)

    def to_dict(self) -> dict[str, Any]:
        """JSON data, without what is empty."""
        made: dict[str, Any] = {
            "case": self.case,
            "digest": self.digest,
            "repeat": self.repeat,
            "status": self.status,
            "output": self.output,
        }
        if self.error is not None:
            made["error"] = self.error._asdict()
        made["started_at"] = self.started_at
        made["duration"] = self.duration
        for name in _PERHAPS_UNKNOWN:
            value = getattr(self, name)
            if value is not None:
                made[name] = value
        for name in _MOSTLY_NOT:
            value = getattr(self, name)
            if value:
                made[name] = value
        if self.tags:
            made["tags"] = dict(self.tags)
        if self.scores:
            made["scores"] = {name: score.to_dict() for name, score in self.scores.items()}
        return made

    def __repr__(self) -> str:
        """What is short of it: outputs may be megabytes, and are nobody's business in a log."""
        scores = ", ".join(
            f"{name}={score.unscored or score.label or score.value}"
            for name, score in self.scores.items()
        )
        said = f"<reliai.evals.Trial {self.case} #{self.repeat} {self.status}"
        return f"{said}: {scores}>" if scores else f"{said}>"

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Trial:
        """The trial that `to_dict` wrote; fields of later versions are left out."""
        given = {name: data[name] for name in data if name in _TRIAL_FIELDS}
        error, scores = given.get("error"), given.get("scores")
        if error is not None:
            given["error"] = ErrorInfo(error["kind"], error["type"], error["message"])
        if scores:
            from_dict = Score.from_dict
            given["scores"] = {name: from_dict(score) for name, score in scores.items()}
        return cls(**given)


_PERHAPS_UNKNOWN: Final = (
    "cost_usd",
    "input_tokens",
    "output_tokens",
    "call_id",
    "group",
    "inclusion_probability",
)
_MOSTLY_NOT: Final = ("retries", "cached", "extra")
_SCORE_FIELDS: Final = frozenset(Score.__dataclass_fields__)
_TRIAL_FIELDS: Final = frozenset(Trial.__dataclass_fields__)

"""A case: inputs for a model, what is expected of it, and where the case came from. Floor 5.

A case is known by its content: `digest` is the hash of its inputs and what is expected, in
canonical form. Where it came from, its tags and its weight are no part of that, so the same
question asked by two callers is one case with two sources.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias, get_args

from reliai.datasets.canonical import content_digest
from reliai.datasets.failures import DatasetError

__all__ = ["CASE_FIELDS", "MISSING", "Case", "Missing", "Source", "SourceKind"]

SourceKind: TypeAlias = Literal["call", "feedback", "rule", "file", "case"]
"""What a case came from."""


class Missing:
    """The type of `MISSING`: nothing is expected, or nobody knows what."""

    __slots__ = ()

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "MISSING"

    def __reduce__(self) -> str:
        return "MISSING"


MISSING: Final = Missing()
"""No reference: unlike None, which is an answer that may be expected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One thing that a case came from.

    Attributes:
        kind: a production call, feedback on one, the capture rule, a file, or another case.
        id: of that thing, for example the call's.
        rule: the capture rule that chose it.
        at: when it happened, in Unix seconds.
        detail: JSON data on it, such as a line number.
    """

    kind: SourceKind
    id: str | None = None
    rule: str | None = None
    at: float | None = None
    detail: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def __post_init__(self) -> None:
        if self.kind not in get_args(SourceKind):
            raise DatasetError(f"kind={self.kind!r} must be one of {get_args(SourceKind)}")
        if self.at is not None and not math.isfinite(self.at):
            raise DatasetError(f"at={self.at!r} must be a finite number of Unix seconds")

    @property
    def identity(self) -> tuple[str, str | None, str | None]:
        """What tells it from the other sources of a case."""
        return self.kind, self.id, self.rule

    def __hash__(self) -> int:
        return hash(self.identity)

    def to_dict(self) -> dict[str, Any]:
        """JSON data, without what is empty."""
        made: dict[str, Any] = {"kind": self.kind}
        for name in ("id", "rule", "at"):
            value = getattr(self, name)
            if value is not None:
                made[name] = value
        if self.detail:
            made["detail"] = dict(self.detail)
        return made

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Source:
        """The source that `to_dict` wrote.

        Raises:
            DatasetError: when a field is unknown, missing or wrong.
        """
        _refuse_unknown(data, _SOURCE_FIELDS, "a source")
        if "kind" not in data:
            raise DatasetError("a source needs a kind")
        return cls(**data)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One case of an evaluation dataset.

    Attributes:
        inputs: JSON data by parameter name of what is evaluated.
        expected: the reference, as JSON data; `MISSING` when there is none.
        id: a name that stays when the content is edited; None: the case is known by its digest.
        tags: texts by name; each is a slice of the dataset.
        group: the session, document or user that cases share: they are split and clustered
            together.
        repeats: how often it is run, 1 or more; None: as often as the experiment says.
        sources: where it came from; no part of the digest.
        inclusion_probability: the chance with which it was captured, in (0, 1]; None: unknown.
            No part of the digest.
        metadata: further JSON data; no part of the digest.
    """

    inputs: Mapping[str, Any]
    expected: Any = MISSING
    id: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    group: str | None = None
    repeats: int | None = None
    sources: tuple[Source, ...] = ()
    inclusion_probability: float | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict[str, Any])
    _digest: str | None = field(default=None, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        _check_texts(self)
        _check_numbers(self)
        if type(self.sources) is not tuple:
            object.__setattr__(self, "sources", tuple(self.sources))

    @property
    def digest(self) -> str:
        """`sha256:` and the hash of inputs and what is expected, in canonical form.

        Raises:
            DatasetError: when they are no JSON data, naming the place.
        """
        if self._digest is None:
            made = content_digest(self.inputs, self.expected, MISSING)
            object.__setattr__(self, "_digest", made)
            return made
        return self._digest

    @property
    def key(self) -> str:
        """What the case is known by: its id, else its digest."""
        return self.digest if self.id is None else self.id

    def __hash__(self) -> int:
        return hash(self.key)

    def to_dict(self) -> dict[str, Any]:
        """JSON data with the field names of this class, without what is empty.

        What is inside `inputs`, `expected` and `metadata` is handed on, not copied.
        """
        made: dict[str, Any] = {"inputs": dict(self.inputs)}
        if self.expected is not MISSING:
            made["expected"] = self.expected
        for name in ("id", "group", "repeats", "inclusion_probability"):
            value = getattr(self, name)
            if value is not None:
                made[name] = value
        if self.tags:
            made["tags"] = dict(self.tags)
        if self.sources:
            made["sources"] = [source.to_dict() for source in self.sources]
        if self.metadata:
            made["metadata"] = dict(self.metadata)
        return made

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Case:
        """The case that `to_dict` wrote.

        Raises:
            DatasetError: when a field is unknown, missing or wrong.
        """
        _refuse_unknown(data, CASE_FIELDS, "a case")
        if "inputs" not in data:
            raise DatasetError("a case needs inputs")
        given = dict(data)
        sources = given.pop("sources", ())
        if not isinstance(sources, list | tuple):
            raise DatasetError("sources must be a list")
        return cls(**given, sources=tuple(_source_of(source) for source in sources))

    @classmethod
    def restored(cls, data: dict[str, Any], digest: str) -> Case:
        """The case of a line that is known to be as `to_dict` wrote it, unchecked.

        Args:
            data: is the case's own from now on.
            digest: of the case.
        """
        case, put, get = cls.__new__(cls), object.__setattr__, data.get
        put(case, "inputs", data["inputs"])
        put(case, "expected", get("expected", MISSING))
        put(case, "id", get("id"))
        put(case, "tags", get("tags") or {})
        put(case, "group", get("group"))
        put(case, "repeats", get("repeats"))
        sources = get("sources")
        put(case, "sources", tuple(Source(**each) for each in sources) if sources else ())
        put(case, "inclusion_probability", get("inclusion_probability"))
        put(case, "metadata", get("metadata") or {})
        put(case, "_digest", digest)
        return case


CASE_FIELDS: Final = frozenset(Case.__dataclass_fields__) - {"_digest"}
"""Names that `Case`, `to_dict` and files use."""

_SOURCE_FIELDS: Final = frozenset(Source.__dataclass_fields__)


def _source_of(data: Any) -> Source:
    if not isinstance(data, Mapping):
        raise DatasetError(f"each of sources must be an object, and not a {type(data).__name__}")
    return Source.from_dict(data)


def _refuse_unknown(data: Mapping[str, Any], known: frozenset[str], what: str) -> None:
    unknown = set(data) - known
    if unknown:
        named = ", ".join(sorted(map(str, unknown)))
        raise DatasetError(f"{what} has no field {named}; it has {', '.join(sorted(known))}")


def _check_texts(case: Case) -> None:
    if not isinstance(case.inputs, Mapping):
        kind = type(case.inputs).__name__
        raise DatasetError(f"inputs must be values by parameter name, and not a {kind}")
    if not all(isinstance(name, str) for name in case.inputs):
        raise DatasetError("inputs has a name that is no text")
    if case.id is not None and not (isinstance(case.id, str) and case.id.strip()):
        raise DatasetError(f"id={case.id!r} must be a text that is not empty")
    if case.id is not None and case.id.startswith("sha256:"):
        raise DatasetError(f"id={case.id!r} looks like a digest: leave it out, or name the case")
    if case.group is not None and not isinstance(case.group, str):
        raise DatasetError(f"group must be a text, and not a {type(case.group).__name__}")
    for name in ("tags", "metadata"):
        if not isinstance(getattr(case, name), Mapping):
            raise DatasetError(f"{name} must be values by name")
    for tag, value in case.tags.items():
        if not (isinstance(tag, str) and isinstance(value, str)):
            raise DatasetError(f"tags must be texts by name, and {tag!r} is not")


def _check_numbers(case: Case) -> None:
    repeats, chance = case.repeats, case.inclusion_probability
    if repeats is not None and (
        isinstance(repeats, bool) or not isinstance(repeats, int) or repeats < 1
    ):
        raise DatasetError(f"repeats={repeats!r} must be a whole number of 1 or more")
    if chance is not None and (
        isinstance(chance, bool) or not isinstance(chance, int | float) or not 0 < chance <= 1
    ):
        raise DatasetError(f"inclusion_probability={chance!r} must be in (0, 1]")

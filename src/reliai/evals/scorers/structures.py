"""Scorers of structured outputs: whether they fit a schema, and how much of them is right."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from reliai.checks.schema import Schema
from reliai.comparisons.answers import text_of
from reliai.comparisons.structure import Json
from reliai.comparisons.values import DEEPEST, Differing, plain, same
from reliai.errors import ConfigurationError
from reliai.evals.scorers._making import Absent, Place, found_at, made, minimum_of, reference
from reliai.evals.scoring import configurable
from reliai.evals.trial import Score

if TYPE_CHECKING:
    from reliai.datasets.case import Case
    from reliai.evals.scoring import Scorer

__all__ = ["json_schema", "structure"]

_ENDS: Final = frozenset((str, int, bool, type(None)))
_SHOWN: Final = 20
"""Paths of one kind that a score keeps."""


@configurable
def json_schema(
    schema: Any, *, fenced: bool = False, at: str | None = None, name: str = "json_schema"
) -> Scorer:
    """Whether the output fits a JSON Schema, or is of a type.

    Text is read as strict JSON. The reason names the place and the rule, and quotes nothing.

    Args:
        schema: a JSON Schema as a dict, or a type that pydantic can build.
        fenced: whether a fence of Markdown around the JSON is left away first.
        at: where to look in the output: "answer.items.0".
        name: of the score.

    Raises:
        ConfigurationError: when the schema is none, or the extra `schema` is missing.
    """
    check = Schema(schema)
    check.prepare()
    place = Place("json_schema", at)

    def judge(output: Any, case: Case) -> Any:  # noqa: ARG001  as every scorer
        found = found_at(place, output)
        text = text_of(found)
        value = found if text is None else _unfenced(text) if fenced else text
        reason = check(value)
        return reason is None, reason if isinstance(reason, str) else None

    settings = {"schema": _told(schema), "fenced": fenced, "at": at}
    return made("json_schema", 1, judge, name=name, settings=settings, needs_expected=False)


@configurable
def structure(
    *,
    ignore: str | Iterable[str] = (),
    any_order: bool | str | Iterable[str] = False,
    tolerance: float = 0.0,
    relative: float = 0.0,
    minimum: float | None = None,
    at: str | None = None,
    name: str = "structure",
) -> Scorer:
    """How much of a structure is as expected: the share of its parts that are the same.

    Parts are the values at the ends of the two structures; one that only one of them has counts as
    wrong. Text is read as JSON, with or without a fence of Markdown. The score names the paths that
    are missing, changed or too many.

    Args:
        ignore: keys that may differ wherever they are ("id"), or paths from the root with dots,
            where `*` stands for any one key or place ("items.*.id").
        any_order: keys or paths of lists whose elements may be in any order; True: all lists.
        tolerance: how far two numbers may lie apart (>= 0).
        relative: the same, as a share of the larger one (>= 0).
        minimum: the share from which the output passes, in (0, 1]; None: the share is the score.
        at: where to look in the output, and in an expected structure: "answer.items.0".
        name: of the score.

    Raises:
        ConfigurationError: for a setting that cannot be it.
    """
    checked = Json(ignore=ignore, tolerance=tolerance, relative=relative)
    rules = Differing(checked.ignore, checked.tolerance, checked.relative)
    every, unordered = any_order is True, () if isinstance(any_order, bool) else any_order
    unordered = Json(ignore=unordered).ignore
    loose = Differing(unordered)
    place, least = Place("structure", at), minimum_of("structure", minimum)

    def judge(output: Any, case: Case) -> Any:
        tally = _Tally(rules, loose, every, bool(checked.ignore))
        tally.compare(_expected(reference(case, place)), _parsed(found_at(place, output)), ())
        value = tally.share
        return Score(
            value=value if least is None else float(value >= least),
            kind="number" if least is None else "assertion",
            explanation=tally.told(),
            metadata=tally.to_dict(),
        )

    settings = {
        "ignore": sorted(checked.ignore),
        "any_order": every or sorted(unordered),
        "tolerance": checked.tolerance,
        "relative": checked.relative,
        "minimum": least,
        "at": at,
    }
    return made(
        "structure",
        1,
        judge,
        name=name,
        settings=settings,
        needs_expected=True,
        absent_is=False if least is not None else 0.0,
    )


@dataclass
class _Tally:
    """The parts of two structures, counted: how many are the same, and where they are not."""

    rules: Differing
    loose: Differing
    every: bool
    skips: bool
    alike: int = 0
    missing: list[str] = field(default_factory=list[str])
    changed: list[str] = field(default_factory=list[str])
    extra: list[str] = field(default_factory=list[str])

    @property
    def share(self) -> float:
        every = self.alike + len(self.missing) + len(self.changed) + len(self.extra)
        return self.alike / every if every else 1.0

    def compare(self, one: Any, other: Any, path: tuple[str, ...]) -> None:
        """Count the parts of what is expected at a path, and of what is there.

        Raises:
            ValueError: when they go deeper than values of data do.
        """
        if self.skips and self.rules.ignores(path):
            return
        if type(one) is type(other) and type(one) in _ENDS and one == other:
            self.alike += 1  # most of them, and fast
            return
        if len(path) > DEEPEST:
            raise ValueError(f"the values are deeper than {DEEPEST} levels")
        one, other = plain(one), plain(other)
        if isinstance(one, Mapping) and isinstance(other, Mapping) and (one or other):
            for key in {**one, **other}:
                self._pair(one, other, key, (*path, str(key)))
        elif isinstance(one, list | tuple) and isinstance(other, list | tuple) and (one or other):
            if self.every or self.loose.ignores(path):
                one, other = self._matched(list(one), list(other))
            first, second = dict(enumerate(one)), dict(enumerate(other))
            for place in range(max(len(one), len(other))):
                self._pair(first, second, place, (*path, str(place)))
        elif same(one, other, self.rules):
            self.alike += 1
        else:
            self.changed.append(".".join(path))

    def _pair(
        self, one: Mapping[Any, Any], other: Mapping[Any, Any], key: Any, path: tuple[str, ...]
    ) -> None:
        if key in one and key in other:
            self.compare(one[key], other[key], path)
        elif key in one:
            self.missing += self._ends(one[key], path)
        else:
            self.extra += self._ends(other[key], path)

    def _ends(self, value: Any, path: tuple[str, ...]) -> list[str]:
        """The paths of all parts of a value."""
        if self.rules.ignores(path):
            return []
        value = plain(value)
        if len(path) <= DEEPEST and isinstance(value, Mapping) and value:
            return [end for key in value for end in self._ends(value[key], (*path, str(key)))]
        if len(path) <= DEEPEST and isinstance(value, list | tuple) and value:
            pairs = enumerate(value)
            return [end for place, each in pairs for end in self._ends(each, (*path, str(place)))]
        return [".".join(path)]

    def _matched(self, one: list[Any], other: list[Any]) -> tuple[list[Any], list[Any]]:
        """Both lists with equal elements first; what is left stays in its order."""
        pairs: list[Any] = []
        left = list(other)
        rest: list[Any] = []
        for each in one:
            place = next((i for i, it in enumerate(left) if same(each, it, self.rules)), None)
            if place is None:
                rest.append(each)
            else:
                pairs.append((each, left.pop(place)))
        return [a for a, _ in pairs] + rest, [b for _, b in pairs] + left

    def told(self) -> str | None:
        wrong = {"missing": self.missing, "changed": self.changed, "too many": self.extra}
        said = [f"{name}: {', '.join(paths[:3])}" for name, paths in wrong.items() if paths]
        return "; ".join(said) or None

    def to_dict(self) -> dict[str, Any]:
        lists = {"missing": self.missing, "changed": self.changed, "extra": self.extra}
        return {"same": self.alike, **{name: paths[:_SHOWN] for name, paths in lists.items()}}


def _told(schema: Any) -> Any:
    """A schema as data: a type by the JSON Schema that it has."""
    if isinstance(schema, dict):
        return schema
    from pydantic import TypeAdapter  # noqa: PLC0415  a dict needs none

    try:
        return TypeAdapter(schema).json_schema()
    except Exception as error:
        raise ConfigurationError(f"json_schema({schema!r}): {error}") from error


def _unfenced(text: str) -> str:
    text = text.strip()
    if not text.startswith("```"):
        return text
    return text.partition("\n")[2].rpartition("```")[0]


def _expected(value: Any) -> Any:
    """What is expected; a text that is JSON is read."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def _parsed(value: Any) -> Any:
    text = text_of(value)
    if text is None:
        return value
    try:
        return json.loads(_unfenced(text))
    except (ValueError, RecursionError):
        raise Absent("the output is no JSON") from None

"""A call that may become a case: what is kept of it, what was said of it, and the case of it."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any, Final

from reliai.datasets.case import MISSING, Case, Source
from reliai.datasets.weights import CHANCE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reliai.datasets._capture_calls import EndedCall, Said
    from reliai.datasets._capture_content import Held
    from reliai.datasets.rules import Rule

__all__ = ["CORRECTION", "Candidate"]

CORRECTION: Final = "correction"
"""The name of feedback that says what the output should have been."""

_FACTS: Final = ("name", "status", "model_served", "fingerprint", "release")


class Candidate:
    """One ended call, scrubbed.

    Attributes:
        order: the call's id.
        place: in [0, 1), by the hash of the id.
        matches: the numbers of the rules that it matches, in order; once the cases of its time
            were handed over, those that it matches since.
        earlier: those that it matched before that.
        period: the number of hand-overs before it ended.
        at: when it ended; Unix seconds.
        held: its content.
        said: the latest of what was said of it, by name, with the number of the rule that waited
            for it, or None.
        correction: what the output should have been, scrubbed; `MISSING` for no correction.
        fed: the key of the case that was handed over of it; None before.
        chance: that with which it was captured; None until it is handed over.
        rule: the number of the rule that took it; None until it is handed over.
    """

    __slots__ = (
        "at",
        "chance",
        "correction",
        "earlier",
        "facts",
        "fed",
        "group",
        "held",
        "matches",
        "order",
        "period",
        "place",
        "rule",
        "said",
        "tags",
        "values",
    )

    def __init__(
        self, call: EndedCall, held: Held, place: float, matches: Sequence[int], period: int
    ) -> None:
        record = call.record
        self.period = period
        self.earlier: list[int] = []
        self.order = call.id
        self.place = place
        self.matches = list(matches)
        self.at = call.at
        self.held = held
        self.said: dict[str, tuple[Said, int | None]] = {}
        self.correction: Any = MISSING
        self.fed: str | None = None
        self.chance: float | None = None
        self.rule: int | None = None
        self.group: str | None = record.session or record.run_id
        self.tags = {str(name): str(value) for name, value in record.tags.items()}
        self.facts = {name: getattr(record, name) for name in _FACTS}
        self.facts["error"] = call.error
        self.values = _numbers(record.values)

    def move_on(self, period: int, chance: float) -> None:
        """The cases of its time were handed over: of it just what is said since may make one.

        Args:
            period: the present one.
            chance: that with which it was, or would have been, captured then.
        """
        self.period = period
        self.chance = max(chance, self.chance or 0.0) or None
        self.earlier = sorted({*self.earlier, *self.matches})
        self.matches = []

    def tell(self, said: Said, rules: Sequence[int]) -> bool:
        """Take in what was said; say whether it matches a rule that it did not match before."""
        self.said[said.name] = (said, rules[0] if rules else None)
        known = {*self.matches, *self.earlier}
        new = [rule for rule in rules if rule not in known]
        self.matches = sorted([*self.matches, *new])
        return bool(new)

    def case(
        self, rules: Sequence[Rule], rule: int | None, chance: float | None, *, answers: bool
    ) -> Case:
        """The case of it.

        Args:
            rules: all of them.
            rule: the number of the one that took it.
            chance: that with which it was captured.
            answers: whether the output is what is expected, where nobody corrected it.
        """
        expected = self.correction
        if expected is MISSING and answers and self._went_well(rules):
            expected = self.held.output
        return Case(
            inputs=self.held.inputs,
            expected=expected,
            tags=self.tags,
            group=self.group,
            sources=tuple(self._sources(rules, rule, chance)),
            inclusion_probability=chance,
            metadata=self._metadata(),
        )

    def _went_well(self, rules: Sequence[Rule]) -> bool:
        complained = any(rules[number].rank <= 1 for number in (*self.matches, *self.earlier))
        return self.facts["status"] == "success" and not complained

    def _sources(
        self, rules: Sequence[Rule], rule: int | None, chance: float | None
    ) -> list[Source]:
        name = None if rule is None else rules[rule].name
        detail = {key: value for key, value in self.facts.items() if value is not None}
        if chance is not None:
            detail[CHANCE] = chance
        sources = [Source(kind="call", id=self.order, rule=name, at=self.at, detail=detail)]
        for said, waited in self.said.values():
            if waited is not None or said.name == CORRECTION:
                by = None if waited is None else rules[waited].name
                told = {"name": said.name, **_shown(said)}
                sources.append(
                    Source(kind="feedback", id=self.order, rule=by, at=said.at, detail=told)
                )
        return sources

    def _metadata(self) -> dict[str, Any]:
        made: dict[str, Any] = {"output": self.held.output, "status": self.facts["status"]}
        if self.facts["error"] is not None:
            made["error"] = self.facts["error"]
        if self.values:
            made["values"] = self.values
        told = {name: _shown(said).get("value") for name, (said, _) in self.said.items()}
        if told:
            made["feedback"] = {name: value for name, value in told.items() if value is not None}
        if self.held.left_out:
            made["left_out"] = list(self.held.left_out)
        return made


def _shown(said: Said) -> dict[str, Any]:
    """The value of what was said, where it is a number or a label: texts may quote anything."""
    value = said.value if _is_plain(said.value) else said.label
    return {} if value is None else {"value": value}


def _is_plain(value: Any) -> bool:
    if isinstance(value, float):
        return isfinite(value)
    return isinstance(value, int | bool) and abs(value) < 2**53


def _numbers(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if _is_plain(value)}

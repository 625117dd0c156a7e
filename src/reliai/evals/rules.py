"""What a gate asks: one condition on one metric, and the text that says it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias
from urllib.parse import quote

from reliai.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "Better",
    "By",
    "Condition",
    "Rule",
    "better_of",
    "is_measure",
    "quantile_in",
    "slices_of",
]

Condition: TypeAlias = Literal["non_inferior", "max_ratio", "min", "max", "case_min"]
By: TypeAlias = Literal["bounds", "estimate"]
Better: TypeAlias = Literal["higher", "lower"]

_LOWER: Final = re.compile(
    r"latency_(p\d{1,2}(\.\d+)?|mean)|cost_usd|(input_|output_)?tokens|failure_rate"
)
_METRIC: Final = re.compile(r"[^\W\d][\w.:/-]*")
_QUANTILE: Final = re.compile(r"latency_p(\d{1,2}(?:\.\d+)?)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One condition of a gate.

    Attributes:
        metric: a scorer's name, or a measure's.
        condition: what is asked of it: "non_inferior" and "max_ratio" of a comparison, "min" and
            "max" of the candidate, "case_min" of each of its cases.
        limit: the margin, ratio, floor or ceiling.
        slices: tags, or "tag=value", each of whose values is judged as well.
        max_missing: the error budget: the share of cases that may have no score, in [0, 1].
        by: "bounds" judges by confidence bounds, "estimate" by the number itself.
        better: whether more is better, or less.
        confidence: of each one-sided bound, in (0.5, 1).
        power: with which a difference should be found, for what is said of it, in (0, 1).
        min_cases: scored cases below which nothing is concluded.
        score_range: the least and the most that a score can be; None: [0, 1], or what was seen.
        weighted: whether the level is that of production traffic, by inclusion probabilities.
        failing_cases: how many cases may be below `case_min`.
        slices_must: "not_drop": a slice fails the gate by a significant drop; "pass": each must
            pass by itself.
        blocking: whether it counts for the verdict; else it is reported only.
    """

    metric: str
    condition: Condition
    limit: float
    slices: tuple[str, ...] = ()
    max_missing: float = 0.02
    by: By = "bounds"
    better: Better = "higher"
    confidence: float = 0.95
    power: float = 0.8
    min_cases: int = 10
    score_range: tuple[float, float] | None = None
    weighted: bool = False
    failing_cases: int = 0
    slices_must: Literal["not_drop", "pass"] = "not_drop"
    blocking: bool = True

    def __post_init__(self) -> None:
        _check(self)

    @property
    def compares(self) -> bool:
        """Whether it needs a baseline."""
        return self.condition in {"non_inferior", "max_ratio"}

    @property
    def text(self) -> str:
        """The condition as `Gate.parse` reads it."""
        limit = f"{self.limit:.12g}"
        said = {
            "non_inferior": f"{self.metric} non_inferior {limit}",
            "max_ratio": f"{self.metric} ratio <= {limit}",
            "min": f"{self.metric} >= {limit}",
            "max": f"{self.metric} <= {limit}",
            "case_min": f"{self.metric} each >= {limit}",
        }[self.condition]
        said += f" by {', '.join(map(_quoted, self.slices))}" if self.slices else ""
        others = [
            f"{name}={_text(getattr(self, name))}"
            for name, usual in _USUAL.items()
            if getattr(self, name) != usual
        ]
        if self.better != better_of(self.metric):
            others.append(f"better={self.better}")
        return f"{said} with {', '.join(others)}" if others else said

    def __str__(self) -> str:
        return self.text


_USUAL: Final[dict[str, Any]] = {
    "max_missing": 0.02,
    "by": "bounds",
    "confidence": 0.95,
    "power": 0.8,
    "min_cases": 10,
    "score_range": None,
    "weighted": False,
    "failing_cases": 0,
    "slices_must": "not_drop",
    "blocking": True,
}
"""What a rule's text leaves out."""


_SPECIAL: Final = re.compile(r"[\s,&%]")


def _quoted(name: str) -> str:
    """A slice in which nothing ends the condition: "city=New%20York"."""
    return _SPECIAL.sub(lambda found: quote(found[0]), name)


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        return "..".join(f"{each:.12g}" for each in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def better_of(metric: str) -> Better:
    """Whether more of a metric is better, unless told otherwise."""
    return "lower" if _LOWER.fullmatch(metric) else "higher"


def is_measure(metric: str) -> bool:
    """Whether it is the name of a measure, and none of a scorer."""
    return metric == "throughput" or _LOWER.fullmatch(metric) is not None


def quantile_in(metric: str) -> float | None:
    """The percentile in a name such as `latency_p95`, as 0.95; None for another metric."""
    found = _QUANTILE.fullmatch(metric)
    return None if found is None else float(found[1]) / 100.0


def slices_of(given: str | Iterable[str]) -> tuple[str, ...]:
    """Slices as a tuple; one may be given alone.

    Raises:
        ConfigurationError: when one of them is no text, or empty.
    """
    listed = (given,) if isinstance(given, str) else tuple(given)
    for each in listed:
        if not isinstance(each, str) or not each.strip().strip("= "):
            raise ConfigurationError(
                f'Gate(slices={given!r}): {each!r} is no tag; give names of tags, as "locale", or '
                'one of its values, as "locale=de"'
            )
    return tuple(dict.fromkeys(each.strip() for each in listed))


def _check(rule: Rule) -> None:
    if not isinstance(rule.metric, str) or not _METRIC.fullmatch(rule.metric):
        raise ConfigurationError(
            f"Gate({rule.metric!r}): must be the name of a scorer, or of a measure as latency_p95"
        )
    if quantile_in(rule.metric) == 0.0:
        raise ConfigurationError(f"Gate({rule.metric!r}): a percentile is above 0 and below 100")
    _number(rule, "limit", rule.condition, above=0.0 if rule.compares else None)
    if rule.condition == "non_inferior" and rule.metric == "throughput":
        raise ConfigurationError(
            "Gate('throughput', non_inferior=…): has no pairs; use min=, or max_ratio of latency"
        )
    for name, low, high in (("confidence", 0.5, 1.0), ("power", 0.0, 1.0)):
        value = getattr(rule, name)
        if not _is_number(value) or not low < value < high:
            raise _wrong(rule, name, f"a number above {low:g} and below {high:g}")
    if not _is_number(rule.max_missing) or not 0.0 <= rule.max_missing <= 1.0:
        raise _wrong(rule, "max_missing", "a share of the cases, from 0 to 1")
    for name, low in (("min_cases", 1), ("failing_cases", 0)):
        value = getattr(rule, name)
        if not isinstance(value, int) or isinstance(value, bool) or value < low:
            raise _wrong(rule, name, f"a whole number from {low} up")
    _check_words(rule)
    _check_fit(rule)


def _check_words(rule: Rule) -> None:
    for name, among in (
        ("by", ("bounds", "estimate")),
        ("better", ("higher", "lower")),
        ("slices_must", ("not_drop", "pass")),
    ):
        if getattr(rule, name) not in among:
            raise _wrong(rule, name, " or ".join(map(repr, among)))
    for name in ("weighted", "blocking"):
        if not isinstance(getattr(rule, name), bool):
            raise _wrong(rule, name, "True or False")
    span = rule.score_range
    if span is not None and not (
        isinstance(span, tuple)
        and len(span) == 2
        and all(map(_is_number, span))
        and span[0] < span[1]
    ):
        raise _wrong(rule, "score_range", "the least and the most that a score can be, as (1, 5)")


def _check_fit(rule: Rule) -> None:
    """What this condition cannot honour."""
    if rule.by == "estimate" and rule.condition not in {"min", "max"}:
        raise _wrong(rule, "by", f"'bounds' with {rule.condition}")
    if rule.condition == "max_ratio" and rule.better == "higher":
        raise _wrong(rule, "max_ratio", "of something of which less is better; use non_inferior=")
    if rule.condition == "min" and quantile_in(rule.metric) is not None:
        raise ConfigurationError(f"Gate({rule.metric!r}, min=…): a latency has a ceiling, max=")
    level_of_scores = rule.condition in {"min", "max"} and quantile_in(rule.metric) is None
    if rule.weighted and not level_of_scores:
        raise _wrong(rule, "weighted", f"False with {rule.metric} {rule.condition}")
    if rule.failing_cases and rule.condition != "case_min":
        raise _wrong(rule, "failing_cases", "0 without case_min=")
    if rule.slices and (rule.condition == "case_min" or rule.metric == "throughput"):
        raise _wrong(rule, "slices", f"() with {rule.metric} {rule.condition}")
    if rule.condition == "case_min" and (
        quantile_in(rule.metric) is not None or rule.metric == "throughput"
    ):
        raise _wrong(rule, "case_min", "of a metric that each case has")


def _number(rule: Rule, name: str, said: str, above: float | None) -> None:
    value = getattr(rule, name)
    if not _is_number(value) or (above is not None and not value > above):
        wanted = "a number" if above is None else f"a number above {above:g}"
        raise ConfigurationError(f"Gate({rule.metric!r}, {said}={value!r}): must be {wanted}")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def _wrong(rule: Rule, name: str, wanted: str) -> ConfigurationError:
    value = getattr(rule, name, rule.limit)
    return ConfigurationError(f"Gate({rule.metric!r}, {name}={value!r}): must be {wanted}")

"""The text of a gate: `exact >= .85 AND latency_p95 <= 4 AND exact non_inferior .02 by locale`."""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import unquote

from reliai.errors import ConfigurationError

__all__ = ["clauses_of"]

_AND: Final = re.compile(r"\s+(?:AND|and|And)\s+|\s*&&?\s*|\s*\n\s*")
_NUMBER: Final = r"(?P<limit>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(?P<percent>\s*%)?"
_CLAUSE: Final = re.compile(
    r"(?P<metric>[^\W\d][\w.:/-]*)\s*"
    r"(?P<how>non[_-]inferior|ratio\s*<=|each\s*>=|>=|<=)\s*" + _NUMBER + r"\s*"
    r"(?:by\s+(?P<slices>[^\s,]+(?:\s*,\s*[^\s,]+)*)\s*)?"
    r"(?:with\s+(?P<settings>\w+\s*=\s*[^\s,]+(?:\s*,\s*\w+\s*=\s*[^\s,]+)*))?"
)
_SETTINGS: Final = (
    *("max_missing", "by", "better", "confidence", "power", "min_cases", "score_range"),
    *("weighted", "failing_cases", "slices_must", "blocking"),
)
_CONDITIONS: Final = {
    "non_inferior": "non_inferior",
    "ratio<=": "max_ratio",
    "each>=": "case_min",
    ">=": "min",
    "<=": "max",
}
_HOW: Final = (
    "METRIC >= NUMBER, METRIC <= NUMBER, METRIC non_inferior NUMBER, METRIC ratio <= NUMBER or "
    "METRIC each >= NUMBER, if need be with `by TAG, TAG` and `with SETTING=VALUE`, joined by AND"
)


def clauses_of(text: str) -> list[dict[str, Any]]:
    """The conditions in a text, as keyword arguments of `Gate`.

    Raises:
        ConfigurationError: when a part is none, naming the part and what there is to say, or when
            a metric has a condition twice with the same slices and settings.
    """
    if not isinstance(text, str) or not text.strip():
        raise ConfigurationError(f"Gate.parse({text!r}): must be conditions: {_HOW}")
    found = [_clause(part.strip(), text) for part in _AND.split(text.strip()) if part.strip()]
    seen: set[str] = set()
    for clause in found:
        (condition,) = set(clause) & set(_CONDITIONS.values())
        key = repr({**clause, condition: condition})
        if key in seen:  # only the limits differ
            raise ConfigurationError(
                f"Gate.parse({text!r}): {clause['metric']!r} has {condition} twice"
            )
        seen.add(key)
    return found


def _clause(part: str, text: str) -> dict[str, Any]:
    matched = _CLAUSE.fullmatch(part)
    if matched is None:
        hint = "; use >= or <=" if re.search(r"[^<>=]=[^=]|==|[<>](?!=)", part) else ""
        raise ConfigurationError(
            f"Gate.parse({text!r}): cannot read {part!r}{hint}; a condition is {_HOW}"
        )
    how = re.sub(r"\s+", "", matched["how"]).replace("-", "_")
    limit = float(matched["limit"]) / (100.0 if matched["percent"] else 1.0)
    slices = [unquote(each) for each in re.split(r"\s*,\s*", matched["slices"] or "") if each]
    clause: dict[str, Any] = {"metric": matched["metric"], _CONDITIONS[how]: limit}
    if slices:
        clause["slices"] = slices
    return {**clause, **_settings(matched["settings"], text)}


def _settings(given: str | None, text: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for part in re.split(r"\s*,\s*", given or ""):
        name, equals, value = part.partition("=")
        if not equals:
            continue
        if name.strip() not in _SETTINGS:
            raise ConfigurationError(
                f"Gate.parse({text!r}): {name.strip()!r} is no setting; use {', '.join(_SETTINGS)}"
            )
        found[name.strip()] = _value(value.strip())
    return found


def _value(text: str) -> Any:
    """A number, a pair of them, yes or no, or else a word."""
    if text in {"yes", "no"}:
        return text == "yes"
    low, dots, high = text.partition("..")
    try:
        if dots:
            return (float(low), float(high))
        return int(text) if re.fullmatch(r"[+-]?\d+", text) else float(text)
    except ValueError:
        return text

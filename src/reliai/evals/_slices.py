"""Slices of a run by tags, the groups of its cases, and the range of its scores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from reliai.errors import ConfigurationError
from reliai.evals._readings import AMOUNTS, Reading

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from reliai.evals._columns import Codes, Columns

__all__ = ["grouped", "one_slice", "range_of", "slices_in"]

_SAME: Final = 1e-9


def range_of(
    readings: Iterable[Reading], given: tuple[float, float] | None, metric: str
) -> tuple[float, float]:
    """The least and the most that a score can be: as given, [0, 1], or else what was seen.

    Raises:
        ConfigurationError: when a score is outside of the range that was given.
    """
    seen = np.concatenate([each.mean[~np.isnan(each.mean)] for each in readings])
    low, high = (float(seen.min()), float(seen.max())) if len(seen) else (0.0, 1.0)
    if given is not None:
        if low < given[0] - _SAME or high > given[1] + _SAME:
            raise ConfigurationError(
                f"Gate(score_range={given!r}): there are scores from {low:g} to {high:g}"
            )
        return given
    if low >= 0.0 and high <= 1.0 and metric not in AMOUNTS:
        return (0.0, 1.0)
    return (min(low, 0.0), high)


def grouped(labels: list[str]) -> tuple[object, ...] | None:
    """The labels; None where each is there once."""
    return None if len(set(labels)) == len(labels) else tuple(labels)


def slices_in(columns: Columns, name: str) -> dict[str, Codes]:
    """The rows for each value of a tag, or of the value that is named.

    Raises:
        ConfigurationError: when no case is like that.
    """
    tag, equals, value = name.partition("=")
    found: dict[str, list[int]] = {}
    for row, tags in enumerate(columns.tags):
        given = tags.get(tag)
        if given is not None and (not equals or str(given) == value):
            found.setdefault(f"{tag}={given}", []).append(row)
    if not found:
        known = sorted({each for tags in columns.tags for each in tags}) or ["none"]
        raise ConfigurationError(
            f"slices: no case has {name!r}; the tags are {', '.join(known[:20])}"
        )
    return {each: np.asarray(found[each], dtype=np.intp) for each in sorted(found)}


def one_slice(rows: Mapping[str, Codes], name: str) -> Codes:
    """The rows of one slice.

    Raises:
        ConfigurationError: when it is a tag and no value of it.
    """
    if name in rows:
        return rows[name]
    one = next(iter(rows))
    raise ConfigurationError(f"slice={name!r}: is a tag; name one of its values, as {one!r}")

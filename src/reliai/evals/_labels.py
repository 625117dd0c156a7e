"""Labels of what is alike: tries of one case, and cases of one group."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from reliai.evals._columns import Codes, Columns

__all__ = ["labels_of_cases", "labels_of_tries"]


def labels_of_cases(columns: Columns, rows: Codes | None = None) -> tuple[int, ...] | None:
    """A number for the group of each case; None where each stands for itself."""
    codes = _codes(columns)
    chosen = codes if rows is None else codes[rows]
    listed: list[int] = chosen.tolist()
    return None if len(set(listed)) == len(listed) else tuple(listed)


def labels_of_tries(columns: Columns) -> Codes:
    """A number for the group of each try's case."""
    return _codes(columns)[columns.case]


def _codes(columns: Columns) -> Codes:
    seen: dict[tuple[str, str], int] = {}
    labels = (
        ("case", key) if group is None else ("group", group)
        for key, group in zip(columns.keys, columns.groups, strict=True)
    )
    return np.asarray([seen.setdefault(each, len(seen)) for each in labels], dtype=np.intp)

"""Whether two answers to one request are the same, for shadows and experiments: what says so.

A comparator is any function of (primary, candidate) that gives True or None for the same, False or
a reason (text) for another, or a number in [0, 1]: how alike they are.
"""

from __future__ import annotations

from reliai.comparisons.answers import Exact
from reliai.comparisons.judging import Comparator, Judgement, Scored, judged
from reliai.comparisons.naming import comparator_of
from reliai.comparisons.structure import Json, Numbers
from reliai.comparisons.text import Text

__all__ = [
    "Comparator",
    "Exact",
    "Json",
    "Judgement",
    "Numbers",
    "Scored",
    "Text",
    "comparator_of",
    "judged",
]

"""What the tests of scorers share: cases, and scores of one scorer."""

import asyncio
from typing import Any, cast

from reliai.datasets.case import MISSING, Case
from reliai.evals.scoring import scored, scorers_of
from reliai.evals.trial import Score


def case_of(expected: Any = MISSING, **inputs: Any) -> Case:
    return Case(inputs=inputs or {"question": "?"}, expected=expected)


def scores(scorer: Any, output: Any, case: Any = None, *, status: str = "ok") -> dict[str, Score]:
    given = case if isinstance(case, Case) else case_of(case)
    made = scorers_of([scorer])
    running = scored(made, output, given, status=status)
    if any(each.asynchronous or each.blocking for each in made):
        return asyncio.run(running)
    try:
        running.send(None)
    except StopIteration as finished:
        return cast("dict[str, Score]", finished.value)
    raise AssertionError("it waits")


def score(scorer: Any, output: Any, case: Any = None, *, status: str = "ok") -> Score:
    [one] = scores(scorer, output, case, status=status).values()
    return one


def value(scorer: Any, output: Any, case: Any = None) -> float | None:
    """The value that a scorer gives; a case that is no `Case` is what is expected."""
    return score(scorer, output, case).value

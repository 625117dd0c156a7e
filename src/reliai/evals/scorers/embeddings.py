"""A scorer of how near a text is in meaning to what was expected, by vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from reliai.errors import ConfigurationError
from reliai.evals.scorers._grading import Grader
from reliai.evals.scorers._making import Absent, Place, minimum_of, passing, references, text_at
from reliai.evals.scorers._vectors import Vectors
from reliai.evals.scoring import Scorer, configurable

if TYPE_CHECKING:
    from collections.abc import Callable

    from reliai.datasets.case import Case

__all__ = ["embedding"]

_VERSION: Final = 1


@configurable
def embedding(
    embed: Callable[[list[str]], Any],
    *,
    model: str | None = None,
    version: str | int | None = None,
    minimum: float | None = None,
    batch: int = 64,
    keep: int = 4096,
    at: str | None = None,
    name: str = "embedding",
) -> Scorer:
    """The cosine of the vectors of the output and of what is expected, in [-1, 1].

    Of several texts that are expected the nearest counts. Texts of cases that run at the same time
    are embedded together, and each text once. When a batch fails by what is in it, its texts are
    asked for one by one.

    Args:
        embed: a function of a list of texts, sync or async, giving as many vectors.
        model: name and version of the embedding model, for the identity of the scorer.
        version: of anything else that its code does not show.
        minimum: the cosine from which the output passes, in (0, 1]; None: it is the score.
        batch: texts of one call at most, from 1.
        keep: vectors that are remembered at most, from 1; about 12 kB each of 1,536 numbers.
        at: where to look in the output, and in an expected structure: "answer.text".
        name: of the score.

    Raises:
        ConfigurationError: for a setting that cannot be it.
    """
    asked = Grader("embedding", embed, "embed", "a list of texts that gives as many vectors")
    place, least = Place("embedding", at), minimum_of("embedding", minimum)
    for what, number in (("batch", batch), ("keep", keep)):
        if isinstance(number, bool) or not isinstance(number, int) or number < 1:
            raise ConfigurationError(f"embedding({what}={number!r}): must be a whole number from 1")
    vectors = Vectors(embed, asynchronous=asked.asynchronous, batch=batch, keep=keep)

    async def judge(output: Any, case: Case) -> Any:
        expected = references(case, place)
        try:
            said = text_at(place, output)
        except Absent as absent:
            return (0.0 if least is None else False), str(absent)
        one, *others = await vectors.of([said, *expected])
        if any(each.shape != one.shape for each in others):
            raise ValueError("embed gave vectors of different lengths")
        cosine = max(float(one @ each) for each in others)
        return passing(min(1.0, max(-1.0, cosine)), least)

    settings = {"embed": embed, "model": model, "minimum": least, "at": at}
    return Scorer(
        judge,
        name=name,
        version=version,
        settings=settings,
        needs_expected=True,
        identity=f"reliai.embedding/{_VERSION}",
    )

"""What came of reviews: how far people agree, and what it says of all traffic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Literal

    from reliai.stats import Agreement, ProductionEstimate

__all__ = ["ReviewAgreement", "agreement_of", "estimate_of"]

_Place = TypeVar("_Place")


@dataclass(frozen=True, slots=True)
class ReviewAgreement:
    """How far the reviewers of a queue agree. Show both numbers: neither says enough by itself.

    Attributes:
        alpha: Krippendorff's, of all reviewers, with reviews missing.
        kappa: Cohen's, where there are just two reviewers; else None.
        reviews: how many each reviewer has given.
        apart: of each reviewer, the share of their reviews that no other of that call shares; None
            where no other has reviewed the same calls.
        conflicts: calls whose reviewers do not agree, for somebody to look at.
    """

    alpha: Agreement
    kappa: Agreement | None
    reviews: dict[str, int]
    apart: dict[str, float | None]
    conflicts: tuple[str, ...]


def agreement_of(
    given: Mapping[str, Mapping[str, Any]],
    level: Literal["nominal", "ordinal", "interval", "ratio"],
) -> ReviewAgreement:
    """How far reviewers agree, of the label that each gave by item."""
    from reliai.stats import cohen_kappa, krippendorff_alpha  # noqa: PLC0415  loads numpy

    people = sorted({who for labels in given.values() for who in labels})
    rows = [[labels.get(who) for labels in given.values()] for who in people]
    kappa = cohen_kappa(*rows) if len(rows) == 2 else None
    apart = {who: _apart(who, given.values()) for who in people}
    conflicts = tuple(
        name for name, labels in given.items() if len(set(map(repr, labels.values()))) > 1
    )
    counts = {who: sum(who in labels for labels in given.values()) for who in people}
    return ReviewAgreement(krippendorff_alpha(rows, level), kappa, counts, apart, conflicts)


def estimate_of(
    given: Mapping[_Place, Sequence[Any]],
    chances: Mapping[_Place, float | None],
    score: Callable[[Any], float],
    confidence: float,
) -> ProductionEstimate:
    """The mean score of all traffic; items whose chance nobody knows stand for none."""
    from reliai.stats import production_estimate  # noqa: PLC0415  loads numpy

    values: list[float] = []
    shares: list[float] = []
    for place, labels in given.items():
        chance = chances.get(place)
        if chance is not None:
            scores = [float(score(label)) for label in labels]
            values.append(sum(scores) / len(scores))
            shares.append(chance)
    return production_estimate(values, shares, confidence=confidence)


def _apart(who: str, given: Iterable[Mapping[str, Any]]) -> float | None:
    compared = [labels for labels in given if who in labels and len(labels) > 1]
    if not compared:
        return None
    alone = [
        all(labels[who] != label for other, label in labels.items() if other != who)
        for labels in compared
    ]
    return sum(alone) / len(alone)

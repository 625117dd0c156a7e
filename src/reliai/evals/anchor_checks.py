"""What becomes of anchors under a judge: what changed, and whether that is more than chance."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from reliai.errors import ConfigurationError, GateFailed
from reliai.stats import mcnemar_exact

if TYPE_CHECKING:
    from reliai.datasets.case import Case
    from reliai.evals.anchors import Anchors

__all__ = ["Anchor", "AnchorCheck", "AnchorVerdict", "compared"]

AnchorVerdict: TypeAlias = Literal["unchanged", "agrees", "judge_drift", "inconclusive"]

_NOISE: Final = 9
"""Decimal places to which two values have to be the same."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """One output of one case, and what the judge said of it.

    Attributes:
        case: what was asked.
        output: what is judged, as JSON data.
        value: of the score; None where it was unscored.
    """

    case: Case
    output: Any
    value: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AnchorCheck:
    """What became of the anchors under a judge.

    Attributes:
        verdict: "unchanged": it is the same judge, and was not asked; "agrees": another one that
            judges alike; "judge_drift": another one that judges otherwise, so that its scores say
            nothing of a change since; "inconclusive": too few anchors could be judged to tell.
        laxer: anchors that it finds better than before.
        stricter: anchors that it finds worse than before.
        p_value: of the exact sign test, two-sided; 1.0 where nothing was asked.
        n_scored: anchors with a score before and now.
        n_total: anchors.
        detectable: the least share of anchors that has to change one way to be seen.
        mean_before, mean_now: of the anchors with both; None where nothing was asked.
        changed: keys of the cases whose score changed.
        note: what else there is to say; "" for nothing.
    """

    verdict: AnchorVerdict
    laxer: int = 0
    stricter: int = 0
    p_value: float = 1.0
    n_scored: int = 0
    n_total: int = 0
    detectable: float | None = None
    mean_before: float | None = None
    mean_now: float | None = None
    changed: tuple[str, ...] = ()
    note: str = ""
    _anchors: Anchors | None = field(default=None, repr=False, compare=False)

    def refrozen(self) -> Anchors:
        """The anchors as this judge sees them, to go on with when it is the one to trust.

        Raises:
            ConfigurationError: when it was not asked.
        """
        if self._anchors is None:
            raise ConfigurationError("refrozen(): the judge is unchanged, so there is nothing new")
        return self._anchors

    def require(self) -> None:
        """Go on only with a judge that judges as it did.

        Raises:
            GateFailed: when it drifted, or too few anchors could be judged to tell.
        """
        if self.verdict in {"judge_drift", "inconclusive"}:
            raise GateFailed(str(self), result=self)

    def __str__(self) -> str:
        if self.verdict == "unchanged":
            return "unchanged: the same judge, which was not asked"
        note = f"; {self.note}" if self.note else ""
        return (
            f"{self.verdict}: of {self.n_scored} of {self.n_total} anchors {self.stricter} are "
            f"judged worse and {self.laxer} better than before, p = {self.p_value:.2g}{note}"
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON data."""
        names = [each for each in self.__dataclass_fields__ if not each.startswith("_")]
        told = {name: getattr(self, name) for name in names}
        return {**told, "changed": list(self.changed)}


def compared(
    old: Anchors, new: Anchors, alpha: float, shift: float, max_missing: float
) -> AnchorCheck:
    """What becomes of anchors that were judged again."""
    pairs = [
        (one.case.key, one.value, other.value)
        for one, other in zip(old.items, new.items, strict=True)
        if one.value is not None and other.value is not None
    ]
    changes = [(key, round(now - then, _NOISE)) for key, then, now in pairs]
    laxer = sum(change > 0 for _, change in changes)
    stricter = sum(change < 0 for _, change in changes)
    p_value = mcnemar_exact(laxer, stricter)
    needed = next(count for count in range(1, 2000) if mcnemar_exact(count, 0) < alpha)
    n, total = len(pairs), len(old)
    detectable = needed / n if n else None
    missing = total - n
    verdict: AnchorVerdict = "judge_drift" if p_value < alpha else "agrees"
    note = ""
    if missing > max_missing * total:
        note = f"{missing} of {total} anchors have no score"
        verdict = verdict if verdict == "judge_drift" else "inconclusive"
    elif verdict == "agrees" and detectable is not None and detectable > shift:
        verdict = "inconclusive"
        note = (
            f"with {n} anchors a change is seen from {detectable:.1%} of them; to see {shift:.1%} "
            f"have {round(needed / shift)} or more"
        )
    return AnchorCheck(
        verdict=verdict,
        laxer=laxer,
        stricter=stricter,
        p_value=p_value,
        n_scored=n,
        n_total=total,
        detectable=detectable,
        mean_before=sum(then for _, then, _ in pairs) / n if n else None,
        mean_now=sum(now for _, _, now in pairs) / n if n else None,
        changed=tuple(key for key, change in changes if change),
        note=note,
        _anchors=new,
    )

"""What a monitor tells besides changes of its signals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reliai.monitoring.alarms import Place
from reliai.monitoring.alert import Alert

if TYPE_CHECKING:
    from reliai._core.scores import Score
    from reliai.monitoring.fields import Field

__all__ = ["judge_of", "learnt", "served"]


def served(name: str, change: Any) -> Alert:
    """Another model answers than before, though the same was asked for."""
    return Alert(
        key=Place(name, f"identity:{change.after}", "").key,
        name=name,
        signal="identity",
        slice="",
        severity="info",
        state="firing",
        at=change.at,
        summary=(
            f"{change.name}: the provider answered with {change.after}, before with "
            f"{change.before}; ask for a dated name to pin the model"
        ),
        evidence={"before": str(change.before), "after": change.after},
        changes=(change,),
    )


def judge_of(score: Score) -> str:
    """The evaluator as part of a slice's name; "" when it is not known."""
    if score.evaluator is None:
        return ""
    version = "" if score.version is None else f"@{score.version}"
    return f"evaluator={score.evaluator}{version}"


def learnt(place: Place, field: Field, now: float) -> Alert:
    """More was taken as normal than is usual."""
    share, n = field.normal or 0.0, field.total.n
    where = f" in {place.slice}" if place.slice else ""
    return Alert(
        key=Place(place.name, f"{place.signal}:learnt", place.slice).key,
        name=place.name,
        signal=place.signal,
        slice=place.slice,
        severity="info",
        state="firing",
        at=now,
        summary=(
            f"{place.name}: {place.signal}{where} of {share:.3g} in the first {n} records are "
            "taken as normal; if they are not, give a reference, as in "
            f"signals.{place.signal}(reference=0.01)"
        ),
        evidence={"share": share, "records": n},
    )

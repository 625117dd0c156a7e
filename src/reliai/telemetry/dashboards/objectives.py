"""Objectives as PromQL: of which events there were how many, and how many of them were bad."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from reliai.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from reliai.telemetry.dashboards.dialect import Dialect

__all__ = ["DEFAULT", "INDICATORS", "Objective", "Words", "objective_of", "words_of"]

DAY = 86_400.0

INDICATORS = (
    "success",
    "full_quality",
    "latency",
    "first_chunk",
    "validation",
    "guard",
    "score:NAME",
    "telemetry",
)
"""What metrics can say; of costs and tokens of single calls they tell no shares."""

_WITH_THRESHOLD = ("latency", "first_chunk", "score")


class _Counted(NamedTuple):
    """Events: of which series, and of which labels."""

    key: str
    where: Mapping[str, Any]


class Looked(NamedTuple):
    """What an objective looks at: all events, some of them, and whether those are the bad ones."""

    every: tuple[_Counted, ...]
    some: _Counted
    are_bad: bool = True


@dataclass(frozen=True, slots=True)
class Objective:
    """A share of good events that is wanted.

    Attributes:
        indicator: one of `INDICATORS`.
        target: above 0 and below 1.
        threshold: of latency and first_chunk in seconds, of a score; None for the others.
        call: the guarded function; None for all.
        window: seconds.
        burn_in: whether nobody has set the target, so that its alarms are for nobody.
    """

    indicator: str
    target: float
    threshold: float | None = None
    call: str | None = None
    window: float = 30 * DAY
    burn_in: bool = False

    @property
    def name(self) -> str:
        """What its series and alarms are labelled with."""
        limit = "" if self.threshold is None else f" {self.threshold:g}"
        return f"{self.call or 'all calls'}: {self.indicator}{limit}"

    @property
    def slug(self) -> str:
        """The same for the name of a file."""
        return re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")

    def where(self, **more: Any) -> dict[str, Any]:
        """What labels must be, by key."""
        return {**({} if self.call is None else {"name": self.call}), **more}

    def counted(self) -> Looked:
        """The events that it looks at."""
        return _LOOKS[self.indicator.partition(":")[0]](self)

    def shares(self, dialect: Dialect, over: str) -> str:
        """The share of bad events over a span; no series where there were no events."""
        bad, every = self.amounts(dialect, over, "rate")
        return f"{bad} / ({every} > 0)"

    def amounts(self, dialect: Dialect, over: str, function: str) -> tuple[str, str]:
        """The bad events and all of them, by `rate` or `increase`."""
        looked = self.counted()
        every = _summed(dialect, looked.every, over, function)
        some = _summed(dialect, (looked.some,), over, function)
        # A series that nothing was counted in yet is not there; it stands for 0.
        known = f"({some} or 0 * {every})"
        bad = known if looked.are_bad else f"({every} - {known})"
        return bad, every

    def present(self, dialect: Dialect) -> str:
        """The series that must be there for the objective to say anything."""
        first = self.counted().every[0]
        where = {name: value for name, value in first.where.items() if name == "name"}
        return dialect.series(first.key, where)


GUARDED = "guard_rejected"
"""Of a call that a guard stopped, the error by which metrics call it."""

_ENDED, _TRIED = "call.duration:count", "attempt.duration:count"
_ANSWERED = ("=~", "success|degraded")


def _success(slo: Objective) -> Looked:
    ended = ("=~", "success|degraded|error|rejected")
    # What a guard stopped must not be answered, so it is no failure.
    every = _Counted(_ENDED, slo.where(outcome=ended, error=("!=", GUARDED)))
    bad = slo.where(outcome=("=~", "error|rejected"), error=("!=", GUARDED))
    return Looked((every,), _Counted(_ENDED, bad))


def _full_quality(slo: Objective) -> Looked:
    every = _Counted(_ENDED, slo.where(outcome=_ANSWERED))
    return Looked((every,), _Counted(_ENDED, slo.where(outcome="degraded")))


def _latency(slo: Objective) -> Looked:
    every = _Counted(_ENDED, slo.where(outcome=_ANSWERED))
    within = slo.where(outcome=_ANSWERED, le=_bound(slo.threshold))
    return Looked((every,), _Counted("call.duration:bucket", within), are_bad=False)


def _first_chunk(slo: Objective) -> Looked:
    key = "call.time_to_first_chunk"
    within = _Counted(f"{key}:bucket", slo.where(le=_bound(slo.threshold)))
    return Looked((_Counted(f"{key}:count", slo.where()),), within, are_bad=False)


def _validation(slo: Objective) -> Looked:
    # Each invalid answer counts, also one that was asked for again.
    invalid = _Counted("events", slo.where(event="output_invalid"))
    return Looked((_Counted(_TRIED, slo.where()),), invalid)


def _guard(slo: Objective) -> Looked:
    stopped = _Counted("events", slo.where(event=("=~", "guard_rejected|guard_would_reject")))
    return Looked((_Counted(_ENDED, slo.where()),), stopped)


def _telemetry(_: Objective) -> Looked:
    lost = _Counted("telemetry.dropped", {})
    return Looked((_Counted("telemetry.events", {}), lost), lost)


def _score(slo: Objective) -> Looked:
    scored = slo.where(score=slo.indicator.partition(":")[2])
    below = _Counted("evaluation.score:bucket", {**scored, "le": _bound(slo.threshold)})
    return Looked((_Counted("evaluation.score:count", scored),), below)


_LOOKS: Mapping[str, Callable[[Objective], Looked]] = {
    "success": _success,
    "full_quality": _full_quality,
    "latency": _latency,
    "first_chunk": _first_chunk,
    "validation": _validation,
    "guard": _guard,
    "telemetry": _telemetry,
    "score": _score,
}


def _summed(dialect: Dialect, counted: Iterable[_Counted], over: str, function: str) -> str:
    sums = [f"sum({function}({dialect.series(key, where)}[{over}]))" for key, where in counted]
    first, *rest = sums
    # The second of two may never have been counted, and then there is no series of it.
    return first if not rest else f"({first} + ({rest[0]} or 0 * {first}))"


def _bound(threshold: float | None) -> str:
    """A bucket's bound as the label `le` has it."""
    return "" if threshold is None else repr(float(threshold))


DEFAULT = (Objective("success", 0.995, burn_in=True),)

_FORM = re.compile(
    r"(?:(?P<call>[^/=@]+)/)?(?P<indicator>[a-z_]+(?::[^=@/]+)?)=(?P<target>[\d.]+)(?:@(?P<at>[\d.]+))?"
)


def objective_of(text: str, dialect: Dialect, window: float = 30 * DAY) -> Objective:
    """An objective from words such as "success=0.995" or "answer/latency=0.95@2.56".

    Args:
        text: [FUNCTION/]INDICATOR=TARGET[@THRESHOLD].
        dialect: whose histograms must have the threshold among their bounds.
        window: seconds.

    Raises:
        ConfigurationError: for other words, a target out of its range, or a threshold that metrics
            cannot tell.
    """
    words = words_of(text)
    kind = words.indicator.partition(":")[0]
    if kind not in _LOOKS or (kind == "score") != (":" in words.indicator):
        raise ConfigurationError(f"--slo {text!r}: indicators are {', '.join(INDICATORS)}")
    if not 0 < words.target < 1:
        raise ConfigurationError(f"--slo {text!r}: the target must be above 0 and below 1")
    if kind == "telemetry" and words.call:
        raise ConfigurationError(f"--slo {text!r}: telemetry is that of the whole process")
    _check_threshold(text, kind, words.threshold, dialect)
    return Objective(words.indicator, words.target, words.threshold, words.call, window)


class Words(NamedTuple):
    """The parts of an objective in words; an indicator may be one that only records tell."""

    call: str | None
    indicator: str
    target: float
    threshold: float | None


def words_of(text: str, indicators: Iterable[str] = INDICATORS) -> Words:
    """The parts of [FUNCTION/]INDICATOR=TARGET[@THRESHOLD].

    Args:
        text: the words.
        indicators: those to name where the words are of another form.

    Raises:
        ConfigurationError: for words of another form.
    """
    found = _FORM.fullmatch(text)
    if not found:
        raise ConfigurationError(
            f"--slo {text!r}: give [FUNCTION/]INDICATOR=TARGET[@THRESHOLD], as in success=0.995 "
            f"or answer/latency=0.95@2.56; indicators are {', '.join(indicators)}"
        )
    threshold = None if found["at"] is None else _number(text, found["at"])
    return Words(found["call"], found["indicator"], _number(text, found["target"]), threshold)


def _number(text: str, digits: str) -> float:
    try:
        return float(digits)
    except ValueError:
        raise ConfigurationError(f"--slo {text!r}: {digits!r} is no number") from None


_HISTOGRAMS = {
    "latency": "call.duration",
    "first_chunk": "call.time_to_first_chunk",
    "score": "evaluation.score",
}


def _check_threshold(text: str, kind: str, threshold: float | None, dialect: Dialect) -> None:
    if kind not in _WITH_THRESHOLD:
        if threshold is not None:
            raise ConfigurationError(f"--slo {text!r}: {kind} takes no threshold")
        return
    bounds = dialect.buckets(_HISTOGRAMS[kind])
    if threshold not in bounds:
        said = ", ".join(f"{bound:g}" for bound in bounds)
        raise ConfigurationError(
            f"--slo {text!r}: a histogram tells only what lies below its bounds; "
            f"give @ one of {said}"
        )

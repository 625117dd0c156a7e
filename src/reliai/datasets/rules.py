"""Which ended calls are worth a case: errors, doubts, complaints, slow ones, new ones, a control.

A rule looks at a call once its outcome is known, or when somebody has said something of it. What
it takes, it takes with a known chance, so that scores on the cases can be weighted back to the
traffic. Floor 5.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias

from reliai.errors import ConfigurationError, ErrorKind

if TYPE_CHECKING:
    from reliai.datasets._capture_calls import EndedCall, Said

__all__ = [
    "Rule",
    "above",
    "below",
    "failed_check",
    "novel",
    "on_error",
    "on_feedback",
    "on_status",
    "slowest",
    "uniform",
    "when",
]

Judge: TypeAlias = "Callable[[EndedCall], bool]"
"""Says of a call that has ended whether it matches."""

LateJudge: TypeAlias = "Callable[[Said], bool]"
"""Says of what somebody said of a call whether it matches."""

STATUSES: Final = ("success", "degraded", "rejected", "error", "cancelled")


class Started(Protocol):
    """Makes a judge with a memory of its own, for one capture."""

    def __call__(self) -> Judge: ...


@dataclass(frozen=True, slots=True)
class Rule:
    """When a call becomes a case.

    Attributes:
        name: as it is written; on the sources of the cases that it took.
        rank: what goes first when there is too much for a day: 0 errors, 1 feedback, 2 doubts and
            failed checks, 3 slow and new calls, 5 the uniform control; within a rank the order in
            which the rules are given. `dataclasses.replace(rule, rank=…)` changes it.
        rate: the share of the calls that match which it takes, in (0, 1].
        start: makes its judge of ended calls; None for a rule that waits for what is said later.
        late: judges what is said of a call later; None for a rule that does not wait.
        detail: its settings; plain data.
    """

    name: str
    rank: int
    rate: float = 1.0
    start: Started | None = field(default=None, repr=False, compare=False)
    late: LateJudge | None = field(default=None, repr=False, compare=False)
    detail: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False, compare=False)

    def __post_init__(self) -> None:
        if not _share(self.rate):
            message = f"{self.name}: rate={self.rate!r} must be a share above 0, at most 1"
            raise ConfigurationError(message)


def on_error(*kinds: str) -> Rule:
    """Calls that ended in an error.

    Args:
        *kinds: of errors, as `ErrorKind` names them, for instance "timeout"; none: all.

    Raises:
        ConfigurationError: for a kind that there is not.
    """
    known = tuple(str(kind) for kind in ErrorKind)
    wanted = _words("on_error", "kinds", map(str, kinds), known)

    def judge(call: EndedCall) -> bool:
        error = call.error
        return call.status == "error" and (not wanted or (error is not None and error in wanted))

    return Rule(_said("on_error", *kinds), 0, start=lambda: judge)


def on_status(*statuses: str) -> Rule:
    """Calls that ended so: "degraded", "rejected", "cancelled", "error" or "success".

    Raises:
        ConfigurationError: for no status, or one that there is not.
    """
    wanted = _words("on_status", "statuses", statuses, STATUSES)
    if not wanted:
        raise ConfigurationError(f"on_status() matches nothing; name some of {', '.join(STATUSES)}")
    rank = 0 if wanted == {"error"} else 2
    return Rule(
        _said("on_status", *statuses), rank, start=lambda: lambda call: call.status in wanted
    )


def below(name: str, limit: float, *, rate: float = 1.0) -> Rule:
    """Calls with a number below a limit: measured in the call, or scored or said later.

    Args:
        name: of the value that `measure(confidence=…)` put on the record, or of the score or
            feedback.
        limit: the number itself does not match.
        rate: the share of the calls that match which is taken, above 0, at most 1.

    Raises:
        ConfigurationError: for a limit that is no number, or a rate out of its range.
    """
    return _threshold("below", name, limit, rate, lambda value: value < limit)


def above(name: str, limit: float, *, rate: float = 1.0) -> Rule:
    """Calls with a number above a limit; as `below` else."""
    return _threshold("above", name, limit, rate, lambda value: value > limit)


def _threshold(
    where: str, name: str, limit: float, rate: float, matches: Callable[[float], bool]
) -> Rule:
    _named(where, name)
    if isinstance(limit, bool) or not isinstance(limit, int | float) or not math.isfinite(limit):
        raise ConfigurationError(f"{where}({name!r}, {limit!r}): the limit must be a finite number")

    def holds(value: Any) -> bool:
        return _is_number(value) and matches(value)

    def judge(call: EndedCall) -> bool:
        return holds(call.values.get(name))

    def late(said: Said) -> bool:
        return said.name == name and holds(said.value)

    words = _said(where, name, limit, **({} if rate == 1.0 else {"rate": rate}))
    return Rule(words, 2, rate, lambda: judge, late, {"name": name, "limit": limit})


def failed_check(*names: str) -> Rule:
    """Calls in which a check said no, also one that only observes.

    Args:
        *names: of checks; none: any.
    """
    wanted = frozenset(names)

    def judge(call: EndedCall) -> bool:
        return any(not passed and (not wanted or name in wanted) for name, passed in call.checks)

    return Rule(_said("failed_check", *names), 2, start=lambda: judge)


def on_feedback(name: str, value: Any = None, *, rate: float = 1.0) -> Rule:
    """Calls of which somebody said this; also long after they ended.

    Args:
        name: of the feedback or score, for instance "thumbs".
        value: what was said; a function of it that says whether it matches; None for anything.
        rate: the share of the calls that match which is taken, above 0, at most 1.

    Raises:
        ConfigurationError: for a name that is none, or a rate out of its range.
    """
    _named("on_feedback", name)

    def late(said: Said) -> bool:
        if said.name != name:
            return False
        if callable(value):
            return bool(value(said.value))
        return value is None or _equal(said.value, value) or _equal(said.label, value)

    shown = (
        () if value is None else (getattr(value, "__name__", "…") if callable(value) else value,)
    )
    words = _said("on_feedback", name, *shown, **({} if rate == 1.0 else {"rate": rate}))
    return Rule(words, 1, rate, None, late, {"name": name})


def slowest(q: float = 0.99, *, window: int = 1000, warmup: int = 100) -> Rule:
    """Calls that took longer than a share of `q` of the calls of their function before them.

    Args:
        q: the share, in (0, 1): 0.99 takes about one call of a hundred.
        window: how many of the latest calls of a function are remembered, at least 10.
        warmup: how many must have been seen before any is taken, at least 10.

    Raises:
        ConfigurationError: for a number out of its range.
    """
    if isinstance(q, bool) or not isinstance(q, int | float) or not 0 < q < 1:
        raise ConfigurationError(f"slowest({q!r}): must be a share above 0 and below 1")
    for setting, number in (("window", window), ("warmup", warmup)):
        _whole("slowest", setting, number, 10)
    if warmup > window:
        message = f"slowest(warmup={warmup!r}, window={window!r}): must not be more than the window"
        raise ConfigurationError(message)

    def start() -> Judge:
        from reliai.datasets._capture_judges import SlowTail  # noqa: PLC0415  when it is used

        return SlowTail(q, window, warmup)

    return Rule(_said("slowest", q), 3, start=start)


def novel(by: str = "inputs", *, similarity: float = 0.5, memory: int = 5000) -> Rule:
    """Calls unlike those before them.

    Args:
        by: "inputs": the words of the inputs; "tag:NAME" or "value:NAME": a tag or measured word
            that was never seen.
        similarity: inputs are new when they have less than this in common with any that are
            remembered (Jaccard of their 3-word shingles, as MinHash estimates it), in (0, 1).
        memory: how many different inputs or words are remembered, at least 10.

    Raises:
        ConfigurationError: for something else to go by, or a number out of its range; when used,
            for inputs, when the extra `datasets` is missing.
    """
    kind, _, name = by.partition(":") if isinstance(by, str) else (by, "", "")
    if by != "inputs" and (kind not in {"tag", "value"} or not name):
        raise ConfigurationError(f'novel({by!r}): use "inputs", "tag:NAME" or "value:NAME"')
    if isinstance(similarity, bool) or not isinstance(similarity, float) or not 0 < similarity < 1:
        raise ConfigurationError(f"novel(similarity={similarity!r}): must be above 0 and below 1")
    _whole("novel", "memory", memory, 10)

    def start() -> Judge:
        from reliai.datasets._capture_judges import NewInputs, NewWords  # noqa: PLC0415  the same

        return NewInputs(similarity, memory) if by == "inputs" else NewWords(kind, name, memory)

    return Rule(_said("novel", *(() if by == "inputs" else (by,))), 3, start=start)


def uniform(rate: float = 0.01) -> Rule:
    """A share of all calls, whatever came of them: the control that scores are weighted with.

    Which calls is decided by a hash of their ids, so each has the same chance.

    Args:
        rate: above 0, at most 1.

    Raises:
        ConfigurationError: for a rate out of its range.
    """
    return Rule(_said("uniform", rate), 5, rate, lambda: lambda _: True)


def when(judge: Callable[[Any], Any], *, name: str | None = None, rate: float = 1.0) -> Rule:
    """Calls of which a function of the record says so.

    Args:
        judge: a function of the `CallRecord`, or of the `StoredCall` from a store. One that raises
            does not match, and is counted.
        name: for the sources of the cases; its own name by default.
        rate: the share of the calls that match which is taken, above 0, at most 1.

    Raises:
        ConfigurationError: for something that cannot be called, or a rate out of its range.
    """
    if isinstance(judge, type) or not callable(judge):
        raise ConfigurationError(f"when({judge!r}): give a function of a call record")
    words = name or getattr(judge, "__name__", type(judge).__name__)
    return Rule(f"when({words})", 2, rate, lambda: lambda call: bool(judge(call.record)))


def checked_rules(given: Any) -> tuple[Rule, ...]:
    """The rules in the order in which they go first."""
    rules = tuple(given) if isinstance(given, Iterable) and not isinstance(given, str) else ()
    wrong = [rule for rule in rules if not isinstance(rule, Rule)]
    if not rules or wrong:
        message = f"Capture(rules={given!r}): give rules such as [on_error(), uniform(0.01)]"
        raise ConfigurationError(message)
    ordered = sorted(rules, key=lambda rule: rule.rank)
    names = [rule.name for rule in ordered]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ConfigurationError(f"Capture(rules=…): {twice} is there twice; leave one out")
    return tuple(ordered)


def _said(where: str, *args: Any, **kwargs: Any) -> str:
    given = [repr(each) for each in args] + [f"{name}={each!r}" for name, each in kwargs.items()]
    return f"{where}({', '.join(given)})"


def _named(where: str, name: Any) -> None:
    if not isinstance(name, str) or not name:
        raise ConfigurationError(f"{where}({name!r}): the name must be a text that is not empty")


def _words(where: str, what: str, given: Iterable[str], known: tuple[str, ...]) -> frozenset[str]:
    words = frozenset(given)
    unknown = sorted(words - set(known))
    if unknown:
        message = f"{where}({what}={unknown!r}): there are {', '.join(known)}"
        raise ConfigurationError(message)
    return words


def _whole(where: str, name: str, value: Any, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        message = f"{where}({name}={value!r}): must be a whole number of at least {least}"
        raise ConfigurationError(message)


def _share(rate: Any) -> bool:
    return isinstance(rate, int | float) and not isinstance(rate, bool) and 0 < rate <= 1


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _equal(said: Any, wanted: Any) -> bool:
    """Whether that was said; True is no 1 of stars, but a thumb of 0 may be told as 0.0."""
    if isinstance(said, bool) is not isinstance(wanted, bool):
        return False
    return bool(said == wanted)

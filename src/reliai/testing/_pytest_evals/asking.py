"""What a `reliai` marker asks for, checked when the test is collected."""

from __future__ import annotations

import functools
from collections import Counter
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from reliai.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from reliai.datasets import Case

__all__ = ["PASSED", "Asked", "Trying", "asked_of", "tries_of"]

_POLICIES = ("evaluation", "deployed", "bare")
_WAYS = ("fail", "warn")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The arguments of `@pytest.mark.reliai(…)`.

    Attributes:
        dataset: a reference such as "support-refunds@v3", a version, a view, or cases.
        name: of the experiment; None: module and function, as in "tests.test_refunds.test_refund".
        repeats: how often each case is tried (>= 1); a case's own number goes before it.
        min_pass: how many tries of each case must pass; None: failing tests fail by themselves.
        gate: the text of a gate, of a `Gate` too, judged when the session ends; None for none.
        baseline: what the gate compares with: "merge-base", a path, or the id of a run.
        policies: how guarded functions run inside: "evaluation", "deployed" or "bare".
        inconclusive: whether a verdict that lacks evidence fails the session, or is told only.
        no_baseline: the same where there is nothing to compare with.

    Raises:
        ConfigurationError: for arguments that cannot be honoured.
    """

    dataset: Any
    name: str | None = None
    repeats: int = 1
    min_pass: int | None = None
    gate: Any = None
    baseline: Any = None
    policies: str = "evaluation"
    inconclusive: str = "fail"
    no_baseline: str = "fail"

    def __post_init__(self) -> None:
        _check_count("repeats", self.repeats, None)
        if self.min_pass is not None:
            _check_count("min_pass", self.min_pass, self.repeats)
        _check_choice("policies", self.policies, _POLICIES)
        _check_choice("inconclusive", self.inconclusive, _WAYS)
        _check_choice("no_baseline", self.no_baseline, _WAYS)
        if self.baseline is not None and self.gate is None:
            raise ConfigurationError(
                f"reliai(baseline={self.baseline!r}): nothing compares with it; give a gate= too, "
                'such as gate="passed non_inferior .02"'
            )

        if self.gate is not None:
            object.__setattr__(self, "gate", _gate_text(self.gate))

    def tolerates(self, *, answered: bool) -> bool:
        """Whether a test that fails is for `min_pass` or the gate to judge.

        A gate judges failed assertions where it asks for `passed`, and tries without an answer
        where it asks for any score, which these lack. What no condition speaks of fails by itself.

        Args:
            answered: whether the test failed by an assertion, and not for want of an answer.
        """
        if self.min_pass is not None:
            return True
        asked = _metrics_of(self.gate)
        if answered:
            return PASSED in asked
        return any(not each.startswith(_NO_SCORES) for each in asked)


PASSED = "passed"
"""The name of the score that says whether the test itself passed."""

_NO_SCORES = ("latency_", "cost_usd", "tokens", "input_tokens", "output_tokens", "throughput")


@functools.cache
def _metrics_of(gate: str | None) -> frozenset[str]:
    """What the conditions of a gate that count are about."""
    if gate is None:
        return frozenset()
    from reliai.evals.gate import Gate  # noqa: PLC0415  when it is used

    return frozenset(rule.metric for rule in Gate.parse(gate) if rule.blocking)


def asked_of(node: Any) -> Asked:
    """What the markers of a test ask for, the nearest before those of its class and module.

    Raises:
        ConfigurationError: for an argument that there is not, none, or one that cannot be.
    """
    settings: dict[str, Any] = {}
    for marker in reversed(list(node.iter_markers("reliai"))):
        if marker.args:
            raise ConfigurationError(
                f"reliai({marker.args[0]!r}): takes arguments by name; write dataset=…"
            )
        settings.update(marker.kwargs)
    known = [each.name for each in fields(Asked)]
    for name in settings:
        if name not in known:
            raise ConfigurationError(f"reliai({name}=…): there is no such argument; use {known}")
    if "dataset" not in settings:
        raise ConfigurationError('reliai(): lacks a dataset; give dataset="name@v3"')
    return Asked(**settings)


@dataclass(frozen=True, slots=True)
class Trying:
    """One item: a case, and which try of it.

    Attributes:
        case: the case.
        repeat: from 1.
        of: how many tries of the case there are.
        id: of the item, made of the case's content or name, never of its place.
    """

    case: Case
    repeat: int
    of: int
    id: str


def tries_of(asked: Asked, cases: Iterable[Case]) -> list[Trying]:
    """The items of a test, in the order of the cases.

    Raises:
        ConfigurationError: when two cases have the same key, or `min_pass` is out of reach.
    """
    found = list(cases)
    names = _names(found)
    tries: list[Trying] = []
    for case, name in zip(found, names, strict=True):
        count = case.repeats or asked.repeats
        if asked.min_pass is not None and count < asked.min_pass:
            raise ConfigurationError(
                f"reliai(min_pass={asked.min_pass}): case {case.key!r} is tried {count} times; "
                "lower min_pass or raise the case's repeats"
            )
        tries += [
            Trying(case, repeat, count, name if count == 1 else f"{name}-r{repeat}")
            for repeat in range(1, count + 1)
        ]
    return _told_apart(tries)


def _told_apart(tries: list[Trying]) -> list[Trying]:
    """Give those of one name others: a case may be called as the second try of another is."""
    seen = Counter(each.id for each in tries)
    if len(seen) == len(tries):
        return tries
    return [
        each
        if seen[each.id] == 1
        else replace(each, id=f"{each.id}-{each.case.digest[7:][:_SHORT]}-{each.repeat}")
        for each in tries
    ]


_SHORT = 12
"""Hexadecimal digits of a digest that name an item, where they tell all cases apart."""


def _names(cases: Sequence[Case]) -> list[str]:
    """A name for each case: its own, else the beginning of its digest."""
    keys = [case.key for case in cases]
    if len(set(keys)) < len(keys):
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ConfigurationError(f"reliai(dataset=…): two cases have the key {twice!r}")
    for length in (_SHORT, 64):
        names = [case.id or case.digest.partition(":")[2][:length] for case in cases]
        if len(set(names)) == len(names):
            return names
    return keys


def _gate_text(gate: Any) -> str:
    """The text of a gate: how it travels from a worker, and what a run says that it had.

    Raises:
        ConfigurationError: when it is none.
    """
    from reliai.evals.gate import Gate  # noqa: PLC0415  when it is used

    if isinstance(gate, str):
        Gate.parse(gate)
        return gate
    if not isinstance(gate, Gate):
        raise ConfigurationError(f"reliai(gate={gate!r}): must be a Gate, or its text")
    text = str(gate)
    if Gate.parse(text) != gate:
        raise ConfigurationError(f"reliai(gate={gate!r}): has no text; give it as text")
    return text


def _check_count(name: str, value: Any, most: int | None) -> None:
    fits = isinstance(value, int) and not isinstance(value, bool) and value >= 1
    if not fits or (most is not None and value > most):
        upper = "" if most is None else f" and at most repeats={most}"
        message = f"reliai({name}={value!r}): must be a whole number of at least 1{upper}"
        raise ConfigurationError(message)


def _check_choice(name: str, value: Any, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ConfigurationError(f"reliai({name}={value!r}): must be one of {', '.join(choices)}")

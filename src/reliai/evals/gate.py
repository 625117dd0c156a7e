"""Gates: what a change has to fulfil, judged on a comparison or on a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from reliai.errors import ConfigurationError, GateFailed
from reliai.evals._grammar import clauses_of
from reliai.evals.results import GateResult, RuleResult
from reliai.evals.rules import Rule, better_of, slices_of
from reliai.evals.verdicts import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from reliai.evals.quarantine import Quarantine
    from reliai.evals.rules import Better, By, Condition

__all__ = ["Gate", "GateResult", "RuleResult"]


class Gate:
    """What a change has to fulfil: conditions on a metric; gates are joined with `&`.

    Each condition gives a verdict of its own, and the gate's is the worst of them. What is judged
    by confidence bounds (the default) passes when the bound on the bad side is still good enough,
    fails when the evidence says that it is not, and is INCONCLUSIVE between: a floor of 0.85 under
    a mean of 0.88 of 100 cases is neither kept nor broken. `by="estimate"` takes the number itself.

    - `non_inferior` passes when the one-sided lower bound of the difference is above the margin's
      negative, and fails for a significant drop that at least five pairs show.
    - More than `max_missing` of the cases without a score: INCOMPLETE. Up to that, what is missing
      counts against the candidate for a PASS, and for it before a FAIL.
    - Fewer than `min_cases` scored: INCONCLUSIVE.
    - `slices` are judged with the same condition, Holm's adjustment over all slices of the gate.

    Args:
        metric: a scorer's name, or `latency_p50` (or another percentile), `latency_mean`,
            `cost_usd`, `tokens`, `input_tokens`, `output_tokens` (means over the cases),
            `failure_rate` or `throughput` (calls a second).
        non_inferior: the margin by which the candidate may be worse than the baseline, in the unit
            of the metric (> 0).
        min: the floor.
        max: the ceiling.
        max_ratio: how many times the baseline the candidate may be (> 0).
        case_min: what the mean over the tries of each case must be; a count, no inference.
        slices: tags, each of whose values is judged too, as "locale", or one value, "locale=de".
        max_missing: the error budget, a share of the cases in [0, 1].
        by: "bounds" or "estimate", for `min` and `max`.
        better: "higher" or "lower"; None: lower for the measures, but `throughput`, and higher for
            scorers.
        confidence: of each one-sided bound, in (0.5, 1).
        power: with which a difference should be found, for what is said of it, in (0, 1).
        min_cases: scored cases below which nothing is concluded (>= 1).
        score_range: the least and the most that a score can be; None: [0, 1], or, for scores
            beyond it, what was seen.
        weighted: judge `min` and `max` by what the mean on production traffic is likely to be.
        failing_cases: how many cases may be below `case_min` (>= 0).
        slices_must: "not_drop": a slice fails the gate by a significant drop, and is reported when
            it is too small to tell; "pass": each must pass by itself.
        blocking: False reports the rule, and leaves it out of the verdict.

    Raises:
        ConfigurationError: without a condition, or for a value out of its range.
    """

    __slots__ = ("rules",)

    def __init__(
        self,
        metric: str,
        *,
        non_inferior: float | None = None,
        min: float | None = None,  # noqa: A002  the words people use
        max: float | None = None,  # noqa: A002  the same
        max_ratio: float | None = None,
        case_min: float | None = None,
        slices: str | Iterable[str] = (),
        max_missing: float = 0.02,
        by: By = "bounds",
        better: Better | None = None,
        confidence: float = 0.95,
        power: float = 0.8,
        min_cases: int = 10,
        score_range: tuple[float, float] | None = None,
        weighted: bool = False,
        failing_cases: int = 0,
        slices_must: Literal["not_drop", "pass"] = "not_drop",
        blocking: bool = True,
    ) -> None:
        given: tuple[tuple[Condition, float | None], ...] = (
            ("non_inferior", non_inferior),
            ("max_ratio", max_ratio),
            ("min", min),
            ("max", max),
            ("case_min", case_min),
        )
        asked: list[tuple[Condition, float]] = [
            (name, value) for name, value in given if value is not None
        ]
        if not asked:
            raise ConfigurationError(
                f"Gate({metric!r}): asks nothing; give non_inferior=, min=, max=, max_ratio= or "
                "case_min="
            )
        if by == "estimate" and not {"min", "max"} & {name for name, _ in asked}:
            raise ConfigurationError(f"Gate({metric!r}, by={by!r}): needs min= or max=")
        rules: list[Rule] = []
        for name, value in asked:
            levels = name in {"min", "max"}
            alone = name == "case_min"
            rules.append(
                Rule(
                    metric=metric,
                    condition=name,
                    limit=value,
                    slices=() if alone and len(asked) > 1 else slices_of(slices),
                    max_missing=max_missing,
                    by=by if levels else "bounds",
                    better=better or better_of(metric),
                    confidence=confidence,
                    power=power,
                    min_cases=min_cases,
                    score_range=score_range,
                    weighted=weighted if levels or len(asked) == 1 else False,
                    failing_cases=failing_cases if alone or len(asked) == 1 else 0,
                    slices_must=slices_must,
                    blocking=blocking,
                )
            )
        self.rules: tuple[Rule, ...] = tuple(rules)

    @classmethod
    def parse(cls, text: str, **settings: Any) -> Gate:
        """The gate that a text says.

        `exact >= .85 AND latency_p95 <= 4 AND exact non_inferior .02 by locale, tier AND
        cost_usd ratio <= 1.2 AND exact each >= .5`; numbers may be percentages ("2%").

        Args:
            text: conditions, joined by AND or one on a line.
            **settings: of `Gate`, for all conditions.

        Raises:
            ConfigurationError: for a text that is none.
        """
        gates = [cls(**{**settings, **clause}) for clause in clauses_of(text)]
        return cls.of(rule for gate in gates for rule in gate.rules)

    @classmethod
    def of(cls, rules: Iterable[Rule]) -> Gate:
        """The gate of these rules.

        Raises:
            ConfigurationError: without any.
        """
        made = cls.__new__(cls)
        made.rules = tuple(dict.fromkeys(rules))
        if not made.rules:
            raise ConfigurationError("Gate.of(()): asks nothing")
        return made

    def __and__(self, other: Gate) -> Gate:
        if not isinstance(other, Gate):
            return NotImplemented
        return Gate.of((*self.rules, *other.rules))

    def judge(self, given: Any, *, quarantine: Quarantine | None = None) -> GateResult:
        """The verdict on a comparison, or on a run alone.

        Args:
            given: what `run.compare(baseline)` gave, or a run; a rule that compares needs the
                former.
            quarantine: cases that are left out of all numbers, as the base revision has them.

        Raises:
            ConfigurationError: when there is no such metric or tag, or a rule needs a baseline and
                a run alone was given.
        """
        from reliai.evals._judging import judged  # noqa: PLC0415  loads numbers' packages

        return judged(self, given, quarantine)

    def require(self, given: Any, *, quarantine: Quarantine | None = None) -> GateResult:
        """The same, for what must pass.

        Raises:
            GateFailed: for any other verdict, with `.result`.
        """
        result = self.judge(given, quarantine=quarantine)
        if result.verdict is Verdict.PASS and result.exit_code == 0:
            return result
        raise GateFailed(str(result), result=result)

    def __iter__(self) -> Iterator[Rule]:
        return iter(self.rules)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Gate) and self.rules == other.rules

    def __hash__(self) -> int:
        return hash(self.rules)

    def __str__(self) -> str:
        """The text that `Gate.parse` reads, of what it can say."""
        return " AND ".join(rule.text for rule in self.rules)

    def __repr__(self) -> str:
        return f"<reliai.evals.Gate {str(self)!r}>"

"""What happens to one item while it runs, until it is told as a trial."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from reliai._core.ambient import ambient, surroundings
from reliai._core.record_parts import ErrorInfo
from reliai.errors import (
    BudgetExceeded,
    BulkheadFull,
    CallTimeout,
    CircuitOpen,
    ConfigurationError,
    GuardRejected,
    RateLimited,
)
from reliai.evals._outputs import json_form
from reliai.evals._saying import put
from reliai.evals.scoring import checked_name, scored, scorer_of
from reliai.evals.trial import Score, Trial
from reliai.providers import classify
from reliai.testing._pytest_evals.asking import PASSED
from reliai.testing._pytest_evals.driving import driven
from reliai.testing._pytest_evals.payload import Payload

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pytest

    from reliai._core.evaluation import Evaluation
    from reliai._core.record import CallRecord
    from reliai.evals.trial import Status
    from reliai.testing._pytest_evals.asking import Asked, Trying

__all__ = ["Going", "Scoring"]

_REJECTIONS = (BudgetExceeded, BulkheadFull, CircuitOpen, GuardRejected, RateLimited)
_LONGEST = 500
"""Characters of an assertion's message that are kept."""


class Going:
    """One item that is running: its records, its scores, and what each of its phases gave.

    Args:
        asked: what the marker says.
        trying: which case, and which try.
        evaluation: what its guarded calls are a part of.
    """

    def __init__(self, asked: Asked, trying: Trying, evaluation: Evaluation) -> None:
        self.asked = asked
        self.trying = trying
        self._evaluation = evaluation
        self.records: list[CallRecord] = []
        self.scores: dict[str, Score] = {}
        self.output: Any = None
        self._status: Status = "ok"
        self._error: ErrorInfo | None = None
        self._why: str | None = None
        self._started = 0.0
        self._took = 0.0
        self._failed = False

    @contextmanager
    def active(self) -> Iterator[None]:
        """Isolate the guarded calls made inside, and gather their records.

        Entered again inside of itself, it changes nothing.
        """
        there = ambient.get().collectors
        if any(each is self.records for each in there):
            yield
            return
        with self._evaluation.trial(), surroundings(collectors=(*there, self.records)):
            yield

    # --- phases -------------------------------------------------------------------------------
    def phase(self, call: pytest.CallInfo[None], report: pytest.TestReport) -> None:
        """Take note of what a phase gave: setup, call or teardown."""
        if not self._started or call.when == "call":
            self._started = call.start
        if call.when == "call":
            self._took = call.duration
        if report.skipped or hasattr(report, "wasxfail") or _passed_unexpectedly(report):
            self._status = "skipped"
        elif report.failed and self._status != "skipped":
            self._fail(call)
        elif call.when == "call" and self._degraded():
            self._degrade(report)

    def _fail(self, call: pytest.CallInfo[None]) -> None:
        self._failed = True
        error = None if call.excinfo is None else call.excinfo.value
        if error is None:
            self._status, self._why = "error", "the test failed"
            return
        asserted = call.when == "call" and is_assertion(error)
        if asserted and not self._degraded():
            self._why = str(error)[:_LONGEST] or type(error).__name__
            return
        self._status = "degraded" if asserted else status_of(error, str(call.when))
        kind = "timeout" if self._status == "timeout" else _kind_of(error)
        self._error = ErrorInfo.of(error, kind)

    def _degraded(self) -> bool:
        if self.asked.policies == "deployed":
            return False
        return any(each.status == "degraded" for each in self._outermost())

    def _degrade(self, report: pytest.TestReport) -> None:
        """The test passed with an answer that the model did not give."""
        self._failed, self._status = True, "degraded"
        self._why = (
            "the answer came from a fallback, a stale entry or otherwise=, which is a failure of "
            'the case; policies="deployed" takes it as the answer'
        )
        report.outcome = "failed"
        report.longrepr = self._why

    def _outermost(self) -> list[CallRecord]:
        mine = {each.id for each in self.records}
        return [each for each in self.records if each.parent_id not in mine]

    # --- the end ------------------------------------------------------------------------------
    @property
    def tolerated(self) -> bool:
        """Whether a failure is for `min_pass` or the gate to judge."""
        answered = self._status == "ok"
        return self._status != "skipped" and self.asked.tolerates(answered=answered)

    @property
    def passed(self) -> bool:
        """Whether the test passed in all phases."""
        return not self._failed and self._status == "ok"

    def payload(
        self, experiment: str, header: Mapping[str, Any] | None, *, lost: bool = False
    ) -> Payload:
        """What the item tells; `lost`: what is to be said of it should its process die."""
        trial = self._lost() if lost else self.trial()
        return Payload(experiment, trial, self.passed and not lost, self.trying.of, header)

    def trial(self) -> Trial:
        """The item as a trial."""
        case, calls = self.trying.case, self._outermost()
        return Trial(
            case=case.key,
            digest=case.digest,
            repeat=self.trying.repeat,
            status=self._status,
            output=self.output,
            error=self._error,
            started_at=calls[0].started_at if calls else self._started,
            duration=_span(calls) if calls else self._took,
            cost_usd=_total(self.records, "cost_usd"),
            input_tokens=_total(self.records, "input_tokens"),
            output_tokens=_total(self.records, "output_tokens"),
            call_id=calls[0].id if calls else None,
            retries=sum(max(0, len(each.attempts) - 1) for each in self.records),
            tags=dict(case.tags),
            group=case.group,
            inclusion_probability=case.inclusion_probability,
            scores=self._all_scores(),
        )

    def _lost(self) -> Trial:
        case = self.trying.case
        return Trial(
            case=case.key,
            digest=case.digest,
            repeat=self.trying.repeat,
            status="error",
            error=ErrorInfo("unknown", "Crashed", "the process that ran the test died"),
            started_at=self._started,
            tags=dict(case.tags),
            group=case.group,
            inclusion_probability=case.inclusion_probability,
            scores={PASSED: Score(value=None, unscored="task_error")},
        )

    def _all_scores(self) -> dict[str, Score]:
        if self._status == "skipped":
            return {}
        own = Score(value=1.0 if self.passed else 0.0, kind="assertion", explanation=self._why)
        if self._status == "ok":
            return {PASSED: own, **self.scores}
        reason = {"error": "task_error"}.get(self._status, self._status)
        unscored = Score(value=None, unscored=reason)
        return {PASSED: unscored, **dict.fromkeys(self.scores, unscored)}


class Scoring:
    """The fixture `score`: `score("tone", .8)`, or `score(scorer, output)`.

    Every test has the score "passed" by itself: whether it passed.
    """

    def __init__(self, going: Going) -> None:
        self._going = going

    def __call__(self, name: Any, value: Any, explanation: str | None = None) -> Score:
        """Score this try.

        Args:
            name: of the score; or a scorer, which then judges `value` as the output.
            value: a bool (an assertion), a number, or a text (a label); None for nothing to say.
            explanation: why.

        Returns:
            The score.

        Raises:
            ConfigurationError: for a name that cannot be one, or that is given already.
        """
        case = self._going.trying.case
        made: dict[str, Score] = {}
        if isinstance(name, str):
            if name == PASSED:
                raise ConfigurationError(
                    f"score({name!r}): is whether the test passes; take another name"
                )
            put(made, checked_name(name), value if explanation is None else (value, explanation))
        else:
            scorer = scorer_of(name)
            waits = scorer.asynchronous or scorer.blocking
            self.output(value)
            made = driven(scored((scorer,), self._going.output, case), waits=waits)
        twice = set(made) & set(self._going.scores)
        if twice:
            raise ConfigurationError(f"score({min(twice)!r}): was given for this try already")
        self._going.scores.update(made)
        return next(iter(made.values()))

    def output(self, value: Any) -> None:
        """Keep what the target gave, in its JSON form, so that it can be scored anew later.

        Raises:
            NotJson: where it has none.
        """
        self._going.output = json_form(value)


def _passed_unexpectedly(report: pytest.TestReport) -> bool:
    return report.failed and str(report.longrepr).startswith("[XPASS(strict)]")


def is_assertion(error: BaseException) -> bool:
    """Whether a test says by it that the answer is not what it should be."""
    if isinstance(error, AssertionError):
        return True
    ours = type(error).__name__ == "Failed" and type(error).__module__ == "_pytest.outcomes"
    return ours and not _ran_out(error)


def status_of(error: BaseException, when: str) -> Status:
    """The status of a try that ended with an error that is no assertion."""
    if isinstance(error, CallTimeout) or _ran_out(error):
        return "timeout"
    return "rejected" if when == "call" and isinstance(error, _REJECTIONS) else "error"


def _ran_out(error: BaseException) -> bool:
    return str(error).endswith("from pytest-timeout.") or isinstance(error, TimeoutError)


def _kind_of(error: BaseException) -> str:
    return str(classify(error).kind) if isinstance(error, Exception) else "unknown"


def _total(records: list[CallRecord], name: str) -> Any:
    """The sum over the calls that used a model; None where one of them does not say."""
    used = [
        each
        for each in records
        if each.input_tokens is not None or each.output_tokens is not None or each.cost_usd
    ]
    values = [getattr(each, name) for each in used]
    return None if not values or None in values else sum(values)


def _span(records: list[CallRecord]) -> float:
    """Seconds in which at least one of the calls was under way."""
    total, until = 0.0, float("-inf")
    for each in sorted(records, key=lambda record: record.started_at):
        end = each.started_at + (each.duration or 0.0)
        total += max(0.0, end - max(each.started_at, until))
        until = max(until, end)
    return total

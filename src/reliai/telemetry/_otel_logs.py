"""Events through OpenTelemetry's log API: failures, scores, variants. Emitted on the worker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry._logs import LogRecord, SeverityNumber

from reliai._core.scores import Score
from reliai.checks.redaction import message_of
from reliai.telemetry._inferences import scores_of
from reliai.telemetry._otel_attributes import named

if TYPE_CHECKING:
    from opentelemetry._logs import Logger
    from opentelemetry.context import Context

    from reliai._core.record import CallRecord
    from reliai.checks.redaction import Redaction
    from reliai.telemetry.names import Profile

__all__ = ["Logs"]


class Logs:
    """The events of one profile on one logger.

    Args:
        logger: of the application's provider.
        profile: what events and attributes are called.
    """

    def __init__(self, logger: Logger, profile: Profile) -> None:
        self._logger = logger
        self._profile = profile

    def failure(
        self,
        record: CallRecord,
        context: Context | None,
        redaction: Redaction | None,
        *,
        model: bool,
    ) -> None:
        """What a call failed with, once; not what its retries made good."""
        error = record.error
        if error is None or record.status != "error":
            return
        values = {
            "name": record.name,
            "call_id": record.id,
            "exception_type": error.type,
            "exception_message": message_of(error, redaction),
        }
        kind = "exception" if model else "call_exception"
        self._emit(kind, values, context, record, SeverityNumber.WARN)

    def variant(self, record: CallRecord, context: Context | None) -> None:
        """What a rollout chose for a call."""
        if record.variant is None:
            return
        values = {
            "variant_key": record.name,
            "variant_result": record.variant,
            "variant_provider": "reliai",
        }
        self._emit("variant", values, context, record, SeverityNumber.INFO)

    def check_scores(self, record: CallRecord, context: Context | None) -> None:
        """The numbers that checks gave while the call ran."""
        for name, value in scores_of(record):
            self.score(record.id, record, Score(name, value, evaluator=name), context, None)

    def score(
        self,
        call_id: str | None,
        record: CallRecord | None,
        score: Score,
        context: Context | None,
        redaction: Redaction | None,
    ) -> None:
        """What an evaluator made of a call; why, only where content is recorded."""
        attempts = () if record is None else record.attempts
        ids = [attempt.response_id for attempt in attempts if attempt.response_id is not None]
        values = {
            "score": score.name,
            "score_value": score.value,
            "score_label": score.label,
            "score_explanation": redaction and redaction.apply(score.explanation).value,
            "evaluator": score.evaluator,
            "evaluator_version": score.version,
            "response_id": ids[-1] if ids else None,
            "call_id": call_id,
            "name": None if record is None else record.name,
        }
        self._emit("evaluation", values, context, None, SeverityNumber.INFO)

    def _emit(
        self,
        event: str,
        values: dict[str, Any],
        context: Context | None,
        record: CallRecord | None,
        severity: SeverityNumber,
    ) -> None:
        at = None
        if record is not None:
            at = int((record.started_at + (record.duration or 0.0)) * 1e9)
        self._logger.emit(
            LogRecord(
                timestamp=at,
                context=context,
                severity_number=severity,
                severity_text=severity.name,
                attributes=named(self._profile, values),
                event_name=self._profile.events[event],
            )
        )

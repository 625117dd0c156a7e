"""What one call, circuit or score gives metrics: (instrument, value, labels). Pure.

OpenTelemetry's metrics and Prometheus' are both made from this, so they say the same. Labels are
those the name table allows, and of each only so many values: ids, subjects and texts are none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from copy import copy
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from reliai.errors import ConfigurationError
from reliai.telemetry._inferences import attempt_error, delivered, error_type, inferences, scores_of
from reliai.telemetry.names import LABELS, Profile, provider_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from reliai._core.record import Attempt, CallRecord
    from reliai.decisions.circuit_values import Snapshot
    from reliai.telemetry._inferences import Inference

__all__ = [
    "OTHER",
    "Labels",
    "Measurement",
    "checked_labels",
    "of_circuits",
    "of_gaps",
    "of_record",
    "of_score",
]

OTHER: Final = "_other"
"""Stands for all values of a label beyond its cap."""

MOST_CHARACTERS: Final = 200
"""Of a label's value."""

CIRCUIT_STATES: Final = ("closed", "open", "half_open", "isolated")


class Measurement(NamedTuple):
    """One number for one instrument.

    Attributes:
        key: of the instrument, as the name table has it.
        value: to add to a counter, to put into a histogram, or what a gauge shows.
        labels: by key of the name table; what is not known is not there.
    """

    key: str
    value: float
    labels: Mapping[str, str]


def of_record(record: CallRecord, asked: Sequence[Inference] | None = None) -> list[Measurement]:
    """All that an ended call gives.

    Args:
        record: of the call.
        asked: its `inferences`, where they are known already.
    """
    found = list(_of_call(record))
    found += _of_attempts(record)
    if record.events:
        found += _of_events(record)
    if record.checks:
        found += _of_checks(record)
    asked = inferences(record) if asked is None else asked
    for inference in asked:
        found += _of_inference(record, inference)
    if asked:
        found += _of_usage(record)
    return found


def _labels(**labels: str | None) -> dict[str, str]:
    return {key: value for key, value in labels.items() if value is not None}


def _of_call(record: CallRecord) -> Iterator[Measurement]:
    name, outcome, variant = record.name, record.status, record.variant
    labels = _labels(name=name, outcome=outcome, error=error_type(record.error), variant=variant)
    yield Measurement("call.duration", record.duration or 0.0, labels)
    if record.time_to_first_chunk is not None:
        labels = _labels(name=name, variant=variant)
        yield Measurement("call.time_to_first_chunk", record.time_to_first_chunk, labels)
    retries = len(record.attempts) - 1
    if retries > 0:
        yield Measurement("call.retries", retries, _labels(name=name, outcome=outcome))


def _of_attempts(record: CallRecord) -> Iterator[Measurement]:
    for attempt in record.attempts:
        labels = _labels(name=record.name, target=attempt.target, error=attempt_error(attempt))
        yield Measurement("attempt.duration", attempt.duration or 0.0, labels)


def _of_events(record: CallRecord) -> Iterator[Measurement]:
    kinds: Counter[str] = Counter()
    for kind, _, attributes in record.events:
        kinds[kind] += int(attributes.get("count", 1)) if kind == "events_dropped" else 1
    for kind, count in kinds.items():
        yield Measurement("events", count, {"name": record.name, "event": kind})


def _of_checks(record: CallRecord) -> Iterator[Measurement]:
    """What checks found, those that simply passed excepted: calls as such are counted anyway."""
    observed = {event.attributes.get("check") for event in record.events if "_would_" in event.kind}
    observing_output = any(event.kind == "output_would_reject" for event in record.events)
    for check in record.checks:
        verdict, action = "deny", "block"
        reason = check.reason or ""
        if check.passed:
            changed = reason in {"changed", "it would change it"}
            verdict = action = "modify" if changed else "allow"
        elif reason.startswith("bypassed"):
            verdict, action = "error", "allow"
        if check.name in observed or (verdict == "deny" and observing_output):
            action = "allow"
        labels = {"name": record.name, "guard": check.name, "verdict": verdict, "action": action}
        yield Measurement("guard.results", 1, labels)
    for name, value in scores_of(record):
        yield of_score(record.name, name, value)


def _of_request(inference: Inference) -> dict[str, str]:
    request = inference.request
    port = request.get("server_port")
    return _labels(
        operation=inference.operation,
        provider=inference.provider,
        request_model=inference.request_model,
        response_model=inference.response_model,
        server_address=request.get("server_address"),
        server_port=None if port is None else str(port),
    )


def _of_inference(record: CallRecord, inference: Inference) -> Iterator[Measurement]:
    labels = _of_request(inference)
    failing = labels if inference.error is None else {**labels, "error": inference.error}
    seconds = record.duration if inference.alone else inference.duration
    yield Measurement("inference.duration", seconds or 0.0, failing)
    streamed = delivered(record)
    if record.time_to_first_chunk is not None and streamed in inference.attempts:
        began = inference.started_at - record.started_at
        first = record.time_to_first_chunk - (0.0 if inference.alone else began)
        yield Measurement("inference.time_to_first_chunk", max(0.0, first), labels)
    told = (("input", inference.input_tokens), ("output", inference.output_tokens))
    for direction, tokens in told:
        kind = f"{direction}_tokens"
        modal = {**labels, "modality": "unknown"}
        yield Measurement(f"usage.{kind}", tokens or 0, modal)
        if tokens is not None:
            yield Measurement("token.usage", tokens, {**labels, "token_type": direction})
            yield Measurement(f"operation.{kind}", tokens, failing)
    cached = (("read", inference.cached_tokens), ("write", inference.cache_write_tokens))
    for way, tokens in cached:
        if tokens:
            modal = {**labels, "modality": "unknown"}
            yield Measurement(f"usage.cache_{way}.input_tokens", tokens, modal)


def of_gaps(
    record: CallRecord, gaps: Sequence[float], asked: Sequence[Inference]
) -> list[Measurement]:
    """The seconds from each chunk of a stream to the next."""
    final = delivered(record)
    answered = next((each for each in asked if final in each.attempts), None)
    if answered is None:
        return []
    labels = _of_request(answered)
    return [Measurement("inference.time_per_output_chunk", gap, labels) for gap in gaps]


def _of_usage(record: CallRecord) -> Iterator[Measurement]:
    final = delivered(record)
    for attempt in record.attempts:
        labels = _of_answer(record, attempt)
        billed = {**labels, "billed": "final" if attempt is final else "wasted"}
        told = (("input", attempt.input_tokens), ("output", attempt.output_tokens))
        for direction, tokens in told:
            if tokens:
                yield Measurement("tokens", tokens, {**billed, "direction": direction})
        if attempt.cost_usd:
            yield Measurement("cost", attempt.cost_usd, billed)
        if attempt.unpriced or attempt.usage_state == "unknown":
            yield Measurement("cost.unknown", 1, labels)


def _of_answer(record: CallRecord, attempt: Attempt) -> dict[str, str]:
    provider = None if attempt.provider is None else provider_name(attempt.provider)
    return _labels(name=record.name, provider=provider, response_model=attempt.model)


def of_score(call: str | None, name: str, value: float) -> Measurement:
    """A score that an evaluator gave a call."""
    return Measurement("evaluation.score", value, _labels(name=call, score=name))


def of_circuits(circuits: Iterable[Snapshot]) -> list[Measurement]:
    """How many circuits of each name are in which state: 1 and three times 0 for one circuit.

    Args:
        circuits: what `reliai.circuits()` gives. Those that differ in their key alone are added up,
            for a key may be a subject.
    """
    counts: dict[tuple[str, str | None], Counter[str]] = {}
    for circuit in circuits:
        counts.setdefault((circuit.name, circuit.target), Counter())[circuit.state] += 1
    return [
        Measurement(
            "breaker.state",
            states[state],
            _labels(breaker=name, target=target, breaker_state=state),
        )
        for (name, target), states in counts.items()
        for state in CIRCUIT_STATES
    ]


def checked_labels(where: str, allowed: object) -> frozenset[str]:
    """The keys of the labels that metrics may have.

    Args:
        where: who asks, for the message.
        allowed: keys of `LABELS`; None for all.

    Raises:
        ConfigurationError: for any other: an id or a subject as a label is a series for each.
    """
    if allowed is None:
        return frozenset(LABELS)
    if isinstance(allowed, str) or not isinstance(allowed, Iterable):
        message = f"{where}(labels={allowed!r}): give a list of labels"
        raise ConfigurationError(message)
    given: list[Any] = list(allowed)
    for label in given:
        if label not in LABELS:
            message = (
                f"{where}(labels=…): {label!r} may be no label of a metric, for each of its values "
                f"would be a series; those that may are {', '.join(LABELS)}. Ids belong on spans "
                "and records"
            )
            raise ConfigurationError(message)
    return frozenset(given)


class Labels:
    """The label values of measurements, with a cap on how many a label may have.

    Not thread-safe: one for each exporter, which is told of one entry at a time.

    Args:
        profile: whose metrics they are for.
        allowed: keys of the labels to keep; all by default. The others are left away.
        limit: values of one label at most, 1 or more; those that come later are `_other`, so what
            is counted stays complete.
        where: the exporter's name, for messages.

    Raises:
        ConfigurationError: for a label that may be none, or a limit below 1.
    """

    def __init__(
        self,
        profile: Profile,
        allowed: Iterable[str] | None = None,
        limit: int = 100,
        where: str = "Labels",
    ) -> None:
        if not isinstance(limit, int) or isinstance(limit, bool) or limit < 1:
            message = f"{where}(label_limit={limit!r}): must be a whole number of at least 1"
            raise ConfigurationError(message)
        kept = checked_labels(where, allowed)
        self.limit = limit
        self._seen: dict[str, dict[str, str]] = {}
        self.keys: Mapping[str, tuple[str, ...]] = MappingProxyType(
            {
                key: tuple(label for label in metric.labels if label in kept)
                for key, metric in profile.metrics.items()
            }
        )
        """The labels of each metric, in the order of `values`."""

    def again(self) -> Labels:
        """The same rules, with no value seen yet: for another thread."""
        made: Labels = copy(self)
        made._seen = {}
        return made

    def values(self, measurement: Measurement) -> tuple[str, ...]:
        """The values of a metric's labels, in their order: "" for one that is not known."""
        given = measurement.labels
        return tuple(
            self._capped(key, given[key]) if key in given else ""
            for key in self.keys[measurement.key]
        )

    def _capped(self, key: str, value: str) -> str:
        seen = self._seen.setdefault(key, {})
        known = seen.get(value)
        if known is not None:
            return known
        if len(seen) >= self.limit:
            return OTHER
        short = seen[value] = value[:MOST_CHARACTERS]
        return short

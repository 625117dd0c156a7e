"""What each signal reads off a record, of calls that were really made and of stored ones."""

from __future__ import annotations

import json
import math
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import reliai
from reliai._core.record_parts import ErrorInfo
from reliai.errors import ConfigurationError
from reliai.monitoring import Monitor, signals
from reliai.monitoring.references import reference_of
from tests.monitoring._traffic import record

if TYPE_CHECKING:
    from pathlib import Path

    from reliai.monitoring.signals import Signal

loose: Any = signals
"""The same, unknown to the type checker."""

OPENAI = {
    "object": "chat.completion",
    "model": "m",
    "choices": [{"message": {"content": "Hi"}, "finish_reason": "length", "index": 0}],
}


def error(kind: str, name: str) -> ErrorInfo:
    return ErrorInfo(kind, name, "")


def read(signal: Signal, answer: Any, *policies: Any, question: str = "why?") -> Any:
    """What a signal says of a call that gives `answer`."""
    seen: list[Any] = []

    class Reader:
        inline = True
        reads_content = signal.reads_content

        def on_end(self, record: Any) -> None:
            seen.append(signal.read(record))

    @reliai.reliable(*policies, observers=[Reader()])
    def ask(question: str) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer

    with suppress(Exception):
        ask(question)
    return seen[0]


@pytest.mark.parametrize(
    ("signal", "fields", "value"),
    [
        (signals.errors(), {}, False),
        (signals.errors(), {"failed": True}, True),
        (signals.errors(), {"status": "degraded"}, False),
        (signals.errors(), {"status": "cancelled"}, None),
        (
            signals.errors(),
            {"status": "rejected", "error": error("rejected", "reliai.GuardRejected")},
            None,
        ),
        (
            signals.errors(),
            {"status": "rejected", "error": error("rejected", "reliai.CircuitOpen")},
            True,
        ),
        (signals.latency(), {"duration": 2.0}, 2.0),
        (signals.latency(), {"duration": 2.0, "failed": True}, None),
        (signals.first_chunk(), {"time_to_first_chunk": 0.3}, 0.3),
        (signals.first_chunk(), {}, None),
        (signals.tokens("input"), {"input_tokens": 3}, 3),
        (signals.tokens(), {"output_tokens": 4}, 4),
        (signals.cost(), {"cost_usd": 0.1}, 0.1),
        (signals.refusals(), {}, False),
        (signals.refusals(), {"finish_reason": "refusal"}, True),
        (signals.refusals(), {"failed": True}, None),
        (signals.refusals(), {"error": error("content_filter", "X")}, True),
        (signals.validation_failures(), {}, False),
        (signals.validation_failures(), {"events": ("reask",)}, True),
        (signals.validation_failures(), {"failed": True}, None),
        (signals.guard_hits(), {"events": ("guard_replaced",)}, True),
        (signals.guard_hits(), {"events": ("retry",)}, False),
        (signals.truncated(), {"finish_reason": "length"}, True),
        (signals.truncated(), {"finish_reason": "stop"}, False),
        (signals.truncated(), {}, None),
        (signals.truncated(), {"error": error("x", "reliai.OutputTruncated")}, True),
        (signals.truncated(), {"failed": True}, None),
        (signals.finish_reasons(), {"finish_reason": "stop"}, "stop"),
        (signals.value("age"), {"values": {"age": 3}}, 3.0),
        (signals.value("age"), {"values": {"age": {"count": 2, "missing": 0, "mean": 4.0}}}, 4.0),
        (signals.value("age"), {}, None),
        (signals.value("age"), {"values": {"age": "old"}}, None),
        (signals.value("age", above=2), {"values": {"age": 3}}, True),
        (signals.value("age", below=2), {"values": {"age": 3}}, False),
        (signals.value("age", above=2), {}, None),
        (signals.value("ok", kind="share"), {"values": {"ok": 1}}, True),
        (signals.value("who", kind="category"), {"values": {"who": "me"}}, "me"),
        (signals.value("who", kind="category"), {"values": {"who": 3}}, "3"),
        (signals.score("help"), {"values": {"help": 0.5}}, 0.5),
        (signals.length(), {"output": "four"}, 4),
        (signals.length("q"), {"inputs": {"q": "two"}}, 3),
        (signals.empty(), {"output": " "}, True),
        (signals.empty(), {"failed": True}, None),
    ],
    ids=range(43),
)
def test_facts_of_a_record(signal: Signal, fields: dict[str, Any], value: Any) -> None:
    assert signal.read(record(**fields)) == value


@pytest.mark.parametrize(
    ("signal", "answer", "value"),
    [
        (signals.length(), "four", 4),
        (signals.length("question"), "x", 4),
        (signals.length(), ValueError(), None),
        (signals.length(), OPENAI, 2),
        (signals.script(), "Plain English, naïve café, λ and π", False),
        (signals.script(), "Plain English สวัสดี", True),
        (signals.script("CYRILLIC"), "Привет, world", False),
        (signals.script(), {"not": "text"}, None),
        (signals.empty(), "", True),
        (signals.empty(), {"a": 1}, False),
        (signals.empty(), None, True),
        (signals.refusals(text=True), "I'm sorry, but I can't help with that.", True),
        (signals.refusals(text=True), "Noon.", False),
        (signals.refusals(text=True), 3, False),
        (signals.truncated(), OPENAI, True),
    ],
    ids=range(15),
)
def test_what_goes_in_and_comes_out_of_a_call(signal: Signal, answer: Any, value: Any) -> None:
    assert read(signal, answer) == value


def test_an_answer_that_fails_its_checks_is_a_validation_failure() -> None:
    policy = reliai.Validate(reliai.MaxLength(3))
    assert read(signals.validation_failures(), "too long", policy) is True
    assert read(signals.validation_failures(), "ok", policy) is False


def test_what_a_guard_rejects_is_a_guard_hit_and_no_error() -> None:
    policy = reliai.Guard(reliai.MaxLength(3))
    assert read(signals.guard_hits(), "x", policy, question="too long") is True
    assert read(signals.errors(), "x", policy, question="too long") is None


def test_the_language_of_a_question() -> None:
    question = "Wie spät ist es jetzt in Hamburg, und warum weiß das hier eigentlich niemand?"
    assert read(signals.language("en", of="question"), "x", question=question) is True
    assert read(signals.language(of="question"), "x", question=question) == "de"
    assert read(signals.language("en"), "short") is None


def test_a_vector_of_an_argument_or_of_a_function() -> None:
    assert list(read(signals.embedding(), [1.0, 2.0])) == [1.0, 2.0]
    made = signals.embedding(lambda _: [3.0])
    assert list(made.read(record())) == [3.0]
    assert signals.embedding(lambda _: [[1.0]]).read(record()) is None
    assert signals.embedding(lambda _: None).read(record()) is None


def test_only_signals_of_texts_read_content() -> None:
    assert not Monitor(alerts=[]).reads_content
    for signal in (signals.length(), signals.script(), signals.empty(), signals.embedding()):
        assert Monitor([signal], alerts=[]).reads_content


def test_no_text_is_in_what_the_monitor_keeps() -> None:
    monitor = Monitor(
        [signals.length(), signals.script(), signals.refusals(text=True)], inline=True, alerts=[]
    )

    @reliai.reliable(observers=[monitor])
    def ask(question: str) -> str:
        return f"canary {question}"

    ask("canary")
    assert "canary" not in json.dumps(monitor.snapshot())


def test_a_signal_may_be_about_one_function() -> None:
    monitor = Monitor([signals.errors().of("other")], inline=True, alerts=[])
    monitor.on_end(record())
    assert monitor.snapshot()["signals"] == []


@pytest.mark.parametrize("value", [math.nan, math.inf, None])
def test_what_is_no_number_counts_as_missing(value: float | None) -> None:
    monitor = Monitor([signals.number("x", lambda _: value)], inline=True, alerts=[])
    monitor.on_end(record())
    assert [(row["n"], row["null"]) for row in monitor.snapshot()["signals"]] == [(0, 1)]


def test_a_reference_may_be_an_array_records_or_a_file(tmp_path: Path) -> None:
    file, lines = tmp_path / "a.json", tmp_path / "b.jsonl"
    file.write_text(json.dumps([1.0] * 30))
    lines.write_text("\n".join(["2.0"] * 30))
    records = [record(-number, cost_usd=float(number)) for number in range(30)]
    for given, first in (
        (np.arange(30.0), 0.0),
        ([None, math.nan, *range(5, 40)], 5.0),
        (file, 1.0),
        (str(lines), 2.0),
        (records, 29.0),
    ):
        found = reference_of(signals.cost(reference=given))
        assert found is not None
        assert found.values[0] == first


def test_records_of_the_whole_monitor_serve_every_signal_they_say_enough_of() -> None:
    records = [record(number, failed=number % 10 == 0) for number in range(300)]
    monitor = Monitor([signals.errors(), signals.cost()], reference=records, alerts=[])
    monitor.on_end(record(400))
    states = {row["signal"]: row["state"] for row in monitor.snapshot()["signals"]}
    assert states == {"errors": "ok", "cost": "insufficient"}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: loose.errors(severity="loud"), "severity='loud'"),
        (lambda: signals.errors(reference=1.5), "reference=1.5"),
        (lambda: signals.errors(reference=0.1, shift=0.05), "above the reference"),
        (lambda: loose.errors(colour="red"), "colour"),
        (lambda: signals.latency(q=2), "q=2"),
        (lambda: signals.cost(scale=0), "scale=0"),
        (lambda: signals.cost(shift=-1), "shift=-1"),
        (lambda: loose.finish_reasons(shift=1), "takes none"),
        (lambda: loose.tokens("up"), "'input' or 'output'"),
        (lambda: signals.script("KLINGON"), "KLINGON"),
        (lambda: signals.language("xx"), "xx"),
        (lambda: signals.value("a", above=1, below=2), "not both"),
        (lambda: signals.value(""), r"signals.value\(''\): give the name"),
        (lambda: loose.value(5), r"signals.value\(5\): give the name"),
        (lambda: signals.score(""), r"signals.score\(''\): give the name"),
        (lambda: loose.share("", bool), r"name=''\): must be text"),
        (lambda: loose.share("a", 3), "no function"),
        (lambda: signals.errors().of(), "names"),
        (lambda: reference_of(signals.cost(reference=3.0)), "one number"),
        (lambda: reference_of(signals.cost(reference=[1.0])), "20 are needed"),
        (lambda: reference_of(signals.cost(reference=object())), "object is none"),
        (lambda: reference_of(signals.cost(reference="/nowhere")), "cannot be read"),
    ],
    ids=range(22),
)
def test_what_makes_no_signal_is_refused(make: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        make()


@pytest.mark.parametrize(
    ("reference", "kind"),
    [
        (None, "number"),
        (0.2, "share"),
        ([1.5, 2.0], "number"),
        (["a", "b"], "category"),
        ([None, True], "share"),
        (np.array([True, False]), "share"),
    ],
    ids=range(6),
)
def test_a_value_is_of_the_kind_of_its_reference(reference: Any, kind: str) -> None:
    assert signals.value("x", reference=reference).kind == kind

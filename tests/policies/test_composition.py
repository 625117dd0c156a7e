"""Policies together: who acts first, what streams do, and settings that make no sense."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

import reliai
from reliai.testing import ScriptedModel, records, virtual_clock
from tests.core._kinds import answer, each_single, each_stream, every_kind, of_kind, read

if TYPE_CHECKING:
    from collections.abc import Callable

DOWN = ConnectionError("down")


def too_many() -> httpx.HTTPStatusError:
    request = httpx.Request("POST", "http://localhost/v1")
    return httpx.HTTPStatusError("429", request=request, response=httpx.Response(429))


@every_kind
def test_retry_inside_fallback_is_used_up_before_the_target_is_asked_once(kind: str) -> None:
    """A64."""
    model = ScriptedModel([DOWN], repeat_last=True)
    backup = ScriptedModel(["b"])
    function = reliai.reliable(reliai.Fallback(of_kind(backup, kind)), reliai.Retry(3, wait=0))(
        of_kind(model, kind)
    )
    with virtual_clock():
        assert read(function, kind) == answer(kind, "b")
    assert (len(model.calls), len(backup.calls)) == (3, 1)


@each_single
def test_retry_outside_fallback_never_retries(kind: str) -> None:
    """A64."""
    model = ScriptedModel([DOWN], repeat_last=True)
    function = reliai.reliable(reliai.Retry(3, wait=0), reliai.Fallback("b"))(of_kind(model, kind))
    with virtual_clock():
        assert read(function, kind) == "b"
    assert len(model.calls) == 1


def test_retry_outside_fallback_is_a_finding() -> None:
    """A64."""
    (found,) = reliai.Pipeline(reliai.Retry(3), reliai.Fallback("b")).check()
    assert "Fallback outside Retry" in found
    assert "Retry never retries" in found


@every_kind
def test_open_circuit_inside_retry_gives_the_fallback_at_once(kind: str) -> None:
    """A66."""
    breaker = reliai.CircuitBreaker(f"open-at-once-{kind}")
    breaker.isolate()
    model, backup = ScriptedModel(["never"]), ScriptedModel(["b"])
    function = reliai.reliable(
        reliai.Fallback(reliai.reliable()(of_kind(backup, kind))), reliai.Retry(3), breaker
    )(of_kind(model, kind))
    with virtual_clock() as clock:
        assert read(function, kind) == answer(kind, "b")
        assert (clock.now, clock.slept) == (0, [])
    assert model.calls == []


# --- streams -----------------------------------------------------------------------------------
@each_stream
def test_stream_that_fails_before_its_first_chunk_is_asked_for_again(kind: str) -> None:
    """16, A68: the chunks of the second attempt arrive once."""
    model = ScriptedModel([[DOWN], ["a", "b"]])
    with virtual_clock():
        assert read(reliai.Retry(3)(of_kind(model, kind)), kind) == ["a", "b"]


@each_stream
def test_stream_that_sends_its_request_when_first_read_is_retried(kind: str) -> None:
    """15."""
    model = ScriptedModel([too_many(), ["a"]])
    with virtual_clock():
        assert read(reliai.Retry(3)(of_kind(model, kind)), kind) == ["a"]
    assert len(model.calls) == 2


def test_lazy_stream_object_that_fails_when_first_read_is_retried() -> None:
    """15: returned by a plain function."""
    model = ScriptedModel([[too_many()], ["a"]])
    with virtual_clock():
        assert list(reliai.Retry(3)(model)()) == ["a"]
    assert len(model.calls) == 2


@each_stream
@pytest.mark.parametrize(
    "error", [DOWN, httpx.RemoteProtocolError("cut"), too_many()], ids=["down", "cut", "429"]
)
def test_stream_that_fails_after_its_first_chunk_is_not_asked_for_again(
    kind: str, error: Exception
) -> None:
    """11, 16, A68: the error of the model comes out, with the chunks counted."""
    model = ScriptedModel([["a", "b", "c", error]], repeat_last=True)
    got: list[str] = []
    function = reliai.Retry(3)(of_kind(model, kind))
    with virtual_clock(), pytest.raises(type(error)) as caught:
        read(collecting(function, got, kind), kind)
    assert got == ["a", "b", "c"]
    assert len(model.calls) == 1
    assert any("after 3 delivered chunks" in note for note in caught.value.__notes__)


def collecting(function: Callable[..., Any], got: list[str], kind: str) -> Callable[..., Any]:
    """The same stream, remembering what came before an error."""

    async def asynchronous() -> Any:
        async for chunk in function():
            got.append(chunk)
            yield chunk

    def synchronous() -> Any:
        for chunk in function():
            got.append(chunk)
            yield chunk

    return asynchronous if kind == "async_generator" else synchronous


@each_stream
def test_record_of_a_stream_cut_short_has_its_one_attempt_and_chunks(kind: str) -> None:
    """11."""
    model = ScriptedModel([["a", "b", "c", DOWN]])
    with virtual_clock(), records() as seen, pytest.raises(ConnectionError):
        read(reliai.Retry(3)(of_kind(model, kind)), kind)
    assert (len(seen[-1].attempts), seen[-1].chunks) == (1, 3)


def test_standard_is_in_canonical_order() -> None:
    pipeline = reliai.standard(fallback="b")
    assert [type(policy).__name__ for policy in pipeline.policies] == [
        "Timeout",
        "Fallback",
        "Retry",
        "CircuitBreaker",
        "Timeout",
    ]
    assert pipeline.check() == []


# --- settings that cannot be honoured ------------------------------------------------------------
def echo(prompt: str) -> str:
    return prompt


def entered(manager: Any) -> None:
    with manager:
        pass


loose: Any = reliai  # a type checker would refuse most of these before they run

WRONG: dict[str, tuple[Callable[[], object], str]] = {
    "retry-attempts-zero": (lambda: loose.Retry(0), r"attempts=0.*at least 1"),
    "retry-attempts-bool": (lambda: loose.Retry(True), r"attempts=True.*whole number"),
    "retry-attempts-float": (lambda: loose.Retry(2.5), r"attempts=2\.5.*whole number"),
    "retry-on-number": (lambda: loose.Retry(on=429), r"on=429.*exception types"),
    "retry-on-kind": (lambda: loose.Retry(on={"slow"}), r"'slow'.*kinds are: rate_limited"),
    "retry-on-base": (lambda: loose.Retry(on=BaseException), r"on=.*below Exception"),
    "retry-wait-negative": (lambda: loose.Retry(wait=-1), r"wait=-1.*0 or more"),
    "retry-wait-text": (lambda: loose.Retry(wait="1s"), r"wait='1s'.*number of seconds"),
    "retry-wait-nan": (lambda: loose.Retry(wait=float("nan")), r"wait=nan.*number of seconds"),
    "retry-wait-inf": (lambda: loose.Retry(wait=float("inf")), r"wait=inf.*number of seconds"),
    "retry-budget": (lambda: loose.Retry(budget="mine"), r"budget='mine'.*RetryBudget or None"),
    "retry-on-result": (lambda: loose.Retry(on_result=1), r"on_result=1.*a function"),
    "timeout-none": (loose.Timeout, r"limits nothing; give seconds"),
    "timeout-zero": (lambda: loose.Timeout(0), r"seconds=0.*above 0"),
    "timeout-negative": (lambda: loose.Timeout(-1), r"seconds=-1.*above 0"),
    "timeout-infinite": (lambda: loose.Timeout(float("inf")), r"seconds=inf.*above 0"),
    "timeout-nan": (lambda: loose.Timeout(float("nan")), r"seconds=nan.*above 0"),
    "timeout-bool": (lambda: loose.Timeout(True), r"seconds=True.*number of seconds"),
    "timeout-text": (lambda: loose.Timeout("5"), r"seconds='5'.*number of seconds"),
    "timeout-idle": (lambda: loose.Timeout(idle=0), r"idle=0.*above 0"),
    "timeout-first": (lambda: loose.Timeout(5, first_chunk=6), r"first_chunk=6.*<= 5"),
    "timeout-enforce": (lambda: loose.Timeout(5, enforce="kill"), r"'kill'.*'thread' or"),
    "fallback-none": (loose.Fallback, r"no target; give a function or a value"),
    "fallback-reserve": (lambda: loose.Fallback("b", reserve=1), r"reserve=1.*below 1"),
    "fallback-reserve-nan": (
        lambda: loose.Fallback("b", reserve=float("nan")),
        r"reserve=nan.*below 1",
    ),
    "fallback-kind": (lambda: loose.Fallback(on={"slow": "b"}), r"'slow'.*the kinds are"),
    "fallback-parameter": (lambda: loose.Fallback.models("b")(echo), r"model.*prompt"),
    "breaker-rate": (lambda: loose.CircuitBreaker(failure_rate=2), r"failure_rate=2"),
    "breaker-window": (lambda: loose.CircuitBreaker(window=0), r"window=0"),
    "breaker-mode": (lambda: loose.CircuitBreaker(mode="on"), r"'on'.*observe"),
    "guard-empty": (loose.Guard, r"Guard\(\).*check"),
    "guard-mode": (lambda: loose.Guard(loose.MaxLength(5), mode="on"), r"'on'.*observe"),
    "guard-parameter": (lambda: loose.Guard(text=loose.MaxLength(5))(echo), r"text.*prompt"),
    "validate-empty": (loose.Validate, r"Validate\(\)"),
    "validate-reask": (lambda: loose.Validate(output=int, reask=-1), r"reask=-1"),
    "validate-mode": (lambda: loose.Validate(output=int, mode="on"), r"'on'.*observe"),
    "standard-attempts": (lambda: loose.standard(attempts=0), r"attempts=0.*at least 1"),
    "standard-timeout": (lambda: loose.standard(timeout=0), r"seconds=0.*above 0"),
    "deadline": (lambda: entered(loose.deadline(0)), r"seconds=0.*above 0"),
    "deadline-nan": (lambda: entered(loose.deadline(float("nan"))), r"seconds=nan.*above 0"),
    "deactivated": (lambda: entered(loose.deactivated(0)), r"attempts=0.*at least 1"),
    "mode": (lambda: entered(loose.mode("on")), r"'on'.*'enforce', 'observe', 'off'"),
    "reliable-unknown": (lambda: loose.Pipeline(retries=3), r"no retries; it takes:.*effects"),
    "reliable-effects": (lambda: loose.reliable(effects="twice")(echo), r"'twice'.*'once'"),
    "reliable-kind": (lambda: loose.reliable(kind="thread")(echo), r"'thread'.*async_generator"),
    "reliable-key": (
        lambda: loose.reliable(idempotency_key="order")(echo),
        r"order.*prompt",
    ),
    "reliable-policy": (lambda: loose.reliable("retry"), r"'retry'"),
    "reliable-observers": (lambda: loose.reliable(observers=[3]), r"3"),
    "reliable-tags": (lambda: loose.reliable(tags="team")(echo), r"tags='team'"),
    "reliable-measure": (lambda: loose.reliable(measure=3)(echo), r"measure=3"),
    "reliable-name": (lambda: loose.reliable(name=3)(echo), r"name=3"),
}


@pytest.mark.parametrize("case", WRONG)
def test_setting_that_makes_no_sense_is_refused_with_its_value_and_the_fix(case: str) -> None:
    """53."""
    make, message = WRONG[case]
    with pytest.raises(reliai.ConfigurationError, match=f"(?s){message}"):
        make()

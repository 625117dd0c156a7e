"""Functions with an effect: what must not happen twice is not repeated."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

import reliai
from reliai.testing import ScriptedModel, records, virtual_clock
from tests.core._kinds import answer, every_kind, of_kind, read

UNSENT = [httpx.ConnectTimeout("no"), httpx.PoolTimeout("no"), httpx.ConnectError("no")]
MAYBE = [httpx.ReadTimeout("late"), httpx.ReadError("cut"), httpx.RemoteProtocolError("cut")]


def named(errors: list[Any]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("error", errors, ids=[type(e).__name__ for e in errors])


@every_kind
@named(UNSENT)
def test_request_that_was_not_sent_is_retried(kind: str, error: Exception) -> None:
    """A44, 52."""
    model = ScriptedModel([error, "a"])
    function = reliai.reliable(reliai.Retry(3), effects="once")(of_kind(model, kind))
    with virtual_clock():
        assert read(function, kind, "x") == answer(kind, "a")
    assert len(model.calls) == 2


@every_kind
@named(MAYBE)
def test_request_that_may_have_been_sent_is_ambiguous(kind: str, error: Exception) -> None:
    """A44, 52."""
    model = ScriptedModel([error, "never"])
    function = reliai.reliable(reliai.Retry(3), effects="once")(of_kind(model, kind))
    with virtual_clock() as clock, records() as seen:
        with pytest.raises(reliai.AmbiguousOutcome, match="may have been sent") as caught:
            read(function, kind, "x")
        assert clock.slept == []
    assert len(model.calls) == 1
    assert type(caught.value.__cause__) is type(error)
    assert caught.value.idempotency_key == seen[0].id
    assert seen[0].attempts[0].error is not None
    assert seen[0].attempts[0].error.type.endswith(type(error).__name__)


def test_it_is_ambiguous_without_a_retry_too() -> None:
    with pytest.raises(reliai.AmbiguousOutcome):
        reliai.reliable(effects="once")(ScriptedModel([httpx.ReadTimeout("late")]))()


def test_our_own_timeout_of_an_effect_is_ambiguous_and_falls_back_to_nobody() -> None:
    from reliai.testing import Latency

    backup = ScriptedModel(["never"])
    model = ScriptedModel([Latency(30, "late")])
    function = reliai.reliable(
        reliai.Fallback(backup), reliai.Retry(3), reliai.Timeout(5), effects="once"
    )(model)
    with virtual_clock(), pytest.raises(reliai.AmbiguousOutcome) as caught:
        function()
    assert isinstance(caught.value.__cause__, reliai.CallTimeout)
    assert backup.calls == []


@pytest.mark.parametrize("error", [ValueError("no number"), reliai.OutputInvalid("bad")])
def test_failure_of_which_nothing_is_known_is_not_given_to_another_target(error: Exception) -> None:
    backup = ScriptedModel(["never"])
    function = reliai.reliable(
        reliai.Fallback(backup), reliai.Retry(3, on=lambda e: True), effects="once"
    )(ScriptedModel([error]))
    with virtual_clock(), pytest.raises(type(error)):
        function()
    assert backup.calls == []


def test_request_that_was_not_sent_may_be_given_to_another_target() -> None:
    backup = ScriptedModel(["a"])
    function = reliai.reliable(reliai.Fallback(backup), effects="once")(ScriptedModel([UNSENT[0]]))
    assert function() == "a"


def test_rate_limit_is_proof_that_nothing_was_done() -> None:
    response = httpx.Response(429, request=httpx.Request("POST", "http://localhost"))
    error = httpx.HTTPStatusError("slow down", request=response.request, response=response)
    function = reliai.reliable(reliai.Retry(3), effects="once")(ScriptedModel([error, "a"]))
    with virtual_clock():
        assert function() == "a"


@pytest.mark.parametrize("effects", ["none", "idempotent"])
def test_other_functions_are_retried_after_any_transient_failure(effects: str) -> None:
    function = reliai.reliable(reliai.Retry(3), effects=effects)(ScriptedModel([MAYBE[0], "a"]))
    with virtual_clock():
        assert function() == "a"


def test_idempotency_key_is_the_same_on_all_attempts_and_targets() -> None:
    keys: list[str] = []

    def attempt(*_: Any) -> str:
        call = reliai.current_call()
        assert call is not None
        keys.append(call.idempotency_key)
        raise ConnectionError("down")

    function = reliai.reliable(reliai.Fallback(lambda: attempt()), reliai.Retry(3, wait=0))(attempt)  # noqa: PLW0108
    with reliai.collect() as calls, pytest.raises(ConnectionError):
        function()
    assert len(keys) == 6
    assert set(keys) == {calls[0].id}


def test_idempotency_key_can_be_an_argument() -> None:
    @reliai.reliable(idempotency_key="order")
    def pay(order: int, amount: float = 1.0) -> str:
        call = reliai.current_call()
        assert call is not None
        return call.idempotency_key

    assert pay(7) == pay(order=7) == "7"
    assert pay(8) == "8"


def test_idempotency_keys_of_two_calls_differ() -> None:
    @reliai.reliable()
    def pay() -> str:
        call = reliai.current_call()
        assert call is not None
        return call.idempotency_key

    assert pay() != pay()


def test_asking_again_of_an_effect_is_refused_when_decorated() -> None:
    with pytest.raises(reliai.ConfigurationError, match="must not happen twice"):
        reliai.reliable(reliai.Validate(output=int, reask=1), effects="once")(lambda prompt: "1")

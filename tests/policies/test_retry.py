"""How often a call is tried again, how long it waits before that, and when it gives up."""

from __future__ import annotations

import httpx
import pytest

import reliai
from reliai.testing import ScriptedModel, Status, fault_server, records, virtual_clock
from tests.core._kinds import answer, every_kind, of_kind, read, record_of

DOWN = ConnectionError("down")


def http_error(status: int, body: object = None, **headers: str) -> httpx.HTTPStatusError:
    """An error as httpx raises it; a header's underscores are hyphens."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = httpx.Request("POST", "http://localhost/v1")
    response = httpx.Response(status, json=body, headers=named, request=request)
    return httpx.HTTPStatusError(f"status {status}", request=request, response=response)


@every_kind
def test_function_is_called_as_often_as_attempts_says(kind: str) -> None:
    """A31."""
    model = ScriptedModel([DOWN], repeat_last=True)
    function = reliai.Retry(3)(of_kind(model, kind))
    with virtual_clock(), pytest.raises(ConnectionError, match="down"):
        read(function, kind)
    assert len(model.calls) == 3


@every_kind
def test_record_lists_the_attempts_and_why_they_ended(kind: str) -> None:
    """A31."""
    function = reliai.Retry(3)(of_kind(ScriptedModel([DOWN], repeat_last=True), kind))
    with virtual_clock():
        record = record_of(function, kind)
    assert [attempt.number for attempt in record.attempts] == [1, 2, 3]
    assert [str(a.error.kind) for a in record.attempts if a.error] == ["connection"] * 3
    assert record.events[-1].kind == "retry_stopped"
    assert record.events[-1].attributes["reason"] == "attempts"


@every_kind
def test_first_success_ends_it(kind: str) -> None:
    model = ScriptedModel([DOWN, "a", "never"])
    function = reliai.Retry(3)(of_kind(model, kind))
    with virtual_clock():
        assert read(function, kind) == answer(kind, "a")
    assert len(model.calls) == 2


@pytest.mark.parametrize(
    ("drawn", "waits"),
    [(0.0, []), (0.5, [0.25, 0.5, 1, 2, 4, 8, 15, 15]), (1.0, [0.5, 1, 2, 4, 8, 16, 30, 30])],
)
def test_default_wait_is_drawn_below_half_a_second_doubled_up_to_thirty(
    drawn: float, waits: list[float]
) -> None:
    """A32, A33."""
    retry = reliai.Retry(9, budget=None)
    retry._random = lambda: drawn
    function = retry(ScriptedModel([DOWN], repeat_last=True))
    with virtual_clock() as clock, pytest.raises(ConnectionError):
        function()
    assert clock.slept == waits


@every_kind
def test_retry_after_beats_a_shorter_wait_of_our_own(kind: str) -> None:
    """A36."""
    model = ScriptedModel([http_error(429, retry_after="3"), "a"])
    function = reliai.Retry(3, wait=1)(of_kind(model, kind))
    with virtual_clock() as clock:
        read(function, kind)
        assert 3 <= clock.now < 3.5


def test_longer_wait_of_our_own_beats_retry_after() -> None:
    function = reliai.Retry(3, wait=9)(ScriptedModel([http_error(429, retry_after="3"), "a"]))
    with virtual_clock() as clock:
        function()
        assert clock.now == 9


@pytest.mark.parametrize("header", ["-1", "nan", "abc", "", "inf"])
def test_retry_after_that_makes_no_sense_is_ignored(header: str) -> None:
    """A36, 3."""
    function = reliai.Retry(3, wait=1)(ScriptedModel([http_error(429, retry_after=header), "a"]))
    with virtual_clock() as clock:
        assert function() == "a"
        assert clock.slept == [1]


def test_retry_after_near_the_deadline_is_still_waited_for() -> None:
    """A36: only the jitter on top gives way."""
    model = ScriptedModel([http_error(429, retry_after="9.9"), "a"])
    function = reliai.reliable(reliai.Timeout(10), reliai.Retry(3))(model)
    with virtual_clock() as clock:
        assert function() == "a"
        assert 9.9 <= clock.now < 10


def test_retry_after_beyond_the_deadline_stops_at_once() -> None:
    """4, A36."""
    function = reliai.reliable(reliai.Timeout(30), reliai.Retry(3))(
        ScriptedModel([http_error(429, retry_after="300")])
    )
    with virtual_clock() as clock, records() as seen:
        with pytest.raises(httpx.HTTPStatusError) as caught:
            function()
        assert clock.now == 0
    assert reliai.classify(caught.value).retry_after == 300
    assert seen[-1].events[-1].attributes["reason"] == "deadline"


def test_retry_after_beyond_the_deadline_falls_back_at_once() -> None:
    """4."""
    function = reliai.reliable(reliai.Timeout(30), reliai.Fallback("b"), reliai.Retry(3))(
        ScriptedModel([http_error(429, retry_after="300")])
    )
    with virtual_clock() as clock:
        assert function() == "b"
        assert clock.now == 0


def test_wait_never_crosses_the_deadline() -> None:
    """A37."""
    model = ScriptedModel([DOWN], repeat_last=True)
    function = reliai.reliable(reliai.Timeout(5), reliai.Retry(9, wait=2))(model)
    with virtual_clock() as clock, pytest.raises(ConnectionError):
        function()
    assert clock.now == 4
    assert [call.at for call in model.calls] == [0, 2, 4]


def test_exhausted_quota_is_not_retried_but_falls_back() -> None:
    """5."""
    error = http_error(429, {"error": {"code": "insufficient_quota", "message": "pay"}})
    model = ScriptedModel([error])
    function = reliai.reliable(reliai.Fallback("b"), reliai.Retry(5))(model)
    with virtual_clock() as clock:
        assert function() == "b"
        assert clock.slept == []
    assert len(model.calls) == 1


@every_kind
def test_there_is_no_wait_after_the_last_attempt(kind: str) -> None:
    """6."""
    function = reliai.Retry(3, wait=1)(of_kind(ScriptedModel([DOWN], repeat_last=True), kind))
    with virtual_clock() as clock, pytest.raises(ConnectionError):
        read(function, kind)
    assert clock.now == 2


@pytest.mark.parametrize("error", [TypeError("x"), NameError("x"), AssertionError("x")])
@every_kind
def test_mistake_in_the_function_comes_out_at_once(kind: str, error: Exception) -> None:
    """7."""
    model = ScriptedModel([error])
    breaker = reliai.CircuitBreaker(f"mistaken-{kind}-{type(error).__name__}", consecutive=1)
    function = reliai.reliable(reliai.Fallback("never"), reliai.Retry(3), breaker)(
        of_kind(model, kind)
    )
    with virtual_clock(), pytest.raises(type(error), match="x"):
        read(function, kind)
    assert len(model.calls) == 1
    assert breaker.state == "closed"


REFUSALS = [
    reliai.CircuitOpen("c", 1.0),
    reliai.BulkheadFull("full"),
    reliai.RateLimited("slow down", retry_after=1.0),
    reliai.BudgetExceeded("spent"),
    reliai.GuardRejected("no"),
    http_error(400, {"error": {"message": "bad"}}),
    http_error(413, {"error": {"code": "context_length_exceeded", "message": "long"}}),
    http_error(401),
    http_error(404),
]


@pytest.mark.parametrize("error", REFUSALS, ids=lambda e: f"{type(e).__name__}-{e}"[:26])
def test_refusals_and_mistakes_of_the_caller_are_not_retried(error: Exception) -> None:
    """A45."""
    model = ScriptedModel([error])
    with virtual_clock(), pytest.raises(type(error)):
        reliai.Retry(3)(model)()
    assert len(model.calls) == 1


@pytest.mark.parametrize("error", REFUSALS[:5], ids=lambda e: type(e).__name__)
def test_refusals_of_our_own_are_not_retried_whatever_on_says(error: Exception) -> None:
    """A45."""
    model = ScriptedModel([error])
    with virtual_clock(), pytest.raises(type(error)):
        reliai.Retry(3, on=lambda _: True)(model)()
    assert len(model.calls) == 1


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 504, 529])
def test_transient_statuses_are_retried(status: int) -> None:
    function = reliai.Retry(2)(ScriptedModel([http_error(status), "a"]))
    with virtual_clock():
        assert function() == "a"


def test_spent_budget_raises_the_original_error_before_waiting() -> None:
    """A41."""
    budget = reliai.RetryBudget(ratio=0.1, min_per_second=0)
    model = ScriptedModel([DOWN])
    with virtual_clock() as clock, records() as seen:
        with pytest.raises(ConnectionError, match="down"):
            reliai.Retry(3, budget=budget)(model)()
        assert clock.slept == []
    assert seen[-1].events[-1].attributes["reason"] == "budget"
    assert len(model.calls) == 1


def test_spent_budget_lets_first_attempts_pass() -> None:
    """A42."""
    budget = reliai.RetryBudget(ratio=0.1, min_per_second=0)
    model = ScriptedModel([DOWN, "a"])
    function = reliai.Retry(3, budget=budget)(model)
    with virtual_clock():
        with pytest.raises(ConnectionError):
            function()
        assert function() == "a"


def test_first_attempts_pay_for_the_retries_of_later_calls() -> None:
    """A42: ten of them buy one retry."""
    budget = reliai.RetryBudget(ratio=0.1, min_per_second=0)
    model = ScriptedModel(["a"] * 10 + [DOWN, "b", DOWN])
    function = reliai.Retry(3, budget=budget)(model)
    with virtual_clock():
        assert [function() for _ in range(11)] == ["a"] * 10 + ["b"]
        with pytest.raises(ConnectionError):
            function()
    assert len(model.calls) == 13


def test_one_budget_may_serve_two_functions() -> None:
    budget = reliai.RetryBudget(ratio=0.1, min_per_second=0)
    spender = ScriptedModel(["a"] * 10)
    other = ScriptedModel([DOWN, "b"])
    with virtual_clock():
        earn = reliai.Retry(3, budget=budget)(spender)
        for _ in range(10):
            earn()
        assert reliai.Retry(3, budget=budget)(other)() == "b"


def test_without_a_budget_every_retry_is_made() -> None:
    model = ScriptedModel([DOWN], repeat_last=True)
    with virtual_clock(), pytest.raises(ConnectionError):
        reliai.Retry(60, budget=None)(model)()
    assert len(model.calls) == 60


# --- a client with retries of its own --------------------------------------------------------
def test_client_that_retries_by_itself_is_warned_of_with_the_product() -> None:
    """1: and the product is what reaches the wire."""
    openai = pytest.importorskip("openai")
    with fault_server(Status(500, retry_after_ms=1)) as server:
        with openai.OpenAI(base_url=server.url + "/v1", api_key="k") as client:

            def ask() -> object:
                return client.responses.create(model="m", input="x")

            with pytest.warns(reliai.ReliaiWarning, match="up to 9 requests"):
                function = reliai.Retry(3)(ask)
            with virtual_clock(), pytest.raises(openai.InternalServerError):
                function()
        assert len(server.requests) == 9


def test_client_without_retries_sends_as_many_requests_as_attempts() -> None:
    """1."""
    openai = pytest.importorskip("openai")
    with fault_server(Status(500)) as server:
        with openai.OpenAI(base_url=server.url + "/v1", api_key="k", max_retries=0) as client:

            @reliai.Retry(3)
            def ask() -> object:
                return client.responses.create(model="m", input="x")

            with virtual_clock(), pytest.raises(openai.InternalServerError):
                ask()
        assert len(server.requests) == 3


@pytest.mark.parametrize(
    ("status", "least"),
    [
        (Status(429, retry_after_ms=1500, retry_after=2), 1.5),
        (Status(429, retry_after=2), 2.0),
    ],
)
def test_wait_that_a_real_provider_asks_for_is_kept(status: Status, least: float) -> None:
    """2."""
    openai = pytest.importorskip("openai")
    with (
        fault_server([status, "a"]) as server,
        openai.OpenAI(base_url=server.url + "/v1", api_key="k", max_retries=0) as client,
    ):

        @reliai.Retry(3, wait=0)
        def ask() -> str:
            return str(client.responses.create(model="m", input="x").output_text)

        with virtual_clock() as clock:
            assert ask() == "a"
            assert least <= clock.now < least + 0.5

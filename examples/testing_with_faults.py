"""How to test a guarded function: scripted models, virtual time, a server that fails as told.

Needs reliai, installed from its repository: `pytest testing_with_faults.py`,
or `python testing_with_faults.py`
"""

import os
from collections.abc import Callable

import reliai
from chat_client import chat
from reliai.testing import ScriptedModel, Status, fault_server, records, virtual_clock


def guarded(model: Callable[[str], str]) -> Callable[[str], str]:
    return reliai.reliable(
        reliai.Fallback("A colleague will answer by mail."),
        reliai.Retry(3),
        reliai.CircuitBreaker(consecutive=3, open_for=30),
    )(model)


def test_a_short_outage_is_not_noticed() -> None:
    ask = guarded(ScriptedModel([ConnectionError("down"), "On its way."]))
    with virtual_clock() as clock:  # no test has to wait
        assert ask("Where is my parcel?") == "On its way."
        assert len(clock.slept) == 1


def test_a_long_one_is_answered_by_the_fallback_until_it_is_over() -> None:
    model = ScriptedModel([ConnectionError("down")] * 3 + ["On its way."])
    ask = guarded(model)
    with virtual_clock() as clock, records() as seen:
        for _ in range(5):
            ask("Where is my parcel?")
        assert [record.status for record in seen] == ["degraded"] * 5
        assert len(model.calls) == 3  # the circuit opened
        clock.advance(30)
        assert ask("Where is my parcel?") == "On its way."


def test_a_rate_limit_over_http_is_waited_for() -> None:
    ask = guarded(lambda prompt: chat(prompt, model="any"))
    with fault_server([Status(429, retry_after=2), "On its way."]) as server:
        os.environ["MODELS_URL"] = server.url
        with virtual_clock() as clock:
            assert ask("Where is my parcel?") == "On its way."
        assert clock.slept[0] >= 2  # Retry-After is honoured
        assert len(server.requests) == 2


def test_without_retries_the_fallback_answers_at_once() -> None:
    ask = guarded(ScriptedModel([ConnectionError("down"), "never asked"]))
    with reliai.deactivated():  # one attempt, no waiting, no circuits
        assert ask("Where is my parcel?") == "A colleague will answer by mail."


if __name__ == "__main__":
    for name, test in list(globals().items()):
        if name.startswith("test_"):
            test()
            print("passed:", name.removeprefix("test_").replace("_", " "))

"""Memory keeps the last records, at once and in order."""

from __future__ import annotations

import threading
from typing import Any

import pytest

import reliai
from reliai.telemetry import Memory
from reliai.testing import ScriptedModel


def test_it_has_a_record_as_soon_as_the_call_has_ended() -> None:
    seen = Memory()
    ask = reliai.reliable(observers=[seen], name="ask")(ScriptedModel(["a", KeyError("b")]))
    ask()
    assert [(record.name, record.status) for record in seen] == [("ask", "success")]
    with pytest.raises(KeyError):
        ask()
    assert len(seen) == 2
    assert seen[-1].status == "error"


def test_it_lets_go_of_the_oldest_ones() -> None:
    seen = Memory(limit=2)
    ask = reliai.reliable(observers=[seen], measure=lambda _, output: {"n": output})(lambda n: n)
    for number in range(5):
        ask(number)
    assert [record.values["n"] for record in seen] == [3, 4]
    assert repr(seen) == "<reliai.telemetry.Memory of 2 records>"


def test_it_can_be_cleared_and_goes_on() -> None:
    seen = Memory()
    ask = reliai.reliable(observers=[seen])(lambda: "a")
    ask()
    seen.clear()
    assert list(seen) == []
    ask()
    assert len(seen) == 1


def test_it_can_be_read_while_calls_end() -> None:
    seen = Memory()
    ask = reliai.reliable(observers=[seen])(lambda: "a")
    ask()
    for _ in seen:
        ask()
        if len(seen) > 5:
            break
    assert len(seen) == 2, "the loop is over what was there when it began"


def test_calls_of_all_threads_are_kept() -> None:
    seen = Memory()
    ask = reliai.reliable(observers=[seen])(lambda: "a")
    threads = [threading.Thread(target=lambda: [ask() for _ in range(50)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == len({record.id for record in seen}) == 200


@pytest.mark.parametrize("limit", [0, -1, 1.5, "10", None])
def test_limit_must_be_a_number_of_records(limit: Any) -> None:
    with pytest.raises(reliai.ConfigurationError, match=r"limit=.*at least 1"):
        Memory(limit=limit)

"""Observers that raise: no call changes, and what they missed is counted."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai._core.hub import hub
from reliai.telemetry import Memory
from reliai.testing import ScriptedModel
from tests.core._kinds import answer, every_kind, of_kind, read

if TYPE_CHECKING:
    from reliai._core.record import Attempt, Event

Proceed = Any


async def noting(call: reliai.Call, proceed: Proceed) -> Any:
    """A middleware that says something."""
    call.emit("before")
    return await proceed(call)


class Raising:
    """Raises in one of its methods."""

    def __init__(self, where: str, *, inline: bool) -> None:
        self.where = where
        self.inline = inline

    def _at(self, where: str) -> None:
        if where == self.where:
            raise RuntimeError(f"in {where}")

    def on_start(self, call: reliai.Call) -> None:
        self._at("on_start")

    def on_event(self, call: reliai.Call, event: Event) -> None:
        self._at("on_event")

    def on_end(self, record: reliai.CallRecord) -> None:
        self._at("on_end")

    def activate(self, call: reliai.Call, attempt: Attempt) -> Any:
        self._at("activate")
        return _Manager(self)


class _Manager:
    def __init__(self, observer: Raising) -> None:
        self._observer = observer

    def __enter__(self) -> None:
        self._observer._at("enter")

    def __exit__(self, *_: object) -> bool:
        self._observer._at("exit")
        return True  # an observer swallows nothing


@every_kind
@pytest.mark.parametrize("inline", [True, False])
@pytest.mark.parametrize("where", ["on_start", "on_event", "on_end", "activate", "enter", "exit"])
def test_observer_that_raises_changes_no_call_and_is_complained_of_once(
    kind: str, where: str, inline: bool, caplog: pytest.LogCaptureFixture
) -> None:
    bad, good = Raising(where, inline=inline), Memory()
    model = of_kind(ScriptedModel(["a", KeyError("k")]), kind)
    function = reliai.reliable(noting, observers=[bad, good])(model)
    assert read(function, kind, "x") == answer(kind, "a")
    with pytest.raises(KeyError):
        read(function, kind, "x")
    assert reliai.flush(60)
    assert [record.status for record in good] == ["success", "error"]
    (said,) = caplog.records
    assert said.getMessage().startswith("observer Raising raised in")


def test_what_a_raising_observer_missed_is_counted() -> None:
    ask = reliai.reliable(noting, observers=[Raising("on_event", inline=False)])(lambda: "a")
    assert reliai.flush(60)
    exported, dropped = hub.exported, hub.dropped
    ask()
    assert reliai.flush(60)
    assert (hub.exported - exported, hub.dropped - dropped) == (1, 1)


def test_a_filter_of_the_log_that_raises_over_the_complaint_changes_no_call() -> None:
    class Refusing(logging.Filter):
        def filter(self, record: logging.LogRecord) -> bool:
            raise ValueError

    logger, refusing = logging.getLogger("reliai"), Refusing()
    logger.addFilter(refusing)
    try:
        observer = Raising("on_end", inline=True)
        assert reliai.reliable(observers=[observer])(lambda: "a")() == "a"
    finally:
        logger.removeFilter(refusing)


def test_interrupt_goes_through_an_observer() -> None:
    class Interrupted:
        def on_start(self, call: reliai.Call) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        reliai.reliable(observers=[Interrupted()])(lambda: "a")()

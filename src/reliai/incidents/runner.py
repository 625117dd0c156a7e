"""Running incidents: each part under a virtual clock of its own, cut off from the process around.

The process's observers, shared state and mode are put aside meanwhile: a replay neither floods a
store of records nor learns from a circuit of production.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import warnings
from contextlib import contextmanager
from contextvars import Context
from typing import TYPE_CHECKING, Any

from reliai._core import complaints
from reliai._core.ambient import mode
from reliai._core.chance import chance
from reliai._core.settings import settings
from reliai.errors import ConfigurationError
from reliai.incidents.findings import PARTS, Part, PartName, Report
from reliai.incidents.registry import Incident, find
from reliai.incidents.trial import Trial
from reliai.state.memory import MemoryState
from reliai.testing import virtual_clock

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["CALLS", "run_incident", "run_part"]

CALLS = 100_000
"""Calls a healthy part makes unless told otherwise."""


def run_incident(incident: str | Incident, *, seed: int = 0, calls: int = CALLS) -> Report:
    """Replay one incident: unguarded, guarded, and on a healthy day.

    Deterministic: one seed gives one report. Nothing is sent over a network and nothing really
    waits. Not to be called inside a running event loop.

    Args:
        incident: its id, such as "IR-02", or itself.
        seed: of all chance in it.
        calls: calls of the healthy part (>= 1).

    Raises:
        ConfigurationError: there is no such incident, or it lacks a part.
    """
    if calls < 1:
        raise ConfigurationError(f"run_incident(calls={calls!r}): must be at least 1")
    found = find(incident) if isinstance(incident, str) else incident
    parts = tuple(run_part(found, name, seed=seed, calls=calls) for name in PARTS)
    return Report(found.id, found.title, parts)


def run_part(
    incident: str | Incident, part: PartName, *, seed: int = 0, calls: int = CALLS
) -> Part:
    """Run one of the three parts of an incident; see `run_incident`."""
    found = find(incident) if isinstance(incident, str) else incident
    found.scenario_of(part)
    return Context().run(_run_part, found, part, seed, calls)


def _run_part(incident: Incident, part: PartName, seed: int, calls: int) -> Part:
    """Run a part in a context of its own: a deadline or a run around it is none of its affair."""
    with _apart(f"{seed}/{incident.id}/{part}"), virtual_clock() as clock:
        trial = Trial(incident.id, part, clock, seed=seed, calls=calls)
        with _heard(trial):
            try:
                given = incident.scenario_of(part)(trial)
                if inspect.isawaitable(given):
                    _run(given)
            except Exception as error:  # noqa: BLE001  a scenario that breaks is a failed part
                return trial.result(f"{type(error).__name__}: {error}")
            return trial.result(_first(trial.raised))


def _first(raised: list[str]) -> str | None:
    return raised[0] if raised else None


def _run(scenario: Any) -> None:
    """Run a scenario on an event loop whose time starts at 0 exactly.

    With a start of its own, sums of times would round otherwise in each run, and two timers that
    are due together would fire now in this order and now in that.
    """

    def loop() -> asyncio.AbstractEventLoop:
        made: Any = asyncio.new_event_loop()
        made.time = lambda: 0.0  # the virtual clock counts from what it finds
        fresh: asyncio.AbstractEventLoop = made
        return fresh

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(_awaited(scenario))


async def _awaited(scenario: Any) -> None:
    await scenario


@contextmanager
def _apart(seed: str) -> Iterator[None]:
    """Chance from `seed`; no observers, no shared state, every policy enforced."""
    kept = settings.observers, settings.state, chance.getstate()
    settings.observers, settings.state = (), MemoryState()
    chance.seed(seed)
    try:
        with mode("enforce"):
            yield
    finally:
        settings.observers, settings.state = kept[:2]
        chance.setstate(kept[2])


@contextmanager
def _heard(trial: Trial) -> Iterator[None]:
    """Warnings go to the trial."""
    said = set(complaints._said)  # noqa: SLF001  what is said once a process is said to each trial
    complaints._said.clear()  # noqa: SLF001
    with warnings.catch_warnings():
        warnings.simplefilter("always")

        def show(message: Warning | str, *_: Any, **__: Any) -> None:
            trial.warnings.append(str(message))

        warnings.showwarning = show
        listening = _Listening(trial)
        logger = logging.getLogger("reliai")
        logger.addHandler(listening)
        try:
            yield
        finally:
            logger.removeHandler(listening)
            complaints._said.clear()  # noqa: SLF001
            complaints._said.update(said)  # noqa: SLF001


class _Listening(logging.Handler):
    """Hears of observers that raised: a monitor that is broken raises no alarm, either."""

    def __init__(self, trial: Trial) -> None:
        super().__init__(logging.WARNING)
        self._trial = trial

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        if message.startswith("observer "):
            error = record.exc_info[1] if record.exc_info else None
            self._trial.raised.append(f"{message}: {error!r}")

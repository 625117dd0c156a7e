"""The circuit against a model that keeps every event in a list and decides by the definitions."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from reliai.decisions.circuit import Circuit, CircuitSettings
from reliai.errors import BreakerVerdict

Held: TypeAlias = tuple[int, tuple[str, int]]
"""A permit of the circuit and the model's ticket for the same call."""


@dataclass
class Model:
    """Whole seconds only, so that a 60 second window in 60 buckets is exact."""

    settings: CircuitSettings
    state: str = "closed"
    spell: int = 0
    events: list[tuple[int, bool, bool]] = field(default_factory=list[tuple[int, bool, bool]])
    break_ends: int = 0
    failed_attempts: int = 0
    only_paused: bool = False
    out: dict[int, int] = field(default_factory=dict[int, int])
    results: list[tuple[bool, bool]] = field(default_factory=list[tuple[bool, bool]])
    tickets: int = 0
    rejected: int = 0
    ignored: int = 0
    late: int = 0

    def enter(self, state: str) -> None:
        self.state = state
        self.spell += 1
        self.out.clear()
        self.results.clear()

    def close(self) -> None:
        self.enter("closed")
        self.events.clear()
        self.failed_attempts = 0

    def break_length(self) -> int:
        longest = int(self.settings.max_open_for)
        return int(min(self.settings.open_for * 2**self.failed_attempts, longest))

    def open(self, now: int, seconds: int) -> None:
        self.enter("open")
        self.break_ends = now + seconds
        self.only_paused = False

    def admit(self, now: int) -> tuple[str, int] | None:
        if self.state == "open" and now >= self.break_ends:
            self.enter("closed" if self.only_paused else "half_open")
        if self.state == "closed":
            return "closed", self.spell
        if self.state == "half_open":
            if len(self.out) + len(self.results) >= self.settings.probes:
                hung = [t for t, since in self.out.items() if now - since >= self.break_length()]
                if hung:
                    self.out = {t: s for t, s in self.out.items() if t not in hung}
                    self.failed_attempts += 1
            if len(self.out) + len(self.results) < self.settings.probes:
                self.tickets += 1
                self.out[self.tickets] = now
                return "probe", self.tickets
        self.rejected += 1
        return None

    def is_current(self, ticket: tuple[str, int]) -> bool:
        kind, number = ticket
        if kind == "closed":
            return self.state == "closed" and self.spell == number
        return number in self.out

    def record(
        self, ticket: tuple[str, int], now: int, verdict: BreakerVerdict, *, slow: bool
    ) -> None:
        if not self.is_current(ticket):
            self.late += 1
            return
        self.out.pop(ticket[1] if ticket[0] == "probe" else -1, None)
        if verdict is BreakerVerdict.NONE:
            self.ignored += 1
        elif self.state == "closed":
            self.events.append((now, verdict is BreakerVerdict.FAILURE, slow))
            if self.must_open(now):
                self.open(now, self.break_length())
        else:
            self.results.append((verdict is BreakerVerdict.FAILURE, slow))
            self.count_probes(now)

    def must_open(self, now: int) -> bool:
        limit = self.settings.consecutive
        if limit is not None:
            latest = self.events[-limit:]
            if len(latest) == limit and all(failed for _, failed, _ in latest):
                return True
        live = self.live(now)
        return len(live) >= self.settings.min_calls and self.is_ill(live, len(live))

    def live(self, now: int) -> list[tuple[bool, bool]]:
        if self.settings.calls is not None:
            return [(failed, slow) for _, failed, slow in self.events[-self.settings.calls :]]
        return [(failed, slow) for time, failed, slow in self.events if now - time < 60]

    def is_ill(self, calls: list[tuple[bool, bool]], of: int) -> bool:
        failures, slow = sum(call[0] for call in calls), sum(call[1] for call in calls)
        return failures / of >= self.settings.failure_rate or slow / of >= self.settings.slow_rate

    def count_probes(self, now: int) -> None:
        total = self.settings.probes
        left = total - len(self.results)
        if self.is_ill(self.results, total):
            self.failed_attempts += 1
            self.open(now, self.break_length())
        elif not self.is_ill([*self.results, *[(True, True)] * left], total):
            self.close()

    def rate_limited(self, ticket: tuple[str, int], now: int, seconds: int) -> None:
        current = self.is_current(ticket)
        self.ignored += current
        self.late += not current
        seconds = min(seconds, int(self.settings.max_open_for))
        if self.state == "open":
            self.break_ends = max(self.break_ends, now + seconds)
        elif current:
            paused = self.state == "closed"
            self.open(now, seconds)
            self.only_paused = paused


class CircuitMachine(RuleBasedStateMachine):
    permits = Bundle("permits")

    def __init__(self) -> None:
        super().__init__()
        self.now = 0

    @initialize(
        rate=st.sampled_from([0.3, 0.5, 1.0]),
        consecutive=st.sampled_from([None, 2, 4]),
        slow_rate=st.sampled_from([0.4, 1.0]),
        calls=st.sampled_from([None, 4, 8]),
        min_calls=st.integers(1, 4),
        probes=st.integers(1, 4),
        longest=st.sampled_from([7, 20, 100]),
    )
    def begin(  # noqa: PLR0917
        self,
        rate: float,
        consecutive: int | None,
        slow_rate: float,
        calls: int | None,
        min_calls: int,
        probes: int,
        longest: int,
    ) -> None:
        chosen = CircuitSettings(
            failure_rate=rate,
            consecutive=consecutive,
            slow_call=2.0,
            slow_rate=slow_rate,
            calls=calls,
            min_calls=min_calls,
            open_for=5.0,
            max_open_for=float(longest),
            probes=probes,
        )
        self.circuit, self.model = Circuit("model", chosen), Model(chosen)

    @rule(seconds=st.integers(1, 70))
    def wait(self, seconds: int) -> None:
        self.now += seconds

    @rule(target=permits)
    def admit(self) -> MultipleResults[Held]:
        expected = self.model.admit(self.now)
        permit = self.circuit.permit
        if not permit:
            answer = self.circuit.admit(float(self.now))
            permit = answer.permit
            if not permit and self.model.state != "isolated":
                assert answer.retry_after is not None
                assert answer.retry_after > 0.0
        assert bool(permit) == (expected is not None)
        return multiple() if expected is None else multiple((permit, expected))

    @rule(
        held=consumes(permits), verdict=st.sampled_from(BreakerVerdict), duration=st.integers(1, 3)
    )
    def finish(self, held: Held, verdict: BreakerVerdict, duration: int) -> None:
        before = self.model.state
        self.model.record(held[1], self.now, verdict, slow=duration > 2)
        change = self.circuit.record(held[0], float(self.now), verdict, float(duration))
        assert (change is not None) == (before != self.model.state)
        if change is not None:
            assert change.kind == {"open": "opened"}.get(self.model.state, self.model.state)

    @rule(held=consumes(permits), seconds=st.integers(1, 150))
    def limit(self, held: Held, seconds: int) -> None:
        self.model.rate_limited(held[1], self.now, seconds)
        self.circuit.open_for_at_least(held[0], float(self.now), float(seconds))

    @rule(held=permits)
    def release(self, held: Held) -> None:
        if held[1][0] == "probe":
            self.model.ignored += self.model.out.pop(held[1][1], None) is not None
        self.circuit.release(held[0])

    @rule(word=st.sampled_from(["isolate", "close", "close"]))
    def operate(self, word: Literal["isolate", "close"]) -> None:
        if word == "isolate":
            if self.model.state != "isolated":
                self.model.enter("isolated")
            self.circuit.isolate()
            return
        if self.model.state == "closed":
            self.model.events.clear()
        else:
            self.model.close()
        self.circuit.close()

    @invariant()
    def both_know_the_same(self) -> None:
        model, seen = self.model, self.circuit.snapshot(float(self.now))
        assert seen.state == model.state
        assert (seen.rejected, seen.ignored, seen.late) == (
            model.rejected,
            model.ignored,
            model.late,
        )
        assert seen.generation == model.spell
        known = model.results if model.state == "half_open" else model.live(self.now)
        assert (seen.calls, seen.failures, seen.slow) == (
            len(known),
            sum(failed for failed, _ in known),
            sum(slow for _, slow in known),
        )
        if model.state == "open":
            assert seen.retry_after == max(0, model.break_ends - self.now)


def test_the_circuit_decides_as_its_model_does() -> None:
    thorough = settings(max_examples=200, stateful_step_count=40)
    run_state_machine_as_test(CircuitMachine, settings=thorough)

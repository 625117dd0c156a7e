"""Pipelines put together by chance, and models that fail by chance, for whom the same must hold."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import reliai
from reliai.testing import Faults, InjectedFault, Latency, Stall
from tests.contract._subjects import Shape
from tests.core._kinds import KINDS

if TYPE_CHECKING:
    from collections.abc import Callable

STAND_IN = "stand-in"
GOOD = ["alpha", " beta", " gamma <EMAIL_1>"]
BAD = ["one", " two", " ba", "d phr", "ase!"]
FORBIDDEN = "bad phrase"
PROMPTS = ["ask bob@example.com"] * 2 + ["other"] * 2 + ["third"]


class Down(ConnectionError):
    """The model's own failure."""


EXPECTED = (reliai.ReliaiError, InjectedFault, ConnectionError, TimeoutError, ValueError)
"""What may come out: reliai's refusals, the model's failures, and those that are injected."""


class Scene:
    """What one seed draws.

    Attributes:
        shape: how the function is written down.
        names: the policies, outermost first.
        policies: the same as objects.
        script: what the model does, call by call.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.chance = random.Random(seed)
        self.shape = Shape(self.chance.choice(KINDS), self.chance.random() < 0.3)
        menu = _menu(self.chance, streaming=self.shape.streaming)
        self.names = self.chance.sample(list(menu), self.chance.randint(0, 7))
        if self.chance.random() < 0.6:
            self.names.sort(key=list(menu).index)
        self.policies = [menu[name]() for name in self.names]
        draw = self._stream if self.shape.streaming else self._value
        self.script = [draw() for _ in range(40)]

    def answers(self) -> set[str]:
        """All that a caller may get, or the beginning of it."""
        found = {STAND_IN, "".join(GOOD), "".join(BAD)}
        return found | {each.replace("<EMAIL_1>", "bob@example.com") for each in found}

    def _texts(self) -> list[str]:
        return list(BAD if self.chance.random() < 0.3 else GOOD)

    def _value(self) -> Any:
        drawn = self.chance.random()
        if drawn < 0.2:
            return Down("down")
        text = "".join(self._texts())
        return Latency(self.chance.choice([0.2, 4, 40]), text) if drawn < 0.3 else text

    def _stream(self) -> Any:
        drawn, chunks = self.chance.random(), list[Any](self._texts())
        if drawn < 0.1:
            return Down("at once")
        if drawn < 0.25:
            chunks.insert(self.chance.randint(1, len(chunks) - 1), Down("later"))
        elif drawn < 0.4:
            stall = Stall(self.chance.choice([0.2, 4, 40]))
            chunks.insert(self.chance.randint(0, len(chunks) - 1), stall)
        return chunks

    def __repr__(self) -> str:
        return f"seed {self.seed}: {self.shape}, {', '.join(self.names) or 'no policy'}"


def _menu(chance: random.Random, *, streaming: bool) -> dict[str, Callable[[], Any]]:
    """Policies in their usual order, each with settings drawn when it is made."""
    later: dict[str, Any] = {"first_chunk": 3, "idle": 2} if streaming else {}
    forbidden = reliai.Pattern(FORBIDDEN, forbid=True)
    return {
        "guard": lambda: reliai.Guard(reliai.NotEmpty()),
        "pseudonyms": lambda: reliai.Guard(reliai.Pii("pseudonymize")),
        "cache": lambda: reliai.Cache(
            chance.choice([1.0, 100.0]),
            key="arg:prompt",
            stale_if_error=chance.choice([0.0, 50.0]),
            single_flight=chance.random() < 0.7,
            degraded=chance.random() < 0.3,
        ),
        "budget": lambda: reliai.Budget(tokens=chance.choice([30, 10_000]), estimate=10),
        "total": lambda: reliai.Timeout(chance.choice([2, 30])),
        "fallback": lambda: reliai.Fallback(STAND_IN),
        "forbidden": lambda: reliai.Validate(forbidden, buffer=chance.random() < 0.3),
        "otherwise": lambda: reliai.Validate(forbidden, otherwise=lambda *_: STAND_IN),
        "retry": lambda: reliai.Retry(3, budget=None),
        "hedge": lambda: reliai.Hedge(chance.choice([0.5, 50.0]), extra_load=1.0),
        "breaker": lambda: reliai.CircuitBreaker(f"any {chance.random()}", consecutive=3),
        "rate": lambda: reliai.RateLimit(1000, max_wait=1),
        "bulkhead": lambda: reliai.Bulkhead(chance.choice([1, 5]), queue=2),
        "adaptive": reliai.AdaptiveLimit,
        "attempt": lambda: reliai.Timeout(5, **later),
        "faults": lambda: Faults(error_rate=0.2, seed=chance.randrange(1_000_000)),
    }

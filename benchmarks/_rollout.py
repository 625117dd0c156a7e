"""The rows of `benchmarks.rollout`: who gets which variant, and a call that goes there."""

from __future__ import annotations

import hashlib
import itertools
import tempfile
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import reliai
from benchmarks._harness import PROMPT, Row, load
from reliai.decisions.assignment import Split
from reliai.rollout import Rollout, cost, failure_rate, latency
from reliai.rollout._tally import Tally

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks._harness import Kind, Target

__all__ = [
    "ARMS",
    "ASSIGN",
    "BY_HAND",
    "CALL",
    "CHOOSE",
    "COUNTED",
    "GUARDED",
    "INTO",
    "PEERS",
    "ROUTE",
    "SPLIT",
    "UNITS",
    "assignments",
    "by_hand",
    "calls",
]

ASSIGN, CALL = "assign", "call"
BY_HAND, SPLIT, CHOOSE = "sha256 by hand", "reliai Split.arm", "reliai Rollout.choose"
COUNTED = "reliai, counted after the call"
GUARDED, ROUTE, INTO = "guarded, no rollout", "reliai Route", "reliai Route(into=)"
ARMS: Final = ("control", "candidate")
UNITS: Final = tuple(f"user-{number}" for number in range(1_000))


class Peer(NamedTuple):
    """Another library: what gives the arm of a unit."""

    name: str
    make: Callable[[], Callable[[str], str]]


def growthbook() -> Callable[[str], str]:
    """A feature with one experiment; the attributes are those of the unit."""
    rule = {
        "key": "model",
        "seed": "model#1",
        "variations": list(ARMS),
        "weights": [0.5, 0.5],
        "coverage": 1.0,
        "hashAttribute": "id",
        "hashVersion": 2,
    }
    features = {"model": {"defaultValue": "control", "rules": [rule]}}
    client = load("growthbook").GrowthBook(attributes={}, features=features)

    def assign(unit: str) -> str:
        client.set_attributes({"id": unit})
        return str(client.get_feature_value("model", "control"))

    return assign


def unleash() -> Callable[[str], str]:
    """A toggle with two variants, from a configuration in memory; nothing is fetched or sent."""
    client_class = load("UnleashClient").UnleashClient
    cache = load("UnleashClient.cache").FileCache("benchmark", tempfile.mkdtemp())
    variants = [{"name": name, "weight": 500, "stickiness": "userId"} for name in ARMS]
    strategy = {
        "name": "flexibleRollout",
        "parameters": {"rollout": "100", "stickiness": "userId", "groupId": "model"},
        "variants": variants,
    }
    toggle = {"name": "model", "enabled": True, "strategies": [strategy], "variants": []}
    cache.bootstrap_from_dict({"version": 1, "features": [toggle]})
    quiet = {"disable_metrics": True, "disable_registration": True}
    client = client_class("http://127.0.0.1:9/api", "benchmark", cache=cache, **quiet)
    client.initialize_client(fetch_toggles=False)
    return lambda unit: str(client.get_variant("model", {"userId": unit})["name"])


def openfeature() -> Callable[[str], str]:
    """Its provider in memory, which has no hash: `by_hand` is its evaluator."""
    memory = load("openfeature.provider.in_memory_provider")
    details = load("openfeature.flag_evaluation").FlagResolutionDetails
    context = load("openfeature.evaluation_context").EvaluationContext
    api = load("openfeature.api")

    def evaluate(flag: Any, given: Any) -> Any:
        arm = by_hand(given.targeting_key)
        return details(value=flag.variants[arm], variant=arm, reason="SPLIT")

    flag = memory.InMemoryFlag("control", {name: name for name in ARMS}, context_evaluator=evaluate)
    api.set_provider(memory.InMemoryProvider({"model": flag}))
    client = api.get_client()
    return lambda unit: str(
        client.get_string_value("model", "control", context(targeting_key=unit))
    )


def by_hand(unit: str) -> str:
    """The least that it takes: one hash."""
    digest = hashlib.sha256(b"model#1" + unit.encode()).digest()
    return ARMS[int.from_bytes(digest[:8], "big") >> 63]


PEERS: Final = (
    Peer("growthbook", growthbook),
    Peer("UnleashClient", unleash),
    Peer("openfeature, in memory", openfeature),
)
_MADE: dict[str, Callable[[str], str]] = {}


def assigner(peer: Peer) -> Callable[[str], str]:
    """The assignment of a peer, made once: its clients keep threads and files."""
    if peer.name not in _MADE:
        _MADE[peer.name] = peer.make()
    return _MADE[peer.name]


def rollout(control: Any, candidate: Any) -> Rollout:
    """Half of the units each, three guardrails, and no end of it while the benchmark runs."""
    return Rollout(
        "model",
        control,
        candidate,
        steps=[0.5, 1.0],
        dwell=86_400,
        guardrails=[failure_rate(), latency(), cost()],
    )


def assignments() -> Iterator[Row]:
    """Who gets what, for one of a thousand units after the other."""

    def row(name: str, make: Callable[[], Callable[[str], Any]]) -> Row:
        def build() -> Target:
            assign, units = make(), itertools.cycle(UNITS)
            return lambda _: assign(next(units))

        return Row(ASSIGN, name, "sync", build)

    yield row(BY_HAND, lambda: by_hand)
    yield row(SPLIT, lambda: Split("model#1", dict.fromkeys(ARMS, 500_000)).arm)
    yield row(CHOOSE, lambda: rollout("a", "b").choose)
    yield counted()
    for peer in PEERS:
        yield row(peer.name, partial(assigner, peer))


def counted() -> Row:
    """What three guardrails read of a call, off its own path, for one unit after the other."""

    def build() -> Target:
        found: list[reliai.CallRecord] = []

        class Keep:
            inline = True

            def on_end(self, record: reliai.CallRecord) -> None:
                found.append(record)

        reliai.configure(observers=[Keep()])
        try:
            routed("sync")(PROMPT)
        finally:
            reliai.configure(observers=[])
        chosen = rollout("a", "b")
        choices = itertools.cycle([chosen.choose(unit) for unit in UNITS])
        tally = Tally(chosen.guardrails)
        return lambda _: tally.add(next(choices), found[0])

    return Row(ASSIGN, COUNTED, "sync", build)


def calls(kind: Kind) -> Iterator[Row]:
    """A call of a guarded function for one of the units, in a context that says which."""
    yield Row(CALL, GUARDED, kind, lambda: in_turn(reliai.reliable()(answer_of(kind)), kind))
    yield Row(CALL, ROUTE, kind, lambda: in_turn(routed(kind), kind))
    yield Row(CALL, INTO, kind, lambda: in_turn(filled(kind), kind))
    for peer in PEERS:
        yield Row(CALL, f"{peer.name}, then guarded", kind, partial(divided, peer, kind))


def routed(kind: Kind) -> Callable[..., Any]:
    """One of two functions."""
    return rollout(answer_of(kind), answer_of(kind)).route()


def filled(kind: Kind) -> Callable[..., Any]:
    """One function, given one of two values."""
    guarded: Callable[..., Any] = reliai.Route(rollout("a", "b"), into="template")(answer_of(kind))
    return guarded


def divided(peer: Peer, kind: Kind) -> Target:
    """One of two guarded functions, by hand; nothing is counted."""
    assign = assigner(peer)
    arms = {name: reliai.reliable()(answer_of(kind)) for name in ARMS}
    return in_turn(lambda prompt, unit: arms[assign(unit)](prompt), kind, tells=True)


def answer_of(kind: Kind) -> Callable[..., Any]:
    """A model that answers at once; another one each time."""

    def answer(prompt: str, template: str = "") -> str:
        return template or prompt

    async def answer_async(prompt: str, template: str = "") -> str:
        return template or prompt

    return answer if kind == "sync" else answer_async


def in_turn(function: Callable[..., Any], kind: Kind, *, tells: bool = False) -> Target:
    """`function` for one unit after the other; `tells`: it is given the unit."""
    units = itertools.cycle(UNITS)

    def call(prompt: str) -> Any:
        unit = next(units)
        with reliai.context(subject=unit):
            return function(prompt, unit) if tells else function(prompt)

    async def call_async(prompt: str) -> Any:
        unit = next(units)
        with reliai.context(subject=unit):
            return await (function(prompt, unit) if tells else function(prompt))

    return call if kind == "sync" else call_async

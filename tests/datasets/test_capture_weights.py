"""Over many captures the weights give back the traffic, with budgets, commits and late feedback."""

from __future__ import annotations

import gc
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from reliai.datasets import on_error, on_feedback, uniform
from reliai.datasets._capture_calls import EndedCall, Said
from reliai.datasets._capture_content import Held
from reliai.datasets._capture_counts import Tally
from reliai.datasets._capture_selection import Selection
from reliai.datasets.rules import checked_rules
from reliai.datasets.weights import inclusion_of
from tests.datasets._captured import Bench

if TYPE_CHECKING:
    from pathlib import Path

    from reliai.datasets import Rule, Source

HELD = Held({"inputs": {}, "output": None}, None, 0, ())


def selection(rules: list[Rule], most: int, seed: int) -> Selection:
    return Selection(
        checked_rules(rules),
        most,
        f"seed {seed}",
        waiting=(1e9, 10_000, 10**9),
        answers=False,
        tally=Tally(),
    )


def ended(number: int, *, error: bool) -> EndedCall:
    failed = SimpleNamespace(kind="unknown") if error else None
    record: Any = SimpleNamespace(
        id=f"call {number}",
        name="ask",
        started_at=float(number),
        duration=0.1,
        status="error" if error else "success",
        error=failed,
        checks=(),
        values={},
        tags={},
        session=None,
        run_id=None,
        model_served=None,
        fingerprint="f",
        release=None,
    )
    return EndedCall(record, lambda: HELD)


def unchanged(value: Any, held: Held) -> Any:
    return value


def weights(chosen: Selection, *, late: int) -> dict[str, float]:
    """How many calls each captured one stands for: 200 calls, a hand-over in between.

    A tenth fails. Of a tenth of the others somebody complains, `late` calls afterwards.
    """
    sources: dict[str, list[Source]] = {}

    def hand_over() -> None:
        for case in chosen.hand_over():
            sources.setdefault(str(case.sources[0].id), []).extend(case.sources)

    for number in range(200 + late):
        if number < 200:
            chosen.look(ended(number, error=number % 10 == 0), float(number))
        about = number - late
        if about >= 0 and about % 10 == 1:
            said = Said("thumbs", 0, float(number))
            assert chosen.told(f"call {about}", said, float(number), unchanged)
        if number == 99:
            hand_over()
    hand_over()
    return {call: 1 / (inclusion_of(each) or 1) for call, each in sources.items()}


@pytest.mark.parametrize("late", [0, 40])
def test_each_kind_of_call_is_weighted_back_to_what_there_was(late: int) -> None:
    rules = [on_error(), on_feedback("thumbs", 0), uniform(0.5)]
    sums = {"error": 0.0, "complaint": 0.0, "rest": 0.0}
    rounds, most = 60, 120
    for seed in range(rounds):
        made = weights(selection(rules, most, seed), late=late)
        assert len(made) <= most
        for call, weight in made.items():
            kind = {"0": "error", "1": "complaint"}.get(call[-1], "rest")
            sums[kind] += weight / rounds
    assert sums["error"] == pytest.approx(20)
    assert sums["complaint"] == pytest.approx(20)
    assert sums["rest"] == pytest.approx(160, rel=0.05)  # a standard error is 2 %


def test_a_rule_that_takes_a_share_of_complaints_is_weighted_back_too() -> None:
    rules = [on_feedback("thumbs", 0, rate=0.4), uniform(0.2)]
    total = 0.0
    for seed in range(60):
        total += sum(weights(selection(rules, 50, seed), late=30).values()) / 60
    assert total == pytest.approx(200, rel=0.06)


def test_captured_calls_leave_no_cyclic_garbage(tmp_path: Path) -> None:
    rules = [on_error(), on_feedback("thumbs", 0), uniform(0.5)]
    bench = Bench(tmp_path, rules, waiting=50, max_per_day=20)

    def some() -> None:
        for number in range(30):
            record = bench.call(f"ana{number}@example.com", ValueError() if number % 5 else "fine")
            bench.capture.feedback(record.id, "thumbs", number % 2)
        bench.settle()

    some()
    gc.collect()
    gc.disable()
    try:
        some()
        found = [kind for kind in map(type, gc.get_objects()) if kind is Held]
        assert len(found) <= 71  # those that wait, and those that are held
        bench.dataset.commit("clean")
        bench.capture._selection.waiting.expire(1e12)
        assert not [each for each in gc.get_objects() if type(each) is Held and each is not HELD]
    finally:
        gc.enable()

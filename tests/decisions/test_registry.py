from __future__ import annotations

import threading

from reliai.decisions.circuit import Circuit, CircuitSettings
from reliai.decisions.registry import CircuitGroup, Registry
from reliai.errors import BreakerVerdict

DEFAULT = CircuitSettings()
TRIGGER_HAPPY = CircuitSettings(consecutive=1)


def fail(circuit: Circuit, now: float = 0.0) -> None:
    circuit.record(circuit.permit, now, BreakerVerdict.FAILURE)


def test_the_same_name_target_and_key_are_the_same_circuit() -> None:
    """A29"""
    registry = Registry()
    first = registry.group("a", DEFAULT)
    again, replaced = registry.define("a", CircuitSettings(), 1.0)
    assert again is first
    assert replaced is False
    assert first.circuit(0.0) is first.circuit(9.0) is first.default
    assert first.circuit(0.0, "target", "key") is first.circuit(9.0, "target", "key")
    different = {
        id(group.circuit(0.0, target, key))
        for group in (first, registry.group("b", DEFAULT))
        for target in (None, "x")
        for key in (None, "x", ("x", 1))
    }
    assert len(different) == 12


def test_ten_thousand_keys_leave_at_most_a_thousand_circuits() -> None:
    """A29"""
    group = CircuitGroup("a", DEFAULT)
    for number in range(10_000):
        group.circuit(0.0, key=number)
        assert len(group.circuits()) <= 1001
    assert len(group.circuits()) == 1001


def test_the_key_used_least_lately_goes_first() -> None:
    group = CircuitGroup("a", DEFAULT, max_keys=3)
    kept = group.circuit(0.0, key="a")
    for key in "bc":
        group.circuit(0.0, key=key)
    group.circuit(0.0, key="a")
    group.circuit(0.0, key="d")
    assert [circuit.key for circuit in group.circuits()] == [None, "c", "a", "d"]
    assert group.circuit(0.0, key="a") is kept


def test_an_open_circuit_stays_until_its_break_ends() -> None:
    """A29"""
    group = CircuitGroup("a", TRIGGER_HAPPY, max_keys=2)
    ill = group.circuit(0.0, key="ill")
    fail(ill)
    for number in range(100):
        group.circuit(29.9, key=number)
    assert ill in group.circuits()
    assert len(group.circuits()) == 3
    for number in range(100):
        group.circuit(30.0, key=number)
    assert ill not in group.circuits()


def test_a_circuit_with_a_probe_out_stays_for_another_break() -> None:
    group = CircuitGroup("a", TRIGGER_HAPPY, max_keys=1)
    ill = group.circuit(0.0, key="ill")
    fail(ill)
    assert ill.admit(30.0).permit
    group.circuit(59.0, key="next")
    assert ill in group.circuits()
    group.circuit(60.0, key="after")
    assert ill not in group.circuits()


def test_a_circuit_whose_hung_probe_was_replaced_stays_for_the_longer_break() -> None:
    group = CircuitGroup("a", TRIGGER_HAPPY, max_keys=1)
    ill = group.circuit(0.0, key="ill")
    fail(ill)
    assert ill.admit(30.0).permit
    assert ill.admit(60.0).permit
    group.circuit(119.0, key="next")
    assert ill in group.circuits()
    group.circuit(120.0, key="after")
    assert ill not in group.circuits()


def test_more_open_circuits_than_places_are_all_kept_and_shrink_away_later() -> None:
    group = CircuitGroup("a", TRIGGER_HAPPY, max_keys=10)
    for number in range(100):
        fail(group.circuit(0.0, key=number))
    assert len(group.circuits()) == 101
    for number in range(20):
        group.circuit(31.0, key=f"later {number}")
    assert len(group.circuits()) == 11


def test_a_second_definition_keeps_the_window_adopts_the_settings_and_says_so() -> None:
    """A30"""
    registry = Registry()
    group, _ = registry.define("a", DEFAULT, 0.0)
    for circuit in (group.circuit(0.0), group.circuit(0.0, key="k")):
        for _ in range(5):
            fail(circuit)
    other = CircuitSettings(min_calls=6)
    again, replaced = registry.define("a", other, 0.0)
    assert again is group
    assert replaced is True
    assert registry.define("a", other, 0.0)[1] is False
    assert registry.group("a", DEFAULT).settings is other
    for circuit in group.circuits():
        assert circuit.permit
        fail(circuit)
        assert circuit.state == "open"
    assert group.circuit(0.0, key="new").settings is other


def test_isolation_reaches_every_key_of_the_name_and_those_to_come() -> None:
    """A26, A28"""
    group = CircuitGroup("a", DEFAULT)
    group.circuit(0.0, key="old")
    group.isolate()
    group.circuit(0.0, key="new")
    assert [circuit.state for circuit in group.circuits()] == ["isolated"] * 3
    group.close()
    group.circuit(0.0, key="newer")
    assert [circuit.state for circuit in group.circuits()] == ["closed"] * 4


def test_an_isolated_circuit_is_never_dropped() -> None:
    group = CircuitGroup("a", DEFAULT, max_keys=1)
    isolated = group.circuit(0.0, key="isolated")
    isolated.isolate()
    for number in range(10):
        group.circuit(1e9, key=number)
    assert isolated in group.circuits()


def test_a_registry_lists_its_circuits_and_can_be_cleared() -> None:
    registry = Registry(max_keys=5)
    for name in "ba":
        group = registry.group(name, DEFAULT)
        group.circuit(0.0, "other")
        assert group.max_keys == 5
    assert [(c.name, c.target) for c in registry.circuits()] == [
        ("b", None),
        ("b", "other"),
        ("a", None),
        ("a", "other"),
    ]
    registry.clear()
    assert registry.circuits() == []


def test_a_group_of_one_looks_like_its_circuit() -> None:
    group = CircuitGroup("a", DEFAULT)
    fail(group.default)
    assert group.snapshot(0.0) == group.default.snapshot(0.0)
    assert group.state == "closed"


def test_a_group_adds_up_its_circuits_and_shows_the_gravest_state() -> None:
    group = CircuitGroup("a", CircuitSettings(consecutive=2, min_calls=4))
    well, ill, worse = (group.circuit(0.0, key=key) for key in ("well", "ill", "worse"))
    for _ in range(2):
        well.record(well.permit, 0.0, BreakerVerdict.SUCCESS, 0.1)
        fail(ill, 1.0)
        fail(worse, 5.0)
    ill.admit(2.0)
    seen = group.snapshot(6.0)
    assert (seen.name, seen.key, seen.state, group.state) == ("a", None, "open", "open")
    assert (seen.calls, seen.failures, seen.rejected, seen.generation) == (6, 4, 1, 2)
    assert (seen.rate, seen.opened_at, seen.retry_after) == (4 / 6, 1.0, 29.0)
    well.isolate()
    assert (group.snapshot(6.0).state, group.snapshot(6.0).retry_after) == ("isolated", None)


def test_threads_that_ask_together_get_one_circuit_each_key() -> None:
    """A29"""
    registry, got, start = Registry(), list[list[int]](), threading.Barrier(8)

    def ask() -> None:
        start.wait()
        group = registry.group("a", DEFAULT)
        got.append([id(group.circuit(0.0, key=number)) for number in range(200)])

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 8
    assert all(ids == got[0] for ids in got)
    assert len(registry.circuits()) == 201

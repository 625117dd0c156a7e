"""A snapshot that is delivered with the program: it boots and serves without its state."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from reliai.errors import ConfigurationError, ReliaiWarning
from reliai.rollout import Rollout
from reliai.rollout.operating import Operated
from reliai.state import open_state
from reliai.testing import virtual_clock
from tests.programs import printed
from tests.servers import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reliai.state import State
    from reliai.testing import VirtualClock


@pytest.fixture
def clock() -> Iterator[VirtualClock]:
    with virtual_clock() as virtual:
        yield virtual


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    made = open_state(f"sqlite:///{tmp_path}/state.db")
    yield made
    made.close()


def rollout(state: Any, name: str, **given: Any) -> Rollout:
    settings: dict[str, Any] = {"steps": [0.3, 0.6, 1.0], "background": False, **given}
    return Rollout(name, "a", "b", state=state, **settings)


def bundle(state: State, name: str, folder: Path) -> str:
    """As a build would write it, while the rollout is in its second step."""
    ro = rollout(state, name)
    ro.sync()
    ro.advance(1, by="ana")
    path = folder / f"{name}.json"
    path.write_text(Operated(state, name).snapshot())
    return str(path)


def away() -> str:
    return f"redis://127.0.0.1:{free_port()}/0"


def test_it_serves_what_the_bundle_says_however_old_it_is(
    state: State, clock: VirtualClock, tmp_path: Path
) -> None:
    path = bundle(state, "old", tmp_path)
    clock.advance(1e7)
    booted = rollout(away(), "old", bundled=path, max_staleness=60)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        first = [booted.choose(f"u{number}") for number in range(200)]
        clock.advance(1e6)
        booted.sync()
    known = rollout(state, "old")
    assert first == [known.choose(f"u{number}") for number in range(200)]
    assert {choice.share for choice in first} == {0.6, 0.4}
    assert booted.choose("u1") == first[1]
    assert booted.ready


def test_what_the_state_says_comes_before_the_bundle(
    state: State, clock: VirtualClock, tmp_path: Path
) -> None:
    path = bundle(state, "late", tmp_path)
    Operated(state, "late").kill(by="ana")
    assert rollout(state, "late", bundled=path).choose("u").reason == "KILLED"


def test_what_was_known_last_comes_before_the_bundle(
    state: State, clock: VirtualClock, tmp_path: Path
) -> None:
    path, last = bundle(state, "last", tmp_path), str(tmp_path / "last-known.json")
    rollout(state, "last", snapshot=last).sync()
    Operated(state, "last").rollback(by="ana")
    rollout(state, "last", snapshot=last).sync()
    booted = rollout(away(), "last", bundled=path, snapshot=last)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert booted.choose("u").reason == "ROLLED_BACK"


def test_its_status_tells_what_calls_get_by_the_bundle(
    state: State, clock: VirtualClock, tmp_path: Path
) -> None:
    path = bundle(state, "told", tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        status = rollout(away(), "told", bundled=path).status()
        assert (status.status, status.share, status.ready) == ("unknown", 0.6, False)
        assert status.missing == ("the state",)
        Operated(state, "told").kill(by="ana")
        Path(path).write_text(Operated(state, "told").snapshot())
        status = rollout(away(), "told", bundled=path).status()
    assert (status.status, status.share, status.reason) == ("killed", 0.0, "KILLED")


def test_a_bundle_that_was_not_delivered_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="there is no such file; `reliai rollout snapsh"):
        rollout(None, "none", bundled=str(tmp_path / "none.json"))


@pytest.mark.parametrize("change", [{"key": "rollout:other#1"}, {"page": 5}, {"at": None}])
def test_a_bundle_of_another_rollout_or_a_damaged_one_is_left_out(
    state: State, clock: VirtualClock, tmp_path: Path, change: dict[str, Any]
) -> None:
    path = Path(bundle(state, "bad", tmp_path))
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    booted = rollout(away(), "bad", bundled=str(path))
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        assert booted.choose("u").reason == "ERROR"
    assert any("is left out" in str(each.message) for each in said)
    assert all(each.category is ReliaiWarning for each in said)


def test_a_process_without_state_and_network_boots_and_serves(tmp_path: Path) -> None:
    made = open_state(f"sqlite:///{tmp_path}/state.db")
    path = bundle(made, "alone", tmp_path)
    expected = [rollout(made, "alone").choose(f"u{n}").value for n in range(20)]
    made.close()
    program = """
        import socket, sys

        def refuse(*_):
            raise OSError("no network")

        socket.socket.connect = socket.getaddrinfo = refuse
        from reliai.rollout import Rollout

        ro = Rollout("alone", "a", "b", steps=[0.3, 0.6, 1.0], state=sys.argv[1],
                     bundled=sys.argv[2])
        print(*[ro.choose(f"u{n}").value for n in range(20)])
        """
    (said,) = printed(program, away(), path, PYTHONWARNINGS="ignore")
    assert said.split() == expected

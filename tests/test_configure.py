"""The settings of the process: each argument, the environment, `report` and `shutdown`."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai._core.settings import settings
from reliai.telemetry import Memory
from reliai.testing import ScriptedModel, records
from tests.programs import printed, run_program

if TYPE_CHECKING:
    from collections.abc import Iterator


class Closing(Memory):
    """Notes how it was ended."""

    def __init__(self) -> None:
        super().__init__()
        self.ended: list[str] = []

    def flush(self, timeout: float) -> None:
        self.ended.append(f"flush {round(timeout)}")

    def close(self) -> None:
        self.ended.append("close")


def refusing() -> Any:
    """A function whose guard refuses every call."""
    return reliai.reliable(reliai.Guard(prompt=reliai.MaxLength(1)))(lambda prompt: prompt)


# --- arguments ------------------------------------------------------------------------------------
def test_identity_is_on_every_record_from_then_on() -> None:
    ask = reliai.reliable()(lambda: "a")
    with records() as seen:
        ask()
        reliai.configure(service="support", environment="production", release="1.2")
        ask()
    identities = [(r.service, r.environment, r.release) for r in seen]
    assert identities == [(None, None, None), ("support", "production", "1.2")]


@pytest.mark.parametrize("name", ["service", "environment", "release"])
def test_identity_that_is_no_text_is_refused_and_changes_nothing(name: str) -> None:
    before = settings.identity
    loose: Any = reliai.configure
    with pytest.raises(reliai.ConfigurationError) as caught:
        loose(mode="observe", **{name: 1.1})
    assert str(caught.value) == f"configure({name}=1.1): must be text, such as '1.1'"
    assert settings.identity == before
    assert settings.mode == "enforce"


def test_what_is_not_given_stays_as_it_is() -> None:
    observer = Memory()
    reliai.configure(observers=[observer], service="support", mode="observe")
    reliai.configure(release="2")
    reliai.configure()
    assert settings.observers == (observer,)
    assert settings.mode == "observe"
    assert settings.identity == ("support", "2", None)


def test_observers_replace_those_set_before() -> None:
    first, second = Memory(), Memory()
    ask = reliai.reliable()(lambda: "a")
    reliai.configure(observers=[first])
    ask()
    reliai.configure(observers=(each for each in [second]))
    ask()
    reliai.configure(observers=[])
    ask()
    assert (len(first), len(second)) == (1, 1)


def test_records_join_the_observers_once() -> None:
    observer, store = Memory(), Memory()
    reliai.configure(observers=[observer], records=store)
    reliai.configure(records=store)
    reliai.reliable()(lambda: "a")()
    assert (len(observer), len(store)) == (1, 1)


def test_mode_observe_lets_refusals_pass_and_mode_off_leaves_the_function_alone() -> None:
    ask = refusing()
    with pytest.raises(reliai.GuardRejected):
        ask("long")
    with records() as seen:
        reliai.configure(mode="observe")
        assert ask("long") == "long"
        reliai.configure(mode="off")
        assert ask("long") == "long"
        reliai.configure(mode="enforce")
        with pytest.raises(reliai.GuardRejected):
            ask("long")
    assert [record.status for record in seen] == ["success", "success", "rejected"]
    assert seen[0].events, "observing says what it would have done"
    assert seen[1].events == ()


def test_mode_of_a_block_stands_above_that_of_the_process() -> None:
    reliai.configure(mode="off")
    with reliai.mode("enforce"), pytest.raises(reliai.GuardRejected):
        refusing()("long")


BAD: list[tuple[dict[str, Any], str]] = [
    ({"mode": "loud"}, "mode 'loud' is unknown; use one of 'enforce', 'observe', 'off'"),
    ({"observers": [Memory]}, "observer Memory is a class; pass an object of it"),
    ({"observers": [object()]}, "has none of on_start, on_event, on_end, activate"),
    ({"observers": Memory()}, "give a list, also of one observer"),
    ({"observers": "memory"}, "observers='memory'): give a list, also of one observer"),
    ({"records": "sqlite:///calls.db"}, "observer 'sqlite:///calls.db' has none of"),
    ({"state": "mysql://here"}, "give 'memory', 'sqlite:///path/to/file.db'"),
]


@pytest.mark.parametrize(("wrong", "message"), BAD, ids=[message for _, message in BAD])
def test_wrong_setting_is_refused_and_changes_nothing(wrong: dict[str, Any], message: str) -> None:
    before = settings.observers, settings.mode, settings.identity
    right: dict[str, Any] = {"observers": [Memory()], "mode": "observe", "service": "support"}
    with pytest.raises(reliai.ConfigurationError) as caught:
        reliai.configure(**{**right, **wrong})
    assert message in str(caught.value)
    assert (settings.observers, settings.mode, settings.identity) == before


def test_unknown_setting_is_a_type_error() -> None:
    settings_of_the_future: dict[str, Any] = {"sampling": 0.1}
    with pytest.raises(TypeError, match="sampling"):
        reliai.configure(**settings_of_the_future)


def test_signal_can_be_asked_for_in_the_main_thread_only() -> None:
    before = settings.mode, signal.getsignal(signal.SIGTERM)
    said: list[str] = []

    def work() -> None:
        try:
            reliai.configure(flush_on_sigterm=True, mode="off")
        except reliai.ConfigurationError as error:
            said.append(str(error))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert said == ["configure(flush_on_sigterm=True) works in the main thread only"]
    assert (settings.mode, signal.getsignal(signal.SIGTERM)) == before


# --- the environment ------------------------------------------------------------------------------
IDENTITY = """
import reliai
ask = reliai.reliable(reliai.Guard(prompt=reliai.MaxLength(1)))(lambda prompt: prompt)
with reliai.collect() as calls:
    print(reliai.execute(ask, "long").ok)
print(calls[0].service, calls[0].environment, calls[0].release)
"""


def test_four_settings_are_read_from_the_environment() -> None:
    lines = printed(
        IDENTITY,
        RELIAI_SERVICE="support",
        RELIAI_ENVIRONMENT="staging",
        RELIAI_RELEASE="1.2",
        RELIAI_MODE="off",
    )
    assert lines == ["True", "support staging 1.2"]


def test_without_them_policies_are_enforced() -> None:
    assert printed(IDENTITY, RELIAI_MODE="") == ["False", "None None None"]


def test_configure_stands_above_the_environment() -> None:
    code = "import reliai\nreliai.configure(mode='enforce', service='mine')\n" + IDENTITY
    lines = printed(code, RELIAI_SERVICE="theirs", RELIAI_RELEASE="3", RELIAI_MODE="off")
    assert lines == ["False", "mine None 3"]


def test_unknown_mode_in_the_environment_is_told_before_any_call() -> None:
    done = run_program(IDENTITY, RELIAI_MODE="loud")
    assert done.returncode == 1
    assert done.stdout == ""
    assert "ConfigurationError: mode 'loud' is unknown" in done.stderr


# --- report, flush, shutdown ----------------------------------------------------------------------
def test_report_of_nothing_is_empty() -> None:
    settings.recent.clear()
    assert reliai.report() == ""


def test_report_has_twenty_lines_unless_told_otherwise_and_needs_no_observer() -> None:
    ask = reliai.reliable(name="ask")(ScriptedModel(["a"] * 29 + [TimeoutError("slow")]))
    for _ in range(29):
        ask()
    with pytest.raises(TimeoutError):
        ask()
    lines = reliai.report().splitlines()
    assert len(lines) == 20
    assert lines[-1].startswith("error")
    assert all("ask" in line for line in lines)
    assert len(reliai.report(last=25).splitlines()) == 25
    assert reliai.report(last=-1) == ""


def test_report_counts_one_chunk_as_one() -> None:
    @reliai.reliable(name="tell")
    def tell(pieces: list[str]) -> Iterator[str]:
        yield from pieces

    for pieces in (["a"], ["a", "b"]):
        assert list(tell(pieces)) == pieces
    one, two = reliai.report().splitlines()
    assert one.endswith("  1 chunk")
    assert two.endswith("  2 chunks")


def test_shutdown_flushes_then_closes_and_calls_go_on_unobserved() -> None:
    first, second = Closing(), Closing()
    reliai.configure(observers=[first, second])
    ask = reliai.reliable()(lambda: "a")
    ask()
    assert reliai.shutdown(timeout=60) is True
    assert first.ended == second.ended == ["flush 60", "close"]
    assert ask() == "a"
    assert (len(first), len(second)) == (1, 1)
    assert settings.observers == ()
    assert reliai.shutdown(timeout=60) is True
    assert first.ended == ["flush 60", "close"], "it was let go of"


def test_observer_that_cannot_be_closed_does_not_keep_the_others_open() -> None:
    class Stuck(Closing):
        def close(self) -> None:
            raise OSError("busy")

    last = Closing()
    reliai.configure(observers=[Stuck(), last])
    assert reliai.shutdown(timeout=60) is True
    assert last.ended == ["flush 60", "close"]


def test_shutdown_says_when_not_all_was_taken_in_time() -> None:
    gate, entered = threading.Event(), threading.Event()

    class Hanging:
        def on_end(self, record: reliai.CallRecord) -> None:
            entered.set()
            gate.wait()

    reliai.configure(observers=[Hanging()])
    reliai.reliable()(lambda: "a")()
    entered.wait()
    assert reliai.shutdown(timeout=0) is False
    gate.set()
    assert reliai.flush(60) is True


def test_settings_can_be_made_anew_after_a_shutdown() -> None:
    reliai.shutdown(timeout=60)
    seen = Memory()
    reliai.configure(observers=[seen])
    reliai.reliable()(lambda: "a")()
    assert len(seen) == 1

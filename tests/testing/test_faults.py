from __future__ import annotations

import asyncio
import json
import math
import os
import pickle
import random
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any

import pytest

import reliai
from reliai._core.ambient import ambient
from reliai.errors import ConfigurationError, ErrorKind
from reliai.providers import classify
from reliai.testing import Faults, InjectedFault, ScriptedModel, faults, virtual_clock
from reliai.testing._faults import Chosen, Dice
from reliai.testing._injection import injected


def plausible(observed: int, n: int, rate: float) -> bool:
    """Whether a count lies within 4 standard errors of what a binomial law expects."""
    return abs(observed - n * rate) <= 4 * math.sqrt(n * rate * (1 - rate))


async def _each(pieces: Sequence[str]) -> AsyncIterator[str]:
    for piece in pieces:
        yield piece


async def _drain(stream: AsyncIterator[str], read: list[str]) -> None:
    async for piece in stream:
        read.append(piece)  # noqa: PERF401  what was read before an error counts


def plain(guard: Any, pieces: Sequence[str], read: list[str]) -> None:
    read.append(guard(lambda: "".join(pieces))())


def coroutine(guard: Any, pieces: Sequence[str], read: list[str]) -> None:
    async def answer() -> str:
        return "".join(pieces)

    read.append(asyncio.run(guard(answer)()))


def generator(guard: Any, pieces: Sequence[str], read: list[str]) -> None:
    def answer() -> Iterator[str]:
        yield from pieces

    for piece in guard(answer)():
        read.append(piece)  # noqa: PERF402  what was read before an error counts


def async_generator(guard: Any, pieces: Sequence[str], read: list[str]) -> None:
    asyncio.run(_drain(guard(_each)(pieces), read))


def coroutine_of_a_stream(guard: Any, pieces: Sequence[str], read: list[str]) -> None:
    async def answer() -> AsyncIterator[str]:
        return _each(pieces)

    async def main() -> None:
        await _drain(await guard(answer)(), read)

    asyncio.run(main())


Kind = Callable[[Any, Sequence[str], list[str]], None]
STREAMS: list[Kind] = [generator, async_generator, coroutine_of_a_stream]
KINDS: list[Kind] = [plain, coroutine, *STREAMS]


def called(kind: Kind, *policies: Any) -> str:
    """The text that one call of a guarded function of some kind gives."""
    read: list[str] = []
    kind(reliai.reliable(*policies), "012345", read)
    return "".join(read)


every_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
streams = pytest.mark.parametrize("kind", STREAMS, ids=lambda kind: kind.__name__)


# --- the decision ---------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, 1, 7])
def test_each_fault_comes_at_its_rate(seed: int) -> None:
    """Acceptance A74: the observed rate lies within the binomial interval."""
    rates = {"error": 0.3, "malformed": 0.05, "stall": 0.02, "cut": 0.02}
    dice = Dice(error_rate=0.3, malformed=0.05, stall=0.02, cut=0.02, latency=(0.1, 2))
    source = random.Random(seed)
    rolled = [dice.roll(source) for _ in range(5000)]
    for kind, rate in rates.items():
        assert plausible(sum(fault.kind == kind for fault in rolled), 5000, rate), kind
    latencies = [fault.latency for fault in rolled if fault.kind == "none"]
    assert 0.1 <= min(latencies) < 0.2
    assert 1.9 < max(latencies) <= 2


def test_a_fault_comes_before_latency() -> None:
    """Acceptance A74: a call that fails at once is not made to wait as well."""
    dice = Dice(error_rate=1, latency=5)
    assert dice.roll(random.Random(1)).latency == 0
    with (
        virtual_clock() as clock,
        faults(error_rate=1, latency=5),
        pytest.raises((InjectedFault, OSError)),
    ):
        called(plain)
    assert clock.slept == []


def test_a_rate_does_not_change_which_calls_the_others_hit() -> None:
    few = [Dice(error_rate=0.1).roll(source) for source in [random.Random(3)] for _ in range(200)]
    many = [
        Dice(error_rate=0.1, cut=0.4, latency=(1, 2)).roll(source)
        for source in [random.Random(3)]
        for _ in range(200)
    ]
    assert [f.kind == "error" for f in few] == [f.kind == "error" for f in many]


def test_errors_are_drawn_evenly() -> None:
    dice = Dice(error_rate=1, errors=("server", ValueError("mine"), KeyError))
    source = random.Random(5)
    drawn = [str(dice.roll(source).error) for _ in range(3000)]
    for error in set(drawn):
        assert plausible(drawn.count(error), 3000, 1 / 3)
    assert len(set(drawn)) == 3


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ("rate_limited", ErrorKind.RATE_LIMITED),
        ("quota", ErrorKind.QUOTA),
        ("overloaded", ErrorKind.OVERLOADED),
        ("server", ErrorKind.SERVER),
        ("timeout", ErrorKind.TIMEOUT),
        ("connection", ErrorKind.CONNECTION),
        ("context_length", ErrorKind.CONTEXT_LENGTH),
    ],
)
def test_an_injected_error_is_classified_as_what_it_stands_for(error: str, kind: ErrorKind) -> None:
    assert classify(injected(error)).kind == kind


def test_an_injected_error_survives_pickling() -> None:
    error = InjectedFault("overloaded")
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert (str(copy), copy.status_code, copy.code) == (str(error), 503, "server_is_overloaded")


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"error_rate": 1.1}, r"error_rate=1.1 must be in \[0, 1\]"),
        ({"cut": -0.1}, r"cut=-0.1 must be in \[0, 1\]"),
        ({"stall": float("nan")}, "stall=nan must be"),
        ({"error_rate": 0.6, "cut": 0.6}, "more than 1"),
        ({"latency": (2, 1)}, "latency=.* pair"),
        ({"latency": -1}, "latency=-1"),
        ({"errors": ()}, "errors must not be empty"),
        ({"errors": ("nonsense",)}, "'nonsense' is no kind of error"),
        ({"errors": (42,)}, "42 is neither"),
    ],
    ids=str,
)
def test_settings_that_mean_nothing_are_refused(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        Faults(**settings)
    with pytest.raises(ConfigurationError, match=says), faults(**settings):
        pass


# --- in calls of every kind -----------------------------------------------------------------


@every_kind
def test_calls_fail_at_the_rate_and_are_counted(kind: Kind) -> None:
    failed = 0
    with faults(error_rate=0.3, seed=7) as seen:
        for _ in range(300):
            try:
                called(kind)
            except (InjectedFault, OSError):
                failed += 1
    assert plausible(failed, 300, 0.3)
    assert seen.calls == 300
    assert seen.counts == {"error": failed}


@every_kind
def test_a_seed_makes_the_faults_the_same_each_time(kind: Kind) -> None:

    def outcomes(seed: int | None) -> list[str]:
        seen: list[str] = []
        with faults(error_rate=0.3, malformed=0.2, cut=0.2, seed=seed):
            for _ in range(40):
                try:
                    seen.append(called(kind))
                except Exception as error:
                    seen.append(repr(error))
        return seen

    assert outcomes(7) == outcomes(7)
    assert outcomes(7) != outcomes(8)
    assert outcomes(None) != outcomes(None)


@every_kind
def test_outside_of_the_block_nothing_happens(kind: Kind) -> None:
    with faults(error_rate=1):
        pass
    assert called(kind) == "012345"


@every_kind
def test_an_error_is_raised_in_the_place_of_the_call(kind: Kind) -> None:
    with (
        faults(error_rate=1, errors=[LookupError("mine")]),
        pytest.raises(LookupError, match="mine"),
    ):
        called(kind)


def test_the_model_is_not_called_then() -> None:
    model = ScriptedModel(["a"], repeat_last=True)
    with faults(error_rate=1) as seen, pytest.raises((InjectedFault, OSError)):
        reliai.reliable()(model)()
    assert (len(model.calls), seen.calls) == (0, 1)


@every_kind
def test_latency_is_waited_in_virtual_time(kind: Kind) -> None:
    with virtual_clock() as clock, faults(latency=(2, 3), seed=1):
        assert called(kind) == "012345"
    (slept,) = clock.slept
    assert 2 <= slept <= 3


@every_kind
def test_a_stall_is_waited_in_virtual_time_and_the_answer_comes_whole(kind: Kind) -> None:
    with virtual_clock() as clock, faults(stall=1, stall_for=45, seed=1):
        assert called(kind) == "012345"
    assert clock.slept == [45]


@every_kind
def test_a_cut_is_a_connection_error_after_the_request_was_sent(kind: Kind) -> None:
    with faults(cut=1, seed=1), pytest.raises(ConnectionResetError, match="injected"):
        called(kind)


@streams
def test_a_cut_stream_keeps_its_beginning(kind: Kind) -> None:
    read: list[str] = []
    with faults(cut=1, seed=2), pytest.raises(ConnectionResetError):  # after 3 chunks
        kind(reliai.reliable(), "012345", read)
    assert read == ["0", "1", "2"]


@streams
def test_a_stream_too_short_for_its_fault_fails_at_its_end(kind: Kind) -> None:
    read: list[str] = []
    with faults(cut=1, seed=2), pytest.raises(ConnectionResetError):
        kind(reliai.reliable(), "01", read)
    assert read == ["0", "1"]


def test_a_malformed_text_is_half_a_text() -> None:
    with faults(malformed=1):
        assert called(plain) == "012"
        assert called(coroutine) == "012"


def test_any_other_malformed_result_is_the_sdks_decoding_error() -> None:
    model = ScriptedModel([{"an": "answer"}, "x"])
    call = reliai.reliable()(model)
    with faults(malformed=1):
        for _ in range(2):
            with pytest.raises(json.JSONDecodeError, match="injected") as caught:
                call()
            assert classify(caught.value).kind == ErrorKind.MALFORMED
    assert len(model.calls) == 2


@streams
def test_a_malformed_stream_is_a_decoding_error(kind: Kind) -> None:
    with faults(malformed=1, seed=1), pytest.raises(json.JSONDecodeError):
        called(kind)


@pytest.mark.parametrize("view", ["streaming", "asynchronous"])
def test_the_stream_behind_a_cut_one_is_closed(view: str) -> None:
    model = ScriptedModel([["a", "b", "c", "d", "e"]])

    def main() -> None:
        for _ in reliai.reliable()(model.streaming)():
            pass

    async def main_later() -> None:
        async for _ in reliai.reliable()(model.streaming.asynchronous)():
            pass

    with faults(cut=1, seed=2), pytest.raises(ConnectionResetError):
        main() if view == "streaming" else asyncio.run(main_later())
    assert (model.open_streams, model.closed_streams) == (0, 1)


def test_a_faulty_stream_is_otherwise_the_stream_it_wraps() -> None:
    model = ScriptedModel([["a", "b", "c", "d", "e", "f"]])
    with faults(stall=1, stall_for=0):
        stream = reliai.reliable()(model)()
        assert stream.delivered >= 1
        assert "".join(stream) == "abcdef"


# --- below all policies ---------------------------------------------------------------------


def test_every_attempt_throws_the_dice() -> None:
    with virtual_clock(), faults(error_rate=1) as seen:
        with pytest.raises((InjectedFault, OSError)):
            called(plain, reliai.Retry(3))
        assert seen.calls == 3


def test_retries_get_through_where_faults_are_not_certain() -> None:
    with virtual_clock(), faults(error_rate=0.5, seed=7) as seen:
        assert called(plain, reliai.Retry(20, budget=None)) == "012345"
    assert seen.counts["error"] == seen.calls - 1


@pytest.mark.parametrize("kind", [plain, coroutine])
def test_a_timeout_sees_injected_latency(kind: Kind) -> None:
    with virtual_clock(), faults(latency=30), pytest.raises(reliai.CallTimeout):
        called(kind, reliai.Timeout(5))


def test_the_record_says_what_was_injected() -> None:
    with faults(cut=1), reliai.collect() as calls, pytest.raises(ConnectionResetError):
        called(plain)
    (event,) = [event for event in calls[0].events if event.kind == "fault_injected"]
    assert event.attributes == {"fault": "cut"}


# --- where it holds -------------------------------------------------------------------------


def test_other_threads_are_left_alone_and_tasks_are_not() -> None:
    answers: list[str] = []

    async def task() -> None:
        with pytest.raises(ConnectionResetError):
            called(plain)

    with faults(cut=1):
        thread = threading.Thread(target=lambda: answers.append(called(plain)))
        thread.start()
        thread.join()
        asyncio.run(task())
    assert answers == ["012345"]


def test_the_innermost_block_counts() -> None:
    with faults(cut=1):
        with faults(malformed=1):
            assert called(plain) == "012"
        with faults():
            assert called(plain) == "012345"
        with pytest.raises(ConnectionResetError):
            called(plain)


def test_a_block_that_injects_nothing_puts_nothing_in_the_way() -> None:
    """Acceptance A74: no overhead when disabled."""
    with faults() as seen:
        assert ambient.get().leaf_filter is None
        called(plain)
    assert seen.calls == 0


# --- the policy -----------------------------------------------------------------------------


@every_kind
def test_the_policy_injects_into_its_own_function(kind: Kind) -> None:
    policy = Faults(cut=1, seed=1)
    with pytest.raises(ConnectionResetError):
        called(kind, policy)
    assert called(kind) == "012345"
    assert policy.injected.counts == {"cut": 1}
    assert "{'cut': 1} in 1 calls" in repr(policy.injected)


def test_the_policy_throws_the_dice_for_every_attempt() -> None:
    policy = Faults(error_rate=1, errors=["overloaded"])
    with virtual_clock(), pytest.raises(InjectedFault):
        called(plain, reliai.Retry(3), policy)
    assert policy.injected.calls == 3


def test_the_policy_hands_a_call_on_as_it_is_when_it_injects_nothing() -> None:
    seen: list[object] = []

    async def inside(call: Any, proceed: Any) -> Any:
        seen.append(call.ambient.leaf_filter)
        return await proceed(call)

    assert called(plain, Faults(), inside) == "012345"
    assert seen == [None]


def in_tests(call: object) -> bool:
    return True


def test_the_policy_describes_itself() -> None:
    assert Faults(error_rate=0.3, latency=(0.1, 2), seed=7).describe() == {
        "error_rate": 0.3,
        "latency": (0.1, 2),
        "malformed": 0.0,
        "stall": 0.0,
        "cut": 0.0,
        "stall_for": 60.0,
        "errors": ["rate_limited", "overloaded", "server", "timeout", "connection"],
        "seed": 7,
        "rate": 1.0,
        "enabled": None,
    }
    own = Faults(errors=[ValueError, KeyError("x")], enabled=in_tests)
    assert own.describe()["errors"] == ["ValueError", "KeyError('x')"]
    assert own.describe()["enabled"] == "in_tests"


@every_kind
def test_a_rate_chooses_calls_and_all_attempts_of_them(kind: Kind) -> None:
    policy = Faults(error_rate=1, rate=0.3, seed=7)
    failed = 0
    with virtual_clock():
        for _ in range(200):
            try:
                called(kind, reliai.Retry(3, budget=None), policy)
            except (InjectedFault, OSError):
                failed += 1
    assert plausible(failed, 200, 0.3)
    assert policy.injected.counts == {"error": 3 * failed}


def test_a_seed_chooses_the_same_calls_each_time() -> None:

    def chosen(seed: int | None) -> list[bool]:
        policy = Faults(cut=1, rate=0.5, seed=seed)
        guarded = reliai.reliable(policy)(lambda: "fine")
        return [reliai.execute(guarded).ok for _ in range(60)]

    assert chosen(7) == chosen(7)
    assert chosen(7) != chosen(8)
    assert chosen(None) != chosen(None)


def test_a_rate_of_0_leaves_every_call_alone() -> None:
    policy = Faults(cut=1, rate=0)
    assert called(plain, policy) == "012345"
    assert policy.injected.calls == 0


def test_which_calls_were_chosen_is_not_remembered_for_ever() -> None:
    chosen = Chosen(0.5, 1)
    first = [chosen.has(str(number)) for number in range(30_000)]
    assert len(chosen._known) <= 10_000
    assert [chosen.has(str(number)) for number in range(29_000, 30_000)] == first[29_000:]


@every_kind
def test_enabled_says_which_calls_may_get_faults(kind: Kind) -> None:
    policy = Faults(cut=1, enabled=lambda call: call.tags.get("chaos") == "yes")
    assert called(kind, policy) == "012345"
    with reliai.context(tags={"chaos": "yes"}), pytest.raises(ConnectionResetError):
        called(kind, policy)


def test_an_enabled_that_fails_leaves_the_call_alone_and_is_told() -> None:
    def broken(call: Any) -> bool:
        raise LookupError("no such flag")

    with reliai.collect() as calls:
        assert called(plain, Faults(cut=1, enabled=broken)) == "012345"
    (event,) = [event for event in calls[0].events if event.kind == "faults_not_enabled"]
    assert event.attributes == {"error": "LookupError"}


@pytest.mark.parametrize("mode", ["observe", "off"])
def test_no_policy_injects_where_an_operator_has_taken_the_policies_back(mode: str) -> None:
    with reliai.mode(mode):
        assert called(plain, Faults(cut=1)) == "012345"


@every_kind
def test_where_the_policy_stands_makes_no_difference(kind: Kind) -> None:
    for order in (slice(None), slice(None, None, -1)):
        policy = Faults(error_rate=1)
        with virtual_clock(), pytest.raises((InjectedFault, OSError)):
            called(kind, *[policy, reliai.Retry(3)][order])
        assert policy.injected.calls == 3


@pytest.mark.parametrize(
    ("settings", "says"),
    [({"rate": 1.5}, "rate=1.5"), ({"rate": -1}, "rate=-1"), ({"enabled": True}, "enabled=True")],
    ids=str,
)
def test_settings_of_the_policy_alone_are_checked(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        Faults(**settings)


def test_fault_policies_go_on_in_a_forked_child() -> None:
    policy = Faults(cut=1, rate=0.5, seed=1)
    guarded = reliai.reliable(policy)(lambda: "fine")
    with policy.injected._lock, policy._chosen._lock:
        child = os.fork()
        if child == 0:
            reliai.execute(guarded)
            os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0

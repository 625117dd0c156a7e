"""Processes share answers through a state: JSON or the output type, and never more than that."""

from __future__ import annotations

import asyncio
import json
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import reliai
from reliai.policies._cache_codec import Codec, encoded
from reliai.policies._cache_shelf import Facts
from reliai.policies._cache_tokens import token
from reliai.state import StateUnavailable, open_state
from reliai.state.keeper import keeper_of
from reliai.testing import virtual_clock
from tests.policies._guarded import ONE_VALUE, Guarded, every_one_value

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class City(pydantic.BaseModel):
    name: str
    size: tuple[int, int]


def replicas(
    kind: str, state: Any, answer: Callable[[str], Any], *inside: Any, **options: Any
) -> list[Guarded]:
    """The same function in two processes, as far as a store can tell."""
    return [
        Guarded(kind, reliai.Cache(shared=True, state=state, **options), *inside, answer=answer)
        for _ in range(2)
    ]


# --- sharing ------------------------------------------------------------------------------
@every_one_value
@pytest.mark.parametrize("answer", ["text", {"a": [1, 2.5, None, True]}, None], ids=repr)
def test_another_process_is_answered_from_the_store(kind: str, answer: Any) -> None:
    one, other = replicas(kind, open_state("memory"), lambda _: answer)
    with virtual_clock() as clock:
        assert one("a") == answer
        clock.advance(5)
        assert other("a") == answer
    assert other.prompts == []
    assert other.record.attempts == ()
    assert other.event("cache_hit") == {"age": 5, "shared": True}
    assert other.record.cost_usd == 0


@every_one_value
def test_an_answer_of_the_output_type_comes_back_as_that_type(kind: str) -> None:
    validate = reliai.Validate(output=City)
    text = '{"name": "Rome", "size": [1, 2]}'
    one, other = replicas(kind, open_state("memory"), lambda _: text, validate)
    assert one("a") == other("a") == City(name="Rome", size=(1, 2))
    assert other.prompts == []


def test_what_came_from_the_store_is_kept_here_no_longer_than_it_is_good() -> None:
    state = open_state("memory")
    with virtual_clock() as clock:
        one, other = replicas("sync", state, lambda _: "x", ttl=10)
        one("a")
        clock.advance(6)
        other("a")
        other("a")
        assert "shared" not in other.event("cache_hit")
        clock.advance(4)
        other("a")
        assert other.prompts == ["a"]


@every_one_value
def test_an_old_answer_in_the_store_stands_in_for_a_failure(kind: str) -> None:
    left = ["x"]

    def answer(_prompt: str) -> str:
        if left:
            return left.pop()
        raise ConnectionError("down")

    with virtual_clock() as clock:
        one, other = replicas(kind, open_state("memory"), answer, ttl=10, stale_if_error=60)
        one("a")
        clock.advance(20)
        assert other("a") == "x"
        assert other.record.status == "degraded"


def test_tenants_share_nothing_in_the_store() -> None:
    """IR-30"""
    one, other = replicas("sync", open_state("memory"), str)
    with reliai.context(tenant="a"):
        one("prompt")
    with reliai.context(tenant="b"):
        other("prompt")
    other("prompt")
    assert len(other.prompts) == 2


def test_a_change_of_the_policies_that_shape_answers_is_another_key() -> None:
    state = open_state("memory")
    one, _ = replicas("sync", state, str, reliai.Validate(reliai.MaxLength(10)))
    other, _ = replicas("sync", state, str, reliai.Validate(reliai.MaxLength(20)), reliai.Retry(2))
    third, _ = replicas("sync", state, str, reliai.Validate(reliai.MaxLength(20)), reliai.Retry(3))
    one("a")
    other("a")
    third("a")
    assert [len(each.prompts) for each in (one, other, third)] == [1, 1, 0]


@every_one_value
def test_a_refresh_is_seen_by_the_others(kind: str) -> None:
    answers = ["old", "new"]
    one, other = replicas(kind, open_state("memory"), lambda _: answers.pop(0))
    one("a")
    with reliai.Cache.refresh():
        assert one("a") == "new"
    assert other("a") == "new"


def test_those_who_wait_get_what_the_store_had() -> None:
    state = open_state("memory")

    def made() -> Any:
        @reliai.Cache(shared=True, state=state)
        async def ask(prompt: str) -> list[str]:
            await asyncio.sleep(0)
            return [prompt]

        return ask

    async def main() -> list[Any]:
        await made()("a")
        with reliai.collect() as calls:
            other = made()
            answers = await asyncio.gather(*(other("a") for _ in range(3)))
        assert [len(call.attempts) for call in calls] == [0, 0, 0]
        return answers

    assert asyncio.run(main()) == [["a"]] * 3


def test_two_stores_on_one_file_are_one_store(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/answers.db"
    calls: list[str] = []

    def answer(prompt: str) -> str:
        calls.append(prompt)
        return prompt

    with closing(open_state(url)) as mine, closing(open_state(url)) as theirs:
        one, _ = replicas("sync", mine, answer)
        other, _ = replicas("sync", theirs, answer)
        one("a")
        assert keeper_of(mine).settled(10)
        other("a")
    assert calls == ["a"]


@every_one_value
def test_calls_without_single_flight_share_answers_too(kind: str) -> None:
    one, other = replicas(kind, open_state("memory"), str, single_flight=False)
    assert [one("a"), other("a")] == ["a", "a"]
    assert other.prompts == []


@every_one_value
def test_an_answer_of_a_stand_in_is_shared_as_one(kind: str) -> None:
    def down(_prompt: str) -> str:
        raise ConnectionError("down")

    fallback = reliai.Fallback(reliai.Value("stand-in"))
    one, other = replicas(kind, open_state("memory"), down, fallback, degraded=True)
    assert [one("a"), other("a")] == ["stand-in", "stand-in"]
    assert other.prompts == []
    assert other.record.status == "degraded"


# --- what is not shared -------------------------------------------------------------------
@every_one_value
@pytest.mark.parametrize(
    "answer", [("a",), {1: "a"}, {"a"}, City(name="a", size=(1, 2))], ids=lambda v: type(v).__name__
)
def test_an_answer_that_would_not_come_back_as_it_was_stays_here(kind: str, answer: Any) -> None:
    one, other = replicas(kind, open_state("memory"), lambda _: answer)
    one("a")
    assert "cache_not_shared" in one.events
    assert other("a") == one("a") == answer
    assert [len(each.prompts) for each in (one, other)] == [1, 1]


@pytest.mark.parametrize("kind", ["generator", "async_generator"])
def test_a_stream_stays_here(kind: str) -> None:
    one, other = replicas(kind, open_state("memory"), lambda _: ["a", "b"])
    assert [one("a"), one("a"), other("a")] == [["a", "b"]] * 3
    assert [len(each.prompts) for each in (one, other)] == [1, 1]


class Broken:
    """A store that does not answer."""

    shared = True

    def __getattr__(self, name: str) -> Any:
        def unavailable(*_: Any, **__: Any) -> Any:
            raise StateUnavailable(name)

        return unavailable


@pytest.mark.parametrize("kind", ONE_VALUE)
def test_a_store_that_fails_never_fails_a_call(kind: str) -> None:
    one, _ = replicas(kind, Broken(), str)
    assert [one("a"), one("a")] == ["a", "a"]
    assert one.prompts == ["a"]


def test_what_others_wrote_into_the_store_is_no_answer() -> None:
    state = open_state("memory")
    written: list[str] = []
    put = state.put

    def spy(key: str, value: bytes, **options: Any) -> Any:
        written.append(key)
        return put(key, value, **options)

    state.put = spy  # type: ignore[method-assign]
    one, other = replicas("sync", state, str)
    one("a")
    put(written[0], b"\x80\x04K\x01.")
    assert other("a") == "a"
    assert other.prompts == ["a"]


def test_sharing_without_a_state_is_said_once() -> None:
    ask = reliai.reliable(reliai.Cache(shared=True), name="shared-without-state")(
        lambda prompt: prompt.upper()
    )
    with pytest.warns(reliai.ReliaiWarning, match="has no state to share answers through"):
        ask("a")
    assert [ask("b"), ask("a")] == ["B", "A"]


# --- the codec ----------------------------------------------------------------------------
JSON = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False),
        st.text(),
    ),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)),
    max_leaves=8,
)  # fmt: skip


@given(JSON)
@settings(deadline=None)
def test_json_comes_back_as_it_was(value: Any) -> None:
    codec = Codec(None)
    data = codec.dumps((value, None), 5.0)
    assert data is not None
    json.loads(data)
    read = codec.loads(data)
    assert read is not None
    assert read[0] == 5.0
    assert repr(read[1][0]) == repr(value)


@given(st.binary())
@settings(deadline=None)
def test_bytes_of_others_are_no_answer(data: bytes) -> None:
    assert Codec(City).loads(data) is None


@pytest.mark.parametrize(
    "value",
    [(1,), {1: 2}, {1}, b"a", float("nan"), object(), [()]],
    ids=lambda value: type(value).__name__,
)
def test_what_json_would_change_is_not_written(value: Any) -> None:
    assert Codec(None).dumps((value, None), 0.0) is None


def test_what_the_output_type_does_not_accept_is_no_answer() -> None:
    codec = Codec(City)
    data = codec.dumps((City(name="a", size=(1, 2)), None), 0.0)
    assert data is not None
    assert codec.loads(data) is not None
    assert codec.loads(data.replace(b"1", b"x")) is None


def test_an_answer_of_a_stand_in_stays_one() -> None:
    codec = Codec(None)
    data = codec.dumps(("a", Facts(fixed=True, degraded=True, target="other")), 0.0)
    assert data is not None
    assert codec.loads(data) == (0.0, ("a", Facts(fixed=True, degraded=True, target="other")))


VALUES = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-3, 3), st.floats(-2, 2), st.text("ab1", max_size=2)
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2),
        st.lists(inner, max_size=2).map(tuple),
        st.dictionaries(st.text("ab", max_size=1), inner, max_size=2),
    ),
    max_leaves=5,
)  # fmt: skip


@given(VALUES, VALUES)
@settings(deadline=None, max_examples=300)
def test_keys_in_the_store_are_equal_exactly_when_the_tokens_are(one: Any, other: Any) -> None:
    same = encoded("f", token(one)) == encoded("f", token(other))
    assert same == (token(one) == token(other))


def test_a_key_in_the_store_holds_nothing_of_the_prompt() -> None:
    key = encoded("f", token("my secret"))
    assert "secret" not in key
    assert len(key) < 64

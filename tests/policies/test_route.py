"""Route: which variant a call gets, on functions of every kind, and what the record says of it."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai.decisions.choice import Choice
from reliai.errors import ConfigurationError, ReliaiWarning
from reliai.evals._isolation import isolated
from reliai.policies.route import Route
from tests.policies._guarded import STREAMS, Guarded, every_kind, every_stream
from tests.policies._shadowing import candidate_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


def echo(prompt: str) -> str:
    return prompt


class Always:
    """Chooses the same variant for everybody, and remembers whom it was asked for and told of."""

    name: str | None = None

    def __init__(self, value: Any, *, name: str = "candidate", unit: Any = "subject") -> None:
        self.variants = {name: value}
        self.unit = unit
        self._choice = Choice(name, value, version="7", share=0.5)
        self.asked: list[Any] = []
        self.told: list[tuple[str | None, int | None]] = []

    def choose(self, unit: Any = None) -> Choice:
        self.asked.append(unit)
        return self._choice

    def ended(self, choice: Choice, record: reliai.CallRecord) -> None:
        assert choice is self._choice
        self.told.append((record.status, record.chunks))


@every_kind
def test_the_variant_is_called_with_the_arguments_of_the_call(kind: str) -> None:
    other = candidate_of(kind, lambda prompt: f"<{prompt}>")
    ask = Guarded(kind, Route(Always(other)))
    answer = ask("hi")
    assert ("".join(answer) if kind in STREAMS else answer) == "<hi>"
    assert ask.prompts == []


def test_what_is_told_and_raises_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    class Forgetful(Always):
        def ended(self, choice: Choice, record: reliai.CallRecord) -> None:
            raise ValueError("no")

    ask = Guarded("sync", Route(Forgetful(echo)))
    assert [ask("hi"), ask("hi"), ask("hi")] == ["hi"] * 3
    assert len([each for each in caplog.records if each.name == "reliai"]) == 1


@pytest.mark.parametrize("given", [None, "candidate", Choice])
def test_what_is_no_choice_is_said_once_and_the_function_is_called(given: Any) -> None:
    class Odd(Always):
        def choose(self, unit: Any = None) -> Any:
            return given

    ask = Guarded("sync", Route(Odd(echo)))
    with pytest.warns(ReliaiWarning, match="and no Choice; ask itself is called") as said:
        assert [ask("hi"), ask("hi")] == ["hi", "hi"]
    assert len(said) == 1
    assert ask.record.variant is None


def test_a_chooser_that_tells_no_variants_in_advance_is_obeyed_from_the_first_call_on() -> None:
    class Secretive:
        def choose(self, unit: Any = None) -> Choice:
            return Choice("candidate", str.upper)

    ask = Guarded("sync", Route(Secretive()))
    assert [ask("hi"), ask("hi")] == ["HI", "HI"]


def test_a_class_is_no_variant() -> None:
    with pytest.raises(ConfigurationError, match="the variant 'candidate' is of type type"):
        Guarded("sync", Route(Always(str)))


def test_a_unit_from_an_argument_that_there_is_not_is_an_error_when_decorating() -> None:
    with pytest.raises(ConfigurationError, match=r"Route\(unit\).*nobody"):
        Guarded("sync", Route(Always(echo, unit="arg:nobody")))


def test_a_chooser_of_ones_own_may_have_units_of_any_kind() -> None:
    class Numbered(Always):
        def choose(self, unit: Any = None) -> Choice:
            return self._choice._replace(unit=7)  # type: ignore[arg-type]

    ask = Guarded("sync", Route(Numbered(echo)))
    assert ask("hi") == "hi"
    assert ask.record.variant == "candidate"


def test_a_value_takes_the_place_of_its_argument_however_that_is_given() -> None:
    def ask(prompt: str, template: str = "old", /, style: str = "plain", *more: str) -> Any:
        return prompt, template, style, more

    def named(prompt: str, *, template: str = "old", **rest: str) -> Any:
        return prompt, template, rest

    def many(prompt: str, *more: str, template: str = "old") -> Any:
        return prompt, more, template

    of_many = Route(Always("new"), into="template")(many)
    assert of_many("a", "b", "c", "d") == ("a", ("b", "c", "d"), "new")
    by_place, by_style = (Route(Always("new"), into=into)(ask) for into in ("template", "style"))
    assert by_place("a") == ("a", "new", "plain", ())
    assert by_place("a", "b", "c", "d") == ("a", "new", "c", ("d",))
    assert by_style("a", "b") == ("a", "b", "new", ())
    assert by_style("a", "b", style="c") == ("a", "b", "new", ())
    assert by_style("a", "b", "c", "d") == ("a", "b", "new", ("d",))
    of_name, of_rest = (Route(Always("new"), into=into)(named) for into in ("template", "other"))
    assert of_name("a", template="b") == of_name("a") == ("a", "new", {})
    assert of_rest("a", other="b") == of_rest("a") == ("a", "old", {"other": "new"})
    all_rest = Route(Always({"x": "y"}), into="rest")(named)
    assert all_rest("a", other="b") == ("a", "old", {"x": "y"})


@every_kind
def test_the_record_tells_the_variant_and_why(kind: str) -> None:
    ask = Guarded(kind, Route(Always(candidate_of(kind, str))))
    ask("hi")
    assert ask.record.variant == "candidate"
    told = next(event for event in ask.record.events if event.kind == "route")
    assert told.attributes["reason"] == "SPLIT"
    assert (told.attributes["version"], told.attributes["share"]) == ("7", 0.5)


@every_kind
def test_the_end_of_each_call_is_told_once(kind: str) -> None:
    rollout = Always(candidate_of(kind, str))
    Guarded(kind, Route(rollout))("abc")
    assert rollout.told == [("success", 3 if kind in STREAMS else None)]


@every_kind
def test_a_variant_that_fails_is_told_once_and_its_error_comes_out(kind: str) -> None:
    def fails(prompt: str) -> Any:
        raise ConnectionError(prompt)

    rollout = Always(candidate_of(kind, fails))
    ask = Guarded(kind, Route(rollout), reliai.Retry(2, wait=lambda _: 0.0))
    with pytest.raises(ConnectionError):
        ask("hi")
    assert [status for status, _ in rollout.told] == ["error"]
    assert len(ask.record.attempts) == 2


@every_stream
def test_a_stream_that_is_closed_early_is_cancelled_and_told_once(kind: str) -> None:
    rollout = Always(candidate_of(kind, str))
    ask = Guarded(kind, Route(rollout))

    async def take_one() -> None:
        stream = ask.function("abc")
        async for _ in stream:
            break
        await stream.aclose()

    if kind == "generator":
        stream = ask.function("abc")
        next(stream)
        stream.close()
    else:
        asyncio.run(take_one())
    assert [status for status, _ in rollout.told] == ["cancelled"]


@every_stream
def test_an_abandoned_stream_is_told_once(kind: str) -> None:
    rollout = Always(candidate_of(kind, str))
    ask = Guarded(kind, Route(rollout))

    async def abandon() -> None:
        stream = ask.function("abc")
        async for _ in stream:
            break
        del stream
        await asyncio.sleep(0)

    if kind == "generator":
        stream = ask.function("abc")
        next(stream)
        del stream
    else:
        asyncio.run(abandon())
    reliai.flush()
    assert [status for status, _ in rollout.told] == ["cancelled"]


def test_a_cancelled_call_is_told_as_cancelled() -> None:
    async def waits(prompt: str) -> str:
        await asyncio.sleep(60)
        return prompt

    rollout = Always(waits)
    ask = Guarded("async", Route(rollout))

    async def cancel() -> None:
        task = asyncio.ensure_future(ask.function("hi"))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())
    assert rollout.told == [("cancelled", None)]


@every_kind
def test_a_value_takes_the_place_of_the_argument(kind: str) -> None:
    ask = Guarded(kind, Route(Always("new prompt"), into="prompt"))
    ask("old prompt")
    assert ask.prompts == ["new prompt"]


def test_the_function_itself_may_be_a_variant_guarded_or_not() -> None:
    def ask(prompt: str) -> str:
        return prompt

    guarded = reliai.reliable(reliai.Retry(2))(ask)
    for variant in (ask, guarded):
        routed = Route(Always(variant, name="control"))(guarded)
        with reliai.collect() as calls:
            assert routed("hi") == "hi"
        assert len(calls) == 1
        assert calls[0].variant == "control"
        assert calls[0].target == "ask"


def test_a_guarded_variant_brings_its_own_policies_and_joins_the_record() -> None:
    tries: list[int] = []

    @reliai.reliable(reliai.Retry(3, wait=lambda _: 0.0))
    def other(prompt: str) -> str:
        tries.append(1)
        if len(tries) < 3:
            raise ConnectionError
        return "at last"

    ask = Guarded("sync", Route(Always(other)))
    assert ask("hi") == "at last"
    assert [attempt.target for attempt in ask.record.attempts] == ["other"] * 3


def test_two_rollouts_on_one_function_are_told_apart() -> None:
    outer, inner = Always("x", name="outer"), Always("y", name="inner")
    outer.name, inner.name = "prompts", "models"
    ask = Guarded("sync", Route(outer, into="prompt"), Route(inner, into="prompt"))
    assert ask("hi") == "y"
    told = [each.attributes for each in ask.record.events if each.kind == "route"]
    assert [(each["rollout"], each["variant"]) for each in told] == [
        ("prompts", "outer"),
        ("models", "inner"),
    ]
    assert ask.record.variant == "inner"
    assert len(outer.told) == len(inner.told) == 1


def test_variants_do_not_share_cached_answers() -> None:
    rollout = Always(lambda prompt: "theirs")
    ask = Guarded("sync", Route(rollout), reliai.Cache(), answer=lambda _: "mine")
    assert ask("hi") == "theirs"
    rollout._choice = Choice("control", inspect.unwrap(ask.function))
    assert ask("hi") == "mine"


def test_the_unit_is_the_subject_unless_the_rollout_says_otherwise() -> None:
    by_subject, by_argument = Always(echo), Always(echo, unit="arg:prompt")
    for rollout in (by_subject, by_argument):
        with reliai.context(subject="ana"):
            Guarded("sync", Route(rollout))("hi")
    assert (by_subject.asked, by_argument.asked) == (["ana"], ["hi"])


def test_a_unit_that_cannot_be_told_is_none() -> None:
    def unit(call: reliai.Call) -> str:
        raise KeyError(call.name)

    rollout = Always(echo, unit=unit)
    with pytest.warns(ReliaiWarning, match="the unit of a call of ask"):
        Guarded("sync", Route(rollout))("hi")
    assert rollout.asked == [None]


def test_when_choosing_fails_the_function_itself_is_called() -> None:
    class Broken:
        def choose(self, unit: Any = None) -> Choice:
            raise RuntimeError(unit)

    ask = Guarded("sync", Route(Broken()))
    with pytest.warns(ReliaiWarning, match="choose.. of Broken raised RuntimeError"):
        assert ask("hi") == "hi"
    assert ask.record.variant is None


def test_a_value_without_into_is_an_error_when_decorating() -> None:
    with pytest.raises(ConfigurationError, match=r"say which argument it is for"):
        Guarded("sync", Route(Always("a prompt")))


def test_a_parameter_that_is_not_there_is_an_error_when_decorating() -> None:
    with pytest.raises(ConfigurationError, match="no parameter 'template'"):
        Guarded("sync", Route(Always("a"), into="template"))


def test_a_variant_that_takes_other_arguments_is_an_error_when_decorating() -> None:
    with pytest.raises(ConfigurationError, match="cannot stand in for ask"):
        Guarded("sync", Route(Always(lambda: "nothing")))


@pytest.mark.parametrize("given", [None, "summarizer", Always])
def test_what_does_not_choose_is_an_error(given: Any) -> None:
    with pytest.raises(ConfigurationError, match="must be a rollout"):
        Route(given)


def test_a_value_only_known_when_chosen_fails_the_call_that_cannot_use_it() -> None:
    class Late:
        def choose(self, unit: Any = None) -> Choice:
            return Choice("b", 5)

    with pytest.raises(ConfigurationError, match="the variant 'b' is of type int"):
        Guarded("sync", Route(Late()))("hi")


def test_calls_of_an_evaluation_get_the_function_itself() -> None:
    rollout = Always(lambda prompt: "theirs")
    ask = Guarded("sync", Route(rollout), answer=lambda _: "mine")
    with isolated(ask.function, "evaluation", run_id="r1") as target:
        assert target.call({"prompt": "hi"}).value == "mine"
    assert (rollout.asked, rollout.told) == ([], [])


def test_calls_inside_a_shadow_are_routed_and_not_counted() -> None:
    rollout = Always(lambda prompt: "theirs")
    inner = Guarded("sync", Route(rollout))
    shadow = reliai.Shadow(inner.function, rate=1)
    Guarded("sync", shadow)("hi")
    assert shadow.drain()
    assert (len(rollout.asked), rollout.told) == (1, [])


def test_the_generator_of_a_variant_is_closed_with_the_stream() -> None:
    closed: list[str] = []

    def other(prompt: str) -> Iterator[str]:
        try:
            yield from prompt
        finally:
            closed.append(prompt)

    stream = Guarded("generator", Route(Always(other))).function("abc")
    next(stream)
    stream.close()
    assert closed == ["abc"]


def test_an_async_generator_may_be_a_variant_of_another() -> None:
    async def other(prompt: str) -> AsyncIterator[str]:
        for letter in prompt:
            yield letter.upper()

    assert Guarded("async_generator", Route(Always(other)))("abc") == ["A", "B", "C"]

"""A guarded function stays a function of the kind that went in."""

from __future__ import annotations

import asyncio
import functools
import inspect
import pickle
from collections.abc import AsyncIterator, Awaitable, Coroutine, Iterator
from typing import Any, Self

import pytest

import reliai
from reliai.testing import ScriptedModel
from tests.core._kinds import KINDS, answer, every_kind, of_kind, read

guarded = reliai.reliable(reliai.Retry(2))


@guarded
def plain(prompt: str, *, loud: bool = False) -> str:
    """Answer."""
    return prompt.upper() if loud else prompt


@guarded
async def later(prompt: str) -> str:
    await asyncio.sleep(0)
    return prompt


@guarded
def letters(prompt: str) -> Iterator[str]:
    yield from prompt


@guarded
async def later_letters(prompt: str) -> AsyncIterator[str]:
    for letter in prompt:
        yield letter


FUNCTIONS: dict[str, Any] = dict(zip(KINDS, (plain, later, letters, later_letters), strict=True))


@every_kind
def test_inspect_sees_the_kind_that_went_in(kind: str) -> None:
    """A72, 47: a framework that asks what kind of function it is gets the old answer."""
    function = FUNCTIONS[kind]
    assert inspect.iscoroutinefunction(function) is (kind == "async")
    assert inspect.isgeneratorfunction(function) is (kind == "generator")
    assert inspect.isasyncgenfunction(function) is (kind == "async_generator")
    assert inspect.isfunction(function)


@every_kind
def test_signature_name_and_bare_function_are_kept(kind: str) -> None:
    function = FUNCTIONS[kind]
    bare = function.__wrapped__
    assert inspect.signature(function) == inspect.signature(bare)
    assert function.__name__ == bare.__name__
    assert function.__qualname__ == bare.__qualname__
    assert function.__module__ == __name__
    assert function.__doc__ == bare.__doc__
    assert bare is not function


@every_kind
def test_every_kind_gives_what_the_bare_function_gives(kind: str) -> None:
    assert read(FUNCTIONS[kind], kind, "ab") == read(FUNCTIONS[kind].__wrapped__, kind, "ab")


@every_kind
def test_arguments_that_do_not_fit_are_a_type_error_at_once(kind: str) -> None:
    with pytest.raises(TypeError, match="argument"):
        read(FUNCTIONS[kind], kind, tempo=3)


def test_generator_function_complains_of_arguments_when_called_not_when_iterated() -> None:
    with pytest.raises(TypeError):
        FUNCTIONS["generator"]()
    with pytest.raises(TypeError):
        FUNCTIONS["async_generator"]()


def test_guarded_function_pickles_by_name() -> None:
    assert pickle.loads(pickle.dumps(plain)) is plain  # noqa: S301  our own bytes


class Service:
    """Methods of every sort."""

    greeting = "hello "

    @guarded
    def ask(self, prompt: str) -> str:
        return self.greeting + prompt

    @guarded
    async def ask_later(self, prompt: str) -> str:
        return self.greeting + prompt

    @guarded
    def stream(self, prompt: str) -> Iterator[str]:
        yield self.greeting
        yield prompt

    @guarded
    async def stream_later(self, prompt: str) -> AsyncIterator[str]:
        yield self.greeting
        yield prompt

    @classmethod
    @guarded
    def made(cls) -> Self:
        return cls()

    @guarded
    @classmethod
    def made_too(cls) -> Self:
        return cls()

    @staticmethod
    @guarded
    def echo(prompt: str) -> str:
        return prompt

    @guarded
    @staticmethod
    def echo_too(prompt: str) -> str:
        return prompt


@pytest.mark.parametrize(
    ("kind", "name"), list(zip(KINDS, ("ask", "ask_later", "stream", "stream_later"), strict=True))
)
def test_method_of_every_kind_is_bound_to_its_object(kind: str, name: str) -> None:
    service = Service()
    expected = ["hello ", "you"] if kind.endswith("generator") else "hello you"
    assert read(getattr(service, name), kind, "you") == expected
    assert read(getattr(Service, name), kind, service, prompt="you") == expected


def test_class_methods_and_static_methods_work_in_either_order_of_decorators() -> None:
    assert isinstance(Service.made(), Service)
    assert isinstance(Service.made_too(), Service)
    assert Service.echo("a") == Service.echo_too("a") == Service().echo_too("a") == "a"
    assert len(reliai.pipeline_of(Service.echo_too).policies) == 1


def test_method_of_an_object_can_be_guarded_after_the_fact() -> None:
    service = Service()
    more = reliai.Timeout(5)(service.ask)
    assert more("you") == "hello you"
    assert [type(p).__name__ for p in reliai.pipeline_of(more).policies] == ["Timeout", "Retry"]


def test_bare_method_of_an_object_can_be_guarded() -> None:
    class Client:
        def ask(self, prompt: str) -> str:
            return f"{type(self).__name__} {prompt}"

    assert guarded(Client().ask)("a") == "Client a"


class Caller:
    """A callable object."""

    def __call__(self, prompt: str) -> str:
        return prompt * 2


class LaterCaller:
    """A callable object whose call must be awaited."""

    async def __call__(self, prompt: str) -> str:
        return prompt * 2


class StreamCaller:
    """A callable object that gives a stream."""

    def __call__(self, prompt: str) -> Iterator[str]:
        yield from prompt


class LaterStreamCaller:
    """A callable object that gives an asynchronous stream."""

    async def __call__(self, prompt: str) -> AsyncIterator[str]:
        for letter in prompt:
            yield letter


@pytest.mark.parametrize(
    ("kind", "thing"),
    list(zip(KINDS, (Caller(), LaterCaller(), StreamCaller(), LaterStreamCaller()), strict=True)),
)
def test_callable_object_becomes_a_function_of_the_kind_of_its_call(kind: str, thing: Any) -> None:
    function = guarded(thing)
    assert read(function, kind, "ab") == (["a", "b"] if kind.endswith("generator") else "abab")
    assert inspect.iscoroutinefunction(function) is (kind == "async")
    assert inspect.isgeneratorfunction(function) is (kind == "generator")
    assert inspect.isasyncgenfunction(function) is (kind == "async_generator")
    assert list(inspect.signature(function).parameters) == ["prompt"]


def test_what_has_no_name_is_named_by_its_type_and_records_say_where_it_is_from() -> None:
    function = guarded(Caller())
    assert function.__name__ == "Caller"
    assert function.__module__ == __name__
    with reliai.collect() as calls:
        function("a")
    assert calls[0].name == f"{__name__}.Caller"
    assert calls[0].attempts[0].target == "Caller"


@pytest.mark.parametrize("kind", KINDS)
def test_partial_keeps_the_kind_and_the_name_of_its_function(kind: str) -> None:
    function = guarded(functools.partial(FUNCTIONS[kind].__wrapped__, "ab"))
    assert read(function, kind) == (["a", "b"] if kind.endswith("generator") else "ab")
    assert inspect.iscoroutinefunction(function) is (kind == "async")
    assert inspect.isasyncgenfunction(function) is (kind == "async_generator")
    with reliai.collect() as calls:
        read(function, kind)
    assert calls[0].name == f"{__name__}.{FUNCTIONS[kind].__name__}"
    assert calls[0].attempts[0].target == FUNCTIONS[kind].__name__
    assert function.__name__ == FUNCTIONS[kind].__name__


def test_lambda_and_builtin_can_be_guarded() -> None:
    assert guarded(lambda prompt: prompt)("a") == "a"
    assert guarded(len)([1, 2]) == 2
    assert guarded(max)(1, 3) == 3


# --- functions that do not tell -----------------------------------------------------------
class Task:
    """A task of somebody's list, not one of asyncio's."""


async def _later(prompt: str) -> str:
    return prompt


def annotated(prompt: str) -> Awaitable[str]:
    return _later(prompt)


def annotated_as_coroutine(prompt: str) -> Coroutine[Any, Any, str]:
    return _later(prompt)


def annotated_as_future(prompt: str) -> asyncio.Future[str]:
    return asyncio.ensure_future(_later(prompt))


def annotated_as_task(prompt: str) -> asyncio.Task[str]:
    return asyncio.get_running_loop().create_task(_later(prompt))


@pytest.mark.parametrize(
    "function", [annotated, annotated_as_coroutine, annotated_as_future, annotated_as_task]
)
def test_plain_function_annotated_with_an_awaitable_is_asynchronous(function: Any) -> None:
    made = guarded(function)
    assert inspect.iscoroutinefunction(made)
    assert read(made, "async", "a") == "a"


@pytest.mark.parametrize("returns", [Awaitable, asyncio.Future, "Awaitable[str]"])
def test_annotation_may_be_an_object_or_text(returns: Any) -> None:
    def ask(prompt: str) -> Any:
        return asyncio.ensure_future(_later(prompt))

    ask.__annotations__["return"] = returns
    assert read(guarded(ask), "async", "a") == "a"


def test_class_that_is_only_called_like_an_awaitable_is_none() -> None:
    task = Task()

    @guarded
    def plan() -> Task:
        return task

    assert not inspect.iscoroutinefunction(plan)
    assert plan() is task


def test_plain_function_annotated_with_an_asynchronous_iterator_is_a_stream() -> None:
    def stream(prompt: str) -> AsyncIterator[str]:
        bare: Any = FUNCTIONS["async_generator"].__wrapped__
        found: AsyncIterator[str] = bare(prompt)
        return found

    made = guarded(stream)
    assert inspect.isasyncgenfunction(made)
    assert read(made, "async_generator", "ab") == ["a", "b"]


@pytest.mark.parametrize("kind", ["async", "async_generator"])
def test_kind_can_be_declared(kind: str) -> None:
    bare = FUNCTIONS[kind].__wrapped__

    def ask(prompt: str) -> Any:
        return bare(prompt)

    made = reliai.reliable(kind=kind)(ask)
    assert read(made, kind, "ab") == answer(kind, "a", "b") or read(made, kind, "ab") == "ab"


def test_unknown_kind_is_refused_with_the_known_ones() -> None:
    with pytest.raises(reliai.ConfigurationError, match=r"'coroutine'.*'async_generator'"):
        reliai.reliable(kind="coroutine")(lambda: None)


@pytest.mark.parametrize("function", [_later, FUNCTIONS["async_generator"].__wrapped__])
def test_undeclared_awaitable_is_a_configuration_error_that_names_the_fix(function: Any) -> None:
    def ask(prompt: str) -> Any:
        return function(prompt)

    made = guarded(ask)
    with pytest.raises(reliai.ConfigurationError, match='kind="async"'):
        made("a")
    outcome = reliai.execute(made, "a")
    assert isinstance(outcome.error, reliai.ConfigurationError)
    assert len(outcome.record.attempts if outcome.record else ()) == 1, "never repeated"


@pytest.mark.parametrize("thing", [Caller, 3, "text", None, property(str)])
def test_what_is_no_function_cannot_be_guarded(thing: Any) -> None:
    with pytest.raises(reliai.ConfigurationError, match="cannot be guarded"):
        guarded(thing)


def test_decorator_without_parentheses_is_explained_without_quoting_the_prompt() -> None:
    answer: Any = reliai.Guard(lambda prompt: True)  # as `@reliai.Guard` above a function makes it
    with pytest.raises(reliai.ConfigurationError, match="parentheses") as caught:
        answer("my prompt")
    assert "my prompt" not in str(caught.value)


# --- functions that give a provider's stream ------------------------------------------------
def test_function_that_gives_a_stream_object_gives_one_that_acts_like_it() -> None:
    model = ScriptedModel([["a", "b"], ["c"]])
    ask = guarded(model)
    with reliai.collect() as calls, ask("x") as stream:
        assert stream.delivered == 1, "attributes of the provider's own object are reachable"
        assert list(stream) == ["a", "b"]
    assert calls[0].chunks == 2
    assert calls[0].status == "success"
    with pytest.raises(AttributeError, match="request_id"):
        _ = stream.request_id


def test_async_function_that_gives_a_stream_object_gives_one_that_acts_like_it() -> None:
    model = ScriptedModel([["a", "b"]])
    ask = guarded(model.asynchronous)

    async def main() -> list[str]:
        async with await ask("x") as stream:
            assert stream.delivered == 1
            return [chunk async for chunk in stream]

    with reliai.collect() as calls:
        assert asyncio.run(main()) == ["a", "b"]
    assert calls[0].chunks == 2


def test_iterators_that_are_data_are_handed_on_untouched() -> None:
    values: list[Any] = [
        iter([1, 2]),
        map(str, [1]),
        zip([1], [2], strict=True),
        {"a": 1},
        object(),
    ]
    ask = guarded(lambda index: values[index])
    assert [ask(index) for index in range(len(values))] == values
    assert list(values[0]) == [1, 2], "nothing was read of it"


def test_generator_that_an_async_function_returns_is_handed_on_untouched() -> None:
    source = (letter for letter in "ab")

    @guarded
    async def ask() -> Iterator[str]:
        return source

    assert read(ask, "async") is source
    assert list(source) == ["a", "b"]


@every_kind
def test_one_policy_object_serves_functions_of_all_kinds(kind: str) -> None:
    """A72: also from several event loops, one after the other."""
    model = ScriptedModel(["a"], repeat_last=True)
    function = guarded(of_kind(model, kind))
    assert [read(function, kind, "x") for _ in range(3)] == [answer(kind, "a")] * 3

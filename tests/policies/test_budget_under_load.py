"""Fifty calls at once against a cap of ten dollars, through the real SDK and a real server."""

from __future__ import annotations

import asyncio
import threading
from random import Random
from typing import TYPE_CHECKING, Any

import openai
import pytest

import reliai
from reliai.testing import Cut, Latency, Status, fault_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from reliai.testing import FaultServer, ReceivedRequest

CAP, COST, CALLS = 10.0, 0.40, 50
MODEL = "scripted-large"
TEXT = ["one ", "two ", "three"]
QUESTION: Any = [{"role": "user", "content": "How are you"}]


@pytest.fixture(autouse=True)
def price() -> Iterator[None]:
    """Every answer of the server costs forty cents."""
    from reliai.providers import prices

    said = dict(prices._said)
    with fault_server(TEXT) as server, openai.OpenAI(api_key="k", base_url=f"{server.url}/v1") as c:
        usage = c.chat.completions.create(model=MODEL, messages=QUESTION).usage
    assert usage is not None
    reliai.set_price(MODEL, input=1e6 * COST / usage.prompt_tokens, output=0)
    yield
    prices._said.clear()
    prices._said.update(said)
    prices._known.clear()


class Load:
    """Guarded functions that ask a server through OpenAI's SDK, fifty at once."""

    def __init__(self, server: FaultServer, *policies: Any, usage: bool = True) -> None:
        self.server = server
        self.budget = reliai.Budget(usd=CAP, estimate=COST)
        options: Any = {"model": MODEL, "messages": QUESTION}
        streaming: Any = {**options, "stream": True}
        if usage:
            streaming["stream_options"] = {"include_usage": True}
        address: Any = {"api_key": "k", "base_url": f"{server.url}/v1", "max_retries": 0}
        self.client = openai.OpenAI(**address)
        self.address = address
        guard = reliai.reliable(self.budget, *policies, name="ask")

        @guard
        def ask() -> Any:
            return self.client.chat.completions.create(**options)

        @guard
        async def ask_async() -> Any:
            return await self.async_client.chat.completions.create(**options)

        @guard
        def stream() -> Iterator[Any]:
            yield from self.client.chat.completions.create(**streaming)

        @guard
        async def stream_async() -> AsyncIterator[Any]:
            async for chunk in await self.async_client.chat.completions.create(**streaming):
                yield chunk

        self.ask, self.ask_async, self.stream, self.stream_async = (
            ask,
            ask_async,
            stream,
            stream_async,
        )
        self.async_client: openai.AsyncOpenAI

    def threads(self, act: Callable[[int], Any]) -> list[Any]:
        """What fifty threads got: a value or an exception each."""
        results: list[Any] = [None] * CALLS
        gate = threading.Barrier(CALLS)

        def work(number: int) -> None:
            gate.wait()
            try:
                results[number] = act(number)
            except Exception as error:
                results[number] = error

        workers = [threading.Thread(target=work, args=(number,)) for number in range(CALLS)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        self.client.close()
        return results

    def tasks(self, act: Callable[[int], Any]) -> list[Any]:
        """What fifty tasks got."""

        async def main() -> list[Any]:
            async with openai.AsyncOpenAI(**self.address) as self.async_client:
                tasks = [asyncio.ensure_future(act(number)) for number in range(CALLS)]
                return await asyncio.gather(*tasks, return_exceptions=True)

        self.client.close()
        return asyncio.run(main())

    def check(self, results: list[Any], *, failed: int = 0) -> None:
        """Whatever happened, what the server answered never costs more than the cap."""
        billed = (len(self.server.requests) - failed) * COST
        account = self.budget.snapshot()["usd"]
        assert billed <= CAP + 1e-9
        assert account.spent <= CAP + COST
        assert account.spent >= billed - 1e-9
        assert account.reserved == 0
        assert any(isinstance(each, reliai.BudgetExceeded) for each in results)


def refused(results: list[Any]) -> int:
    return sum(isinstance(each, reliai.BudgetExceeded) for each in results)


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with fault_server(lambda _: Latency(0.2, TEXT)) as made:
        yield made


def test_threads(server: FaultServer) -> None:
    load = Load(server)
    results = load.threads(lambda _: load.ask())
    assert refused(results) == 25
    assert len(server.requests) == 25
    load.check(results)
    assert load.budget.snapshot()["usd"].spent == pytest.approx(CAP)


def test_tasks(server: FaultServer) -> None:
    load = Load(server)
    results = load.tasks(lambda _: load.ask_async())
    assert refused(results) == 25
    load.check(results)
    assert load.budget.snapshot()["usd"].spent == pytest.approx(CAP)


def test_streams_in_threads(server: FaultServer) -> None:
    load = Load(server)
    results = load.threads(lambda _: list(load.stream()))
    assert refused(results) == 25
    load.check(results)
    assert load.budget.snapshot()["usd"].spent == pytest.approx(CAP)


def test_streams_in_tasks(server: FaultServer) -> None:
    load = Load(server)

    async def read(_: int) -> list[Any]:
        return [chunk async for chunk in load.stream_async()]

    results = load.tasks(read)
    assert refused(results) == 25
    load.check(results)
    assert load.budget.snapshot()["usd"].spent == pytest.approx(CAP)


def test_streams_that_tell_no_usage_are_settled_at_the_estimate(server: FaultServer) -> None:
    load = Load(server, usage=False)
    results = load.threads(lambda _: list(load.stream()))
    assert refused(results) == 25
    load.check(results)


def test_streams_closed_early(server: FaultServer) -> None:
    load = Load(server)

    def read(number: int) -> Any:
        stream: Any = load.stream()
        first = next(stream)
        if number % 2:
            stream.close()
        return first

    results = load.threads(read)
    assert refused(results) == 25
    load.check(results)


def test_streams_abandoned_and_cancelled_in_tasks(server: FaultServer) -> None:
    load = Load(server)

    async def read(number: int) -> Any:
        async def reading() -> list[Any]:
            return [chunk async for chunk in load.stream_async()]

        if number % 3:
            return await reading()
        return await asyncio.wait_for(reading(), 0.05)

    load.check(load.tasks(read))


def test_tasks_that_are_cancelled_in_the_middle(server: FaultServer) -> None:
    load = Load(server)
    random = Random(7)

    async def ask(_: int) -> Any:
        return await asyncio.wait_for(load.ask_async(), random.choice([0.02, 0.1, 5]))

    load.check(load.tasks(ask))


class Faults:
    """Every third request fails with a status, every seventh loses its connection."""

    def __init__(self) -> None:
        self.seen = self.failed = 0
        self.lock = threading.Lock()

    def __call__(self, _request: ReceivedRequest) -> Any:
        with self.lock:
            self.seen += 1
            if self.seen % 3 == 0:
                self.failed += 1
                return Status(503)
            if self.seen % 7 == 0:
                return Cut(after=1, then=TEXT)
        return Latency(0.02, TEXT)


@pytest.mark.parametrize("kind", ["threads", "tasks", "streams"])
def test_failures_and_retries(kind: str) -> None:
    faults = Faults()
    with fault_server(faults) as server:
        load = Load(server, reliai.Retry(3, wait=0, budget=None))
        if kind == "threads":
            results = load.threads(lambda _: load.ask())
        elif kind == "tasks":
            results = load.tasks(lambda _: load.ask_async())
        else:
            results = load.threads(lambda _: list(load.stream()))
        load.check(results, failed=faults.failed)

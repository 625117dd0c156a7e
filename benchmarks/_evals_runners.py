"""Runners of evaluations, each used the way its own documentation shows, on the same cases.

The target answers at once, and the five scorers compare two texts, so what is left is the runner:
handing out cases, calling, scoring, keeping. What each keeps differs: reliai and inspect_ai write a
journal that an interrupted run goes on with, the others keep results in memory. deepeval calls no
target; the loop that does is in its row.
"""

from __future__ import annotations

import contextlib
import io
import os
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks._harness import load

if TYPE_CHECKING:
    from collections.abc import Callable

SCORERS = 5
TAGS = 20
"""Values of the tag that slices are made by."""
AT_ONCE = 32
RELIAI = "reliai Experiment"
SYNC = "reliai Experiment, sync target"
ALONE = "reliai Experiment, no scorers"
OURS = (RELIAI, SYNC, ALONE)


class Runner(NamedTuple):
    """A way to run an evaluation.

    Attributes:
        name: in tables.
        make: gets the number of cases, and gives what runs them and says how many were judged.
        share: of the cases that it gets; less where a thousand take minutes.
    """

    name: str
    make: Callable[[int], Callable[[], int]]
    share: float = 1.0


def question(number: int) -> str:
    """What a case asks."""
    return f"question {number}"


def expected(number: int) -> str:
    """What it expects."""
    return f"answer {number}"


def target(text: str) -> str:
    """Answer at once."""
    return text.replace("question", "answer")


async def later(text: str) -> str:
    """Answer at once, from a coroutine."""
    return target(text)


def cases_of(count: int) -> list[Any]:
    """reliai's cases, with a tag."""
    made = load("reliai.datasets").Case
    return [
        made(
            inputs={"text": question(number)},
            expected=expected(number),
            id=f"case {number}",
            tags={"locale": f"locale {number % TAGS}"},
        )
        for number in range(count)
    ]


def scorers_of(count: int = SCORERS) -> list[Any]:
    """reliai's scorers: of names of their own."""
    make = load("reliai.evals").scorer

    def same(output: Any, case: Any) -> bool:
        return bool(output == case.expected)

    return [make(name=f"same_{number}")(same) for number in range(count)]


def experiment(
    folder: str, dataset: Any, asked: Callable[..., Any] = later, scorers: int = SCORERS
) -> Any:
    """An experiment without a cache, one try a case."""
    return load("reliai.evals").Experiment(
        asked,
        dataset,
        scorers_of(scorers),
        name="benchmark",
        deterministic=True,
        concurrency=AT_ONCE,
        cache=False,
        runs=folder,
    )


def ours(asked: Callable[..., Any], scorers: int) -> Callable[[int], Callable[[], int]]:
    """An experiment of reliai, and its summary."""

    def make(count: int) -> Callable[[], int]:
        cases = cases_of(count)

        def run() -> int:
            with TemporaryDirectory() as folder:
                summary = experiment(folder, cases, asked, scorers).run().summary()
                return int(summary.statuses.get("ok", 0))

        return run

    return make


def pydantic_evals(count: int) -> Callable[[], int]:
    """pydantic-evals' dataset."""
    kit, evaluators = load("pydantic_evals"), load("pydantic_evals.evaluators")
    same = evaluators.EqualsExpected
    dataset = kit.Dataset(
        name="benchmark",
        cases=[
            kit.Case(name=f"case {n}", inputs=question(n), expected_output=expected(n))
            for n in range(count)
        ],
        evaluators=[same(evaluation_name=f"same_{n}") for n in range(SCORERS)],
    )

    def run() -> int:
        report = dataset.evaluate_sync(later, progress=False, max_concurrency=AT_ONCE)
        return sum(len(case.assertions) == SCORERS for case in report.cases)

    return run


def inspect_ai(count: int) -> Callable[[], int]:
    """inspect_ai's task, with a solver that asks no model, and a log."""
    kit, dataset = load("inspect_ai"), load("inspect_ai.dataset")
    output = load("inspect_ai.model").ModelOutput
    scoring = load("inspect_ai.scorer")

    def answering() -> Any:
        async def solve(state: Any, _generate: Any) -> Any:
            state.output = output.from_content("mockllm/model", target(state.input_text))
            return state

        return solve

    def same(number: int) -> Any:
        def made() -> Any:
            async def score(state: Any, wanted: Any) -> Any:
                return scoring.Score(value=float(state.output.completion == wanted.text))

            return score

        return scoring.scorer(metrics=[scoring.mean()], name=f"same_{number}")(made)()

    samples = [
        dataset.Sample(input=question(n), target=expected(n), id=f"case {n}") for n in range(count)
    ]

    def run() -> int:
        with TemporaryDirectory() as folder:
            task = kit.Task(
                dataset=dataset.MemoryDataset(samples),
                solver=load("inspect_ai.solver").solver(answering)(),
                scorer=[same(number) for number in range(SCORERS)],
            )
            (log,) = kit.eval(
                task,
                model="mockllm/model",
                log_dir=folder,
                display="none",
                max_samples=AT_ONCE,
            )
            return int(log.results.completed_samples)

    return run


def deepeval(count: int) -> Callable[[], int]:
    """deepeval's evaluate, silent."""
    os.environ.setdefault("DEEPEVAL_TELEMETRY_OPT_OUT", "YES")
    kit, configs = load("deepeval"), load("deepeval.evaluate.configs")
    case = load("deepeval.test_case").LLMTestCase
    base: Any = load("deepeval.metrics").BaseMetric

    class Same(base):  # type: ignore[misc]
        """Whether two texts are the same."""

        def __init__(self, number: int) -> None:
            self.threshold, self.async_mode, self.number = 0.5, True, number

        def measure(self, given: Any) -> float:
            self.score = float(given.actual_output == given.expected_output)
            self.success = self.score >= self.threshold
            return self.score

        async def a_measure(self, given: Any, *_: Any, **__: Any) -> float:
            return self.measure(given)

        def is_successful(self) -> bool:
            return bool(self.success)

        @property
        def __name__(self) -> str:
            return f"same_{self.number}"

    def run() -> int:
        given = [
            case(input=question(n), actual_output=target(question(n)), expected_output=expected(n))
            for n in range(count)
        ]
        with contextlib.redirect_stdout(io.StringIO()):
            found = kit.evaluate(
                given,
                [Same(number) for number in range(SCORERS)],
                async_config=configs.AsyncConfig(max_concurrent=AT_ONCE),
                display_config=configs.DisplayConfig(
                    show_indicator=False, print_results=False, inspect_after_run=False
                ),
                cache_config=configs.CacheConfig(write_cache=False),
            )
        return sum(bool(each.success) for each in found.test_results)

    return run


def langfuse(count: int) -> Callable[[], int]:
    """langfuse's experiment on local data, with its tracing off: there is no server to send to."""
    kit = load("langfuse")
    client = kit.Langfuse(
        **{f"{kind}_key": "none" for kind in ("public", "secret")},
        host="http://127.0.0.1:9",
        tracing_enabled=False,
    )

    def same(number: int) -> Callable[..., Any]:
        def score(*, output: Any, expected_output: Any, **_: Any) -> Any:
            return kit.Evaluation(name=f"same_{number}", value=float(output == expected_output))

        return score

    async def task(*, item: Any, **_: Any) -> str:
        return target(item["input"])

    data = [{"input": question(n), "expected_output": expected(n)} for n in range(count)]

    def run() -> int:
        result = client.run_experiment(
            name="benchmark",
            data=data,
            task=task,
            evaluators=[same(number) for number in range(SCORERS)],
            max_concurrency=AT_ONCE,
        )
        return sum(len(each.evaluations) == SCORERS for each in result.item_results)

    return run


RUNNERS = (
    Runner(RELIAI, ours(later, SCORERS)),
    Runner(SYNC, ours(target, SCORERS)),
    Runner(ALONE, ours(later, 0)),
    Runner("pydantic-evals", pydantic_evals),
    Runner("langfuse, tracing off", langfuse),
    Runner("deepeval", deepeval, 0.1),
    Runner("inspect_ai", inspect_ai, 0.05),
)
PEERS = tuple(runner.name for runner in RUNNERS if runner.name not in OURS)

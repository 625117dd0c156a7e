"""How near a text is in meaning: vectors asked for in batches, each text once."""

import asyncio
import math
import pickle
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from reliai.errors import ConfigurationError
from reliai.evals.scorers import embedding
from reliai.evals.scorers._vectors import Vectors
from reliai.evals.scoring import Scorer, scored
from reliai.evals.trial import Score
from tests.evals.scorers._cases import case_of, score, value


class Embedder:
    """Vectors of letters, with all that was asked."""

    def __init__(self, *, bad: str | None = None, error: Exception | None = None) -> None:
        self.asked: list[list[str]] = []
        self.bad = bad
        self.error = error

    def __call__(self, texts: list[str]) -> list[list[float]]:
        self.asked.append(texts)
        if self.error is not None:
            raise self.error
        if self.bad in texts:
            raise ValueError("too long")
        return [[float(text.count(letter)) for letter in "abc"] for text in texts]


class AsyncEmbedder(Embedder):
    async def __call__(self, texts: list[str]) -> list[list[float]]:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        await asyncio.sleep(0)
        return super().__call__(texts)


def many(scorer: Scorer, pairs: list[tuple[Any, Any]]) -> list[Score]:
    async def one(output: Any, expected: Any) -> Score:
        scores = await scored([scorer], output, case_of(expected))
        return scores["embedding"]

    async def run() -> list[Score]:
        return await asyncio.gather(*(one(*pair) for pair in pairs))

    return asyncio.run(run())


@pytest.mark.parametrize("embed", [Embedder(), AsyncEmbedder()], ids=["sync", "async"])
def test_the_cosine_is_the_score(embed: Any) -> None:
    scorer = embedding(embed)
    assert value(scorer, "ab", "ba") == pytest.approx(1.0)
    assert value(scorer, "a", "b") == 0.0
    assert value(scorer, "a", "ab") == pytest.approx(math.sqrt(0.5))


def test_the_nearest_of_several_texts_counts() -> None:
    assert value(embedding(Embedder()), "a", ["b", "aa"]) == pytest.approx(1.0)


def test_a_minimum_makes_it_pass_or_fail() -> None:
    assert value(embedding(Embedder(), minimum=0.7), "a", "ab") == 1.0
    found = score(embedding(Embedder(), minimum=0.8), "a", "ab")
    assert (found.value, found.kind) == (0.0, "assertion")


def test_a_text_without_a_direction_is_near_nothing() -> None:
    assert value(embedding(Embedder()), "xyz", "a") == 0.0


def test_no_text_scores_zero_and_nobody_is_asked() -> None:
    embed = Embedder()
    assert score(embedding(embed), None, "a").explanation == "NoneType, where a text is expected"
    assert score(embedding(embed, minimum=0.5), None, "a").kind == "assertion"
    assert embed.asked == []


def test_texts_of_cases_that_run_together_are_embedded_together_and_once() -> None:
    embed = AsyncEmbedder()
    found = many(embedding(embed), [("a" * n, "aa") for n in range(1, 21)])
    assert all(each.value == pytest.approx(1.0) for each in found)
    assert len(embed.asked) <= 2
    asked = [text for texts in embed.asked for text in texts]
    assert sorted(asked) == sorted("a" * n for n in range(1, 21))


def test_a_batch_is_no_larger_than_it_may() -> None:
    embed = AsyncEmbedder()
    many(embedding(embed, batch=4), [("a" * n, "b") for n in range(1, 10)])
    assert [len(each) for each in embed.asked] == [4, 4, 2]


def test_a_vector_is_remembered_between_runs() -> None:
    embed = Embedder()
    scorer = embedding(embed)
    value(scorer, "a", "b")
    value(scorer, "b", "a")
    assert embed.asked == [["a", "b"]]


def test_only_so_many_vectors_are_remembered() -> None:
    embed = Embedder()
    scorer = embedding(embed, keep=2)
    for output in ("aa", "aaa", "aa"):
        value(scorer, output, "b")
    assert embed.asked == [["aa", "b"], ["aaa"], ["aa"]]


def test_one_bad_text_fails_alone() -> None:
    embed = Embedder(bad="bad")
    found = many(embedding(embed), [("a", "b"), ("bad", "b"), ("c", "b")])
    assert [each.unscored for each in found] == [None, "scorer_error", None]
    assert found[1].explanation == "ValueError: too long"


def test_a_server_that_is_down_is_not_asked_for_each_text() -> None:
    embed = Embedder(error=ConnectionError("down"))
    found = many(embedding(embed), [("a", "b"), ("c", "b")])
    assert [each.unscored for each in found] == ["scorer_error", "scorer_error"]
    assert len(embed.asked) == 1


def test_a_case_that_gives_up_takes_the_vector_from_no_other() -> None:
    started = asyncio.Event()
    go_on = asyncio.Event()

    async def slow(texts: list[str]) -> list[list[float]]:
        started.set()
        await go_on.wait()
        return [[1.0] for _ in texts]

    async def run() -> dict[str, Score]:
        scorer = embedding(slow)
        first = asyncio.create_task(scored([scorer], "a", case_of("b")))
        second = asyncio.create_task(scored([scorer], "a", case_of("b")))
        await started.wait()
        first.cancel()
        await asyncio.sleep(0)
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await first
        return await second

    assert asyncio.run(run())["embedding"].value == 1.0


def test_loops_of_several_threads_share_what_is_known_and_keep_no_loop() -> None:
    embed = AsyncEmbedder()
    scorer = embedding(embed)
    with ThreadPoolExecutor(4) as threads:
        runs = [
            threads.submit(many, scorer, [("a" * n, "b") for n in range(1, 30)]) for _ in "abcd"
        ]
        found = [each.result() for each in runs]
    assert all(score.value == 0.0 for scores in found for score in scores)
    before = len(embed.asked)
    many(scorer, [("a", "b")])
    assert len(embed.asked) == before
    function: Any = scorer.function
    [vectors] = [
        cell.cell_contents
        for cell in function.__closure__ or ()
        if isinstance(cell.cell_contents, Vectors)
    ]
    assert vectors._flights == {}


@pytest.mark.parametrize(
    "given",
    [[[1.0]] * 3, [[1.0], [float("nan")]], [[1.0], []], [1.0, 2.0], [[1.0], [1.0, 2.0]], None],
    ids=str,
)
def test_what_are_no_vectors_is_unscored(given: Any) -> None:
    assert score(embedding(lambda texts: given), "a", "b").unscored == "scorer_error"


def module_embed(texts: list[str]) -> list[list[float]]:
    return [[1.0] for _ in texts]


def test_vectors_travel_to_another_process_without_what_they_remember() -> None:
    vectors = Vectors(module_embed, asynchronous=False, batch=4, keep=10)
    asyncio.run(vectors.of(["a"]))
    copied = pickle.loads(pickle.dumps(vectors))  # noqa: S301  our own
    assert (copied.batch, len(copied._known)) == (4, 0)
    assert len(asyncio.run(copied.of(["a"]))) == 1


def test_the_model_is_part_of_the_identity_and_the_size_of_a_batch_is_not() -> None:
    first = embedding(module_embed, model="e-1")
    assert first.digest == embedding(module_embed, model="e-1", batch=8, keep=9).digest
    assert first.digest != embedding(module_embed, model="e-2").digest


@pytest.mark.parametrize(
    "setting",
    [{"embed": None}, {"batch": 0}, {"keep": True}, {"minimum": 0}, {"at": ""}],
    ids=str,
)
def test_settings_are_checked(setting: dict[str, Any]) -> None:
    made: dict[str, Any] = {"embed": module_embed, **setting}
    with pytest.raises(ConfigurationError, match="embedding"):
        embedding(**made)

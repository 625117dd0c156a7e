"""Scorers and metrics travel to workers in other processes, and are there what they were here."""

import pickle
from importlib import import_module
from typing import Any

import pytest

from reliai.comparisons import Json
from reliai.evals import metrics
from reliai.evals.scorers import (
    bleu,
    chrf,
    classification,
    contains,
    edit_distance,
    embedding,
    exact,
    json_schema,
    judge,
    leaks,
    numeric,
    pairwise,
    regex,
    same,
    similarity,
    structure,
)
from tests.evals.scorers._cases import score

cloudpickle: Any = import_module("cloudpickle")  # what Ray, too, sends functions with


def embed(texts: list[str]) -> list[list[float]]:
    return [[1.0, float(len(text))] for text in texts]


def grader(prompt: str) -> str:
    return '{"grade": 1, "winner": "first"}'


SCORERS = [
    exact(),
    contains(),
    regex("a"),
    same(Json(), name="same"),
    json_schema({"type": "string"}),
    structure(),
    numeric(),
    classification(),
    edit_distance(),
    similarity(),
    bleu(),
    chrf(),
    leaks(),
    embedding(embed),
    judge(grader, "Is it right?"),
    pairwise(grader, "the better one"),
]


@pytest.mark.parametrize("scorer", SCORERS, ids=lambda each: each.name)
def test_a_scorer_is_the_same_where_it_arrives(scorer: Any) -> None:
    arrived = pickle.loads(cloudpickle.dumps(scorer))  # noqa: S301  our own
    assert (arrived.name, arrived.digest) == (scorer.name, scorer.digest)
    assert score(arrived, "an answer", "the answer") == score(scorer, "an answer", "the answer")


@pytest.mark.parametrize(
    "metric",
    [metrics.f1(), metrics.auc(positive="a"), metrics.calibration(), metrics.preference()],
    ids=lambda each: each.name,
)
def test_a_metric_is_the_same_where_it_arrives(metric: Any) -> None:
    assert pickle.loads(cloudpickle.dumps(metric)).name == metric.name  # noqa: S301  our own

"""Metrics of labels: what `scorers.classification` gave, over a whole run, by scikit-learn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, Unpack, get_args

import numpy as np

from reliai._needs import needed
from reliai.errors import ConfigurationError
from reliai.evals.metrics._counts import from_counts, kappa_of, matthews_of, mean_of
from reliai.evals.metrics.measuring import Metric, Resampling

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

__all__ = ["accuracy", "confusion", "f1", "kappa", "matthews", "precision", "recall"]

Average: TypeAlias = Literal["macro", "micro", "weighted"]

_NEEDS: Final = ("expected", "predicted")


def accuracy(score: str = "classification", **interval: Unpack[Resampling]) -> Metric:
    """Share of the trials whose label is right, in [0, 1].

    Args:
        score: of `scorers.classification`.
        **interval: how its interval is made: `resamples`, `confidence`, `seed`.
    """
    return _metric("accuracy", score, lambda e, p: float(np.mean(e == p)), interval)


def f1(
    score: str = "classification",
    *,
    average: Average = "macro",
    positive: str | None = None,
    **interval: Unpack[Resampling],
) -> Metric:
    """F1: the harmonic mean of precision and recall, in [0, 1].

    Args:
        score: of `scorers.classification`.
        average: "macro": of the expected labels, each alike; "weighted": by how often each is
            expected; "micro": of all trials.
        positive: the F1 of this one label instead.
        **interval: how its interval is made: `resamples`, `confidence`, `seed`.

    Raises:
        ConfigurationError: for another average.
    """
    return _averaged("f1", score, average, positive, interval)


def precision(
    score: str = "classification",
    *,
    average: Average = "macro",
    positive: str | None = None,
    **interval: Unpack[Resampling],
) -> Metric:
    """Share of what is given a label that has it, in [0, 1]; 0 for a label that nothing is given.

    Args:
        score: of `scorers.classification`.
        average: see `f1`.
        positive: the precision of this one label instead.
        **interval: how its interval is made: `resamples`, `confidence`, `seed`.

    Raises:
        ConfigurationError: for another average.
    """
    return _averaged("precision", score, average, positive, interval)


def recall(
    score: str = "classification",
    *,
    average: Average = "macro",
    positive: str | None = None,
    **interval: Unpack[Resampling],
) -> Metric:
    """Share of what has a label that is given it, in [0, 1].

    Args:
        score: of `scorers.classification`.
        average: see `f1`.
        positive: the recall of this one label instead.
        **interval: how its interval is made: `resamples`, `confidence`, `seed`.

    Raises:
        ConfigurationError: for another average.
    """
    return _averaged("recall", score, average, positive, interval)


def kappa(score: str = "classification", **interval: Unpack[Resampling]) -> Metric:
    """Agreement of what is given with what is expected beyond chance (Cohen), at most 1.

    Args:
        score: of `scorers.classification`.
        **interval: how its interval is made: `resamples`, `confidence`, `seed`.
    """
    metrics = needed("sklearn.metrics", "evals")

    def value(expected: NDArray[Any], predicted: NDArray[Any]) -> float:
        if len({*expected.tolist(), *predicted.tolist()}) < 2:
            return float("nan")  # one category: agreement cannot be told from chance
        return float(metrics.cohen_kappa_score(expected, predicted))

    return _metric("kappa", score, value, interval, kappa_of)


def matthews(score: str = "classification", **interval: Unpack[Resampling]) -> Metric:
    """Matthews' correlation of what is given with what is expected, in [-1, 1].

    Args:
        score: of `scorers.classification`.
        **interval: how its interval is made: `resamples`, `confidence`, `seed`.
    """
    metrics = needed("sklearn.metrics", "evals")

    def value(expected: NDArray[Any], predicted: NDArray[Any]) -> float:
        if len(set(expected.tolist())) < 2:
            return float("nan")
        return float(metrics.matthews_corrcoef(expected, predicted))

    return _metric("matthews", score, value, interval, matthews_of)


def confusion(score: str = "classification") -> Metric:
    """The confusion matrix, in `detail`: `labels`, and `matrix` of counts, a row an expected label.

    Its value is the accuracy. Per label, `detail["by_label"]` has precision, recall, F1 and how
    often it is expected.

    Args:
        score: of `scorers.classification`.
    """
    metrics = needed("sklearn.metrics", "evals")

    def detail(expected: NDArray[Any], predicted: NDArray[Any]) -> Mapping[str, Any]:
        labels = sorted({*expected.tolist(), *predicted.tolist()})
        matrix = metrics.confusion_matrix(expected, predicted, labels=labels)
        parts = metrics.precision_recall_fscore_support(
            expected, predicted, labels=labels, zero_division=0.0
        )
        names = ("precision", "recall", "f1", "expected")
        by_label = {
            label: dict(zip(names, (float(each[n]) for each in parts), strict=True))
            for n, label in enumerate(labels)
        }
        return {"labels": labels, "matrix": matrix.tolist(), "by_label": by_label}

    return Metric(
        "confusion",
        score,
        needs=_NEEDS,
        columns=_columns,
        value=lambda e, p: float(np.mean(e == p)),
        detail=detail,
        resamples=0,
    )


def _columns(rows: Sequence[Mapping[str, Any]]) -> tuple[NDArray[Any], ...]:
    return tuple(np.asarray([str(row[name]) for row in rows]) for name in _NEEDS)


def _codes(rows: Sequence[Mapping[str, Any]]) -> tuple[NDArray[Any], ...]:
    """The labels as numbers, as fast arrays: those that are expected come first."""
    expected, predicted = _columns(rows)
    known = {label: n for n, label in enumerate(sorted(set(expected.tolist())))}
    for label in sorted(set(predicted.tolist())):
        known.setdefault(label, len(known))
    return tuple(np.asarray([known[each] for each in column]) for column in (expected, predicted))


def _metric(
    name: str,
    score: str,
    value: Callable[..., float],
    interval: Resampling,
    of_counts: Callable[[NDArray[Any]], float] | None = None,
) -> Metric:
    resampled = None if of_counts is None else from_counts(of_counts)
    return Metric(
        name, score, needs=_NEEDS, columns=_codes, value=value, resampled=resampled, **interval
    )


def _averaged(
    name: str,
    score: str,
    average: str,
    positive: str | None,
    interval: Resampling,
) -> Metric:
    """A metric of single labels, averaged over those that are expected, or of one of them."""
    if average not in get_args(Average):
        raise ConfigurationError(
            f'{name}(average={average!r}): use "macro", "micro", "weighted", or give positive='
        )
    measure = getattr(needed("sklearn.metrics", "evals"), f"{name}_score")
    zero = 0.0 if name == "precision" else np.nan  # of a resample without the label
    if positive is not None:

        def one(expected: NDArray[Any], predicted: NDArray[Any]) -> float:
            return float(measure(expected == positive, predicted == positive, zero_division=zero))

        def fast(expected: NDArray[Any], predicted: NDArray[Any]) -> float:
            wanted, given = expected == positive, predicted == positive
            right = 2.0 * np.count_nonzero(wanted & given)
            both = np.count_nonzero(wanted), np.count_nonzero(given)
            below = {"recall": 2 * both[0], "precision": 2 * both[1], "f1": sum(both)}[name]
            return right / below if below else zero

        return Metric(
            f"{name}[{positive}]",
            score,
            needs=_NEEDS,
            columns=_columns,
            value=one,
            resampled=fast,
            **interval,
        )

    def value(expected: NDArray[Any], predicted: NDArray[Any]) -> float:
        labels = np.unique(expected)
        return float(
            measure(expected, predicted, labels=labels, average=average, zero_division=zero)
        )

    shown = name if average == "macro" else f"{name}[{average}]"
    return _metric(shown, score, value, interval, mean_of(name, average))

"""Trained models of installed packages are told apart by what they have learned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from reliai.datasets import Case
from reliai.evals import Experiment
from reliai.evals._fingerprints import code_of, digest_of
from reliai.evals._fitted import learned
from tests.programs import printed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_RNG = np.random.default_rng(5)
POINTS = _RNG.normal(size=(60, 4))
LABELS = (POINTS[:, 0] > 0).astype(int)
OTHERS = (POINTS[:, 1] > 0).astype(int)

MODELS = """
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.feature_extraction.text import TfidfVectorizer

made = {
    "svm": SVC,
    "neighbours": lambda: KNeighborsClassifier(3, algorithm="kd_tree"),
    "forest": lambda: RandomForestClassifier(5, random_state=0),
    "pipeline": lambda: make_pipeline(StandardScaler(), LogisticRegression()),
}
"""
_names: dict[str, Any] = {}
exec(MODELS, _names)  # noqa: S102  the same text makes them in another process
MADE: dict[str, Callable[[], Any]] = _names["made"]


def target(model: Any) -> Callable[[list[float]], int]:
    def answer(point: list[float]) -> int:
        return int(model.predict([point])[0])

    return answer


def known_as(model: Any) -> str:
    return digest_of(code_of(target(model)))


@pytest.mark.parametrize("name", MADE)
def test_a_model_that_was_trained_on_other_data_is_another_target(name: str) -> None:
    model = MADE[name]
    assert known_as(model().fit(POINTS, LABELS)) != known_as(model().fit(POINTS, OTHERS))


@pytest.mark.parametrize("name", MADE)
def test_a_model_that_was_trained_alike_is_the_same_target(name: str) -> None:
    model = MADE[name]
    assert known_as(model().fit(POINTS, LABELS)) == known_as(model().fit(POINTS, LABELS))


def test_a_model_is_known_alike_in_another_process() -> None:
    program = f"""
        import numpy as np
        from reliai.evals._fitted import learned
        points = np.random.default_rng(5).normal(size=(60, 4))
        labels = (points[:, 0] > 0).astype(int)
        exec({MODELS!r})
        for model in made.values():
            print(learned(model().fit(points, labels)))
        print(learned(TfidfVectorizer().fit(["one two three", "two four"])))
    """
    models = [model().fit(POINTS, LABELS) for model in MADE.values()]
    models.append(_names["TfidfVectorizer"]().fit(["one two three", "two four"]))
    assert printed(program, PYTHONHASHSEED="1") == [learned(model) for model in models]


def test_what_a_model_cannot_tell_leaves_it_known_by_its_type() -> None:
    class Shy:
        __module__ = "sklearn.shy"

        def fit(self) -> None: ...

        def __reduce_ex__(self, _: Any) -> Any:
            raise TypeError

    assert known_as(Shy()) == known_as(Shy())


def test_weights_of_a_network_count() -> None:
    class Network:
        __module__ = "sklearn.network"

        def __init__(self, weight: float) -> None:
            self.weight = weight

        def state_dict(self) -> dict[str, Any]:
            return {"layer.weight": np.full(3, self.weight)}

    assert known_as(Network(1)) != known_as(Network(2))
    assert known_as(Network(1)) == known_as(Network(1))


class Tensor:
    """As PyTorch's: bfloat16 is no type of numpy's."""

    def __init__(self, values: list[float], dtype: str) -> None:
        self.values, self.dtype = values, dtype

    def detach(self) -> Tensor:
        return self

    cpu = detach

    def float(self) -> Tensor:
        return Tensor(self.values, "float32")

    def numpy(self) -> Any:
        if self.dtype == "bfloat16":
            raise TypeError
        return np.array(self.values, self.dtype)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_weights_that_are_tensors_count(dtype: str) -> None:
    class Network:
        __module__ = "sklearn.network"

        def __init__(self, *weights: float) -> None:
            self.weights = list(weights)

        def state_dict(self) -> dict[str, Any]:
            return {"layer.weight": Tensor(self.weights, dtype)}

    assert known_as(Network(1, 2)) != known_as(Network(1, 3))
    assert known_as(Network(1, 2)) == known_as(Network(1, 2))


def test_weights_of_another_shape_count() -> None:
    class Model:
        def __init__(self, weights: Any) -> None:
            self.weights = weights

        def fit(self) -> None: ...

    wide, tall = np.ones((2, 3)), np.ones((3, 2))
    assert learned(Model(wide)) == learned(Model(wide.copy())) != learned(Model(tall))


def test_a_retrained_model_is_not_given_the_cached_answers_of_the_one_before(
    tmp_path: Path,
) -> None:
    """The loop's own case: the same program, more training data."""
    cases = [Case(inputs={"point": list(map(float, point))}) for point in POINTS[:10]]

    def run(labels: Any) -> list[Any]:
        model = target(MADE["svm"]().fit(POINTS, labels))
        experiment = Experiment(
            model, cases, name="svm", deterministic=True, cache=True, runs=tmp_path
        )
        trials = sorted(experiment.run().trials(), key=lambda trial: trial.case)
        return [trial.output for trial in trials]

    assert [1 - answer for answer in run(LABELS)] == run(1 - LABELS)

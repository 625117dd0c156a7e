"""Simple scorers load nothing heavy, and each scorer and metric is found by its name."""

import subprocess
import sys

import pytest

from reliai.evals import metrics, scorers

LIGHT = "exact contains regex same structure numeric classification leaks judge".split()
HEAVY = "numpy scipy sklearn pandas statsmodels pyarrow rapidfuzz jsonschema sacrebleu nltk".split()


def test_simple_scorers_load_nothing_heavy() -> None:
    program = (
        f"import sys; from reliai.evals.scorers import {', '.join(LIGHT)}; "
        "from reliai.evals.reducers import reducer; from reliai.evals import Anchors, scorer; "
        "exact(); leaks(); judge(lambda prompt: '', 'good?'); reducer('pass_k_3'); "
        f"print([each for each in {HEAVY} if each in sys.modules])"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "[]"


@pytest.mark.parametrize("package", [scorers, metrics], ids=["scorers", "metrics"])
def test_all_names_are_there_and_no_other(package: object) -> None:
    for name in package.__all__:  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
        assert getattr(package, name) is getattr(package, name)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = package.nothing  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]

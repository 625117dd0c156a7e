"""Suites of their own for the tests of tests marked `reliai`, and what became of them."""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING

from reliai import _core, checks, policies, providers, telemetry, testing
from reliai.evals.run import Run
from reliai.testing import pytest_plugin

if TYPE_CHECKING:
    import pytest

    from reliai.evals.trial import Trial

QUIET = ("-p", "no:randomly", "-W", "error")

APP = """
    import reliai
    from reliai.datasets.case import Case

    CASES = [Case(inputs={"prompt": f"q{i}"}, expected=f"Q{i}", id=f"case-{i}") for i in range(4)]
    WRONG = set()

    @reliai.reliable(name="answer")
    def answer(prompt: str) -> str:
        reliai.usage(model="m", input_tokens=3, output_tokens=2, cost_usd=0.5)
        return "wrong" if prompt in WRONG else prompt.upper()
"""


def load_everything() -> None:
    """Load what the suites will: pytester forgets modules that were loaded while it ran one."""
    for package in (_core, checks, policies, providers, telemetry, testing):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)
    for name in ("scipy.special", "scipy.stats", "matplotlib.pyplot", "jinja2"):
        importlib.import_module(name)
    for name in (
        "datasets.dataset",
        "evals.run",
        "evals.scorers.equality",
        "evals._judging",
        "evals.reports.html",
    ):
        importlib.import_module(f"reliai.{name}")


def made(pytester: pytest.Pytester) -> pytest.Pytester:
    """A suite with a guarded function and some cases for it."""
    pytester.makepyfile(app=APP)
    pytester.syspathinsert()
    return pytester


def run(suite: pytest.Pytester, *args: str) -> pytest.RunResult:
    """Run the suite with the plugin, in this process."""
    # once: an installed reliai has pytest load it as "reliai" by itself
    return suite.runpytest_inprocess("-p", "no:reliai", *QUIET, *args, plugins=[pytest_plugin])


def stored(suite: pytest.Pytester) -> list[Run]:
    """The runs that it left."""
    return list(Run.list(root=suite.path / ".reliai" / "runs"))


def trials(suite: pytest.Pytester) -> list[Trial]:
    """The trials of the one that it left."""
    (found,) = stored(suite)
    return list(found.trials())


def outcomes(suite: pytest.Pytester, body: str, *args: str) -> dict[str, Trial]:
    """The trials of one test of one try a case, by case."""
    suite.makepyfile(test_o=f"import pytest, reliai\nfrom app import *\n{body}")
    run(suite, *args)
    return {each.case: each for each in trials(suite)}


FLAKY = """
import pytest
from app import CASES
FAILS = {fails!r}

@pytest.mark.reliai(dataset=CASES, repeats=3, min_pass=2)
def test_it(case, request):
    assert request.node.callspec.id not in FAILS
"""


def flaky(suite: pytest.Pytester, *fails: str, args: tuple[str, ...] = ()) -> pytest.RunResult:
    suite.makepyfile(test_f=FLAKY.format(fails=fails))
    return run(suite, *args)


GATED = """
import pytest
from app import Case
CASES = [Case(inputs={{"n": n}}, id=f"c{{n:03}}", tags={{"half": "ab"[n % 2]}}) for n in range({n})]

@pytest.mark.reliai(dataset=CASES, {marker})
def test_it(case): {body}
"""


def gated(
    suite: pytest.Pytester, *args: str, marker: str, body: str = "pass", n: int = 40
) -> pytest.RunResult:
    suite.makepyfile(test_g=GATED.format(marker=marker, body=body, n=n))
    return run(suite, *args)

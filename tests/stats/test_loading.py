"""How the statistics are loaded: by name, lightly, and with a word on what is missing."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import subprocess
import sys

import pytest

from reliai import ConfigurationError, stats
from reliai.stats._needs import needed

MODULES = [each.name for each in pkgutil.iter_modules(stats.__path__, "reliai.stats.")]
LIGHT = """
    Cusum MeanSequence event_e_value mean_sequence pass_at_k pass_hat_k runs_to_see
    sample_ratio_e_value sign_e_value stratified_difference
""".split()


def in_a_fresh_interpreter(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True
    )
    return done.stdout


def test_what_needs_no_numpy_loads_none() -> None:
    code = f"""
import sys
from reliai import ConfigurationError, stats
from reliai.stats._needs import needed
for name in {LIGHT}:
    getattr(stats, name)
stats.event_e_value(8, 12, 0.1), stats.sample_ratio_e_value([5, 5], [1, 1])
stats.sign_e_value(3, 1), stats.mean_sequence(9, 0.1, 1.0, tuned_for=10), stats.pass_at_k(5, 3, 2)
print(sorted({{"numpy", "scipy", "statsmodels", "asyncio"}} & {{*sys.modules}}))
"""
    assert in_a_fresh_interpreter(code) == "[]\n"


def test_without_numpy_the_error_names_the_extra() -> None:
    code = """
import sys
sys.modules["numpy"] = None
from reliai import ConfigurationError, stats
try:
    stats.mean_interval
except ConfigurationError as error:
    print(error)
stats.sign_e_value(3, 1)
"""
    wanted = 'numpy is not installed; it comes with: pip install "reliai[stats]"\n'
    assert in_a_fresh_interpreter(code) == wanted


def test_without_scipy_the_error_names_the_extra_too() -> None:
    code = """
import sys
sys.modules["scipy"] = None
from reliai import ConfigurationError, stats
try:
    stats.proportion_interval(1, 2)
except ConfigurationError as error:
    print(error)
"""
    wanted = 'scipy is not installed; it comes with: pip install "reliai[stats]"\n'
    assert in_a_fresh_interpreter(code) == wanted


def test_the_error_comes_from_the_package_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "statsmodels", None)
    with pytest.raises(ConfigurationError, match="statsmodels is not installed") as caught:
        needed("statsmodels.stats.nothing")
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)


def test_a_module_of_ours_that_is_missing_is_no_missing_package() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"reliai\.stats\.nothing"):
        needed("reliai.stats.nothing")


@pytest.mark.parametrize("name", stats.__all__)
def test_every_name_can_be_had_and_is_documented(name: str) -> None:
    for module in MODULES:
        importlib.import_module(module)
    offered = getattr(stats, name)
    assert callable(offered)
    assert (offered.__doc__ or "").partition("\n")[0].endswith((".", ":"))


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'mean_intervall'"):
        getattr(stats, "mean_intervall")  # noqa: B009  the type checkers know that it is not there


@pytest.mark.parametrize("module", MODULES)
def test_the_examples_of_the_docstrings_print_what_they_say(module: str) -> None:
    assert doctest.testmod(importlib.import_module(module)).failed == 0

"""What `import reliai` offers: pinned, importable, and named `reliai.…` in reprs and tracebacks."""

from __future__ import annotations

import importlib
import importlib.metadata
import inspect
import pickle
import subprocess
import sys

import pytest

import reliai

PUBLIC = """
    AdaptiveLimit AdaptiveThrottle AmbiguousOutcome Budget BudgetExceeded Bulkhead BulkheadFull
    Cache Call CallRecord CallTimeout CanaryToken Check CircuitBreaker CircuitOpen
    ConfigurationError Cusum ErrorKind Failure Fallback GateFailed Guard GuardRejected Hedge
    HiddenText MaxLength MaxTokens NoRefusal NotEmpty NotTruncated Once OneOf Outcome
    OutputInvalid OutputRefused OutputTruncated Pattern Pii Pipeline Policy RateLimit RateLimited
    ReliaiError ReliaiWarning Replace Response Retry RetryBudget Route Schema Secrets Shadow Stream
    StreamInterrupted Timeout Validate Value aexecute check circuits classify collect configure
    context control_flow current_call deactivated deadline execute flush format_for measure mode
    pipeline_of read read_response reliable remaining report run set_price shutdown standard tool
    usage
""".split()


def test_the_public_names_are_pinned() -> None:
    assert sorted(reliai.__all__) == sorted(PUBLIC)


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_name_can_be_had_and_says_where_it_is_public(name: str) -> None:
    public = getattr(reliai, name)
    assert public.__module__ == "reliai"
    assert public.__name__ == name


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_object_is_documented(name: str) -> None:
    documentation = inspect.getdoc(getattr(reliai, name))
    assert documentation is not None
    assert documentation.partition("\n")[0].endswith((".", ":"))


def test_an_unknown_name_is_an_attribute_error_that_names_it() -> None:
    with pytest.raises(AttributeError, match="'reliai' has no attribute 'Retrry'"):
        getattr(reliai, "Retrry")  # noqa: B009  the type checkers know that it is not there


def test_no_module_stands_in_the_way_of_a_name() -> None:
    """Importing a module puts it on its package, where it may hide a name of the same spelling."""
    code = f"""
import importlib, pkgutil, types, reliai
for module in pkgutil.iter_modules(reliai.__path__, "reliai."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
print([name for name in {PUBLIC} if isinstance(getattr(reliai, name), types.ModuleType)])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_dir_lists_what_is_loaded_later() -> None:
    assert set(PUBLIC) <= set(dir(reliai))


def test_the_version_is_that_of_the_distribution() -> None:
    assert reliai.__version__ == importlib.metadata.version("reliai")


def test_a_public_class_is_found_again_by_pickle() -> None:
    for name in PUBLIC:
        public = getattr(reliai, name)
        assert pickle.loads(pickle.dumps(public)) is public  # noqa: S301  our own bytes


def test_the_packages_that_are_imported_by_name_list_what_they_offer() -> None:
    for package in ("reliai.checks", "reliai.errors", "reliai.providers", "reliai.testing"):
        module = importlib.import_module(package)
        assert all(hasattr(module, name) for name in module.__all__), package

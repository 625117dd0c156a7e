"""Settings of a capture, checked when it is made."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast

from reliai.datasets.tokens import Tokens
from reliai.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from reliai.checks.pii import Pii
    from reliai.checks.secrets import Secrets

    Scrub: TypeAlias = (
        Tokens | Pii | Sequence[Pii | Secrets] | Callable[[str], str] | Literal["tokens"] | None
    )

__all__ = ["dataset", "expected", "names", "scrub", "seconds", "store", "whole"]


def whole(name: str, value: Any, least: int) -> int:
    """A whole number of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        message = f"Capture({name}={value!r}): must be a whole number of at least {least}"
        raise ConfigurationError(message)
    return value


def seconds(name: str, value: Any) -> float:
    """A number of seconds, from 0 up."""
    known = isinstance(value, int | float) and not isinstance(value, bool)
    if not known or not 0 <= value <= 1e9:
        message = f"Capture({name}={value!r}): must be a number of seconds from 0 up"
        raise ConfigurationError(message)
    return float(value)


def names(given: Any) -> frozenset[str]:
    """Names of guarded functions; none for all."""
    if given is None:
        return frozenset()
    several = (given,) if isinstance(given, str) else tuple(given)
    if not several or not all(isinstance(name, str) and name for name in several):
        raise ConfigurationError(f"Capture(only={given!r}): give names of guarded functions")
    return frozenset(several)


def scrub(given: Any) -> Tokens | Callable[[str], str] | None:
    """What replaces personal data."""
    if given is None or isinstance(given, Tokens):
        return given
    if given == "tokens":
        return Tokens()
    if isinstance(given, list | tuple):
        return Tokens(*given)
    if not isinstance(given, type | str) and callable(getattr(given, "find", None)):
        return Tokens(given)  # a check such as Pii("redact"): it gives verdicts, not texts
    if callable(given) and not isinstance(given, type) and not inspect.iscoroutinefunction(given):
        return cast("Callable[[str], str]", given)
    message = (
        f'Capture(scrub={given!r}): give "tokens", Tokens(…), checks such as Pii("redact"), a '
        "plain function of a text that gives a text, or None to keep content as it is"
    )
    raise ConfigurationError(message)


def expected(given: Any) -> str:
    """Where what is expected comes from."""
    if given not in {"correction", "output"}:
        raise ConfigurationError(f'Capture(expected={given!r}): use "correction" or "output"')
    return str(given)


def store(given: Any) -> Any:
    """A record store, or None."""
    if given is not None and (isinstance(given, type) or not callable(getattr(given, "get", None))):
        raise ConfigurationError(f"Capture(store={given!r}): give a RecordStore")
    return given


def dataset(given: Any) -> Any:
    """A dataset, opened by name when it is one."""
    from reliai.datasets.dataset import Dataset  # noqa: PLC0415  loads the storage

    if isinstance(given, Dataset):
        return given
    if isinstance(given, str) and given:
        return Dataset.open(given)
    message = f"Capture({given!r}): give a Dataset, or the name or URL of one"
    raise ConfigurationError(message)

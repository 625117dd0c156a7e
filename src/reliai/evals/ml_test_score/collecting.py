"""What a store of records, and the guarded functions of an application, show of the 28 tests."""

from __future__ import annotations

import tomllib
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final

from reliai._core.evaluation import ENVIRONMENT
from reliai.errors import ConfigurationError
from reliai.evals.ml_test_score.history import History

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from reliai.records import RecordStore
    from reliai.records.stored import StoredCall

__all__ = ["AllowList", "allow_list", "of_functions", "of_store"]

MOST_CALLS: Final = 2_000
"""Calls of users that are looked at, the latest."""
MOST_SEARCHED: Final = 500
"""Calls whose texts are searched for personal data and secrets."""
DEEPEST: Final = 12
"""Levels of containers in what is searched."""

AllowList = dict[str, tuple[str, ...]]
"""Patterns by field, as in {"models": ("gpt-*",), "providers": ("openai",)}."""

_FIELDS: Final = {"models": ("model_served", "model_requested"), "providers": ("provider",)}


def allow_list(root: Path) -> AllowList:
    """What `[tool.reliai.score]` in pyproject.toml lets models and providers be.

    Raises:
        ConfigurationError: when it cannot be read, or is no list of patterns.
    """
    file = root / "pyproject.toml"
    if not file.is_file():
        return {}
    try:
        said = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{file}: cannot be read: {error}") from None
    table = said.get("tool", {}).get("reliai", {}).get("score", {})
    found: AllowList = {}
    for name, patterns in table.items():
        if name not in _FIELDS:
            known = ", ".join(_FIELDS)
            message = f"{file}: [tool.reliai.score] {name}: is unknown; there are: {known}"
            raise ConfigurationError(message)
        if not isinstance(patterns, list) or not all(isinstance(each, str) for each in patterns):
            message = f"{file}: [tool.reliai.score] {name} = {patterns!r}: must be a list of texts"
            raise ConfigurationError(message)
        found[name] = tuple(patterns)
    return found


def of_store(
    store: RecordStore, root: Path, allowed: AllowList, *, since: float
) -> dict[str, dict[str, Any]]:
    """What the calls of users since a moment show, by test; nothing without any call.

    Args:
        store: of the records.
        root: the project's folder, whose commits the releases are looked for in.
        allowed: which models and providers may be used.
        since: Unix seconds.
    """
    from reliai.records._tables import calls as table  # noqa: PLC0415  brings SQLAlchemy

    served = table.c.environment.is_distinct_from(ENVIRONMENT)
    kept = store.calls(since=since, where=served, limit=MOST_CALLS)
    calls = [each for each in kept if "shadow" not in each.tags]
    if not calls:
        return {}
    found = {
        "DT5": _private(calls[:MOST_SEARCHED]),
        "IN5": _explained(calls),
        "MO1": _checked_in(calls, History(root)),
    }
    if allowed:
        found["DT4"] = _allowed(calls, allowed)
    return {test: {"passed": passed, "why": why} for test, (passed, why) in found.items()}


def _private(calls: Sequence[StoredCall]) -> tuple[bool, str]:
    from reliai.checks import Pii, Secrets  # noqa: PLC0415  their rules take a while to load

    finders: tuple[Callable[[str], Iterable[Any]], ...] = (Pii().find, Secrets().find)
    bad = sum(
        any(next(iter(find(text)), None) is not None for text in _texts(call) for find in finders)
        for call in calls
    )
    if bad:
        return False, f"{bad} of {len(calls):,} stored calls hold personal data or secrets"
    return True, f"neither personal data nor secrets in {len(calls):,} stored calls"


def _texts(call: StoredCall) -> Iterator[str]:
    error = None if call.error is None else call.error.message
    yield from _texts_in([call.inputs, call.output, error, dict(call.values), dict(call.tags)])


def _texts_in(value: Any, level: int = 0) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif level < DEEPEST and isinstance(value, dict):
        for key, each in value.items():
            yield from _texts_in(key, level + 1)
            yield from _texts_in(each, level + 1)
    elif level < DEEPEST and isinstance(value, list | tuple):
        for each in value:
            yield from _texts_in(each, level + 1)


def _explained(calls: Sequence[StoredCall]) -> tuple[bool, str]:
    call = next((each for each in calls if each.attempts), calls[0])
    lacking = [
        what
        for what, there in (
            ("no attempts", call.attempts),
            ("no status", call.status),
            ("no fingerprint of its policies", call.fingerprint),
            ("no model and no usage", call.model_served or call.usage_state != "unknown"),
        )
        if not there
    ]
    shown = f"call {call.id[-12:]} of {call.name}"
    return not lacking, f"{shown} has {', '.join(lacking) or 'attempts, model, usage and policies'}"


def _checked_in(calls: Sequence[StoredCall], history: History) -> tuple[bool, str]:
    releases = {call.release for call in calls}
    known = {each for each in releases if each is not None and history.has(each)}
    good = sum(call.release in known for call in calls)
    what = f"{good:,} of {len(calls):,} calls were of a release that is a commit here"
    return good == len(calls), what


def _allowed(calls: Sequence[StoredCall], allowed: AllowList) -> tuple[bool, str]:
    used = {
        (name, str(getattr(call, column)))
        for call in calls
        for name in allowed
        for column in _FIELDS[name]
        if getattr(call, column)
    }
    strange = sorted(
        value for name, value in used if not any(fnmatchcase(value, each) for each in allowed[name])
    )
    if strange:
        return False, f"used although not allowed: {', '.join(strange[:5])}"
    return bool(used), f"{len(used)} models and providers in {len(calls):,} calls, all allowed"


def of_functions(described: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """What the policies of guarded functions show, by test; nothing without any function.

    Args:
        described: by name of the function, what `Pipeline.describe()` gives.
    """
    if not described:
        return {}
    bare = sorted(
        name
        for name, pipeline in described.items()
        if not any(each.get("policy") == "Guard" for each in pipeline["policies"])
    )
    total = len(described)
    why = f"{total - len(bare)} of {total} guarded functions have a Guard"
    if bare:
        why += f"; not {', '.join(bare[:3])}"
    return {"DT1": {"passed": not bare, "why": why}}

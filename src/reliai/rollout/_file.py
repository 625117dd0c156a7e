"""The settings of a rollout in a file, which may be edited while the program runs."""

from __future__ import annotations

import hashlib
import json
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from reliai.errors import ConfigurationError
from reliai.rollout.guardrails import cost, failure_rate, latency, score
from reliai.rollout.labels import feedback
from reliai.rollout.plan import Step

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

__all__ = ["AUDIENCE", "RolloutFile", "difference", "same_audience"]

AUDIENCE: Final = ("exposure", "holdout", "force", "target", "layer")
"""Settings that say who takes part."""

_KNOWN: Final = frozenset(
    "name version unit steps dwell guardrails alpha beta mode min_calls max_duration exposure "
    "holdout force salt on_no_data no_data_grace stale_after max_staleness target layer sticky "
    "on_shadow shadow_pairs".split()
)
_GUARDRAILS: Final[dict[str, Callable[..., Any]]] = {
    "failure_rate": failure_rate,
    "latency": latency,
    "cost": cost,
    "score": score,
    "feedback": feedback,
}
_PRIVATE: Final = frozenset({"force"})
_PEOPLE: Final = frozenset({"subject", "session", "tenant"})
"""What names units, and so is not told in the audit; of a target, the keys that do."""

_Stamp: TypeAlias = "tuple[int, int, int] | None"


class RolloutFile:
    """A file of settings, TOML or JSON.

    Args:
        path: of the file; its suffix says which it is.

    Attributes:
        settings: those that were read last.
        revision: what tells them from others.

    Raises:
        ConfigurationError: when it cannot be read, or says what is no setting.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._read = self._seen = self._stamp()
        self.settings = self._parsed()
        self.revision = _revision(self.settings)

    def changed(self) -> dict[str, Any] | None:
        """The settings when they are others than before; None when they are not.

        A file that somebody writes at this moment is left until it rests.

        Raises:
            ConfigurationError: once for each state of the file in which it cannot be read.
        """
        stamp = self._stamp()
        if stamp == self._read:
            return None
        if stamp != self._seen:
            self._seen = stamp
            return None
        self._read = stamp
        try:
            settings = self._parsed()
        except ConfigurationError:
            if self._stamp() == stamp:
                raise
            return None
        if self._stamp() != stamp:  # written while it was read, of which we may have half
            return None
        revision = _revision(settings)
        if revision == self.revision:
            return None
        self.settings, self.revision = settings, revision
        return settings

    def _stamp(self) -> _Stamp:
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino

    def _parsed(self) -> dict[str, Any]:
        try:
            raw = self.path.read_bytes()
        except OSError as error:
            raise ConfigurationError(f"{self.path}: {error.strerror}") from None
        try:
            data = _loads(self.path.suffix, raw.decode())
        except ValueError as error:  # of JSON, of TOML, of letters
            raise ConfigurationError(f"{self.path}: {error}") from None
        if not isinstance(data, dict):
            raise ConfigurationError(f"{self.path}: must be a table of settings")
        if not data:  # a disk that is full leaves a file without a letter
            raise ConfigurationError(f"{self.path}: is empty, and says nothing of the rollout")
        unknown = sorted(set(data) - _KNOWN)
        if unknown:
            raise ConfigurationError(
                f"{self.path}: {', '.join(map(repr, unknown))} is no setting; there are "
                f"{', '.join(sorted(_KNOWN))}"
            )
        return {"name": self.path.stem, **data}

    def given(self) -> dict[str, Any]:
        """The settings as arguments of `Rollout`.

        Raises:
            ConfigurationError: for a step or a guardrail that is none.
        """
        made = dict(self.settings)
        if isinstance(made.get("steps"), list):
            made["steps"] = [self._step(each) for each in made["steps"]]
        if isinstance(made.get("guardrails"), list):
            made["guardrails"] = [self._guardrail(each) for each in made["guardrails"]]
        if isinstance(made.get("unit"), list):
            made["unit"] = tuple(made["unit"])
        return made

    def _step(self, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        try:
            return Step(**given)
        except TypeError:
            raise ConfigurationError(
                f"{self.path}: steps: {given!r} must have share, and may have dwell, min_calls and "
                "approval"
            ) from None

    def _guardrail(self, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        kind, settings = given.get("kind"), {k: v for k, v in given.items() if k != "kind"}
        make = _GUARDRAILS.get(str(kind))
        if make is None:
            raise ConfigurationError(
                f"{self.path}: guardrails: kind={kind!r} is none of {', '.join(_GUARDRAILS)}"
            )
        try:
            return make(**settings)
        except TypeError as error:
            raise ConfigurationError(f"{self.path}: guardrails: {kind}: {error}") from None


def difference(old: dict[str, Any], new: dict[str, Any]) -> str:
    """What is other in new settings, for an audit."""
    names = [name for name in sorted({*old, *new}) if old.get(name) != new.get(name)]
    return "; ".join(
        f"{name} changed"
        if name in _PRIVATE or (name == "target" and _names_people(old, new))
        else f"{name}: {_shown(old, name)} -> {_shown(new, name)}"
        for name in names
    )


def _names_people(*settings: dict[str, Any]) -> bool:
    """Whether a target says who is meant, and not what kind of calls."""
    targets = [each.get("target") for each in settings]
    return any(isinstance(each, dict) and _PEOPLE & each.keys() for each in targets)


def _shown(settings: dict[str, Any], name: str) -> str:
    return json.dumps(settings[name], default=str) if name in settings else "default"


def _loads(suffix: str, text: str) -> Any:
    if suffix == ".toml":
        return tomllib.loads(text)
    if suffix == ".json":
        return json.loads(text)
    raise ConfigurationError(f"a rollout's file must end with .toml or .json, not {suffix!r}")


def same_audience(one: str, other: str) -> bool:
    """Whether the settings of two revisions have the same units take part."""
    return one.partition("-")[2] == other.partition("-")[2]


def _revision(settings: dict[str, Any]) -> str:
    """What tells settings from others, and behind a dash what tells who takes part."""
    audience = {name: settings.get(name) for name in AUDIENCE}
    return f"{_digest(settings)}-{_digest(audience)}"


def _digest(settings: dict[str, Any]) -> str:
    text = json.dumps(settings, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]

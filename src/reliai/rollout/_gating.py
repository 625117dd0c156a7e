"""A gate that has to pass before a rollout begins: its verdict, or the file that it is in."""

from __future__ import annotations

import json
from enum import Enum
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from reliai._core.complaints import warn_once
from reliai.errors import ConfigurationError

if TYPE_CHECKING:
    from reliai.rollout.standing import Standing

__all__ = ["Judged", "Precondition", "checked_gate"]

_TOLD: Final = ("rule", "verdict", "reason", "estimate", "low", "high", "n", "missing")
"""What the audit says of each rule."""

_LONGEST: Final = 400
"""Letters of what is said of the rules that did not pass."""


class Judged(NamedTuple):
    """What a gate said.

    Attributes:
        verdict: "PASS", or why not: "FAIL", "INCONCLUSIVE", "INCOMPLETE", or "NO_CASES".
        evidence: plain data, for the audit.
        why: the rules that did not pass, with their numbers.
    """

    verdict: str
    evidence: dict[str, Any]
    why: str = ""

    def on(self, standing: Standing) -> Standing:
        """Where a rollout stands, now that the gate has said so."""
        return standing._replace(gate=self.verdict, gate_why=self.why)


class Precondition:
    """What has to pass.

    Args:
        result: what a gate said; None where it is in a file.
        path: the file, which is read again when it changes.
    """

    def __init__(self, result: Judged | None, path: Path | None = None) -> None:
        self._result = result
        self._path = path
        self._seen: tuple[int, int] | None = None

    def judged(self) -> Judged | None:
        """What it says; None for nothing (yet)."""
        if self._path is None:
            return self._result
        try:
            about = self._path.stat()
            seen = (about.st_mtime_ns, about.st_size)
            if seen != self._seen:
                self._result = _judged(json.loads(self._path.read_text(encoding="utf-8")))
                self._seen = seen
        except FileNotFoundError:
            self._seen = self._result = None
        except (OSError, ValueError, KeyError, TypeError) as error:
            warn_once(
                f"rollout:gate:{self._path}",
                f"the verdict in {self._path} cannot be read ({type(error).__name__}), so the "
                "rollout that waits for it does not begin",
            )
            self._seen = self._result = None
        return self._result


def checked_gate(given: Any) -> Precondition | None:
    """A verdict, or the file that one is written to.

    Raises:
        ConfigurationError: for anything else.
    """
    if given is None:
        return None
    if isinstance(given, str | PathLike) and str(given) and not isinstance(given, Enum):
        return Precondition(None, Path(given))
    told: Any = getattr(given, "to_dict", None)
    if callable(told) and not isinstance(given, type):
        try:
            data: Any = told()
            return Precondition(_judged(data))
        except (KeyError, TypeError, ValueError):
            pass
    raise ConfigurationError(
        f"Rollout(gate={type(given).__name__}): must be what gate.judge(comparison) gave, or the "
        "path of the gate.json that a report wrote"
    )


def _judged(data: dict[str, Any]) -> Judged:
    verdict = str(data["verdict"])
    if verdict == "PASS" and data["exit_code"] != 0:
        verdict = "NO_CASES"
    rules = [{name: rule[name] for name in _TOLD} for rule in data["rules"]]
    bad = [each for each in data["rules"] if each["blocking"] and each["verdict"] != "PASS"]
    why = "; ".join(f"{each['rule']}: {each['reason']}" for each in bad)[:_LONGEST]
    about = {name: data[name] for name in ("gate", "n", "missing", "notes")}
    return Judged(verdict, {"verdict": verdict, **about, "rules": rules}, why)

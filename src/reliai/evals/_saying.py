"""From what a scorer says to scores."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from reliai.errors import ConfigurationError
from reliai.evals.trial import Score

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["NO_REFERENCE", "READY", "Unscored", "failed", "put", "score_of"]

_CODE: Final = re.compile(r"[a-z][a-z0-9_]*")
_LONGEST: Final = 500
"""Characters of a scorer's own error that are kept."""


@dataclass(frozen=True, slots=True)
class Unscored:
    """What a scorer returns that cannot judge an output.

    Args:
        code: of the reason, in small letters: "not_applicable", "judge_parse_failure".
        explanation: more of it, for people.
        metadata: more of it, as JSON data.

    Raises:
        ConfigurationError: for a code of another make.
    """

    code: str
    explanation: str | None = None
    metadata: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.code, str) or not _CODE.fullmatch(self.code):
            message = f"Unscored({self.code!r}): must be a code in small letters: 'not_applicable'"
            raise ConfigurationError(message)


NO_REFERENCE: Final = Score(value=None, unscored="missing_reference")
_PASSED: Final = Score(value=1.0, kind="assertion")
_NOT_PASSED: Final = Score(value=0.0, kind="assertion")
_NOTHING: Final = Score(value=None, unscored="not_applicable")


def put(scores: dict[str, Score], name: str, said: Any) -> None:
    """Add what a scorer said, under its name or, of several things, under theirs."""
    try:
        if isinstance(said, Mapping):
            several = {f"{name}.{_part(key)}": score_of(value) for key, value in said.items()}
            scores.update(several or {name: _NOTHING})
        else:
            scores[name] = score_of(said)
    except Exception as error:  # noqa: BLE001  whatever it is, the score says it
        scores[name] = failed(error)


def score_of(said: Any) -> Score:
    """The score behind one thing that a scorer said.

    Raises:
        TypeError: when it is nothing that a scorer may say.
    """
    read = _READERS.get(type(said))
    if read is None:
        for kind, reader in _READERS.items():
            if isinstance(said, kind):
                return reader(said)
        return _foreign(said)
    return read(said)


def failed(error: BaseException) -> Score:
    """The score of a scorer that raised an error."""
    code = "scorer_timeout" if isinstance(error, TimeoutError) else "scorer_error"
    said = f"{type(error).__name__}: {error}"[:_LONGEST]
    return Score(value=None, unscored=code, explanation=said)


def _assertion(said: bool) -> Score:  # noqa: FBT001  it is what is read
    return _PASSED if said else _NOT_PASSED


def _number(said: float) -> Score:
    value = float(said)
    if math.isfinite(value):
        return Score(value=value)
    return Score(value=None, unscored="not_a_number", explanation=repr(value))


def _label(said: str) -> Score:
    return Score(value=None, kind="label", label=str(said))


def _unscored(said: Unscored) -> Score:
    return Score(
        value=None, unscored=said.code, explanation=said.explanation, metadata=said.metadata
    )


def _itself(said: Score) -> Score:
    if said.value is not None and not math.isfinite(said.value):
        reason = said.explanation or repr(said.value)
        return replace(said, value=None, unscored="not_a_number", explanation=reason)
    if said.unscored is not None:
        return said if said.value is None else replace(said, value=None)
    if said.value is None and said.label is None:
        return replace(said, unscored="not_applicable")
    return said


def _with_reason(said: tuple[Any, ...]) -> Score:
    if len(said) != 2 or not (said[1] is None or isinstance(said[1], str)):
        raise TypeError("the scorer gave a tuple that is no (value, reason)")
    return replace(score_of(said[0]), explanation=said[1])


def _foreign(said: Any) -> Score:
    item = getattr(said, "item", None)  # of numpy's numbers and booleans
    if callable(item):
        return score_of(item())
    if hasattr(said, "__float__"):
        return _number(float(said))
    raise TypeError(
        f"the scorer gave {type(said).__name__}; it must give a bool, a number, a label, a mapping "
        "of these, (value, reason), Unscored or None"
    )


def _part(key: Any) -> str:
    if not isinstance(key, str) or not key:
        raise TypeError(f"the scorer gave a mapping with the key {key!r}; it must be a name")
    return key


_READERS: Final[dict[type, Callable[[Any], Score]]] = {
    bool: _assertion,
    float: _number,
    int: _number,
    str: _label,
    Score: _itself,
    Unscored: _unscored,
    type(None): lambda _: _NOTHING,
    tuple: _with_reason,
}
READY: Final = frozenset((*_READERS, dict))
"""Types of what is said, and surely no awaitable."""

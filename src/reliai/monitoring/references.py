"""What is normal, as the user gives it: a share, an array, call records, or a file of numbers."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reliai.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reliai.monitoring.signals import Signal

__all__ = ["Reference", "reference_of"]


class Reference:
    """Values of a signal in good health, in the order of time.

    Attributes:
        kind: of the signal.
        values: numbers, flags, words or vectors; empty when only a share is known.
        share: of a share, what is normal.
        records: how many values the share is estimated from; None when it is known.
    """

    __slots__ = ("kind", "records", "share", "values")

    def __init__(self, kind: str, values: Sequence[Any], share: float | None = None) -> None:
        self.kind = kind
        self.values = values
        self.records: int | None = None
        self.share = share
        if share is None and kind == "share":
            self.records = len(values)
            self.share = sum(map(bool, values)) / len(values)

    @property
    def n(self) -> int:
        """How many values there are."""
        return len(self.values)

    def quantile(self, share: float) -> float:
        """The number that `share` of the values do not exceed."""
        ordered = sorted(self.values)
        return float(ordered[min(len(ordered) - 1, math.ceil(share * len(ordered)) - 1)])


def reference_of(signal: Signal, given: Any = None) -> Reference | None:
    """What is normal for a signal, of what its user gave; None when that is to be learnt.

    Args:
        signal: what is watched.
        given: records or a path, of the whole monitor; what the signal has itself goes before.

    Raises:
        ConfigurationError: for something that no reference can be made of.
    """
    where = f"signals.{signal.name}(reference=…)"
    found: Any = signal.reference
    if found is None:
        if given is None:
            return None
        found, where = given, "Monitor(reference=…)"
    if isinstance(found, (int, float)) and not isinstance(found, bool):
        if signal.kind != "share":
            message = f"{where}: {found!r} is one number; give an array of them, or call records"
            raise ConfigurationError(message)
        return Reference("share", (), float(found))
    if isinstance(found, (str, Path)):
        found = _read_file(where, Path(found))
    given_values: Any = found
    try:
        items = list(given_values)
    except TypeError:
        message = f"{where}: {type(found).__name__} is none; give an array, call records or a file"
        raise ConfigurationError(message) from None
    values = _values(signal, items)
    if given is not None and signal.reference is None and len(values) < FEWEST:
        return None  # the records say too little of this signal: it is learnt
    if len(values) < FEWEST:
        message = f"{where}: has {len(values)} values; {FEWEST} are needed to tell what is normal"
        raise ConfigurationError(message)
    return Reference(signal.kind, values)


FEWEST = 20
"""Values that a reference has at least."""


def _values(signal: Signal, items: list[Any]) -> list[Any]:
    """The values, read off records where these were given."""
    if items and hasattr(items[0], "started_at") and hasattr(items[0], "status"):
        items = [
            signal.read(record)
            for record in sorted(items, key=lambda record: record.started_at)
            if signal.calls is None or record.name in signal.calls
        ]
    elif hasattr(items[0] if items else None, "item") and signal.kind != "vector":
        items = [each.item() for each in items]
    kept = [each for each in items if each is not None]
    if signal.kind != "vector":
        kept = [each for each in kept if each == each]  # noqa: PLR0124  NaN is none
    if signal.kind == "number":
        return [float(each) for each in kept]
    if signal.kind == "category":
        return [str(each) for each in kept]
    if signal.kind == "share":
        return [bool(each) for each in kept]
    import numpy as np  # noqa: PLC0415  only where there are vectors

    return [np.asarray(each, dtype="float32") for each in kept]


def _read_file(where: str, path: Path) -> list[Any]:
    """A file of JSON: one list, or one value a line."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{where}: {path} cannot be read: {error.strerror}") from None
    try:
        found = json.loads(text) if text.lstrip().startswith("[") else None
        return found if found is not None else [json.loads(x) for x in text.splitlines() if x]
    except ValueError as error:
        message = f"{where}: {path} is neither a list in JSON nor one value a line: {error}"
        raise ConfigurationError(message) from None

"""Parts of the traffic that are watched by themselves, so many of each at most."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from reliai.errors import ConfigurationError
from reliai.monitoring.windows import OTHER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["MOST_SLICES", "Slicer"]

MOST_SLICES: Final = 50
"""Values of one kind of slice that are told apart by default."""

_FIELDS: Final = {
    "variant": "variant",
    "tenant": "tenant",
    "session": "session",
    "provider": "provider",
    "model": "model_served",
    "model_requested": "model_requested",
    "target": "target",
    "release": "release",
    "environment": "environment",
    "service": "service",
    "finish_reason": "finish_reason",
}


class Slicer:
    """Tells which slice a record is in, of one kind.

    Args:
        by: "variant", "tenant", "model" and other fields of the record, "tag:NAME", "value:NAME",
            or a named function of the record that gives a text or None.
        limit: how many values are told apart; records with further ones share `_other`.

    Raises:
        ConfigurationError: for a field that no record has.
    """

    def __init__(self, by: str | Callable[[Any], str | None], limit: int = MOST_SLICES) -> None:
        if callable(by):
            self.name = str(getattr(by, "__name__", type(by).__name__))
            self._read = by
        else:
            self.name = by
            self._read = _reader(by)
        self._limit = limit
        self._known: dict[str, str] = {}

    def of(self, record: Any) -> str | None:
        """The name of the slice, for instance "tag:locale=ja"; None when it is in none."""
        value = self._read(record)
        if value is None:
            return None
        text = value if type(value) is str else str(value)
        found = self._known.get(text)
        if found is None:
            if len(self._known) >= self._limit:
                return f"{self.name}={OTHER}"
            found = self._known[text] = f"{self.name}={text[:200]}"
        return found


def _reader(by: object) -> Callable[[Any], Any]:
    if not isinstance(by, str):
        raise ConfigurationError(f"slices: {by!r} is neither a field of a record nor a function")
    if by.startswith("tag:") and len(by) > len("tag:"):
        tag = by[len("tag:") :]
        return lambda record: record.tags.get(tag)
    if by.startswith("value:") and len(by) > len("value:"):
        value = by[len("value:") :]
        return lambda record: record.values.get(value)
    if by not in _FIELDS:
        message = (
            f"slices=[{by!r}]: use one of {', '.join(map(repr, sorted(_FIELDS)))}, "
            "'tag:NAME', 'value:NAME' or a function of the record"
        )
        raise ConfigurationError(message)
    field = _FIELDS[by]
    return lambda record: getattr(record, field)


def slicers(given: Iterable[str | Callable[[Any], str | None]], limit: int) -> tuple[Slicer, ...]:
    """A slicer for each of them.

    Raises:
        ConfigurationError: when it is no list of them, or one comes twice.
    """
    if isinstance(given, str) or not hasattr(given, "__iter__"):
        raise ConfigurationError(
            f"Monitor(slices={given!r}): give a list, also of one: [{given!r}]"
        )
    made = tuple(Slicer(each, limit) for each in given)
    names = [each.name for each in made]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ConfigurationError(f"Monitor(slices=…): {twice!r} is there twice")
    return made

"""From what a setting says to a comparator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from reliai.comparisons.answers import Exact
from reliai.comparisons.structure import Json, Numbers
from reliai.comparisons.text import Text
from reliai.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from reliai.comparisons.judging import Comparator

__all__ = ["comparator_of"]

_NAMED: Final[dict[str, Callable[[], Comparator]]] = {
    "exact": Exact,
    "json": Json,
    "numbers": Numbers,
    "text": Text,
}


def comparator_of(compare: Any) -> Comparator:
    """The comparator that a setting names.

    Args:
        compare: None or "exact", "json", "numbers", "text", or a function of (primary, candidate).

    Raises:
        ConfigurationError: when it is none of these.
    """
    if callable(compare) and not isinstance(compare, type):
        return compare  # type: ignore[no-any-return]
    name = "exact" if compare is None else compare
    made = _NAMED.get(name) if isinstance(name, str) else None
    if made is not None:
        return made()
    raise ConfigurationError(
        f'compare={compare!r} names no comparator; give "exact", "json", "numbers", "text", one of '
        "reliai.comparisons, or a function of (primary, candidate)"
    )

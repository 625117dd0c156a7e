"""Who is in and who is out, by a hash: the same everywhere, in every process, on every machine."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final
from zlib import crc32

from reliai.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["BUCKETS", "PLACES", "Lot", "Split", "bucket", "place_of", "unit_text"]

PLACES: Final = 1 << 20
"""Places to remember units in."""

BUCKETS: Final = 1_000_000
"""Buckets that units fall into, each as likely as the others."""

_SCHEME: Final = "reliai/1"


def bucket(unit: str, salt: str, purpose: str) -> int:
    """The bucket of a unit, 0 to 999,999: always the same one for the same three texts.

    Different salts or purposes give buckets that have nothing to do with one another, so that who
    is in one sample is no likelier in another.

    Args:
        unit: who is assigned, such as a subject.
        salt: what the assignment is for, such as the name of a rollout and its version.
        purpose: which of its decisions it is.
    """
    digest = sha256(b"".join(map(_framed, (_SCHEME, salt, purpose, unit)))).digest()
    return int.from_bytes(digest[:8], "big") * BUCKETS >> 64


class Lot:
    """`bucket` for many units of one salt and purpose, with less to do for each.

    Args:
        salt: what the assignment is for.
        purpose: which of its decisions it is.
    """

    __slots__ = ("_prefix",)

    def __init__(self, salt: str, purpose: str) -> None:
        self._prefix = b"".join(map(_framed, (_SCHEME, salt, purpose)))

    def draw(self, unit: str) -> int:
        """The unit's bucket, 0 to 999,999."""
        text = unit.encode("utf-8", "surrogatepass")
        digest = sha256(self._prefix + len(text).to_bytes(4, "big") + text).digest()
        return int.from_bytes(digest[:8], "big") * BUCKETS >> 64


class Split:
    """Units divided among arms: who is in at all, and of those, who gets which arm.

    The two are drawn apart, so that a tenth of all units is divided as all of them would be. When
    the exposure grows nobody who was in leaves or changes arm; when weight moves from an earlier
    arm to the next one, units go that way only.

    Args:
        salt: what the assignment is for.
        weights: buckets of each arm, in an order that stays; they add up to 1,000,000.
        exposure: buckets of those that are in, 0 to 1,000,000.

    Raises:
        ConfigurationError: for weights that do not add up, or an exposure out of its range.
    """

    __slots__ = ("_edges", "_exposed", "_exposure", "_last", "_variant")

    def __init__(self, salt: str, weights: Mapping[str, int], exposure: int = BUCKETS) -> None:
        total = sum(weights.values())
        if total != BUCKETS or any(each < 0 for each in weights.values()):
            raise ConfigurationError(
                f"weights={dict(weights)!r} add up to {total:,}; they must be whole numbers of at "
                f"least 0 that add up to {BUCKETS:,}"
            )
        if not 0 <= exposure <= BUCKETS:
            raise ConfigurationError(f"exposure={exposure!r}: must be 0 to {BUCKETS:,}")
        self._exposed = Lot(salt, "exposure")
        self._variant = Lot(salt, "variant")
        self._exposure = exposure
        edges, edge = [], 0
        for name, weight in weights.items():
            edge += weight
            edges.append((edge, name))
        self._edges = tuple(edges[:-1])
        self._last = edges[-1][1]

    def arm(self, unit: str) -> str | None:
        """The unit's arm; None when it is not in."""
        if self._exposure < BUCKETS and self._exposed.draw(unit) >= self._exposure:
            return None
        drawn = self._variant.draw(unit)
        for edge, name in self._edges:
            if drawn < edge:
                return name
        return self._last


def unit_text(unit: Any) -> str | None:
    """A unit as the text that is drawn with; None when there is none.

    A whole number is the same unit as its digits, since it comes back from some databases as the
    one and from some as the other.

    Raises:
        ConfigurationError: for anything but a text, a whole number or a tuple of these: two
            programs would write it in two ways.
    """
    if unit is None or isinstance(unit, str):
        return unit or None
    if isinstance(unit, int) and not isinstance(unit, bool):
        return str(unit)
    if isinstance(unit, tuple) and unit:
        parts = [unit_text(each) for each in unit]
        return None if None in parts else json.dumps(parts, ensure_ascii=False)
    raise ConfigurationError(
        f"a unit of type {type(unit).__name__} cannot be assigned; give a text, a whole number, or "
        "a tuple of these"
    )


def place_of(unit: str) -> int:
    """One of 1,048,576 places that units fall into, to tell apart those that were seen."""
    return crc32(unit.encode("utf-8", "surrogatepass")) & (PLACES - 1)


def _framed(text: str) -> bytes:
    """A text with its length before it, so that no two lists of texts look alike."""
    encoded = text.encode("utf-8", "surrogatepass")
    return len(encoded).to_bytes(4, "big") + encoded

"""One hash of a set of rows, which changes by what changed and not by how many rows there are.

A Merkle tree's root over the sorted rows would have to meet its siblings at each commit. This one
adds up: the hash of each row is stretched to 1,024 numbers of 16 bits, and the sums are kept.
Adding, removing and changing a row costs the same in a set of ten and in one of ten million, the
order never matters, and no two sets of rows with one sum can be found in practice (LtHash: Bellare
and Micciancio 1997; Lewi, Kim, Maykov and Weis 2019, 200 bits of security at this size). Floor 5.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from hashlib import sha256, shake_128
from typing import Final

__all__ = ["SetHash"]

_LANES: Final = 1024
_SIZE: Final = 2 * _LANES
_LOW: Final = int.from_bytes(b"\xff\xff\x00\x00" * (_LANES // 2), "little")
"""Every second lane; each of them then has 16 bits of room for carries."""
_FULL: Final = int.from_bytes(b"\x00\x00\x01\x00" * (_LANES // 2), "little")
"""2**16 in each of these lanes: subtracting is adding the complement."""
_ROOM: Final = 2**16 - 2
"""So many numbers fit into the carries before they must be taken off."""


class SetHash:
    """The sums; change them by `add` and `remove`."""

    __slots__ = ("_even", "_odd", "_used")

    def __init__(self, text: str = "") -> None:
        """Begin with nothing, or where `text()` was taken."""
        state = int.from_bytes(b64decode(text), "little") if text else 0
        self._even = state & _LOW
        self._odd = (state >> 16) & _LOW
        self._used = 0

    def add(self, leaf: bytes) -> None:
        """Count a row in, by its hash."""
        lanes = _stretched(leaf)
        self._take(lanes & _LOW, (lanes >> 16) & _LOW)

    def remove(self, leaf: bytes) -> None:
        """Count a row out that was counted in."""
        lanes = _stretched(leaf)
        self._take(_FULL - (lanes & _LOW), _FULL - ((lanes >> 16) & _LOW))

    def _take(self, even: int, odd: int) -> None:
        self._even += even
        self._odd += odd
        self._used += 1
        if self._used >= _ROOM:
            self._carry()

    def _carry(self) -> None:
        self._even &= _LOW
        self._odd &= _LOW
        self._used = 0

    def _state(self) -> bytes:
        self._carry()
        return (self._even | (self._odd << 16)).to_bytes(_SIZE, "little")

    def text(self) -> str:
        """The sums, to go on from later."""
        return b64encode(self._state()).decode()

    def root(self) -> str:
        """`sha256:` and one hash of all the rows; of no rows too."""
        return "sha256:" + sha256(self._state()).hexdigest()


def _stretched(leaf: bytes) -> int:
    return int.from_bytes(shake_128(leaf).digest(_SIZE), "little")

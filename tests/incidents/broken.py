"""Replays of a part whose containment was broken on purpose."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reliai.incidents import run_part

if TYPE_CHECKING:
    from reliai.incidents import PartName

__all__ = ["missed"]

QUICK = 2_000


def missed(incident: str, part: PartName = "guarded", *, calls: int = QUICK) -> list[str]:
    """The facts of a part that are not what they have to be, by name.

    Args:
        incident: its id.
        part: which.
        calls: of the healthy part.
    """
    found = run_part(incident, part, calls=calls)
    assert found.error is None, found.error
    return [each.name for each in found.findings if not each.ok]

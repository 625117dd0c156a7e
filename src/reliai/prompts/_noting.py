"""What a call's record tells of the prompts that were used in it, and that a call keeps to them."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

from reliai._core.ambient import current
from reliai._core.sketches import TEXT_LIMIT

if TYPE_CHECKING:
    from reliai.prompts.version import PromptVersion

__all__ = ["note", "notes"]

_USED: Final = "reliai.prompts"


def notes() -> dict[object, Any] | None:
    """Where the current call keeps its prompts, by whom they are of; None outside of any."""
    call = current.get()
    if call is None or call._record.ended:  # noqa: SLF001  a task may outlive its call
        return None
    record = call._record  # noqa: SLF001  the engine's own, as the rest of this module
    kept = record._notes  # noqa: SLF001
    if kept is None:
        kept = record._notes = {}  # noqa: SLF001
    found: dict[object, Any] = kept.setdefault(_USED, {})
    return found


def note(version: PromptVersion, served: str) -> None:
    """Put a prompt on the record of the current call, once.

    Args:
        version: the one that is used.
        served: where it came from: "file", "kept", "snapshot", "bundled", or "version" for one
            that the program held itself.
    """
    call, used = current.get(), notes()
    if call is None or used is None or version.reference in used:
        return
    used[version.reference] = None
    call.emit(
        "prompt",
        name=version.name,
        version=version.version,
        fingerprint=version.fingerprint,
        served=served,
    )
    record = call._record  # noqa: SLF001  the engine's own
    references = sorted(each for each in used if isinstance(each, str))
    record.values = {**record.values, "prompt": _together(references)}


def _together(references: list[str]) -> str:
    """One text that changes when any of them does, no longer than a record keeps."""
    told = " ".join(references)
    if len(told) <= TEXT_LIMIT:
        return told
    return f"{len(references)} prompts, {hashlib.sha256(told.encode()).hexdigest()[:12]}"

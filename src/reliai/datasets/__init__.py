"""Evaluation datasets: content-addressed, immutable, in reviewable files, with no server. Floor 5.

Each name is loaded when it is first used. Storage beyond the local disk, and canonical JSON of
unusual numbers, need the extra `datasets`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reliai.datasets.case import MISSING, Case, Missing, Source
    from reliai.datasets.failures import DatasetDamaged, DatasetError, VersionNotFound

__all__ = [
    "MISSING",
    "Case",
    "DatasetDamaged",
    "DatasetError",
    "Missing",
    "Source",
    "VersionNotFound",
]

# A module never has the name of what it offers: once loaded, it would stand in its way.
_MODULES = {
    "MISSING": "case",
    "Case": "case",
    "DatasetDamaged": "failures",
    "DatasetError": "failures",
    "Missing": "case",
    "Source": "case",
    "VersionNotFound": "failures",
}

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name not in _MODULES:
            message = f"module {__name__!r} has no attribute {name!r}"
            raise AttributeError(message)
        from reliai._needs import needed  # noqa: PLC0415

        return getattr(needed(f"{__name__}.{_MODULES[name]}", "datasets"), name)

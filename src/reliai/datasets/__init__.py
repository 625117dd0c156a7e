"""Evaluation datasets: content-addressed, immutable, in reviewable files, with no server. Floor 5.

Each name is loaded when it is first used. Storage beyond the local disk, and canonical JSON of
unusual numbers, need the extra `datasets`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reliai.datasets.case import MISSING, Case, Missing, Source
    from reliai.datasets.dataset import Dataset, resolve
    from reliai.datasets.failures import (
        CaseNotFound,
        DatasetDamaged,
        DatasetError,
        VersionNotFound,
    )
    from reliai.datasets.version import Cases, Version
    from reliai.datasets.views import Listed, View, listed

__all__ = [
    "MISSING",
    "Case",
    "CaseNotFound",
    "Cases",
    "Dataset",
    "DatasetDamaged",
    "DatasetError",
    "Listed",
    "Missing",
    "Source",
    "Version",
    "VersionNotFound",
    "View",
    "listed",
    "resolve",
]

# A module never has the name of what it offers: once loaded, it would stand in its way.
_MODULES = {
    "MISSING": "case",
    "Case": "case",
    "CaseNotFound": "failures",
    "Cases": "version",
    "Dataset": "dataset",
    "DatasetDamaged": "failures",
    "DatasetError": "failures",
    "Listed": "views",
    "Missing": "case",
    "Source": "case",
    "Version": "version",
    "VersionNotFound": "failures",
    "View": "views",
    "listed": "views",
    "resolve": "dataset",
}

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name not in _MODULES:
            message = f"module {__name__!r} has no attribute {name!r}"
            raise AttributeError(message)
        from reliai._needs import needed  # noqa: PLC0415

        return getattr(needed(f"{__name__}.{_MODULES[name]}", "datasets"), name)

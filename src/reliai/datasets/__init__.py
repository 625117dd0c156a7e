"""Evaluation datasets: content-addressed, immutable, in reviewable files, with no server. Floor 5.

Each name is loaded when it is first used. Storage beyond the local disk, and canonical JSON of
unusual numbers, need the extra `datasets`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reliai.datasets._capture_counts import Captured
    from reliai.datasets._forgetting import Forgotten
    from reliai.datasets._verify import Problem, Verification
    from reliai.datasets.capture import Capture
    from reliai.datasets.case import MISSING, Case, Missing, Source
    from reliai.datasets.dataset import Dataset
    from reliai.datasets.diff import Change, Diff
    from reliai.datasets.duplicates import Cluster, Duplicates, near_duplicates, put_back
    from reliai.datasets.exchange import (
        from_huggingface,
        from_pandas,
        read_cases,
        to_huggingface,
        to_pandas,
        write_cases,
    )
    from reliai.datasets.failures import CaseNotFound, DatasetDamaged, DatasetError, VersionNotFound
    from reliai.datasets.health import (
        Drift,
        Health,
        SliceCoverage,
        Staleness,
        Suggestion,
        health_of,
    )
    from reliai.datasets.loading import load_cases
    from reliai.datasets.references import cases_of, resolve
    from reliai.datasets.rules import (
        Rule,
        above,
        below,
        failed_check,
        novel,
        on_error,
        on_feedback,
        on_status,
        slowest,
        uniform,
        when,
    )
    from reliai.datasets.suggested import add_suggested
    from reliai.datasets.tokens import Marker, Scrubbed, Tokens, markers
    from reliai.datasets.version import Cases, Version
    from reliai.datasets.views import Listed, View, listed

__all__ = [
    "MISSING",
    "Capture",
    "Captured",
    "Case",
    "CaseNotFound",
    "Cases",
    "Change",
    "Cluster",
    "Dataset",
    "DatasetDamaged",
    "DatasetError",
    "Diff",
    "Drift",
    "Duplicates",
    "Forgotten",
    "Health",
    "Listed",
    "Marker",
    "Missing",
    "Problem",
    "Rule",
    "Scrubbed",
    "SliceCoverage",
    "Source",
    "Staleness",
    "Suggestion",
    "Tokens",
    "Verification",
    "Version",
    "VersionNotFound",
    "View",
    "above",
    "add_suggested",
    "below",
    "cases_of",
    "failed_check",
    "from_huggingface",
    "from_pandas",
    "health_of",
    "listed",
    "load_cases",
    "markers",
    "near_duplicates",
    "novel",
    "on_error",
    "on_feedback",
    "on_status",
    "put_back",
    "read_cases",
    "resolve",
    "slowest",
    "to_huggingface",
    "to_pandas",
    "uniform",
    "when",
    "write_cases",
]

# A module never has the name of what it offers: once loaded, it would stand in its way.
_MODULES = {
    "MISSING": "case",
    "Capture": "capture",
    "Captured": "_capture_counts",
    "Case": "case",
    "CaseNotFound": "failures",
    "Cases": "version",
    "Change": "diff",
    "Cluster": "duplicates",
    "Dataset": "dataset",
    "DatasetDamaged": "failures",
    "DatasetError": "failures",
    "Diff": "diff",
    "Drift": "health",
    "Duplicates": "duplicates",
    "Forgotten": "_forgetting",
    "Health": "health",
    "Listed": "views",
    "Marker": "tokens",
    "Missing": "case",
    "Problem": "_verify",
    "Rule": "rules",
    "Scrubbed": "tokens",
    "SliceCoverage": "health",
    "Source": "case",
    "Staleness": "health",
    "Suggestion": "health",
    "Tokens": "tokens",
    "Verification": "_verify",
    "Version": "version",
    "VersionNotFound": "failures",
    "View": "views",
    "above": "rules",
    "add_suggested": "suggested",
    "below": "rules",
    "cases_of": "references",
    "failed_check": "rules",
    "from_huggingface": "exchange",
    "from_pandas": "exchange",
    "health_of": "health",
    "listed": "views",
    "load_cases": "loading",
    "markers": "tokens",
    "near_duplicates": "duplicates",
    "novel": "rules",
    "on_error": "rules",
    "on_feedback": "rules",
    "on_status": "rules",
    "put_back": "duplicates",
    "read_cases": "exchange",
    "resolve": "references",
    "slowest": "rules",
    "to_huggingface": "exchange",
    "to_pandas": "exchange",
    "uniform": "rules",
    "when": "rules",
    "write_cases": "exchange",
}

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name not in _MODULES:
            message = f"module {__name__!r} has no attribute {name!r}"
            raise AttributeError(message)
        from reliai._needs import needed  # noqa: PLC0415

        return getattr(needed(f"{__name__}.{_MODULES[name]}", "datasets"), name)

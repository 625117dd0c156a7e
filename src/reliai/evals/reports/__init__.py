"""Reports of a gate: for a terminal, a pull request, a CI system, a browser, and programs.

Each name is loaded when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reliai.evals.reports.reporting import Report, report

__all__ = ["Report", "report"]

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name not in __all__:
            message = f"module {__name__!r} has no attribute {name!r}"
            raise AttributeError(message)
        from reliai._needs import needed  # noqa: PLC0415

        return getattr(needed(f"{__name__}.reporting", "evals"), name)

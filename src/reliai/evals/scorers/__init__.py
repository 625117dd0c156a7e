"""Ready-made scorers, each with its defaults when it is given without ().

Each name is loaded when it is first used. More is always better.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reliai.evals.scorers.equality import contains, exact, regex, same

__all__ = ["contains", "exact", "regex", "same"]

_MODULES = {
    "contains": "equality",
    "exact": "equality",
    "regex": "equality",
    "same": "equality",
}

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name not in _MODULES:
            message = f"module {__name__!r} has no attribute {name!r}"
            raise AttributeError(message)
        from importlib import import_module  # noqa: PLC0415

        return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)

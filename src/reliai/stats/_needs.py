"""The packages of the extra `stats`, loaded when they are needed."""

from __future__ import annotations

from typing import Any

from reliai import _needs

__all__ = ["needed"]


def needed(module: str) -> Any:
    """Import a module.

    Raises:
        ConfigurationError: when a package that it needs is missing, naming the extra.
    """
    return _needs.needed(module, "stats")

"""The packages of the extra `stats`, loaded when they are needed."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from reliai.errors import ConfigurationError

__all__ = ["needed"]


def needed(module: str) -> Any:
    """Import a module.

    Raises:
        ConfigurationError: when a package that it needs is missing, naming the extra.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        name = (error.name or "").partition(".")[0]
        if name in {"", "reliai"}:
            raise
        message = f'{name} is not installed; it comes with: pip install "reliai[stats]"'
        raise ConfigurationError(message) from error

"""Optional packages: loaded when they are needed, with a word on how to get a missing one."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from reliai.errors import ConfigurationError

__all__ = ["needed"]


def needed(module: str, extra: str, what: str | None = None) -> Any:
    """Import a module.

    Args:
        module: its full name.
        extra: of reliai's, which brings it.
        what: needs it, for the message.

    Raises:
        ConfigurationError: when a package that it needs is missing, naming the extra.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        name = (error.name or "").partition(".")[0]
        if name in {"", "reliai"}:
            raise
        said = f"{name} is not installed; it" if what is None else f"{what} needs {name}, which"
        message = f'{said} comes with: pip install "reliai[{extra}]"'
        raise ConfigurationError(message) from error

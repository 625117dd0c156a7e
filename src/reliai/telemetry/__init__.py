"""Observers that carry call records to where people look. Floor 4."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reliai.telemetry.jsonlines import JsonLines
    from reliai.telemetry.memory import Memory
    from reliai.telemetry.structlog import Structlog

__all__ = ["JsonLines", "Memory", "Structlog"]

_MODULES = {"JsonLines": "jsonlines", "Memory": "memory", "Structlog": "structlog"}

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name not in _MODULES:
            message = f"module {__name__!r} has no attribute {name!r}"
            raise AttributeError(message)
        from importlib import import_module  # noqa: PLC0415

        return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)

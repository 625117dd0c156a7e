"""The packages that the statistics are held to; without stubs, so their names are of any type."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def peer(module: str) -> Any:
    return import_module(module)

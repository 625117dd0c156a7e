"""Where the demo's functions come from: the files of `examples/`, imported as they are."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["example", "examples_folder"]

_INSTALLED = Path(__file__).with_name("examples")
_CHECKOUT = Path(__file__).parents[4] / "examples"


def examples_folder() -> Path:
    """The folder of examples: beside this file once installed, else that of the checkout.

    Raises:
        FileNotFoundError: there is neither.
    """
    for folder in (_INSTALLED, _CHECKOUT):
        if (folder / "digits.py").is_file():
            return folder
    raise FileNotFoundError(f"the examples are missing; they belong in {_INSTALLED}")


def example(name: str) -> ModuleType:
    """Import a file of the examples; they import each other by their plain names."""
    folder = str(examples_folder())
    if folder not in sys.path:
        sys.path.insert(0, folder)
    return importlib.import_module(name)

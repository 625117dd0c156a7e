"""Templates: all that is put into one is escaped, and what one names must be there."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from reliai.datasets.case import MISSING
from reliai.ui import words

__all__ = ["STATIC", "rendered"]

_HERE: Final = Path(__file__).parent
STATIC: Final = _HERE / "static"
"""The folder of the style sheet and the script."""


def rendered(template: str, **values: Any) -> bytes:
    """A template with values, as the bytes to send.

    Half a pair of surrogates, which models do emit, is shown as its escape sequence.
    """
    return environment().get_template(template).render(values).encode("utf-8", "backslashreplace")


@cache
def environment() -> Environment:
    """Where templates are found, and what they can use."""
    made = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters.update({name: getattr(words, name) for name in words.__all__})
    made.globals["asset"] = asset
    made.tests["no_reference"] = lambda value: value is MISSING
    return made


@cache
def asset(name: str) -> str:
    """The address of a file in `static/`; another one when the file has changed."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return f"/static/{name}?v={digest}"

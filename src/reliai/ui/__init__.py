"""The web page: what a project's stores say, for a person with a browser. Below the command line.

Pages are made on the server; they need no network, no build step and no script to be read. It is
read-only unless a token is set. Needs the extra `ui`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reliai.ui.application import create_app

__all__ = ["create_app"]


def __getattr__(name: str) -> Any:
    """Load what needs the extra when it is asked for."""
    if name != "create_app":
        raise AttributeError(f"module 'reliai.ui' has no attribute {name!r}")
    from reliai._needs import needed  # noqa: PLC0415  before what needs it

    for module in ("starlette", "jinja2"):
        needed(module, "ui", "reliai.ui")
    from reliai.ui.application import create_app  # noqa: PLC0415  needs an extra

    return create_app
